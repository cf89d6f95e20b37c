"""What the seller's own programs have to do with the shop: what they ask about people, and the addresses that they are told at.

Entitlements are worked out when they are asked for, by what was bought and stands now.
"""
