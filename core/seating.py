"""Seating: the seats of one grant, changed while its order is locked, so that never more have one than were paid for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from core import announcements
from core.catalog.products import Kind
from core.foundation.addresses import fold
from core.foundation.errors import PlanNotActive, SeatHeld, SeatNotFound, SeatsTaken
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import new_id
from core.kinds import entitlement_records
from core.kinds.grants import Grant
from core.kinds.seats import Seat, SeatState, of_addresses
from core.orders import history, orders
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState
from core.outgoing.messages import announce
from core.outgoing.topics import Topic

# Those who sit, or are asked to.
_THERE = (SeatState.INVITED, SeatState.ACCEPTED, SeatState.SUSPENDED)


@dataclass
class Table:
    """A plan's grant, its order and its seats in order of who keeps theirs longest. Nobody else changes it meanwhile."""

    grant: Grant
    order: Order
    seats: list[Seat]

    @property
    def room(self) -> int:
        """How many seats there are beside the buyer's own."""
        return max(self.grant.quantity - self.grant.buyer_sits, 0)

    @property
    def free(self) -> int:
        """How many nobody has, or is asked to take."""
        return max(self.room - len(self.seats), 0)

    def has(self, email: str, customer_id: str | None = None) -> Seat | None:
        """The seat that this customer has, under whichever address, or that somebody has, or is asked to take, under this one."""
        theirs = (seat for seat in self.seats if customer_id and seat.customer_id == customer_id)
        named = (seat for seat in self.seats if fold(seat.email) == fold(email))
        return next(theirs, None) or next(named, None)

    def surplus(self, people: Collection[str], addresses: Collection[str] = ()) -> list[Seat]:
        """What these customers, who are one person with these addresses, folded, have or are kept beyond one seat."""
        theirs = [seat for seat in self.seats if seat.customer_id in people or fold(seat.email) in addresses]
        return theirs if self.order.customer_id in people and self.grant.buyer_sits else theirs[1:]


def lock(session: Session, grant_id: str) -> Table:
    """The seats of a plan, which nobody else changes from now on. Raises SeatNotFound where there is no such plan."""
    named = session.exec(select(Grant.order_id).where(Grant.id == grant_id, Grant.kind == Kind.PLAN)).first()
    order = orders.lock(session, named) if named else None
    if order is None:
        raise SeatNotFound(seat=grant_id)
    # Read once the order is locked: whoever settles it may have changed how many seats there are.
    grant = session.get_one(Grant, grant_id, populate_existing=True)
    return Table(grant, order, seats_of(session, grant_id))


def lock_of_seat(session: Session, seat_id: str) -> tuple[Table, Seat]:
    """The same of the plan that a seat is of, and the seat. Raises SeatNotFound."""
    seat = session.get(Seat, seat_id)
    if seat is None:
        raise SeatNotFound(seat=seat_id)
    table = lock(session, seat.grant_id)
    session.refresh(seat)
    return table, next((each for each in table.seats if each.id == seat_id), seat)


def lock_of_order(session: Session, order_id: str, product: str = "") -> Table:
    """The seats of the plan that an order gives, of this `product` or of the first that may be used. Raises SeatNotFound."""
    query = select(Grant).join(OrderLine, col(OrderLine.id) == Grant.order_line_id)
    query = query.where(Grant.order_id == order_id, Grant.kind == Kind.PLAN).order_by(col(OrderLine.position))
    plans = [grant for grant in session.exec(query) if product in ("", grant.product_id)]
    if not plans:
        raise SeatNotFound(seat=order_id)
    # Of those that may be used, or of all, the one that stands first in the order.
    return lock(session, min(plans, key=lambda grant: grant.state is not GrantState.ACTIVE).id)


def seats_of(session: Session, grant_id: str) -> list[Seat]:
    """Those who sit or are asked to, whoever keeps theirs longest first: who accepted before who has not, each in order."""
    query = select(Seat).where(Seat.grant_id == grant_id, col(Seat.state).in_(_THERE))
    found = session.exec(query.execution_options(populate_existing=True)).all()
    return sorted(found, key=lambda seat: (seat.accepted_at is None, seat.since, seat.id))


