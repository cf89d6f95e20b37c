"""Admission: the one check that every object of Stripe's passes before any fact of it is recorded.

A Stripe account serves other shops and apps too, and whoever pays may write into some of what it says
(`client_reference_id` on a Payment Link). So an object is ours because of an id that we know to be ours, never because of
what it names: a Session that we opened or that Stripe recovered from one of those, and what such a Session made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from sqlmodel import Session, col, or_, select

from core.gateway.objects import id_of
from core.gateway.sessions import CheckoutState, SessionFacts
from core.orders import checkouts, ledger, payments, subscriptions
from core.orders.checkouts import Checkout
from core.orders.ledger import Ledger, Locked
from core.orders.orders import AdmittedOrder, Order


class Fate(StrEnum):
    """What becomes of an object that was not admitted. `wait`: our rows may know it soon. `ask`: only Stripe knows."""

    IGNORE = "ignore"
    WAIT = "wait"
    ASK = "ask"


@dataclass(frozen=True)
class Refused:
    """Nothing of this object may be recorded. `order_id` is the order of ours that it names, if it names one."""

    fate: Fate
    reason: str
    order_id: str | None = None


@dataclass(frozen=True)
class AdmittedSession:
    """A Session that is ours, with its order locked. `attempt` is its own row, or that of the one it was recovered from."""

    order: Order
    book: Ledger
    attempt: Checkout
    facts: SessionFacts

    @property
    def order_id(self) -> AdmittedOrder:
        """The order that it was opened for."""
        return AdmittedOrder(self.order.id)


NOT_OURS = "not an order of this shop"
ANOTHER_SHOPS = "an order of another shop"
STRANGER = "a Session that this shop did not open"
UNKNOWN = "its order is not known yet"
UNPAID = "an order that is not here, and that nobody has paid"
UNKNOWN_ATTEMPT = "its attempt to pay is not known yet"
ASKING = "asking Stripe which order it belongs to"


def of_session(
    session: Session, shop_id: str, facts: SessionFacts, *, opened_as: str = ""
) -> AdmittedSession | Refused:
    """Admit a Session by its id, and its metadata must still name what we opened it for.

    `opened_as` is the attempt whose creation Stripe answers with it. Stripe's event may come before our own commit of that
    answer: then the attempt's token proves it, which nobody was ever told, if it is for the right money as well.
    """
    locked = ledger.lock(session, [facts.order_id]) if facts.order_id else {}
    return of_locked(locked, shop_id, facts, opened_as=opened_as)


def of_locked(
    locked: Mapping[str, Locked], shop_id: str, facts: SessionFacts, *, opened_as: str = ""
) -> AdmittedSession | Refused:
    """The same, where the order that it names is `locked` already, if there is such an order."""
    if facts.order_id not in locked:
        return _nobodys(shop_id, facts)
    order, book = locked[facts.order_id]
    attempt = _opened(book, facts, opened_as) or _recovered(book, facts) or _outstanding(book, facts)
    if attempt is None or not _names_what_was_opened(attempt, facts):
        return _strangers(shop_id, order, facts)
    if (
        attempt.stripe_checkout_session_id is None
        and attempt.id != opened_as
        and checkouts.misfit(attempt, facts, book.due)
    ):
        return Refused(Fate.WAIT, UNKNOWN_ATTEMPT, order.id)
    return AdmittedSession(order, book, attempt, facts)


def of_object(session: Session, shop_id: str, subject: dict[str, Any]) -> AdmittedOrder | Refused:
    """Admit a payment, charge, refund, dispute, warning, subscription or invoice by the ids it carries."""
    [found] = of_objects(session, shop_id, [subject])
    return found


def of_objects(session: Session, shop_id: str, subjects: Sequence[dict[str, Any]]) -> list[AdmittedOrder | Refused]:
    """The same of several, in their order."""
    ids = [_Ids(tuple(payments_of(subject)), subscription_of(subject)) for subject in subjects]
    known = _owners(session, ids)
    return [known.get(each) or _unproven(shop_id, named(subject)) for each, subject in zip(ids, subjects, strict=True)]


def of_ids(session: Session, payment_ids: list[str], subscription: str | None) -> AdmittedOrder | None:
    """The order that one of these payments, or this subscription, is known to belong to."""
    ids = _Ids(tuple(payment_ids), subscription)
    return _owners(session, [ids]).get(ids)


def named(subject: dict[str, Any]) -> dict[str, str]:
    """The metadata that names an order: an object's own, or its subscription's. Empty if none does."""
    details = (subject.get("parent") or {}).get("subscription_details") or {}
    for metadata in (
        subject.get("metadata"),
        details.get("metadata"),
        (subject.get("subscription_details") or {}).get("metadata"),
    ):
        if metadata and metadata.get("order_id"):
            return dict(metadata)
    return {}


def payments_of(subject: dict[str, Any]) -> list[str]:
    """The ids under which the payment of an object may be known: its PaymentIntent's, else its charge's; of a credit note its
    invoice's."""
    if subject.get("object") == "credit_note":
        return [str(id_of(subject["invoice"]))]
    if subject.get("object") == "payment_intent":
        return [str(subject["id"])]
    found = id_of(subject.get("payment_intent")) or lone_charge_of(subject)
    return [found] if found else []


