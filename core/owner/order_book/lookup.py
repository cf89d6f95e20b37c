"""Lookup: which order somebody means by a number, an id of Stripe's, an address, a name or a licence key."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, select

from core.events.inbox import StripeEvent
from core.foundation.addresses import fold
from core.foundation.records import begins
from core.kinds import license_keys
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseKey
from core.kinds.places.attendees import Attendee
from core.orders import checkouts, payments
from core.orders.disputes import Dispute
from core.orders.orders import Order
from core.orders.refunds import Refund
from core.orders.subscriptions import Subscription
from core.people import customers

# So many of those that begin with a text are looked at: whoever finds more types more of it.
MOST = 200
# Nobody's name or address is longer.
_LONGEST = 254


def exactly(session: Session, text: str) -> str | None:
    """The id of the one order that goes by this number or id, ours or Stripe's; None for what is nothing of the kind."""
    text = cleaned(text)
    for beginning, look in _BY_ID.items():
        if text.startswith(beginning):
            return look(session, text)
    return session.exec(select(Order.id).where(Order.number == text.upper())).first()


def matching(session: Session, text: str) -> list[str]:
    """The ids of the orders whose number or id this is, or whose address or name is it or begins with it, at most MOST."""
    text = cleaned(text)
    found = exactly(session, text)
    if found or not text:
        return [found] if found else []
    return list(dict.fromkeys(_like(session, text)))[:MOST]


def cleaned(text: str) -> str:
    """Without what PostgreSQL takes in no text, and no longer than anything is."""
    return text.replace("\0", "").strip()[:_LONGEST]


def _like(session: Session, text: str) -> Iterator[str]:
    yield from _of_key(session, text)
    if customer := customers.whose(session, text):
        theirs = select(Order.id).where(Order.customer_id == customer).order_by(col(Order.created_at).desc())
        yield from session.exec(theirs.limit(MOST))
    # As they were written: most addresses in small letters, most names with capitals.
    emails = (text, text.lower(), fold(text))
    names = spellings(text)
    wanted = [(col(Order.email), each) for each in dict.fromkeys(emails)]
    wanted += [(col(Order.name), each) for each in names]
    for column, beginning in wanted:
        # In an order that stays the same: or one page of many would show other ones than the next expects.
        found = select(Order.id).where(begins(session, column, beginning)).order_by(column, col(Order.id))
        yield from session.exec(found.limit(MOST))
    yield from _of_attendee(session, names, fold(text))


def _of_attendee(session: Session, names: Iterable[str], folded: str) -> Iterator[str]:
    """The orders by which somebody of this name or address comes to a workshop, or of one that begins like it."""
    for column, beginning in [(col(Attendee.name), each) for each in names] + [(col(Attendee.folded), folded)]:
        query = select(Attendee.order_id).where(begins(session, column, beginning)).order_by(column, col(Attendee.id))
        yield from session.exec(query.limit(MOST))


def _of_key(session: Session, text: str) -> Iterator[str]:
    """The orders that brought the licence with this key, or with a key that ends like this."""
    whole = license_keys.is_well_formed(text)
    if not whole and len(license_keys.canonical(text)) != license_keys.HINT:
        return
    known = (
        LicenseKey.key_hash == license_keys.fingerprint(text) if whole else LicenseKey.hint == license_keys.hint(text)
    )
    query = select(Grant.order_id).join(LicenseKey, col(LicenseKey.grant_id) == Grant.id).where(known)
    yield from session.exec(query.order_by(col(Grant.order_id)).limit(MOST))


def spellings(name: str) -> tuple[str, ...]:
    """How somebody's name may have been written, as databases tell capitals apart."""
    return tuple(dict.fromkeys((name, name.lower(), name.title())))


def _payment(session: Session, name: str) -> str | None:
    return payments.owners_of(session, [name]).get(name)


def _of(table: Any) -> Callable[[Session, str], str | None]:
    def look(session: Session, name: str) -> str | None:
        row = session.get(table, name)
        return row.order_id if row else None

    return look


def _refund(session: Session, name: str) -> str | None:
    return session.exec(
        select(Refund.order_id).where(or_(col(Refund.id) == name, col(Refund.stripe_refund_id) == name))
    ).first()


def _order(session: Session, name: str) -> str | None:
    return session.exec(select(Order.id).where(Order.id == name)).first()


# By how Stripe's ids of each kind begin.
_BY_ID: dict[str, Callable[[Session, str], str | None]] = {
    "ord_": _order,
    "cs_": checkouts.order_of_session,
    "pi_": _payment,
    "ch_": _payment,
    "py_": _payment,
    "in_": _payment,
    "sub_": _of(Subscription),
    "re_": _refund,
    "pyr_": _refund,
    "rf_": _refund,
    "dp_": _of(Dispute),
    "du_": _of(Dispute),
    "evt_": _of(StripeEvent),
}
