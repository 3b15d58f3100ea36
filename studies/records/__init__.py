"""What a study and its trials remember, under which names, and how it is read back.

May import up to ``workers``, of which it takes nothing but the address of a scheduler.
"""
