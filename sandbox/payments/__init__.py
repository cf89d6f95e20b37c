"""Money that moves once: PaymentIntents, charges, payment methods, captures, refunds, disputes, early fraud warnings.

The test cards and what each of them does are here too.
"""
