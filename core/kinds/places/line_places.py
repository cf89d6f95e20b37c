"""Places: what a line for a workshop gives, held while somebody pays, taken when they have paid, one row for each attendee.

An order line names the date that was bought. Nothing here ever puts another in its place: only whoever has a place moves it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session, col, select

from core.kinds import workshops
from core.kinds.grants import Delivery, Grant, Ticket
from core.kinds.places import attendees, owed_letters, waiting_list
from core.kinds.places.attendees import Attendee
from core.kinds.workshops import Reservation, ReservationState, WorkshopDate
from core.orders import history
from core.orders.orders import Order, OrderLine


def lock_of(session: Session, lines: Sequence[OrderLine]) -> None:
    """Lock what these lines count on, if it is more than one date: one alone is locked by the change itself."""
    bought = {line.id: line.workshop_date_id for line in lines if line.workshop_date_id}
    wanted = {*bought.values(), *attendees.dates_of(session, bought)}
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
    if not workshops.take(session, date_id, line.quantity, *workshops.bookable(now)):
        date = workshops.dates(session, [date_id], now=now).get(date_id)
        raise workshops.sold_out(line.product_id, date, date_id)
    if known:
        known.state = ReservationState.HELD
    else:
        held = Reservation(
            order_line_id=line.id, date_id=date_id, places=line.quantity, state=ReservationState.HELD
        )  # fmt: skip
        session.add(held)
    session.flush()


def note_lapsed(session: Session, line: OrderLine) -> None:
    """Note that the line held its places once, and does not any more: it gets them when it is paid, if they are free."""
    session.add(
        Reservation(
            order_line_id=line.id, date_id=line.workshop_date_id or "", places=line.quantity,
            state=ReservationState.RELEASED,
        )
    )  # fmt: skip
    session.flush()


def release(session: Session, line_id: str) -> None:
    """Give back what the line holds; places that are paid for stay taken."""
    reservation = session.get(Reservation, line_id, with_for_update=True)
    if reservation and reservation.state is ReservationState.HELD:
        reservation.state = ReservationState.RELEASED
        session.flush()
        waiting_list.free(session, reservation.date_id, reservation.places)


def grant(session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str:
    """Make the line's places the buyer's own, each its attendee's.

    Returns "date_passed" if its date has begun meanwhile, "date_canceled" if it does not take place, "sold_out" if the hold had
    lapsed and none is free.
    """
    reservation = session.get(Reservation, line.id, with_for_update=True)
    if reservation is None:
        return "sold_out"
    known = attendees.of_line(session, line.id)
    if reservation.state is ReservationState.HELD or not known:
        return _grant_first(session, line, reservation, now=now)
    missing = [row for row in known if not row.holds and row.canceled_at is None]
    if short := _take_again(session, missing, now=now):
        return short
    reservation.state = ReservationState.TAKEN
    session.flush()
    return ""


def _grant_first(session: Session, line: OrderLine, reservation: Reservation, *, now: datetime) -> str:
    """For the first time, or again for one that was blocked meanwhile and holds its places."""
    if short := _lost(session, reservation.date_id, now=now):
        return short
    places, known = reservation.places, attendees.of_line(session, line.id)
    released = reservation.state is ReservationState.RELEASED
    if released and not workshops.take(session, reservation.date_id, places):
        return "sold_out"
    reservation.state = ReservationState.TAKEN
    for row in known:
        # What was held is held for the date that was bought.
        row.date_id, row.holds = reservation.date_id, row.canceled_at is None
    rows = attendees.seat(session, line, date_id=reservation.date_id, places=places, now=now)
    if not known and history.has(session, line.order_id, moved_event(line)):
        owed_letters.tell_moved(session, rows, session.get_one(Order, line.order_id))
    if gone := sum(row.canceled_at is not None for row in known):
        waiting_list.free(session, reservation.date_id, gone)
    waiting_list.took(session, line.order_id)
    session.flush()
    return ""


def moved_event(line: OrderLine) -> str:
    """What is noted on an order whose date was moved while its buyer was paying: their payment page said another time."""
    return f"date_moved:{line.position + 1}"


def _take_again(session: Session, missing: Sequence[Attendee], *, now: datetime) -> str:
    """Count these places again, all or none."""
    counted = _by_date(missing)
    if lost := next(filter(None, (_lost(session, date_id, now=now) for date_id in counted)), ""):
        return lost
    taken: list[str] = []
    for date_id, places in counted.items():
        if not workshops.take(session, date_id, places):
            for other in taken:
                workshops.count_down(session, other, counted[other])
            return "sold_out"
        taken.append(date_id)
    for row in missing:
        row.holds = True
    owed_letters.opened(session, missing)
    return ""


def suspend(session: Session, grant: Grant, *, now: datetime) -> None:
    """A suspended place stays taken: its buyer may yet be proved right."""


def revoke(session: Session, grant: Grant, *, now: datetime) -> None:
    """Free the places for somebody else, while there can be somebody: of a date that has begun they were this buyer's."""
    reservation = session.get(Reservation, grant.order_line_id)
    if reservation is None or reservation.state is not ReservationState.TAKEN:
        return
    rows = [row for row in attendees.of_line(session, grant.order_line_id) if row.holds]
    lost = [row for row in rows if not workshops.has_begun(session, row.date_id, now=now)]
    let_go(session, lost)
    owed_letters.closed(session, lost)
    if not any(row.holds for row in rows):
        reservation.state = ReservationState.RELEASED
    session.flush()


