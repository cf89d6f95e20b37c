"""Every table of the shop: importing this module declares them all, for whoever compares the schema with the code."""

# ruff: noqa: F401
from core import (
    carts,
    catalog,
    customers,
    disputes,
    downloads,
    events,
    grants,
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
    tracing,
    workshops,
)
