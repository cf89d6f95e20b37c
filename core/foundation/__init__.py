"""What stands on nothing else of the shop: settings, database and migrations, errors, money, links, files, jobs owed, logs.

Nothing here knows what is sold, or to whom.
"""
