"""The pieces of a buyer's library and account: how plans stand, receipts, addresses, and what is held about them.

Pages put them together; each click is done for whoever is signed in at that moment.
"""
