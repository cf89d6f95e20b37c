"""What the shop has for sale: products and their prices, the file that lists them, and the demo's own.

How many places or keys are left is known to the kinds, above.
"""
