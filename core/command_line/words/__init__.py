"""What the terminal says of an order, a customer, a refund and a revocation before and after something is done.

Each is imported by its command when that runs: most commands need none of them.
"""
