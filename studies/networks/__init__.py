"""Networks: plain, the same made fast, judged over images, written in other formats.

May import ``files`` and ``data``; never Optuna.
"""
