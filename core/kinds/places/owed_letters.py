"""Owed letters: what happens to a place, or to somebody who waits for one, of which they are told.

Whose address is another by now gets their tickets anew. What each letter says is worded when it is sent.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlmodel import Session, select

from core.foundation.addresses import fold
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.kinds.places import attendees
from core.kinds.places.attendees import Attendee
from core.kinds.workshops import WorkshopDate
from core.orders.orders import Order


class Topic(StrEnum):
    """What happened to a place: it was given to its `ticket`'s new holder and is `gone` from the one before, was moved or
    canceled, closed with the purchase that it belongs to or opened again, is near, or those who run the shop have something to
    say."""

    TICKET = "ticket"
    GONE = "gone"
    MOVED = "moved"
    CANCELED = "canceled"
    CLOSED = "closed"
    OPENED = "opened"
    DAY = "day"
    HOUR = "hour"
    MESSAGE = "message"


def owe(session: Session, row: Attendee, topic: Topic, stamp: str, *, to: str) -> None:
    """Owe a letter about a place, once for this topic and stamp."""
    told = (row.order_id, row.id, topic.value, stamp)
    outbox.owe(session, Job.PLACE_LETTER, *told, key=":".join(told), to=to)


def readdress(session: Session, old: str, new: str) -> None:
    """Have letters about the places of whoever has this address go to another one of theirs, and that be who has them."""
    rows = _locked(session, Attendee.folded == fold(old))
    for row in rows:
        row.email, row.folded = new, fold(new)
    _issue_anew(session, rows, to=new)


def follow(session: Session, order: Order) -> None:
    """The same of the places that are their buyer's own: letters about them go where the order's do, which is elsewhere by now."""
    _issue_anew(session, _locked(session, Attendee.order_id == order.id, Attendee.email == ""), to=order.email)


def tell_moved(session: Session, rows: Sequence[Attendee], order: Order) -> None:
    """Owe the buyer of these places a letter that says when they are."""
    session.flush()
    for row in rows:
        begins = session.get_one(WorkshopDate, row.date_id).starts_at
        owe(session, row, Topic.MOVED, f"{outbox.stamp(begins)}.{row.sequence}", to=order.email)


def closed(session: Session, rows: Sequence[Attendee]) -> None:
    """Have calendars and those to whom these places were handed know that they are nobody's any more, with what paid for them.
    Their buyer hears of it by what is written about the order."""
    _tell_holders(session, rows, Topic.CLOSED)


def opened(session: Session, rows: Sequence[Attendee]) -> None:
    """The same of places that are theirs again."""
    _tell_holders(session, rows, Topic.OPENED)


def _tell_holders(session: Session, rows: Sequence[Attendee], topic: Topic) -> None:
    attendees.changed(session, rows)
    for row in rows:
        if row.email and not session.get_one(Order, row.order_id).from_season:
            owe(session, row, topic, str(row.sequence), to=row.email)


def _issue_anew(session: Session, rows: Sequence[Attendee], *, to: str) -> None:
    """Let what was mailed elsewhere open nothing any more, and owe whoever has these places the tickets that do."""
    for row in rows:
        row.turn += 1
    attendees.changed(session, rows)
    for row in rows:
        if row.holds:
            owe(session, row, Topic.TICKET, str(row.turn), to=to)


def _locked(session: Session, *which: Any) -> Sequence[Attendee]:
    query = select(Attendee).where(*which).order_by(Attendee.id).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).all()
