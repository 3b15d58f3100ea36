"""The front door: commands, options and what they print. No logic of its own.

Imports the three packages below it, and those only inside commands: torch and optuna take seconds
to load, and ``--help`` does not need them.
"""
