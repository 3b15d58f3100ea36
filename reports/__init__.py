"""What a person takes away from a study: numbers, figures, pages, models.

Reads studies through Optuna's public interface, whatever storage they are on. Imports ``studies``
and ``spaces``; never prints.
"""
