"""Ownership: asking Stripe which order an object belongs to, where our own rows do not tell.

Stripe copies metadata from a PaymentIntent to its charge, and from a subscription to its invoices' snapshot of it; refunds,
disputes and the payments of renewals carry none of ours. Each leads to the Session that made it, and that one is admitted.
"""

from dataclasses import dataclass, replace
from typing import Any

from core import admission, fulfillment
from core.admission import NOT_OURS, STRANGER, Fate, Refused
from core.foundation.database import repeatable, wait_briefly
from core.foundation.errors import CheckoutNotFound
from core.fulfillment import Settled
from core.gateway.objects import id_of
from core.gateway.sessions import SessionFacts, read_session
from core.invoicing import invoices
from core.journeys.checkout_sessions import rebuilding
from core.orders import orders, payments, subscriptions
from core.orders.orders import AdmittedOrder
from core.shop import Shop


def take_in(shop: Shop, facts: SessionFacts, *, actor: str, waits: bool = True) -> Settled | Refused:
    """Record what a Session said if it is ours; an order that was lost is written again before. Raises StripeTrouble.

    One that Stripe recovered from an expired one is followed to that one, and so on, until one is known. What somebody else has
    locked is waited for briefly unless one `waits`.
    """
    taken = _recorded(shop, facts, actor=actor, waits=waits)
    if isinstance(taken, Settled) or taken.fate is not Fate.ASK:
        return taken
    try:
        parent = shop.stripe.retrieve_checkout(facts.recovered_from or "")
    except CheckoutNotFound:
        return Refused(Fate.IGNORE, STRANGER)
    above = take_in(shop, parent, actor=actor, waits=waits)
    return _recorded(shop, facts, actor=actor, waits=waits) if isinstance(above, Settled) else above


def take_invoice(shop: Shop, invoice: dict[str, Any]) -> bool:
    """Record a paid invoice of a plan as Stripe lists it, if it is ours; return whether that was news. Raises StripeTrouble."""
    order_id = find(shop, invoice)
    if isinstance(order_id, Refused):
        return False
    subscription = subscriptions.subscription_of(invoice)
    facts = payments.read_paid_invoice(invoice, subscription=subscription, now=shop.now())
    with shop.transaction() as session:
        orders.lock(session, order_id)
        before = payments.named(payments.of_order(session, order_id), facts.id)
        fulfillment.receive(session, order_id, facts, actor="worker", now=shop.now())
        paid = payments.named(payments.of_order(session, order_id), facts.id)
        if paid and invoice.get("number"):
            invoices.keep(session, invoice, order_id=order_id, payment_id=paid.id, now=shop.now())
    return before is None


def find(shop: Shop, subject: dict[str, Any]) -> AdmittedOrder | Refused:
    """Whose an object is: by our own rows, or by asking Stripe, and then it is known from now on. Raises StripeTrouble."""
    with shop.reading() as session:
        found = admission.of_object(session, shop.id, subject)
    return _ask(shop, subject) if isinstance(found, Refused) and found.fate is Fate.ASK else found


@repeatable
def _recorded(shop: Shop, facts: SessionFacts, *, actor: str, waits: bool) -> Settled | Refused:
    with shop.transaction() as session:
        if not waits:
            wait_briefly(session)
        admitted = admission.of_session(session, shop.id, facts)
        if isinstance(admitted, Refused) and admitted.fate is not Fate.ASK:
            rebuilt = rebuilding.rebuild(session, shop.id, facts, actor=actor, now=shop.now())
            admitted = admission.of_session(session, shop.id, facts) if rebuilt else admitted
        if isinstance(admitted, Refused):
            return admitted
        return fulfillment.apply(session, admitted, actor=actor, now=shop.now())


def _ask(shop: Shop, subject: dict[str, Any]) -> AdmittedOrder | Refused:
    trace = _trace(shop, subject)
    made_by = shop.stripe.find_checkout_of(payment_intent=trace.payment_intent) if trace.payment_intent else None
    if made_by is None and trace.payment_intent:
        trace = replace(trace, invoice=shop.stripe.find_invoice_of(trace.payment_intent))
    subscription = subscriptions.subscription_of(trace.invoice or {}) or admission.subscription_of(subject)
    if made_by is None and subscription:
        if known := _known(shop, subscription):
            return _remember(shop, known, trace)
        made_by = shop.stripe.find_checkout_of(subscription=subscription)
    if made_by is None:
        return Refused(Fate.IGNORE, NOT_OURS)
    taken = take_in(shop, read_session(made_by), actor="worker")
    return taken if isinstance(taken, Refused) else _remember(shop, AdmittedOrder(taken.order_id), trace)


@dataclass(frozen=True)
class _Trace:
    """What leads from an object to its payment: `invoice` is the one that was paid by it, if one was."""

    payment_intent: str | None
    charge: str | None
    invoice: dict[str, Any] | None = None


def _trace(shop: Shop, subject: dict[str, Any]) -> _Trace:
    if subject.get("object") == "credit_note":
        return _Trace(None, None, shop.stripe.find_invoice(str(id_of(subject["invoice"]))))
    if charge := admission.lone_charge_of(subject):
        return _Trace(id_of((shop.stripe.find_charge(charge) or {}).get("payment_intent")), charge)
    return _Trace(next(iter(admission.payments_of(subject)), None), None)


def _known(shop: Shop, subscription: str) -> AdmittedOrder | None:
    with shop.reading() as session:
        return admission.of_ids(session, [], subscription)


def _remember(shop: Shop, order_id: AdmittedOrder, trace: _Trace) -> AdmittedOrder:
    """Know the payment by what led to it from now on, and record it, should nobody have told of it yet."""
    with shop.transaction() as session:
        orders.lock(session, order_id)
        if trace.invoice and trace.invoice.get("status") == "paid":
            subscription = subscriptions.subscription_of(trace.invoice)
            facts = payments.read_paid_invoice(trace.invoice, subscription=subscription, now=shop.now())
            facts = replace(facts, payment_intent=trace.payment_intent, charge=trace.charge)
            fulfillment.receive(session, order_id, facts, actor="worker", now=shop.now())
        elif payment := payments.named(payments.of_order(session, order_id), trace.payment_intent):
            payments.identify(session, payment, trace.payment_intent, trace.charge)
            fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
    return order_id
