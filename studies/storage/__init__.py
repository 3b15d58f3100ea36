"""Where studies and their artifacts live: SQLite files, PostgreSQL, folders, buckets.

May import ``files``; knows nothing of what a study means.
"""
