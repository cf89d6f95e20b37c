"""Connections to PostgreSQL, directly or through a pooler: asked whether they still stand, and with an end to each wait.

SQLite, which needs none of it, stays with the database.
"""
