"""The people of an order: who comes to what it has places in, and who has the seats of its plans."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.catalog.products import Kind
from core.kinds import standings
from core.kinds.grants import Grant
from core.kinds.places import attendees
from core.kinds.places.attendees import Attendee
from core.kinds.seats import Seat, SeatState, beyond
from core.kinds.standings import PlanStanding
from core.kinds.workshops import Times, WorkshopDate
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState
from core.people import purchases


@dataclass(frozen=True)
class PlaceView:
    """A place of the order, with who has it and for which date. `open` if they may come in as things stand."""

    attendee_id: str
    date_id: str
    name: str
    email: str
    product: str
    times: Times
    open: bool
    canceled: bool
    checked_in_at: datetime | None


@dataclass(frozen=True)
class SeatedView:
    """Somebody who has a seat of one of the order's plans, or is asked to take one. `since` is when that began to be so."""

    seat_id: str
    email: str
    product: str
    state: SeatState
    since: datetime


@dataclass(frozen=True)
class SeatsView:
    """The seats of one of the order's plans: the buyer has one of so many if they sit, then those who were given one. `billed`
    is how the subscriptions stand by which the buyer pays for it."""

    grant_id: str
    product: str
    quantity: int
    buyer_sits: bool
    people: tuple[SeatedView, ...]
    active: bool
    billed: tuple[PlanStanding, ...] = ()

    @property
    def free(self) -> int:
        """How many seats nobody has, or is asked to take."""
        return max(self.quantity - self.buyer_sits - len(self.people), 0)

    def losing(self, quantity: int) -> tuple[str, ...]:
        """Who would have no seat any more of so many, as things stand: whoever took theirs last."""
        return beyond(self.people, quantity - self.buyer_sits)


def places(session: Session, order: Order, lines: Sequence[OrderLine]) -> tuple[PlaceView, ...]:
    """Its places by date, each in its turn; those that were given up as well."""
    if not any(line.kind is Kind.WORKSHOP for line in lines):
        return ()
    query = (
        select(Attendee, WorkshopDate, Grant.state, OrderLine.name)
        .join(WorkshopDate, col(WorkshopDate.id) == Attendee.date_id)
        .join(Grant, col(Grant.order_line_id) == Attendee.order_line_id)
        .join(OrderLine, col(OrderLine.id) == Attendee.order_line_id)
        .where(Attendee.order_id == order.id)
        .order_by(col(WorkshopDate.starts_at), col(OrderLine.position), col(Attendee.place))
    )
    return tuple(
        PlaceView(
            row.id, date.id, attendees.shown(row, order.name) or order.email, row.email or order.email, name, date.times,
            state is GrantState.ACTIVE and row.canceled_at is None, row.canceled_at is not None, row.checked_in_at,
        )
        for row, date, state, name in session.exec(query)
    )  # fmt: skip


def seats(session: Session, order: Order, lines: Sequence[OrderLine]) -> tuple[SeatsView, ...]:
    """The seats of its plans, those who have one first. Whose seat was taken away is left out."""
    if not any(line.kind is Kind.PLAN for line in lines):
        return ()
    query = (
        select(Grant, OrderLine.name, Seat)
        .join(OrderLine, col(OrderLine.id) == Grant.order_line_id)
        .outerjoin(Seat, (col(Seat.grant_id) == Grant.id) & (col(Seat.state) != SeatState.REMOVED))
        .where(Grant.order_id == order.id, Grant.kind == Kind.PLAN)
        .order_by(col(OrderLine.position), col(Seat.since), col(Seat.id))
    )
    of_plans = {line.id: order.id for line in lines if line.kind is Kind.PLAN}
    billed = standings.of_lines(session, lines, purchases.own_plans(session, of_plans))
    found: dict[str, SeatsView] = {}
    for grant, name, seat in session.exec(query):
        known = found.get(grant.id)
        seated = (SeatedView(seat.id, seat.email, name, seat.state, seat.since),) if seat else ()
        found[grant.id] = SeatsView(
            grant.id, name, grant.quantity, grant.buyer_sits, (*(known.people if known else ()), *seated),
            grant.state is GrantState.ACTIVE, tuple(each for each in billed[grant.order_line_id] if not each.ended_at),
        )  # fmt: skip
    return tuple(found.values())
