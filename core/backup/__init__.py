"""Backup and restore: the database as it is at one moment and the files that are sold, in one file that says what is in it.

What was bought after that moment is asked for at Stripe, once a backup is in place again.
"""
