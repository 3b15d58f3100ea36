"""One configuration trained with several seeds, judged by the test images once.

May import all rooms.
"""
