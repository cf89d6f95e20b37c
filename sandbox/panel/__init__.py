"""The control panel and the mailbox: what has happened, and buttons to make more happen.

The same switches can be thrown by scripts.
"""
