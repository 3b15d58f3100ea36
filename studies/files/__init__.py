"""Files of this machine: where they may lie, how they are written whole, tensors checked.

Imports nothing of ``studies``.
"""
