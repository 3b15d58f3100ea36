"""One training: a pure function of configuration, data, seed and budget.

May import ``files``, ``data`` and ``networks``; never Optuna.
"""
