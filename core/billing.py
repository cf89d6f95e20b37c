"""Billing: what the worker asks Stripe after an event said that something changed, and the customer portal."""

from typing import Any

import orjson
from sqlmodel import col, select

from core import customers, events, fulfillment, orders, ownership, payments, refund_facts, subscriptions
from core.admission import Fate, Refused
from core.errors import AccessDenied
from core.handlers import Outcome
from core.orders import Order
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
    order_id = ownership.find(shop, found)
    if isinstance(order_id, Refused):
        return None
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order is not None
        order.eventful = True
        subscriptions.record(session, order_id, facts, grace=shop.settings.grace, fetched_at=asked_at)
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
    return order_id


def place(shop: Shop, event_id: str) -> Outcome:
    """Ask Stripe which order a parked event belongs to: apply it, or ignore it for good. Raises StripeTrouble."""
    subject: dict[str, Any] = orjson.loads(events.payload_of(shop, event_id))["data"]["object"]
    if subject.get("object") == "checkout.session":
        found: object = ownership.take_in(shop, payments.read_session(subject), actor="worker")
    else:
        found = ownership.find(shop, subject)
    if isinstance(found, Refused) and found.fate is Fate.IGNORE:
        return events.dismiss(shop, event_id, found.reason)
    return events.replay(shop, event_id, actor="worker")


def portal(shop: Shop, email: str, order_id: str) -> str:
    """The address of Stripe's portal for this buyer's own plan. Raises AccessDenied for anybody else's, or StripeTrouble."""
    with shop.reading() as session:
        customer = session.exec(
            select(subscriptions.Subscription.stripe_customer_id)
            .join(Order, col(Order.stripe_subscription_id) == subscriptions.Subscription.id)
            .where(Order.id == order_id, Order.customer_id == customers.whose(session, email))
        ).first()
    if not customer:
        raise AccessDenied()
    return shop.stripe.open_portal(customer, return_url=f"{shop.settings.public_url}/purchases")


def _fetch_refunds(shop: Shop, charge: str) -> None:
    found = [refund_facts.read_refund(refund) for refund in shop.stripe.refunds_of(charge)]
    order_id = ownership.find(shop, shop.stripe.find_charge(charge) or {}) if found else None
    if order_id is None or isinstance(order_id, Refused):
        return
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order is not None
        order.eventful = True
        for facts in found:
            refund_facts.record(session, order_id, facts, now=shop.now())
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
