"""What a report is made of: text, tables, pictures and sections, and its words in each language.

Imports nothing of ``reports``.
"""
