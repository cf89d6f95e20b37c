"""A stand-in for Stripe and for a mailbox, on this computer only: try the whole life of a purchase with no account.

It speaks HTTP and SMTP and imports nothing of the shop. `app` puts it together. `api` answers as Stripe's API does, by
what `protocol` knows of requests and objects; `catalogue`, `payments`, `billing`, `customers` and `checkout` hold the
objects as Stripe's reference groups them; `account` keeps them, tells the shop by events, and does later what falls
due. Buyers see `pages`; people and scripts look on, and make things go wrong, in `panel`.
"""
