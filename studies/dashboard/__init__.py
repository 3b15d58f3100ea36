"""What optuna-dashboard shows of a study, and who may see it.

May import up to ``records``.
"""
