"""The account's balance at Stripe: what moved on it because of which order, and what was paid out to the bank."""
