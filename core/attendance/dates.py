"""Dates on which people have places: moved or canceled by those who run the shop, who see first whom that concerns; and letters
to all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlmodel import Session, col, func, select, update

from core.attendance import giving_up
from core.catalog import products
from core.foundation.database import repeatable
from core.foundation.errors import DateCanceled, DateChanged, Problem, ProductUnfit, UnknownDate
from core.foundation.jobs import outbox
from core.foundation.records import new_id
from core.kinds import workshops
from core.kinds.places import attendees, line_places, owed_letters, waiting_list
from core.kinds.places.attendees import Attendee
from core.kinds.places.owed_letters import Topic
from core.kinds.places.waiting_list import OFFERED, Waiting, WaitingEntry
from core.kinds.workshops import Reservation, ReservationState, Times, WorkshopDate
from core.messages.attendee_messages import AttendeeMessage
from core.orders import history, orders
from core.orders.orders import MADE_UP, Order, OrderLine
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

_FULL = 100
MOST_LETTERS = 5000


@dataclass(frozen=True)
class Concerned:
    """Whom a change of a date is about: `people` have a place, bought with so many `orders`; `paying` places are held by people
    who are paying right now; `waiting` entries are on its list."""

    people: int
    orders: int
    paying: int
    waiting: int


def concerned(session: Session, date_id: str) -> Concerned:
    """Whom a change of this date is about, as things stand."""
    having = (Attendee.date_id == date_id, col(Attendee.holds))
    people, of_orders = session.exec(
        select(func.count(), func.count(func.distinct(Attendee.order_id))).where(*having)
    ).one()
    held = select(func.sum(Reservation.places)).where(
        Reservation.date_id == date_id, Reservation.state == ReservationState.HELD
    )
    listed = waiting_list.waiting(session, [date_id]).get(date_id, {})
    waiting = sum(number for state, (number, _) in listed.items() if state is not Waiting.PAYING)
    return Concerned(people, of_orders, int(session.exec(held).one() or 0), waiting)


@repeatable
def move(shop: Shop, date_id: str, times: Times, *, agreed: Concerned, deed: Deed) -> None:
    """Let a date take place at another time, and tell everybody who has a place.

    Raises ProductUnfit for a time that has passed, UnknownDate, DateCanceled, NotPermitted, DoneAlready, or DateChanged if it is
    about other people by now than whoever clicked has `agreed` to.
    """
    now = shop.now()
    with shop.transaction() as session:
        date = _begun(session, shop, date_id, deed, f"moved to {times.starts_at:%Y-%m-%d %H:%M} UTC", agreed)
        if date.starts_at <= now:
            raise ProductUnfit([Problem("dates.starts_at", 0, "has passed already, so the date stays where it is")])
        if times.starts_at <= now or times.ends_at <= times.starts_at:
            raise ProductUnfit([Problem("dates.starts_at", 0, "must be in the future, and before its end")])
        date.starts_at, date.ends_at, date.timezone = times.starts_at, times.ends_at, times.timezone
        session.flush()
        tell_of_move(session, date, now=now)


def tell_of_move(session: Session, date: WorkshopDate, *, now: datetime) -> None:
    """Owe a letter to everybody who has a place on a date that takes place at another time now, also once they have paid for it,
    and let no offer outlast it."""
    rows = _having(session, date.id)
    attendees.changed(session, [row for row, _ in rows])
    for row, email in rows:
        stamp = f"{outbox.stamp(date.starts_at)}.{row.sequence}"
        owed_letters.owe(session, row, Topic.MOVED, stamp, to=row.email or email)
    for line in _paying(session, date.id):
        history.note(session, line.order_id, line_places.moved_event(line), actor="owner", now=now)
    late = update(WaitingEntry).where(col(WaitingEntry.date_id) == date.id, OFFERED)
    session.exec(late.where(col(WaitingEntry.offer_until) > date.starts_at).values(offer_until=date.starts_at))


@repeatable
def cancel(shop: Shop, date_id: str, *, agreed: Concerned, deed: Deed) -> None:
    """Let a date not take place: everybody who has a place is told and gets all of its price back, order by order.

    Raises UnknownDate, DateCanceled, NotPermitted, DoneAlready, DateChanged.
    """
    now = shop.now()
    with shop.transaction() as session:
        # The shelves, then orders, then dates, as everybody locks them; those of who pays meanwhile are locked below.
        products.lock_shelves(session)
        orders.lock_all(session, _orders_of(session, date_id))
        date = _begun(session, shop, date_id, deed, "canceled", agreed)
        date.active, date.canceled_at = False, now
        session.flush()
        who = deeds.permit(session, shop.settings, deed, Action.DATES, now=now)
        waiting_list.close(session, date_id)
        orders.lock_all(session, _orders_of(session, date_id))
        rows = sorted((row for row, _ in _having(session, date_id)), key=lambda row: (row.order_line_id, row.place))
        lines = _lines_of(session, rows)
        for line_id, theirs in groupby(rows, key=lambda row: row.order_line_id):
            giving_up.cancel_rows(
                session, lines[line_id][0], list(theirs), percent=_FULL, by=who.role, whole_date=True, now=now
            )


def write(shop: Shop, date_id: str, subject: str, text: str, *, deed: Deed) -> int:
    """Owe everybody who has a place on a date a letter of these words; to how many. Raises ProductUnfit without words,
    UnknownDate, NotPermitted, DoneAlready."""
    subject, text = " ".join(subject.replace("\0", "").split()), text.replace("\0", "").strip()
    missing = [Problem(name, 0, "is empty") for name, said in (("subject", subject), ("text", text)) if not said]
    if missing or len(text) > MOST_LETTERS:
        raise ProductUnfit(missing or [Problem("text", 0, f"is longer than {MOST_LETTERS} letters")])
    now = shop.now()
    with shop.transaction() as session:
        who = deeds.begin(
            session, shop.settings, deed, Action.ATTENDEES, subject=date_id, detail=f"wrote to all: {subject}", now=now
        )
        if session.get(WorkshopDate, date_id) is None:
            raise UnknownDate(product="", date=date_id)
        rows = _having(session, date_id)
        message = AttendeeMessage(
            id=new_id("am"), date_id=date_id, subject=subject, text=text, sent_by=who.email, receivers=len(rows),
            created_at=now,
        )  # fmt: skip
        session.add(message)
        for row, email in rows:
            owed_letters.owe(session, row, Topic.MESSAGE, message.id, to=row.email or email)
        return len(rows)


def _begun(session: Session, shop: Shop, date_id: str, deed: Deed, detail: str, agreed: Concerned) -> WorkshopDate:
    products.lock_shelves(session)
    deeds.begin(session, shop.settings, deed, Action.DATES, subject=date_id, detail=detail, now=shop.now())
    workshops.lock(session, [date_id], now=shop.now())
    date = session.get(WorkshopDate, date_id, populate_existing=True)
    if date is None:
        raise UnknownDate(product="", date=date_id)
    if date.canceled_at:
        raise DateCanceled(date=date_id)
    if concerned(session, date_id) != agreed:
        raise DateChanged(date=date_id)
    return date


def _having(session: Session, date_id: str) -> Sequence[tuple[Attendee, str]]:
    """Who has a place, each with the address of the order's buyer. Nobody who is made up."""
    query = (
        select(Attendee, Order.email)
        .join(Order, col(Order.id) == Attendee.order_id)
        .where(Attendee.date_id == date_id, col(Attendee.holds), ~MADE_UP)
        .order_by(col(Attendee.id))
    )
    return session.exec(query.execution_options(populate_existing=True)).all()


def _paying(session: Session, date_id: str) -> Sequence[OrderLine]:
    """The lines of those who are paying right now, on a page that says when the date was to be."""
    held = select(OrderLine).join(Reservation, col(Reservation.order_line_id) == OrderLine.id)
    held = held.where(Reservation.date_id == date_id, Reservation.state == ReservationState.HELD)
    return session.exec(held.order_by(col(OrderLine.id))).all()


def _lines_of(session: Session, rows: Sequence[Attendee]) -> dict[str, tuple[OrderLine, Order]]:
    """The lines of these places by id, each with its order: read once, and kept at hand for as long as they are needed."""
    query = select(OrderLine, Order).join(Order, col(Order.id) == OrderLine.order_id)
    found = session.exec(query.where(col(OrderLine.id).in_({row.order_line_id for row in rows})))
    return {line.id: (line, order) for line, order in found}


def _orders_of(session: Session, date_id: str) -> list[str]:
    query = select(Attendee.order_id).where(Attendee.date_id == date_id, col(Attendee.holds)).distinct()
    return list(session.exec(query))
