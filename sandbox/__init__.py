"""A stand-in for Stripe and for a mailbox, on this computer only: try the whole life of a purchase with no account.

It speaks HTTP and SMTP and imports nothing of the shop. `app` puts it together; `api` answers as Stripe's API does,
with `operations` naming the function for each request and `spec` knowing what requests and objects look like;
`hosted_page` and `portal_page` are what buyers see; `events` and `deliveries` tell the shop; `faults`, `acts` and
`scenarios` make things go wrong; `panel`, `control` and `mailbox` let people and scripts look on. `clock` can be moved
ahead, and `timers` then do what falls due: `renewals` and `collection` for plans, deadlines for `disputes`. All state
is in `store`.
"""
