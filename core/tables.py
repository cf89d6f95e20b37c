"""Every table of the shop: importing this module declares them all, for whoever compares the schema with the code."""

# ruff: noqa: F401
from core.catalog import products
from core.events import inbox
from core.foundation.signals import corrections, heartbeats, milestones
from core.journeys import carts
from core.kinds import downloads, grants, licenses, seats, workshops
from core.messages import letters
from core.orders import (
    checkouts,
    disputes,
    history,
    orders,
    payment_lines,
    payments,
    refunds,
    setbacks,
    subscription_changes,
    subscription_items,
    subscriptions,
)
from core.orders.balance import entries, payouts
from core.owner import notes, set_aside
from core.owner.figures import day_sums
from core.owner.season import seasons
from core.people import api_keys, audit, codes, customer_notes, customers, second_factor, sign_in, staff
