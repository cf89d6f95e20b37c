"""The shop's money at Stripe: what comes and goes, when it can be paid out, and the payouts to its bank.

Its objects are described under “Balance”, “Balance transactions” and “Payouts” in Stripe's reference.
"""
