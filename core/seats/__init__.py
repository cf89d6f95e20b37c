"""Seats of plans as they are asked for: invitations and their codes, what owners and sellers' programs give and take.

The buyer has the first seat unless they gave it away. Nothing of anybody is deleted when seats become fewer.
"""
