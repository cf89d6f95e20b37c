"""What happens later: letters, questions to Stripe, reconciliation and what has run out, as jobs that DBOS runs.

A job is owed in the transaction that makes it due, and runs here until it is done.
"""
