"""The buyers: customers under their address, how they sign in, and what they have bought.

They are known by their address alone; nobody has a password.
"""
