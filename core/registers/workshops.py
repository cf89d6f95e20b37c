"""Workshops: their dates with how many places are sold, held, free and waited for, and who comes to each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from core.attendance import dates
from core.attendance.dates import Concerned
from core.catalog.products import Kind, Product
from core.kinds.grants import Grant
from core.kinds.places import attendees, cancellations, waiting_list
from core.kinds.places.attendees import Attendee
from core.kinds.places.cancellations import MoneyBack
from core.kinds.places.waiting_list import Waiting, WaitingEntry
from core.kinds.workshops import Reservation, ReservationState, Times, WorkshopDate
from core.messages.attendee_messages import AttendeeMessage
from core.orders.orders import Order
from core.orders.status import GrantState
from core.registers import paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place

# More people nobody looks through: whoever looks for one types a name.
MOST_PEOPLE = 300
_MOST_WAITING = 100


@dataclass(frozen=True)
class DateRow:
    """A date in the list. `sold` places are paid for, `held` by people who are paying, `offered` to people who wait, and
    `elsewhere` were sold before this shop opened; `waiting` is how many entries wait. Of its refunds so many are `to_refund`
    yet, were `refunded`, or `refused`."""

    id: str
    product_id: str
    product: str
    times: Times
    place: str
    capacity: int
    sold: int
    held: int
    offered: int
    elsewhere: int
    waiting: int
    checked_in: int
    active: bool
    canceled_at: datetime | None
    to_refund: int
    refunded: int
    refused: int

    @property
    def free(self) -> int:
        """How many places nobody has or is about to have."""
        return self.capacity - self.sold - self.held - self.offered - self.elsewhere


@dataclass(frozen=True)
class PersonRow:
    """Somebody who has a place. `open` is whether they may come in as things stand."""

    attendee_id: str
    name: str
    email: str
    order: OrderName
    open: bool
    canceled: bool
    checked_in_at: datetime | None


@dataclass(frozen=True)
class WaitingRow:
    """Somebody who waits."""

    id: str
    email: str
    places: int
    state: Waiting
    since: datetime
    offer_until: datetime | None


@dataclass(frozen=True)
class DateSheet:
    """All about one date."""

    row: DateRow
    concerned: Concerned
    waiting: tuple[WaitingRow, ...]
    messages: tuple[AttendeeMessage, ...]


def page(session: Session, *, past: bool, now: datetime, place: Place, size: int = paging.PAGE) -> Page[DateRow]:
    """The dates that are to come, the next one first; or those that have begun, the newest first."""
    when = col(WorkshopDate.starts_at) <= now if past else col(WorkshopDate.starts_at) > now
    found = paging.page(
        session, select(WorkshopDate).where(when), WorkshopDate, by="starts_at", place=place, rising=not past, size=size
    )
    return Page(tuple(_rows(session, found.rows)), found.before, found.after)


def sheet(session: Session, date_id: str) -> DateSheet | None:
    """All about this date; None if there is none."""
    date = session.get(WorkshopDate, date_id)
    if date is None:
        return None
    listed = select(WaitingEntry).where(
        WaitingEntry.date_id == date_id, col(WaitingEntry.state).in_((*waiting_list.STANDING, Waiting.LAPSED))
    )
    entries = session.exec(listed.order_by(col(WaitingEntry.since), col(WaitingEntry.id)).limit(_MOST_WAITING))
    messages = select(AttendeeMessage).where(AttendeeMessage.date_id == date_id)
    (row,) = _rows(session, [date])
    return DateSheet(
        row, dates.concerned(session, date_id),
        tuple(
            WaitingRow(each.id, each.email, each.places, each.state, each.since, each.offer_until) for each in entries
        ),
        tuple(session.exec(messages.order_by(col(AttendeeMessage.created_at).desc()).limit(20))),
    )  # fmt: skip


def people(session: Session, date_id: str, text: str = "", *, canceled: bool = False) -> tuple[PersonRow, ...]:
    """Who comes on this date, by name; those whose name, address or order has this text in it, at most MOST_PEOPLE."""
    query = (
        select(Attendee, Order, Grant.state)
        .join(Order, col(Order.id) == Attendee.order_id)
        .join(Grant, col(Grant.order_line_id) == Attendee.order_line_id)
        .where(Attendee.date_id == date_id)
    )
    query = query.where(
        or_(col(Attendee.holds), col(Attendee.canceled_at).is_not(None)) if canceled else col(Attendee.holds)
    )
    if wanted := text.replace("\0", "").strip().lower():
        fields = (Attendee.name, Attendee.email, Order.name, Order.email, Order.number)
        query = query.where(or_(*(func.lower(col(each)).contains(wanted, autoescape=True) for each in fields)))
    rows = session.exec(
        query.order_by(col(Order.name), col(Order.number), col(Attendee.place)).limit(MOST_PEOPLE)
    ).all()
    found = [
        PersonRow(
            row.id, attendees.shown(row, order.name) or order.email, row.email or order.email,
            OrderName(order.id, order.number, order.email, order.name),
            state is GrantState.ACTIVE and row.canceled_at is None, row.canceled_at is not None, row.checked_in_at,
        )
        for row, order, state in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: (each.canceled, each.name.casefold(), each.order.number)))


def on_sale(session: Session) -> dict[str, str]:
    """The workshops that stand on the shelves, by id."""
    query = select(Product.id, Product.name).where(Product.kind == Kind.WORKSHOP, col(Product.active))
    return dict(session.exec(query.order_by(col(Product.position))).all())


def _rows(session: Session, found: Sequence[WorkshopDate]) -> Iterable[DateRow]:
    ids = [date.id for date in found]
    names = dict(
        session.exec(
            select(Product.id, Product.name).where(col(Product.id).in_({date.product_id for date in found}))
        ).all()
    )
    sold, held, came = attendees.counted(session, ids), _held(session, ids), _came(session, ids)
    listed, refunds = waiting_list.waiting(session, ids), cancellations.progress(session, ids)
    for date in found:
        mine, back = listed.get(date.id, {}), refunds.get(date.id, {})
        offered = mine.get(Waiting.OFFERED, (0, 0))[1]
        counted = sold.get(date.id, 0) + held.get(date.id, 0) + offered
        yield DateRow(
            id=date.id, product_id=date.product_id, product=names[date.product_id], times=date.times,
            place=date.join_url, capacity=date.capacity, sold=sold.get(date.id, 0), held=held.get(date.id, 0),
            offered=offered, elsewhere=max(0, date.taken - counted), waiting=mine.get(Waiting.WAITING, (0, 0))[0],
            checked_in=came.get(date.id, 0), active=date.active, canceled_at=date.canceled_at,
            to_refund=back.get(MoneyBack.QUEUED, 0), refunded=back.get(MoneyBack.DONE, 0),
            refused=back.get(MoneyBack.REFUSED, 0),
        )  # fmt: skip


def _held(session: Session, ids: Sequence[str]) -> dict[str, int]:
    query = (
        select(Reservation.date_id, func.sum(Reservation.places))
        .where(col(Reservation.date_id).in_(ids), Reservation.state == ReservationState.HELD)
        .group_by(Reservation.date_id)
    )
    return {date_id: int(places) for date_id, places in session.exec(query)}


def _came(session: Session, ids: Sequence[str]) -> dict[str, int]:
    query = (
        select(Attendee.date_id, func.count())
        .where(col(Attendee.date_id).in_(ids), col(Attendee.checked_in_at).is_not(None), col(Attendee.holds))
        .group_by(Attendee.date_id)
    )
    return dict(session.exec(query).all())
