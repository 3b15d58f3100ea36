"""Who trains: this process, others of this machine, or a Dask cluster.

May import up to ``training``; never Optuna, and no study.
"""
