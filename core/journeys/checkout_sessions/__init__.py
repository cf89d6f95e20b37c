"""What the shop's Checkout Sessions say: all that Stripe is asked for, and a copy of the order, from which it is written again
where the database has lost it.
"""
