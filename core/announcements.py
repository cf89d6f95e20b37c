"""Announcements: what endpoints are told when an order is settled, or a licence or an attendee changed, in that very transaction.

People are named by their customer id alone. Addresses and names are for letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import event
from sqlmodel import Session, col, select, update

from core.catalog.products import Kind
from core.foundation.database import NOW
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.writes.later import at_the_end
from core.kinds import entitlement_records
from core.kinds.entitlement_records import EntitlementRecord
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseKey
from core.kinds.places.attendees import Attendee
from core.kinds.seats import Seat
from core.kinds.workshops import WorkshopDate
from core.orders.ledger import Ledger
from core.orders.orders import Order
from core.orders.status import GrantState
from core.outgoing import messages
from core.outgoing.messages import announce
from core.outgoing.topics import Topic


@dataclass(frozen=True)
class Before:
    """How an order stood before it was settled: whether its payment was known, and what had gone back, in minor units."""

    paid: bool
    refunded: int


def before(order: Order) -> Before:
    """How it stands now, to be held against what settling makes of it."""
    return Before(order.stripe_checkout_session_id is not None, order.amount_refunded)


def settled(
    session: Session, order: Order, ledger: Ledger, grants: Sequence[Grant], earlier: Before, *, now: datetime
) -> None:
    """Announce what has become of an order by this, and note that what its buyer may use is to be looked at again."""
    if order.from_season:
        return
    changed = [grant for grant in grants if grant.updated_at == now]
    person = order.customer_id or ""
    if ledger.paid and not earlier.paid:
        announce(session, Topic.ORDER_PAID, _order(order, ledger), key=order.id, person=person, now=now)
    if order.amount_refunded != earlier.refunded:
        key = f"{order.id}:{order.amount_refunded}:{outbox.stamp(now)}"
        announce(session, Topic.ORDER_REFUNDED, _order(order, ledger), key=key, person=person, now=now)
    if any(grant.kind is Kind.LICENSE for grant in changed):
        of_grants = [grant.id for grant in changed if grant.kind is Kind.LICENSE]
        at_the_end(session, _announce_licenses_of, *of_grants)
    # Of a plan more may have changed than its grant says: until when it is paid for, and the grace of a failed renewal.
    if changed or (order.eventful and any(grant.kind is Kind.PLAN for grant in grants)):
        mark(session, order, now=now)


def mark(session: Session, order: Order, *, now: datetime) -> None:
    """Note on an order that what its people may use is to be looked at again; where an endpoint waits for that, soon."""
    order.entitlements_due = now
    at_the_end(session, _owe_look, order.id)


def license_changed(session: Session, row: LicenseKey) -> None:
    """Announce how a licence stands when this transaction ends."""
    at_the_end(session, _announce_licenses, row.id)
    if row.grant_id:
        order = session.exec(select(Order).join(Grant, col(Grant.order_id) == Order.id).where(Grant.id == row.grant_id))
        if found := order.first():
            mark(session, found, now=session.info[NOW]())


def license_expired(session: Session, row: LicenseKey) -> None:
    """Announce that a licence has come to its end by time alone, once for each end that it has."""
    at_the_end(session, _announce_expired, row.id)


def joined(session: Session, other: str, customer: str, *, external_id: str | None, now: datetime) -> None:
    """Two customers have turned out to be one: what one may use is the other's from now on, and their seats too. Whoever goes
    by the id that there is no more, or by the seller's own `external_id` of before, is told that nothing is left of it."""
    session.exec(update(Seat).where(col(Seat.customer_id) == other).values(customer_id=customer))
    query = select(EntitlementRecord).where(EntitlementRecord.customer_id == other)
    for row in session.exec(query.with_for_update()).all():
        said: dict[str, Any] = {
            "person": other, "external_id": external_id, "version": row.version + 1, "computed_at": now, "products": []
        }  # fmt: skip
        key = f"{other}:{row.livemode}:{row.version + 1}"
        announce(session, Topic.ENTITLEMENT_CHANGED, said, key=key, person=customer, now=now)
        session.delete(row)
    messages.join(session, other, customer)
    session.flush()
    entitlement_records.look(session, [customer], now=now)


def _order(order: Order, ledger: Ledger) -> dict[str, Any]:
    lines = [
        {"product": line.product_id, "kind": line.kind, "quantity": line.quantity, "unit_amount": line.unit_amount}
        for line in ledger.lines
    ]
    return {
        "order": order.id, "number": order.number, "status": order.status, "person": order.customer_id,
        "currency": order.currency, "amount_total": order.amount_total or 0, "amount_refunded": order.amount_refunded,
        "livemode": order.livemode, "paid_at": order.paid_at, "lines": lines,
    }  # fmt: skip


