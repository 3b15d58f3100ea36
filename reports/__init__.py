"""What a person takes away from a study: tables, computed first and rendered elsewhere.

Reads studies through Optuna's public interface, whatever storage they are on. Imports ``studies``
and ``spaces``; never prints.
"""
