"""Mailboxes: which addresses take no letters (any more), by what mail providers tell and their owners wish.

No address is kept here: a mailbox is known by a keyed hash, which only says of an address that is shown whether it is meant.
"""
