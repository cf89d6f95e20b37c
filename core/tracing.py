"""Ownership: which order an object of Stripe's belongs to. What our own rows know costs nothing; the rest Stripe is asked.

Stripe copies metadata from a PaymentIntent to its charge, and from a subscription to its invoices' snapshot of it; refunds,
disputes and the payments of renewals carry none of ours.
"""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Field, Session, SQLModel, or_, select

from core import orders, subscriptions
from core.orders import Order
from core.shop import Shop
from core.stripe_objects import id_of


class PaymentIntent(SQLModel, table=True):
    """A payment that was traced to an order which does not name it itself: a renewal, or a second payment.

    Under its charge's id where Stripe speaks of the charge alone.
    """

    __tablename__ = "payment_intents"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)


def named_order(subject: dict[str, Any]) -> str:
    """The order that an object names itself, in its metadata or its subscription's, or an empty string."""
    details = (subject.get("parent") or {}).get("subscription_details") or {}
    for metadata in (
        subject.get("metadata"),
        details.get("metadata"),
        (subject.get("subscription_details") or {}).get("metadata"),
    ):
        if metadata and metadata.get("order_id"):
            return str(metadata["order_id"])
    return subject.get("client_reference_id") or ""


def named_shop(subject: dict[str, Any]) -> str:
    """The shop that an object names itself, or an empty string."""
    details = (subject.get("parent") or {}).get("subscription_details") or {}
    return (subject.get("metadata") or {}).get("shop_id") or (details.get("metadata") or {}).get("shop_id") or ""


def known_order(session: Session, subject: dict[str, Any]) -> str | None:
    """The order of an object as far as our own rows know it, or None."""
    if named := named_order(subject):
        return session.exec(select(Order.id).where(Order.id == named)).first()
    payment_intent = _payment_intent_of(subject)
    subscription = _subscription_of(subject)
    if payment := payment_intent or id_of(subject.get("charge")):
        traced = session.get(PaymentIntent, payment)
        if traced:
            return traced.order_id
    ways = [Order.stripe_payment_intent_id == payment_intent] if payment_intent else []
    ways += [Order.stripe_subscription_id == subscription] if subscription else []
    return session.exec(select(Order.id).where(or_(*ways))).first() if ways else None


def trace(shop: Shop, subject: dict[str, Any]) -> str | None:
    """Ask Stripe whose an object is, and remember the answer; None if it is no order of ours. Raises StripeTrouble."""
    payment_intent, subscription, lone_charge = _payment_intent_of(subject), _subscription_of(subject), None
    if payment_intent is None and (lone_charge := id_of(subject.get("charge"))):
        payment_intent = id_of((shop.stripe.find_charge(lone_charge) or {}).get("payment_intent"))
    named = ""
    if payment_intent:
        named = named_order(shop.stripe.find_payment_intent(payment_intent) or {})
        if not named and (invoice := shop.stripe.find_invoice_of(payment_intent)):
            named, subscription = named_order(invoice), subscriptions.subscription_of(invoice)
    if not named and subscription:
        named = named_order(shop.stripe.find_subscription(subscription) or {})
        named = named or named_order(shop.stripe.find_checkout_of(subscription=subscription) or {})
    if not named:
        return None
    with shop.transaction() as session:
        return _remember(session, named, [payment_intent, lone_charge], subscription)


def _remember(session: Session, order_id: str, payments: Sequence[str | None], subscription: str | None) -> str | None:
    order = orders.lock(session, order_id)
    if order is None:
        return None
    for payment in payments:
        if payment and payment != order.stripe_payment_intent_id:
            session.merge(PaymentIntent(id=payment, order_id=order.id))
    if subscription and order.stripe_subscription_id is None:
        order.stripe_subscription_id = subscription
    session.flush()
    return order.id


def _payment_intent_of(subject: dict[str, Any]) -> str | None:
    if subject.get("object") == "payment_intent":
        return str(subject["id"])
    return id_of(subject.get("payment_intent"))


def _subscription_of(subject: dict[str, Any]) -> str | None:
    if subject.get("object") == "subscription":
        return str(subject["id"])
    if subject.get("object") == "invoice":
        return subscriptions.subscription_of(subject)
    return id_of(subject.get("subscription"))
