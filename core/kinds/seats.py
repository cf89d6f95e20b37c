"""Plans and their seats: who has which, how many people may use it, and who they are."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy import ColumnElement, UniqueConstraint
from sqlmodel import Field, Session, col, func, or_, select

from core.catalog.products import Kind
from core.foundation import addresses
from core.foundation.records import Record, text_enum
from core.kinds.grants import Delivery, Grant
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState


class SeatState(StrEnum):
    """How a seat stands: its code is on its way, somebody has it, there are fewer seats than people, or it was taken away."""

    INVITED = "invited"
    ACCEPTED = "accepted"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class Seat(Record, table=True):
    """Somebody who has one of a grant's seats, or is asked to take one. The buyer's own is said by the grant itself.

    Those with the earliest `since` have a seat where there are fewer than people. `tries` are wrong codes. `customer_id` is
    whose address it is, known once they have accepted. `folded` is what is compared; a version of before has written none.
    """

    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("grant_id", "email"),)

    id: str = Field(primary_key=True)
    grant_id: str = Field(foreign_key="grants.id", index=True)
    email: str = Field(index=True)
    folded: str | None = Field(default=None, index=True)
    customer_id: str | None = Field(default=None, foreign_key="customers.id", index=True)
    state: SeatState = text_enum(SeatState, default=SeatState.INVITED)
    since: datetime
    invited_at: datetime | None = None
    accepted_at: datetime | None = None
    removed_at: datetime | None = None
    tries: int = 0
    created_at: datetime


def of_addresses(folded: Collection[str]) -> ColumnElement[bool]:
    """A condition on seats: that somebody has them, had them or is asked to take them under one of these addresses."""
    by_older = col(Seat.folded).is_(None) & func.lower(col(Seat.email)).in_(
        {each for address in folded for each in addresses.spellings(address)}
    )
    return or_(col(Seat.folded).in_(folded), by_older)


def hold(session: Session, line: OrderLine, *, now: datetime) -> None:
    """Seats are never short: nothing to hold."""


def release(session: Session, line_id: str) -> None:
    """Nothing was held."""


def grant(session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str:
    """The grant's quantity is the number of seats; nobody sits yet. Returns an empty reason: seats are never short."""
    return ""


def suspend(session: Session, grant: Grant, *, now: datetime) -> None:
    """Who sits where is kept: a recovered plan has the same seats."""


def revoke(session: Session, grant: Grant, *, now: datetime) -> None:
    """Who sat where is kept, for the owner to look up; access follows the grant's state."""


def describe(session: Session, given: Sequence[tuple[Grant, Delivery]], *, signing_key: str) -> list[Delivery]:
    """Add who uses the seats of each."""
    taken: dict[str, list[str]] = {grant.id: [] for grant, _ in given}
    sitting = (col(Seat.grant_id).in_(taken), Seat.state == SeatState.ACCEPTED)
    for seat in session.exec(select(Seat).where(*sitting).order_by(col(Seat.since), col(Seat.id))):
        taken[seat.grant_id].append(seat.email)
    return [replace(base, seats=tuple(taken[grant.id])) for grant, base in given]


class Seated(Protocol):
    """Somebody who has a seat, or is asked to take one."""

    @property
    def email(self) -> str: ...

    @property
    def state(self) -> SeatState: ...


def beyond(people: Sequence[Seated], room: int) -> tuple[str, ...]:
    """Of these people, whoever keeps theirs longest first, those who would have no seat any more if there were so many."""
    sitting = [each for each in people if each.state is not SeatState.INVITED]
    return tuple(each.email for each in sitting[max(room, 0) :] if each.state is SeatState.ACCEPTED)


@dataclass(frozen=True)
class HeldPlan:
    """A plan that somebody has, in use or on hold, and the order it came with."""

    product: str
    order_id: str
    number: str


def held(
    session: Session,
    plans: Iterable[str],
    *,
    customer_id: str | None,
    browser_id: str = "",
    besides: str,
    livemode: bool,
) -> list[HeldPlan]:
    """Which of these plans the customer has, or who bought with this browser, but for those of the cart `besides`."""
    theirs = [Order.customer_id == customer_id] if customer_id else []
    theirs += [Order.browser_id == browser_id] if browser_id else []
    if not theirs:
        return []
    query = (
        select(Grant.product_id, Order.id, Order.number)
        .join(Order, col(Order.id) == Grant.order_id)
        .where(
            or_(*theirs),
            Order.livemode == livemode,
            Order.cart_id != besides,
            Grant.kind == Kind.PLAN,
            col(Grant.state).in_((GrantState.ACTIVE, GrantState.SUSPENDED)),
            col(Grant.product_id).in_(set(plans)),
        )
    )
    return [HeldPlan(*row) for row in session.exec(query.order_by(col(Order.created_at), col(Order.id)))]
