"""Every table of the shop: importing this module declares them all, for whoever compares the schema with the code."""

# ruff: noqa: F401
from core import (
    admission,
    carts,
    catalog,
    customers,
    disputes,
    downloads,
    events,
    grants,
    heartbeats,
    history,
    letters,
    licenses,
    orders,
    payments,
    refund_facts,
    seats,
    sign_in,
    signals,
    subscriptions,
    workshops,
)
