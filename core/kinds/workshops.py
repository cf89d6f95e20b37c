"""Workshops: dates with a fixed number of places, held while somebody pays, taken when they have paid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, update
from sqlmodel import Field, Session, SQLModel, col, select

from core.foundation.database import text_enum
from core.foundation.errors import SoldOut
from core.kinds.grants import Delivery, Grant
from core.orders.orders import Order, OrderLine


class WorkshopDate(SQLModel, table=True):
    """One date of a workshop. `taken` counts held and sold places, and is only changed by guarded updates."""

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


class ReservationState(StrEnum):
    """Held while the buyer pays, taken once paid, released when either ends."""

    HELD = "held"
    TAKEN = "taken"
    RELEASED = "released"


class Reservation(SQLModel, table=True):
    """The places that one order line counts for on one date."""

    __tablename__ = "reservations"

    order_line_id: str = Field(primary_key=True, foreign_key="order_lines.id", ondelete="CASCADE")
    date_id: str = Field(foreign_key="workshop_dates.id", index=True)
    places: int
    state: ReservationState = text_enum(ReservationState)


@dataclass(frozen=True)
class DateView:
    """A date as a buyer meets it; `left` is how many places are free."""

    id: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    capacity: int
    left: int


def next_dates(session: Session, product_ids: Sequence[str]) -> dict[str, DateView]:
    """The date that is sold for each of these products: the earliest with a free place, or the earliest of all."""
    query = select(WorkshopDate).where(col(WorkshopDate.product_id).in_(product_ids))
    found: dict[str, DateView] = {}
    for row in session.exec(query.order_by(col(WorkshopDate.starts_at))):
        known = found.get(row.product_id)
        if known is None or (not known.left and row.taken < row.capacity):
            found[row.product_id] = _view(row)
    return found


def hold(session: Session, line: OrderLine, *, now: datetime) -> None:
    """Count the line's places as taken while its buyer pays. Raises SoldOut if there are not that many, or it is over."""
    date = next_dates(session, [line.product_id]).get(line.product_id)
    if date and date.starts_at <= now:
        raise SoldOut(product=line.product_id, left=0)
    if not date or not _take(session, date.id, line.quantity):
        raise SoldOut(product=line.product_id, left=date.left if date else 0)
    session.add(Reservation(order_line_id=line.id, date_id=date.id, places=line.quantity, state=ReservationState.HELD))


def held(session: Session, cart_id: str) -> dict[str, int]:
    """How many places the cart's own order holds right now, by product."""
    rows = session.exec(
        select(OrderLine.product_id, Reservation.places)
        .join(Reservation, col(Reservation.order_line_id) == OrderLine.id)
        .join(Order, col(Order.id) == OrderLine.order_id)
        .where(Order.cart_id == cart_id, Reservation.state == ReservationState.HELD)
    )
    return dict(rows.all())


def release(session: Session, line_id: str) -> None:
    """Give back what the line holds; places that are paid for stay taken."""
    _give_back(session, line_id, ReservationState.HELD)


def grant(session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str:
    """Make the line's places the buyer's own. Returns "sold_out" if the hold had lapsed and none is free."""
    reservation = session.get(Reservation, line.id, with_for_update=True)
    if reservation is None:
        return "sold_out"
    if reservation.state is ReservationState.RELEASED and not _take(session, reservation.date_id, reservation.places):
        return "sold_out"
    reservation.state = ReservationState.TAKEN
    session.flush()
    return ""


def suspend(session: Session, grant: Grant, *, now: datetime) -> None:
    """A suspended place stays taken: its buyer may yet be proved right."""


def revoke(session: Session, grant: Grant, *, now: datetime) -> None:
    """Free the places for somebody else."""
    _give_back(session, grant.order_line_id, ReservationState.TAKEN)


def describe(session: Session, grant: Grant, base: Delivery, *, signing_key: str) -> Delivery:
    """Add when it takes place."""
    date = session.exec(
        select(WorkshopDate)
        .join(Reservation, col(Reservation.date_id) == WorkshopDate.id)
        .where(Reservation.order_line_id == grant.order_line_id)
    ).first()
    if not date:
        return base
    return replace(base, starts_at=date.starts_at, ends_at=date.ends_at, timezone=date.timezone)


def _take(session: Session, date_id: str, places: int) -> bool:
    """One guarded update: of thirty buyers at once for five places, five see a row change."""
    taken = session.execute(
        update(WorkshopDate)
        .where(col(WorkshopDate.id) == date_id, col(WorkshopDate.taken) + places <= col(WorkshopDate.capacity))
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


def _view(row: WorkshopDate) -> DateView:
    return DateView(row.id, row.starts_at, row.ends_at, row.timezone, row.capacity, max(0, row.capacity - row.taken))
