"""What stands on nothing else: errors, ids, the clock, currencies, metadata, calendar periods, the store and the faults.

Everything above may use it; it knows nothing of Stripe's objects.
"""