def give(session: Session, table: Table, email: str, *, customer_id: str | None = None, now: datetime) -> Seat:
    """Let somebody have a seat, at once if it is known whose address it is (`customer_id`), else when they accept.

    Whoever has one keeps it. Raises PlanNotActive, SeatsTaken.
    """
    seat = table.has(email, customer_id)
    if table.grant.state is not GrantState.ACTIVE:
        raise PlanNotActive()
    if seat is None:
        if table.free < 1:
            raise SeatsTaken(seats=table.grant.quantity)
        seat = _row(session, table, email, now=now)
        table.seats.append(seat)
    if customer_id and seat.state is SeatState.INVITED:
        accept(session, table, seat, customer_id, now=now)
    session.flush()
    return seat


def ask(session: Session, table: Table, email: str, person: str | None, *, now: datetime) -> bool:
    """Owe somebody the letter that asks them to take a seat, or one more; the plan's buyer has the first at once, without any.
    `person` is whose address it is, if that is known.

    Returns whether a letter goes out. Raises PlanNotActive, SeatsTaken, and SeatHeld where nothing is left to be taken.
    """
    if person and person == table.order.customer_id:
        if table.grant.buyer_sits:
            raise SeatHeld()
        sit(session, table, buyer=True, now=now)
        return False
    known = table.has(email, person)
    if known and known.accepted_at:
        raise SeatHeld()
    invite(session, give(session, table, email, now=now), now=now)
    return True


def accept(session: Session, table: Table, seat: Seat, customer_id: str, *, now: datetime) -> None:
    """Whoever was asked takes their seat; if they have one under another address, this one is free again, and a plan's buyer has
    their own. Raises PlanNotActive, SeatsTaken where there are fewer by now."""
    if table.grant.state is not GrantState.ACTIVE:
        raise PlanNotActive()
    is_buyer = customer_id == table.order.customer_id
    if is_buyer or any(each.customer_id == customer_id for each in table.seats if each.id != seat.id):
        take(session, table, seat, now=now)
        if is_buyer:
            sit(session, table, buyer=True, now=now)
        return
    if sum(each.accepted_at is not None for each in table.seats) >= table.room:
        raise SeatsTaken(seats=table.grant.quantity)
    seat.customer_id, seat.accepted_at, seat.since = customer_id, now, now
    _turn(session, table, seat, SeatState.ACCEPTED, now=now)
    fit(session, table, now=now)


def take(session: Session, table: Table, seat: Seat, *, now: datetime) -> None:
    """Take a seat away; who waits for one gets it. Taking what is gone changes nothing."""
    if seat.state is SeatState.REMOVED:
        return
    seat.removed_at, seat.accepted_at = now, None
    table.seats = [each for each in table.seats if each.id != seat.id]
    _turn(session, table, seat, SeatState.REMOVED, now=now)
    fit(session, table, now=now)


def sit(session: Session, table: Table, *, buyer: bool, now: datetime) -> None:
    """Let the buyer have the first seat, or give it away. Raises SeatsTaken where they want one and none is free."""
    own = [seat for seat in table.seats if buyer and seat.customer_id and seat.customer_id == table.order.customer_id]
    for seat in own:
        take(session, table, seat, now=now)
    if buyer and not table.grant.buyer_sits and table.free < 1:
        raise SeatsTaken(seats=table.grant.quantity)
    table.grant.buyer_sits = buyer
    fit(session, table, now=now)
    announcements.mark(session, table.order, now=now)
    session.flush()


def of_people(session: Session, people: Collection[str], addresses: Collection[str]) -> set[str]:
    """The ids of the orders in whose plans these customers, or whoever has these addresses, folded, have a seat or are asked to."""
    theirs = or_(col(Seat.customer_id).in_(people), of_addresses(addresses))
    query = select(Grant.order_id).join(Seat, col(Seat.grant_id) == Grant.id)
    return set(session.exec(query.where(theirs, col(Seat.state).in_(_THERE))))


def tables_of(session: Session, order: Order) -> list[Table]:
    """The seats of each plan that this order gives. It must be locked by whoever changes them."""
    plans = select(Grant).where(Grant.order_id == order.id, Grant.kind == Kind.PLAN).order_by(Grant.id)
    found = session.exec(plans.execution_options(populate_existing=True)).all()
    return [Table(grant, order, seats_of(session, grant.id)) for grant in found]


