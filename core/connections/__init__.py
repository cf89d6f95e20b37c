"""Connections to PostgreSQL, directly or through a pooler: asked whether they still stand, and with an end to each wait; whose
turn it is to write into a SQLite file, of whose connections nothing else need be seen to; what is taken for a server's address;
the threads in which somebody outside is waited for; and the gates before what many may want at once.
"""
