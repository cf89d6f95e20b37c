"""What is sold and for how much: products, prices, coupons, promotion codes, discounts.

Its objects are described under “Products” in Stripe's reference.
"""
