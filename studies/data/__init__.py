"""Fashion-MNIST: found, fetched, checked, split; pictures of any kind made like its images.

May import ``files``; never Optuna.
"""
