"""Money that is owed: invoices and their items, and the subscriptions that make an invoice for every period.

Collecting it, with the retries on a schedule, is here too.
"""
