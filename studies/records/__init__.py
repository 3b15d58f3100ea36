"""What a study and its trials remember, under which names, and how it is read back.

May import up to ``training``; knows no process that trains.
"""
