"""What a study does: data, networks, training, storage, and the search that ties them together.

Imports ``spaces`` and nothing above itself; never prints.
"""
