"""Seats of plans: who has one, who is asked to take one, and who loses theirs where there are fewer than people.

The buyer has the first seat unless they gave it away. Nothing of anybody is deleted when seats become fewer.
"""
