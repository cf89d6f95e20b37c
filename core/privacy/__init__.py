"""Privacy: all that is held about one person, handed out to them or erased, whoever asked for it.

What the books need of an order stays: amounts, taxes, country, number, and what Stripe calls it.
"""
