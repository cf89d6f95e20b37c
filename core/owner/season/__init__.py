"""A season of sales for the demo: orders of four months that nobody placed, made up so that an owner sees the shop at work.

What happens to them is told by generated objects of Stripe's, which go through the very functions that real ones go through.
"""
