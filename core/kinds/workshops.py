"""Workshops: dates with a fixed number of places, held while somebody pays, taken when they have paid.

An order line names its date. Nothing here ever puts another in its place.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, CheckConstraint, bindparam, update
from sqlmodel import Field, Session, and_, col, or_, select

from core.foundation.database import Record, text_enum
from core.foundation.errors import SoldOut
from core.kinds.grants import Delivery, Grant
from core.orders.orders import Order, OrderLine


class WorkshopDate(Record, table=True):
    """One date of a workshop. `taken` counts held and sold places, and is only changed by guarded updates.

    Whoever has a place keeps it on a date that is no longer `active`.
    """

    __tablename__ = "workshop_dates"
    __table_args__ = (CheckConstraint("taken >= 0 and taken <= capacity", name="places"),)

    id: str = Field(primary_key=True)
    product_id: str = Field(foreign_key="products.id", index=True)
    starts_at: datetime
    ends_at: datetime
    timezone: str
    capacity: int
    taken: int = 0
    join_url: str = ""
    active: bool = True


class ReservationState(StrEnum):
    """Held while the buyer pays, taken once paid, released when either ends."""

    HELD = "held"
    TAKEN = "taken"
    RELEASED = "released"


class Reservation(Record, table=True):
    """The places that one order line counts for on its date."""

    __tablename__ = "reservations"

    order_line_id: str = Field(primary_key=True, foreign_key="order_lines.id", ondelete="CASCADE")
    date_id: str = Field(foreign_key="workshop_dates.id", index=True)
    places: int
    state: ReservationState = text_enum(ReservationState)


@dataclass(frozen=True)
class DateView:
    """A date as a buyer meets it; `left` is how many places are free, `bookable` whether it is offered and has not begun."""

    id: str
    product_id: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    capacity: int
    left: int
    bookable: bool

    @property
    def times(self) -> "Times":
        """The same without what others change by booking."""
        return Times(self.id, self.starts_at, self.ends_at, self.timezone)


@dataclass(frozen=True)
class Times:
    """When a date takes place, and by the clock of which zone."""

    date_id: str
    starts_at: datetime
    ends_at: datetime
    timezone: str


def times(session: Session, lines: Collection[OrderLine]) -> dict[str | None, Times]:
    """When the workshops among these lines take place, by the id of the date."""
    wanted = {line.workshop_date_id for line in lines if line.workshop_date_id}
    if not wanted:
        return {}
    rows = session.exec(select(WorkshopDate).where(col(WorkshopDate.id).in_(wanted)))
    return {row.id: Times(row.id, row.starts_at, row.ends_at, row.timezone) for row in rows}


def coming(session: Session, product_ids: Collection[str], *, now: datetime) -> dict[str, tuple[DateView, ...]]:
    """The dates of these products that have not begun and are offered, also full ones, the next one first."""
    found: dict[str, list[DateView]] = {}
    for date in _views(session, _COMING, now=now, ids=list(product_ids)):
        found.setdefault(date.product_id, []).append(date)
    return {product_id: tuple(dates) for product_id, dates in found.items()}


def dates(session: Session, date_ids: Collection[str], *, now: datetime) -> dict[str, DateView]:
    """The known ones among these dates, by id, whether they are over or not."""
    return {date.id: date for date in _views(session, _NAMED, now=now, ids=list(date_ids))} if date_ids else {}


def lock(
    session: Session, date_ids: Collection[str], *, of_products: Collection[str] = (), now: datetime
) -> list[DateView]:
    """These dates and all that are offered of these products, the next one first; nobody else changes them any more.

    Always in the order of their ids, so that no two who want the same dates ever wait for each other.
    """
    offered = and_(col(WorkshopDate.product_id).in_(of_products), *_bookable(now))
    query = select(WorkshopDate).where(or_(col(WorkshopDate.id).in_(date_ids), offered)).order_by(col(WorkshopDate.id))
    # Rows that name a date in a foreign key may still be written meanwhile: they change nothing about its places.
    found = _views(session, query.with_for_update(key_share=True), now=now)
    return sorted(found, key=lambda date: (date.starts_at, date.id))


def lock_of(session: Session, lines: Sequence[OrderLine]) -> None:
    """Lock what these lines count on, if it is more than one date: one alone is locked by the change itself."""
    wanted = {line.workshop_date_id for line in lines if line.workshop_date_id}
    if len(wanted) > 1:
        query = select(WorkshopDate.id).where(col(WorkshopDate.id).in_(wanted)).order_by(col(WorkshopDate.id))
        session.exec(query.with_for_update(key_share=True)).all()


def hold(session: Session, line: OrderLine, *, now: datetime) -> None:
    """Count the line's places as taken while its buyer pays; those it holds already it keeps.

    Raises SoldOut if its date has fewer left, has begun, or is no longer offered.
    """
    known = session.get(Reservation, line.id, with_for_update=True)
    if known and known.state is not ReservationState.RELEASED:
        return
    date_id = line.workshop_date_id or ""
    if not _take(session, date_id, line.quantity, *_bookable(now)):
        raise sold_out(line.product_id, dates(session, [date_id], now=now).get(date_id), date_id)
    if known:
        known.state = ReservationState.HELD
    else:
        held = Reservation(
            order_line_id=line.id, date_id=date_id, places=line.quantity, state=ReservationState.HELD
        )  # fmt: skip
        session.add(held)
    session.flush()


def sold_out(product_id: str, date: DateView | None, date_id: str = "") -> SoldOut:
    """That a date, as it stands, cannot be had."""
    if date is None:
        return SoldOut(product=product_id, left=0, date=date_id)
    left = date.left if date.bookable else 0
    return SoldOut(product=product_id, left=left, date=date.id, starts_at=date.starts_at, timezone=date.timezone)


def held(session: Session, cart_id: str) -> dict[str, int]:
    """How many places the cart's own order holds right now, by date."""
    found: dict[str, int] = {}
    for date_id, places in session.exec(_HELD, params={"cart": cart_id}):
        found[date_id] = found.get(date_id, 0) + places
    return found


