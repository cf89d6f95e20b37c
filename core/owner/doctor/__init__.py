"""The doctor: whether everything that a shop depends on is as it must be, asked one by one, also of Stripe and of the mail
server. Each finding says what it is, why it matters, and how to mend it.
"""
