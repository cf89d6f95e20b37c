"""Workshops: dates with a fixed number of places, and how many of them are free to whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, CheckConstraint, Index, bindparam, update
from sqlmodel import Field, Session, and_, col, or_, select

from core.foundation.errors import SoldOut
from core.foundation.records import Record, text_enum
from core.orders.orders import Order, OrderLine


class WorkshopDate(Record, table=True):
    """One date of a workshop. `taken` counts held and sold places, and is only changed by guarded updates.

    Whoever has a place keeps it on a date that is no longer `active`, unless it was canceled. `join_url` is the address of a
    meeting, or says in words where it takes place. `day_told` and `hour_told` are the beginning that people were last
    reminded of, a day and an hour ahead.
    """

    __tablename__ = "workshop_dates"
    __table_args__ = (
        CheckConstraint("taken >= 0 and taken <= capacity", name="places"),
        Index("ix_workshop_dates_starts_at_id", "starts_at", "id"),
    )

    id: str = Field(primary_key=True)
    product_id: str = Field(foreign_key="products.id", index=True)
    starts_at: datetime
    ends_at: datetime
    timezone: str
    capacity: int
    taken: int = 0
    join_url: str = ""
    active: bool = True
    canceled_at: datetime | None = None
    day_told: datetime | None = None
    hour_told: datetime | None = None

    @property
    def times(self) -> "Times":
        """When it takes place."""
        return Times(self.id, self.starts_at, self.ends_at, self.timezone)


class ReservationState(StrEnum):
    """Held while the buyer pays, taken once paid, released when either ends."""

    HELD = "held"
    TAKEN = "taken"
    RELEASED = "released"


class Reservation(Record, table=True):
    """The places that one order line counts for on the date that it was bought for. Once they are `taken`, its attendees say
    on which date each of them is."""

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
    offered = and_(col(WorkshopDate.product_id).in_(of_products), *bookable(now))
    query = select(WorkshopDate).where(or_(col(WorkshopDate.id).in_(date_ids), offered)).order_by(col(WorkshopDate.id))
    # Rows that name a date in a foreign key may still be written meanwhile: they change nothing about its places.
    found = _views(session, query.with_for_update(key_share=True), now=now)
    return sorted(found, key=lambda date: (date.starts_at, date.id))


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


def take(session: Session, date_id: str, places: int, *conditions: Any) -> bool:
    """Count so many places of a date as taken, if it has them: of thirty buyers at once for five, five see a row change."""
    room = col(WorkshopDate.taken) + places <= col(WorkshopDate.capacity)
    taken = session.execute(
        update(WorkshopDate)
        .where(col(WorkshopDate.id) == date_id, room, *conditions)
        .values(taken=col(WorkshopDate.taken) + places)
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def count_down(session: Session, date_id: str, places: int) -> None:
    """Count so many places of a date as taken no more. Whoever frees them for good tells the waiting list as well."""
    session.execute(
        update(WorkshopDate).where(col(WorkshopDate.id) == date_id).values(taken=col(WorkshopDate.taken) - places)
    )


def has_begun(session: Session, date_id: str, *, now: datetime) -> bool:
    """Whether a date is no longer to come."""
    return session.exec(select(WorkshopDate.starts_at).where(WorkshopDate.id == date_id)).one() <= now


def bookable(now: Any) -> tuple[Any, ...]:
    """The conditions under which places of a date may be bought."""
    return col(WorkshopDate.active), col(WorkshopDate.starts_at) > now


# Built once: building them would cost more than the databases need to answer.
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_COMING = (
    select(WorkshopDate)
    .where(col(WorkshopDate.product_id).in_(_IDS), *bookable(bindparam("now")))
    .order_by(col(WorkshopDate.starts_at), col(WorkshopDate.id))
)
_NAMED = select(WorkshopDate).where(col(WorkshopDate.id).in_(_IDS))
_HELD = (
    select(Reservation.date_id, Reservation.places)
    .join(OrderLine, col(Reservation.order_line_id) == OrderLine.id)
    .join(Order, col(Order.id) == OrderLine.order_id)
    .where(col(Order.cart_id) == bindparam("cart"), Reservation.state == ReservationState.HELD)
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
