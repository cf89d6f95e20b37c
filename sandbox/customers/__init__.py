"""Customers, the test clocks in whose time some of them live, and the portal sessions opened for them.

Deleting one ends what they have in billing.
"""
