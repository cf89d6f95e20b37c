"""One pretend Stripe account: its objects, timers, events, endpoints, and the deliveries to whoever listens.

Everything that happens in the sandbox happens to an account.
"""
