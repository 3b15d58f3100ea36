"""The search: ask, train, report, tell; what is begun, resumed and made up for.

May import all rooms but ``final``.
"""
