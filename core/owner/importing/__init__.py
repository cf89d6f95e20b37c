"""Imports: customers and past orders from the CSV files of other shops, first as a dry run and then for good.

What was imported stays marked as such: it is no money that Stripe received, and opens nothing unless its line says so.
"""
