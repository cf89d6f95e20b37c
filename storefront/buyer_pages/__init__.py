"""The buyers' pages, each under its own address: the shop, a product, the cart, the thanks, the purchases.

A page draws itself when it is run, so nobody imports one.
"""
