"""What Stripe tells the shop: its events received and applied, the questions they raise, and what no event told.

All of it ends in facts on an order that admission found, and in fulfilment.
"""
