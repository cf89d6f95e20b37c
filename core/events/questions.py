"""Questions: what the worker asks Stripe after an event said that something changed."""

from typing import Any

import orjson

from core import fulfillment
from core.admission import Fate, Refused
from core.events import inbox
from core.events.handlers import Outcome
from core.fulfillment import Case
from core.gateway.sessions import read_session
from core.journeys import ownership, payment_contents
from core.journeys.billing import plans
from core.orders import disputes, ledger, refunds
from core.orders.payments import Payment
from core.shop import Shop


def ask(shop: Shop, subject: str) -> None:
    """Ask Stripe about a subscription, a charge's refunds, what a payment was for, or whose a parked event is.

    Raises StripeTrouble to be retried.
    """
    match subject.partition("_")[0]:
        case "sub":
            plans.refresh(shop, subject)
        case "ch" | "py":
            _fetch_refunds(shop, subject)
        case "in" | "pi" | "cs":
            learn_payment(shop, subject)
        case "evt":
            place(shop, subject)
        case other:
            raise ValueError(f"nothing is asked about {other}")


def learn_payment(shop: Shop, payment_id: str) -> bool:
    """Ask Stripe whose a payment is and what it was for, as far as that is not known; return whether there was anything
    to ask. Raises StripeTrouble."""
    with shop.reading() as session:
        known = session.get(Payment, payment_id) is not None
    if not known:
        return not isinstance(ownership.find(shop, {"object": "payment_intent", "id": payment_id}), Refused)
    return payment_contents.learn(shop, payment_id)


def place(shop: Shop, event_id: str) -> Outcome:
    """Ask Stripe which order a parked event belongs to: apply it, or ignore it for good. Raises StripeTrouble."""
    event: dict[str, Any] = orjson.loads(inbox.payload_of(shop, event_id))
    subject = event["data"]["object"]
    if subject.get("object") == "checkout.session":
        facts = read_session(subject, event=event["type"], told_at=event.get("created"))
        found: object = ownership.take_in(shop, facts, actor="worker")
    else:
        found = ownership.find(shop, subject)
    if isinstance(found, Refused) and found.fate is Fate.IGNORE:
        return inbox.dismiss(shop, event_id, found.reason)
    return inbox.replay(shop, event_id, actor="worker")


def take_dispute(shop: Shop, dispute: dict[str, Any]) -> bool:
    """Record a dispute as Stripe lists it, if its payment is ours; return whether it is. Raises StripeTrouble."""
    order_id = ownership.find(shop, dispute)
    if isinstance(order_id, Refused):
        return False
    with shop.transaction() as session:
        order, book = ledger.lock(session, [order_id], eventful=True)[order_id]
        disputes.record(session, order_id, book.disputes, disputes.read_dispute(dispute))
        fulfillment.settle(session, [Case(order, book, "worker")], now=shop.now())
    return True


def _fetch_refunds(shop: Shop, charge: str) -> None:
    found = [refunds.read_refund(refund) for refund in shop.stripe.refunds_of(charge)]
    order_id = ownership.find(shop, shop.stripe.find_charge(charge) or {}) if found else None
    if order_id is None or isinstance(order_id, Refused):
        return
    with shop.transaction() as session:
        order, book = ledger.lock(session, [order_id], eventful=True)[order_id]
        for facts in found:
            refunds.record(session, order_id, book.refunds, facts, now=shop.now())
        fulfillment.settle(session, [Case(order, book, "worker")], now=shop.now())
