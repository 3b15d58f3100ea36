"""Numbers computed from studies, as plain records. Nothing is worded or drawn here.

May import ``document``.
"""
