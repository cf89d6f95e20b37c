"""Checkout Sessions: made, changed, paid, expired and recovered.

What the buyer sees of them is in the room of pages.
"""