def _owe_look(session: Session, order_ids: list[str]) -> None:
    if not messages.is_wanted(session, Topic.ENTITLEMENT_CHANGED):
        return
    moment = outbox.stamp(session.info[NOW]())
    for order_id in dict.fromkeys(order_ids):
        outbox.owe(session, Job.ENTITLEMENTS, order_id, key=f"{order_id}:{moment}", to=Job.ENTITLEMENTS)


def _announce_licenses_of(session: Session, grant_ids: list[str]) -> None:
    _announce(session, col(LicenseKey.grant_id).in_(grant_ids))


def _announce_licenses(session: Session, ids: list[str]) -> None:
    _announce(session, col(LicenseKey.id).in_(ids))


def _announce_expired(session: Session, ids: list[str]) -> None:
    _announce(session, col(LicenseKey.id).in_(ids), by_time=True)


def _announce(session: Session, which: Any, *, by_time: bool = False) -> None:
    if not messages.is_wanted(session, Topic.LICENSE_CHANGED):
        return
    now = session.info[NOW]()
    query = (
        select(LicenseKey, Grant.state, Order.id, Order.customer_id)
        .join(Grant, col(Grant.id) == LicenseKey.grant_id, isouter=True)
        .join(Order, col(Order.id) == Grant.order_id, isouter=True)
        .where(which)
    )
    found: list[tuple[LicenseKey, GrantState | None, str | None, str | None]] = [*session.exec(query).all()]
    for row, state, order_id, person in found:
        status = _standing(row, state, now)
        if by_time and status != "expired":
            continue  # it did not work before either
        said: dict[str, Any] = {
            "license": row.id, "key_hint": row.hint, "product": row.product_id, "status": status,
            "order": order_id, "person": person, "limit": row.machines, "expires_at": row.expires_at,
            "livemode": row.livemode,
        }  # fmt: skip
        moment = row.expires_at if by_time and row.expires_at else now
        key = f"{row.id}:{status}:{outbox.stamp(moment)}"
        announce(session, Topic.LICENSE_CHANGED, said, key=key, person=person or "", now=now)


def _standing(row: LicenseKey, grant: GrantState | None, now: datetime) -> str:
    if grant not in (None, GrantState.ACTIVE):
        return str(grant)
    if row.disabled_at:
        return "disabled"
    return "expired" if row.expires_at and row.expires_at <= now else "active"


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, _context: object, _objects: object) -> None:
    """Whoever changes an attendee, in whatever way, has it announced."""
    modified = [row for row in session.dirty if isinstance(row, Attendee) and session.is_modified(row)]
    changed = [row.id for row in [*session.new, *modified] if isinstance(row, Attendee)]
    if changed:
        at_the_end(session, _announce_attendees, *changed)


def _announce_attendees(session: Session, ids: list[str]) -> None:
    if not messages.is_wanted(session, Topic.ATTENDEE_CHANGED):
        return
    now = session.info[NOW]()
    query = (
        select(Attendee, WorkshopDate, Grant, Order)
        .join(WorkshopDate, col(WorkshopDate.id) == Attendee.date_id)
        .join(Grant, col(Grant.order_line_id) == Attendee.order_line_id)
        .join(Order, col(Order.id) == Attendee.order_id)
        .where(col(Attendee.id).in_(ids))
        .order_by(col(Attendee.id))
    )
    for row, date, grant, order in session.exec(query).all():
        state, person = _coming(row, grant.state), order.customer_id
        said: dict[str, Any] = {
            "attendee": row.id, "order": row.order_id, "person": person, "product": grant.product_id, "place": row.place + 1,
            "date": date.id, "starts_at": date.starts_at, "ends_at": date.ends_at, "state": state, "livemode": order.livemode,
        }  # fmt: skip
        key = f"{row.id}:{row.turn}:{row.sequence}:{state}:{outbox.stamp(now)}"
        announce(session, Topic.ATTENDEE_CHANGED, said, key=key, person=person or "", now=now)


def _coming(row: Attendee, grant: GrantState) -> str:
    if row.canceled_at:
        return "canceled"
    if grant is not GrantState.ACTIVE:
        return str(grant)
    return "checked_in" if row.checked_in_at else "expected"
