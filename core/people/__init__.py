"""The buyers: customers under their address, how they sign in, and what they have bought.

They are known by their addresses alone, each one customer's; nobody has a password.
"""
