"""What crosses the network about plans that are billed: Stripe's pages for it, more or fewer seats, and their end."""
