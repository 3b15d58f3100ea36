"""What leaves the project: exported models, their cards, and what networks make of images.

May import ``analysis``.
"""
