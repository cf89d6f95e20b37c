"""What crosses the network: from the cart to Stripe's page and back, refunds, the portal, whose an object at Stripe is.

Each takes the shop, owns its transactions, and holds none of them open while Stripe is asked.
"""