def let_go(session: Session, rows: Iterable[Attendee]) -> None:
    """Free these places, those of each date at once, dates in the order of their ids."""
    counted = [row for row in rows if row.holds]
    for row in counted:
        row.holds = False
    session.flush()
    for date_id, places in _by_date(counted).items():
        waiting_list.free(session, date_id, places)


def describe(session: Session, given: Sequence[tuple[Grant, Delivery]], *, signing_key: str) -> list[Delivery]:
    """Add when each takes place, and the ticket of each of its places."""
    lines = [grant.order_line_id for grant, _ in given]
    names = {order.id: order.name for order in _orders(session, {grant.order_id for grant, _ in given})}
    rows = session.exec(
        select(Attendee, WorkshopDate)
        .join(WorkshopDate, col(WorkshopDate.id) == Attendee.date_id)
        .where(col(Attendee.order_line_id).in_(lines))
        .order_by(col(Attendee.place))
    ).all()
    query = select(OrderLine.id, WorkshopDate).join(WorkshopDate, col(OrderLine.workshop_date_id) == WorkshopDate.id)
    bought = dict(session.exec(query.where(col(OrderLine.id).in_(lines))).all())
    return [
        _with_tickets(
            base,
            [
                _ticket(row, date, names[grant.order_id], signing_key=signing_key)
                for row, date in rows
                if row.order_line_id == grant.order_line_id
            ],
            bought.get(grant.order_line_id),
        )
        for grant, base in given
    ]


def _orders(session: Session, order_ids: set[str]) -> Sequence[Order]:
    return session.exec(select(Order).where(col(Order.id).in_(order_ids))).all()


def _ticket(row: Attendee, date: WorkshopDate, buyer: str, *, signing_key: str) -> Ticket:
    return Ticket(
        token=attendees.token(row, signing_key=signing_key), name=attendees.shown(row, buyer), email=row.email,
        starts_at=date.starts_at, ends_at=date.ends_at, timezone=date.timezone, canceled=row.canceled_at is not None,
    )  # fmt: skip


def _with_tickets(base: Delivery, tickets: list[Ticket], bought: WorkshopDate | None) -> Delivery:
    """When it takes place is when the next of those places does that were not given up, else the date that was bought."""
    coming = [ticket for ticket in tickets if not ticket.canceled] or tickets
    first = min(coming, key=lambda ticket: ticket.starts_at) if coming else bought
    if first is None:
        return base
    return replace(
        base, tickets=tuple(tickets), starts_at=first.starts_at, ends_at=first.ends_at, timezone=first.timezone
    )


def _lost(session: Session, date_id: str, *, now: datetime) -> str:
    """Why nobody can have a place of this date any more; empty if they can."""
    # Locked: whoever cancels the date meanwhile finds this place, or is found by it.
    date = session.get_one(WorkshopDate, date_id, populate_existing=True, with_for_update={"key_share": True})
    if date.canceled_at:
        return "date_canceled"
    return "date_passed" if date.starts_at <= now else ""


def _by_date(rows: Iterable[Attendee]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: row.date_id):
        found[row.date_id] = found.get(row.date_id, 0) + 1
    return found
