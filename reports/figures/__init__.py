"""Figures: what one shows as a record, drawn for print or for the mouse.

May import ``document``, ``analysis`` and ``models``.
"""
