"""A long, rough day: thousands of purchases through the real processes while Stripe and the machine misbehave."""
