"""What can be searched: configurations, their dimensions, layer arithmetic, and the paper's own.

The bottom of the four packages: it knows Optuna's ``trial.suggest_*`` and nothing of torch,
storage or the console.
"""