def release(session: Session, line_id: str) -> None:
    """Give back what the line holds; places that are paid for stay taken."""
    _give_back(session, line_id, ReservationState.HELD)


def grant(session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str:
    """Make the line's places the buyer's own.

    Returns "date_passed" if its date has begun meanwhile, "sold_out" if the hold had lapsed and none is free.
    """
    reservation = session.get(Reservation, line.id, with_for_update=True)
    if reservation is None:
        return "sold_out"
    if reservation.state is ReservationState.TAKEN:
        return ""
    if _has_begun(session, reservation.date_id, now=now):
        return "date_passed"
    if reservation.state is ReservationState.RELEASED and not _take(session, reservation.date_id, reservation.places):
        return "sold_out"
    reservation.state = ReservationState.TAKEN
    session.flush()
    return ""


def suspend(session: Session, grant: Grant, *, now: datetime) -> None:
    """A suspended place stays taken: its buyer may yet be proved right."""


def revoke(session: Session, grant: Grant, *, now: datetime) -> None:
    """Free the places for somebody else, while there can be somebody: of a date that has begun they were this buyer's."""
    reservation = session.get(Reservation, grant.order_line_id)
    if reservation and not _has_begun(session, reservation.date_id, now=now):
        _give_back(session, grant.order_line_id, ReservationState.TAKEN)


def describe(session: Session, given: Sequence[tuple[Grant, Delivery]], *, signing_key: str) -> list[Delivery]:
    """Add when each takes place."""
    query = select(OrderLine.id, WorkshopDate).join(WorkshopDate, col(OrderLine.workshop_date_id) == WorkshopDate.id)
    found = dict(session.exec(query.where(col(OrderLine.id).in_([grant.order_line_id for grant, _ in given]))).all())
    return [_dated(base, found.get(grant.order_line_id)) for grant, base in given]


def _dated(base: Delivery, date: WorkshopDate | None) -> Delivery:
    if date is None:
        return base
    return replace(base, starts_at=date.starts_at, ends_at=date.ends_at, timezone=date.timezone)


def _bookable(now: Any) -> tuple[Any, ...]:
    return col(WorkshopDate.active), col(WorkshopDate.starts_at) > now


# Built once: building them would cost more than the databases need to answer.
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_COMING = (
    select(WorkshopDate)
    .where(col(WorkshopDate.product_id).in_(_IDS), *_bookable(bindparam("now")))
    .order_by(col(WorkshopDate.starts_at), col(WorkshopDate.id))
)
_NAMED = select(WorkshopDate).where(col(WorkshopDate.id).in_(_IDS))
_HELD = (
    select(Reservation.date_id, Reservation.places)
    .join(OrderLine, col(Reservation.order_line_id) == OrderLine.id)
    .join(Order, col(Order.id) == OrderLine.order_id)
    .where(col(Order.cart_id) == bindparam("cart"), Reservation.state == ReservationState.HELD)
)


def _has_begun(session: Session, date_id: str, *, now: datetime) -> bool:
    return session.exec(select(WorkshopDate.starts_at).where(WorkshopDate.id == date_id)).one() <= now


def _take(session: Session, date_id: str, places: int, *conditions: Any) -> bool:
    """One guarded update: of thirty buyers at once for five places, five see a row change."""
    room = col(WorkshopDate.taken) + places <= col(WorkshopDate.capacity)
    taken = session.execute(
        update(WorkshopDate)
        .where(col(WorkshopDate.id) == date_id, room, *conditions)
        .values(taken=col(WorkshopDate.taken) + places)
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def _give_back(session: Session, line_id: str, held_as: ReservationState) -> None:
    reservation = session.get(Reservation, line_id, with_for_update=True)
    if reservation is None or reservation.state is not held_as:
        return
    reservation.state = ReservationState.RELEASED
    session.flush()
    session.execute(
        update(WorkshopDate)
        .where(col(WorkshopDate.id) == reservation.date_id)
        .values(taken=col(WorkshopDate.taken) - reservation.places)
    )


def _views(session: Session, query: Any, *, now: datetime, **wanted: Any) -> list[DateView]:
    # As they are in the database now: this session may have read them before it waited for a lock.
    rows = session.exec(query, params={"now": now, **wanted}, execution_options={"populate_existing": True})
    return [
        DateView(
            id=row.id, product_id=row.product_id, starts_at=row.starts_at, ends_at=row.ends_at, timezone=row.timezone,
            capacity=row.capacity, left=max(0, row.capacity - row.taken), bookable=row.active and row.starts_at > now,
        )
        for row in rows
    ]  # fmt: skip
