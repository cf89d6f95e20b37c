"""Questions: what the worker asks Stripe after an event said that something changed."""

from typing import Any

import orjson

from core import fulfillment
from core.admission import Fate, Refused
from core.events import inbox
from core.events.handlers import Outcome
from core.gateway.sessions import read_session
from core.journeys import ownership
from core.orders import orders, refunds, subscriptions
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
    subject: dict[str, Any] = orjson.loads(inbox.payload_of(shop, event_id))["data"]["object"]
    if subject.get("object") == "checkout.session":
        found: object = ownership.take_in(shop, read_session(subject), actor="worker")
    else:
        found = ownership.find(shop, subject)
    if isinstance(found, Refused) and found.fate is Fate.IGNORE:
        return inbox.dismiss(shop, event_id, found.reason)
    return inbox.replay(shop, event_id, actor="worker")


def _fetch_refunds(shop: Shop, charge: str) -> None:
    found = [refunds.read_refund(refund) for refund in shop.stripe.refunds_of(charge)]
    order_id = ownership.find(shop, shop.stripe.find_charge(charge) or {}) if found else None
    if order_id is None or isinstance(order_id, Refused):
        return
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order is not None
        order.eventful = True
        for facts in found:
            refunds.record(session, order_id, facts, now=shop.now())
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