def leave_one(
    session: Session, order: Order, customer_id: str, addresses: Collection[str], *, actor: str, now: datetime
) -> None:
    """Leave this customer, who has these addresses, folded, one seat of each plan of an order: the one that they would keep
    longest, and the buyer their own. What they had or were asked to take beside it is free. The order must be locked."""
    for table in tables_of(session, order):
        theirs = [seat for seat in table.seats if seat.customer_id == customer_id]
        if order.customer_id == customer_id and any(seat.state is SeatState.ACCEPTED for seat in theirs):
            table.grant.buyer_sits = True
        for seat in table.surplus({customer_id}, addresses):
            take(session, table, seat, now=now)
            event = f"seat_freed:{seat.id}:{outbox.stamp(now)}"
            history.note(session, order.id, event, actor=actor, now=now)


def prefer(session: Session, table: Table, seat: Seat, instead_of: Seat, *, now: datetime) -> None:
    """Let somebody who lost their seat have it in place of another, where there are fewer seats than people."""
    seat.since, instead_of.since = instead_of.since, seat.since
    table.seats.sort(key=lambda each: (each.accepted_at is None, each.since, each.id))
    fit(session, table, now=now)


def fit(session: Session, table: Table, *, now: datetime) -> None:
    """Bring the seats to how many there are: the newest accepted are suspended, and come back when there are enough."""
    sitting = [seat for seat in table.seats if seat.accepted_at is not None]
    for place, seat in enumerate(sitting):
        _turn(session, table, seat, SeatState.ACCEPTED if place < table.room else SeatState.SUSPENDED, now=now)


def follow(session: Session, order: Order, grants: Sequence[Grant], *, now: datetime) -> None:
    """The same of every plan among an order's grants that has changed just now. The order must be locked."""
    for grant in grants:
        if grant.kind is Kind.PLAN and grant.updated_at == now:
            fit(session, Table(grant, order, seats_of(session, grant.id)), now=now)


def invite(session: Session, seat: Seat, *, now: datetime) -> None:
    """Owe the letter that asks somebody to take their seat; an earlier letter's code is worth nothing any more."""
    seat.invited_at, seat.tries = now, 0
    time = outbox.stamp(now)
    session.flush()
    outbox.owe(session, Job.SEAT_INVITATION, seat.id, time, key=f"{seat.id}:{time}", to=seat.email)


def _row(session: Session, table: Table, email: str, *, now: datetime) -> Seat:
    """The row of an address that has no seat: the one from before, if it ever had one, in whichever capitals."""
    known = select(Seat).where(Seat.grant_id == table.grant.id, of_addresses({fold(email)}))
    # Several only where they were written before these were compared: then the one that is written so.
    found = sorted(session.exec(known), key=lambda row: (row.email != email, row.created_at, row.id))
    seat = (
        found[0] if found else Seat(id=new_id("seat"), grant_id=table.grant.id, email=email, since=now, created_at=now)
    )
    seat.email, seat.folded = email, fold(email)
    if seat.customer_id:
        # From now on nothing leads from the order to whoever lost it: they are looked at by themselves.
        entitlement_records.look(session, [seat.customer_id], now=now)
    seat.since, seat.removed_at, seat.accepted_at, seat.customer_id, seat.tries = now, None, None, None, 0
    session.add(seat)
    session.flush()
    seat.state = SeatState.REMOVED  # so that to be asked is a change
    _turn(session, table, seat, SeatState.INVITED, now=now)
    return seat


def _turn(session: Session, table: Table, seat: Seat, state: SeatState, *, now: datetime) -> None:
    """Write how a seat stands, and tell it if that is news."""
    if seat.state is state:
        return
    seat.state = state
    said = {
        "seat": seat.id, "order": table.order.id, "product": table.grant.product_id, "state": state,
        "person": seat.customer_id, "livemode": table.order.livemode,
    }  # fmt: skip
    key = f"{seat.id}:{state}:{outbox.stamp(now)}"
    announce(session, Topic.SEAT_CHANGED, said, key=key, person=seat.customer_id or "", now=now)
    announcements.mark(session, table.order, now=now)
