"""What is delivered, one module for each kind of product: downloads, licence keys, seats of a plan, places in a workshop.

`access` alone decides whether a buyer may use what they bought, and `offers` tells what can be bought right now.
"""
