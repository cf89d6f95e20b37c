"""The door to Stripe: the calls to it, the signature on what it sends, and how its objects are read.

Its library is imported nowhere else.
"""
