"""Questions: what the worker asks Stripe after an event said that something changed."""

from typing import Any

import orjson

from core import events, fulfillment, orders, refund_facts, subscriptions, tracing
from core.handlers import NOT_OURS, Outcome
from core.shop import Shop


def ask(shop: Shop, subject: str) -> None:
    """Ask Stripe about a subscription, a charge's refunds, or whose a parked event is. Raises StripeTrouble to be retried."""
    match subject.partition("_")[0]:
        case "sub":
            refresh(shop, subject)
        case "ch" | "py":
            _fetch_refunds(shop, subject)
        case "evt":
            place(shop, subject)
        case other:
            raise ValueError(f"nothing is asked about {other}")


def refresh(shop: Shop, subscription_id: str) -> str | None:
    """Fetch a subscription and settle its order by it; return the order's id, or None if it is not ours."""
    asked_at = shop.now()
    found = shop.stripe.find_subscription(subscription_id)
    if found is None:
        return None
    facts = subscriptions.read_subscription(found)
    with shop.reading() as session:
        order_id = tracing.known_order(session, found)
    order_id = order_id or tracing.trace(shop, found)
    if order_id is None:
        return None
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order is not None
        order.eventful = True
        order.stripe_subscription_id = order.stripe_subscription_id or subscription_id
        subscriptions.record(session, order_id, facts, grace=shop.settings.grace, fetched_at=asked_at)
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
    return order_id


def place(shop: Shop, event_id: str) -> Outcome:
    """Ask Stripe which order a parked event belongs to: apply it, or ignore it for good. Raises StripeTrouble."""
    event = orjson.loads(events.payload_of(shop, event_id))
    if tracing.trace(shop, event["data"]["object"]) is None:
        return events.dismiss(shop, event_id, NOT_OURS)
    return events.replay(shop, event_id, actor="worker")


def _fetch_refunds(shop: Shop, charge: str) -> None:
    found = [refund_facts.read_refund(refund) for refund in shop.stripe.refunds_of(charge)]
    order_id = _order_of_charge(shop, charge)
    if not found or order_id is None:
        return
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order is not None
        order.eventful = True
        for facts in found:
            refund_facts.record(session, order_id, facts, now=shop.now())
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())


def _order_of_charge(shop: Shop, charge: str) -> str | None:
    subject: dict[str, Any] = shop.stripe.find_charge(charge) or {}
    with shop.reading() as session:
        known = tracing.known_order(session, subject)
    return known or tracing.trace(shop, subject)
