"""Invoicing: the invoices that Stripe made of payments, the details that buyers give for them afterwards, and receipts.

Money is no invoice's to move: what was paid stays what it was, whatever is written on paper about it.
"""
