"""What stands on nothing else of the shop: settings, database and migrations, errors, money and mail addresses, links, files, jobs.

Nothing here knows what is sold, or to whom.
"""