def lone_charge_of(subject: dict[str, Any]) -> str | None:
    """The charge of an object that does not say which PaymentIntent it was for."""
    return None if subject.get("payment_intent") else id_of(subject.get("charge"))


def subscription_of(subject: dict[str, Any]) -> str | None:
    """The subscription that an object is, or belongs to."""
    if subject.get("object") == "subscription":
        return str(subject["id"])
    if subject.get("object") == "invoice":
        return subscriptions.subscription_of(subject)
    return id_of(subject.get("subscription"))


@dataclass(frozen=True)
class _Ids:
    """By what an object's order may be known."""

    payments: tuple[str, ...]
    subscription: str | None


def _owners(session: Session, asked: Sequence[_Ids]) -> dict[_Ids, AdmittedOrder]:
    """The orders that these are known to belong to: by what they received, else by a Session of theirs, else by themselves."""
    found: dict[_Ids, AdmittedOrder] = {}
    for look in (_received, partial(_made, Checkout, Checkout.order_id), partial(_made, Order, Order.id)):
        missing = [ids for ids in asked if ids not in found]
        owners = look(session, missing) if missing else {}
        for ids in missing:
            names = [*ids.payments, *([ids.subscription] if ids.subscription else [])]
            if owner := next((owners[name] for name in names if name in owners), None):
                found[ids] = AdmittedOrder(owner)
    return found


def _received(session: Session, asked: Sequence[_Ids]) -> dict[str, str]:
    names = {name for ids in asked for name in ids.payments}
    return payments.owners_of(session, names) if names else {}


def _made(
    owner: type[Checkout] | type[Order], order_id: Any, session: Session, asked: Sequence[_Ids]
) -> dict[str, str]:
    intents = {name for ids in asked for name in ids.payments}
    plans = {ids.subscription for ids in asked if ids.subscription}
    by_intent, by_plan = col(owner.stripe_payment_intent_id), col(owner.stripe_subscription_id)
    ways = [column.in_(names) for column, names in ((by_intent, intents), (by_plan, plans)) if names]
    if not ways:
        return {}
    rows = session.exec(select(order_id, by_intent, by_plan).where(or_(*ways)))
    return {name: row[0] for row in rows for name in row[1:] if name}


def _unproven(shop_id: str, names: dict[str, str]) -> Refused:
    """What becomes of an object that nothing of ours leads to, by what it names."""
    if not names:
        return Refused(Fate.ASK, ASKING)
    if names.get("shop_id") != shop_id:
        return Refused(Fate.IGNORE, ANOTHER_SHOPS if names.get("shop_id") else NOT_OURS)
    # It names an order of ours, which anybody may, and which may be lost: what proves it is the Session that made it.
    return Refused(Fate.ASK, ASKING, names["order_id"])


def _opened(book: Ledger, facts: SessionFacts, opened_as: str) -> Checkout | None:
    named_so = (row for row in book.checkouts if row.stripe_checkout_session_id == facts.id)
    answered = (row for row in book.checkouts if row.id == opened_as and row.stripe_checkout_session_id is None)
    return next(named_so, None) or next(answered, None)


def _recovered(book: Ledger, facts: SessionFacts) -> Checkout | None:
    parent = facts.recovered_from
    return next((row for row in book.checkouts if parent and row.stripe_checkout_session_id == parent), None)


def _outstanding(book: Ledger, facts: SessionFacts) -> Checkout | None:
    """The attempt that it names, if the id of its Session is not known yet. A recovered one was never anybody's first."""
    if facts.recovered_from:
        return None
    unnamed = (row for row in book.checkouts if row.stripe_checkout_session_id is None)
    return next((row for row in unnamed if row.attempt == facts.attempt), None)


def _names_what_was_opened(attempt: Checkout, facts: SessionFacts) -> bool:
    """Whether all that we wrote into the metadata stands there: shop, order, attempt, and the attempt's token."""
    written = attempt.parameters.get("metadata") or {"order_id": attempt.order_id}
    return written.items() <= facts.metadata.items()


def _nobodys(shop_id: str, facts: SessionFacts) -> Refused:
    if facts.shop_id != shop_id:
        return Refused(Fate.IGNORE, ANOTHER_SHOPS if facts.shop_id else NOT_OURS)
    if not facts.order_id.startswith("ord_"):
        return Refused(Fate.IGNORE, NOT_OURS)
    if facts.state is not CheckoutState.COMPLETE:
        return Refused(Fate.IGNORE, UNPAID, facts.order_id)
    return Refused(Fate.WAIT, UNKNOWN, facts.order_id)


def _strangers(shop_id: str, order: Order, facts: SessionFacts) -> Refused:
    if facts.shop_id != shop_id:
        return Refused(Fate.IGNORE, ANOTHER_SHOPS if facts.shop_id else NOT_OURS)
    if facts.recovered_from:
        return Refused(Fate.ASK, ASKING, order.id)
    if facts.attempt > order.attempts:
        return Refused(Fate.WAIT, UNKNOWN_ATTEMPT, order.id)
    return Refused(Fate.IGNORE, STRANGER)
