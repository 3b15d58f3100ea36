"""The report itself: its sections in their order, as HTML, Markdown and files.

May import all rooms.
"""
