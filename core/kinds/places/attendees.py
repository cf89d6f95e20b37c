"""Attendees: a row for each place in a workshop that was paid for: who comes, on which date, and the token of their ticket."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, func, update
from sqlmodel import Field, Session, col, select

from core.foundation import signing
from core.foundation.errors import LinkInvalid
from core.foundation.records import Record, new_id
from core.kinds.places.cancellations import PlaceCancellation
from core.orders.orders import Order, OrderLine


class Attendee(Record, table=True):
    """One place of an order line. Without an `email` letters about it go to the order's buyer, who then has it.

    `turn` counts how often it went to somebody else: a ticket of an earlier turn opens nothing. `sequence` is that of its entry
    in calendars. `holds` is whether it is counted in what is taken of its date. `former` is whose address it had before.
    """

    __tablename__ = "attendees"
    __table_args__ = (
        UniqueConstraint("order_line_id", "place"),
        Index("ix_attendees_date_id_id", "date_id", "id"),
        # By the order of bytes, as orders are found by the beginning of a name.
        Index("ix_attendees_name", "name", postgresql_ops={"name": "text_pattern_ops"}),
        Index("ix_attendees_folded", "folded", postgresql_ops={"folded": "text_pattern_ops"}),
    )

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    order_line_id: str = Field(foreign_key="order_lines.id")
    date_id: str = Field(foreign_key="workshop_dates.id")
    place: int
    name: str = ""
    email: str = ""
    folded: str = ""
    former: str = ""
    turn: int = 0
    sequence: int = 0
    holds: bool = True
    canceled_at: datetime | None = None
    cancellation_id: str | None = Field(default=None, foreign_key="place_cancellations.id", index=True)
    checked_in_at: datetime | None = None
    checked_in_by: str = ""
    created_at: datetime


def token(row: Attendee, *, before: int | None = None, signing_key: str) -> str:
    """What opens the ticket of whoever has the place now, or opened that of whoever had it `before` this turn: nothing any more.
    The same each time, and not to be had from the database alone."""
    turn = row.turn if before is None else before - 1
    return signing.sign_for_good(signing_key, signing.PLACE, f"{row.id}.{turn}")


def by_token(session: Session, token: str, *, signing_key: str, lock: bool = False) -> Attendee:
    """The attendee whose ticket this is. Raises LinkInvalid for what is none, or was somebody's before."""
    attendee_id, _, turn = signing.read_for_good(signing_key, signing.PLACE, token).rpartition(".")
    query = select(Attendee).where(Attendee.id == attendee_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = session.exec(query).first()
    if row is None or str(row.turn) != turn:
        raise LinkInvalid()
    return row


def order_of(session: Session, token: str, *, signing_key: str) -> str:
    """The order that a ticket belongs to, for who locks it first. Raises LinkInvalid."""
    return by_token(session, token, signing_key=signing_key).order_id


def of_line(session: Session, line_id: str) -> list[Attendee]:
    """The places of an order line, in their order."""
    query = select(Attendee).where(Attendee.order_line_id == line_id).order_by(col(Attendee.place))
    return list(session.exec(query.execution_options(populate_existing=True)))


def of_cancellation(session: Session, cancellation: PlaceCancellation) -> list[Attendee]:
    """The places that were given up with this, in their order."""
    query = select(Attendee).where(Attendee.cancellation_id == cancellation.id).order_by(col(Attendee.place))
    return list(session.exec(query))


def seat(session: Session, line: OrderLine, *, date_id: str, places: int, now: datetime) -> list[Attendee]:
    """The rows of a line's places, which are made when it is paid for the first time."""
    known = of_line(session, line.id)
    made = [
        Attendee(
            id=new_id("at"), order_id=line.order_id, order_line_id=line.id, date_id=date_id, place=place, created_at=now
        )
        for place in range(len(known), places)
    ]
    session.add_all(made)
    return known + made


def dates_of(session: Session, line_ids: Collection[str]) -> set[str]:
    """The dates on which places of these lines are counted."""
    if not line_ids:
        return set()
    query = select(Attendee.date_id).where(col(Attendee.order_line_id).in_(line_ids), col(Attendee.holds)).distinct()
    return set(session.exec(query))


def shown(row: Attendee, buyer: str) -> str:
    """What to call an attendee: by the name that was typed, else the first place by its buyer's, else by the address they have.
    Further places of an order are its guests; empty for the first of somebody who never said a name."""
    if row.name or row.email:
        return row.name or row.email
    return f"Guest {row.place + 1}" if row.place else buyer


def receiver(session: Session, attendee_id: str, *, before: int | None = None) -> str:
    """Where letters about a place go: to whoever has it or had it `before` this turn. Empty for one who was forgotten, and for one
    of whom nothing is known any more, since the place went on once more since then."""
    row = session.get(Attendee, attendee_id)
    if row is None or before not in (None, 1, row.turn):
        return ""
    # Before the first turn it was the buyer's.
    known = row.email if before is None else row.former if before == row.turn else ""
    return known or session.get_one(Order, row.order_id).email


def changed(session: Session, rows: Iterable[Attendee]) -> None:
    """Let every calendar know that the entries of these places are others now. Each change of an attendee passes here."""
    ids = [row.id for row in rows]
    session.flush()
    if ids:
        bigger = update(Attendee).where(col(Attendee.id).in_(ids)).values(sequence=col(Attendee.sequence) + 1)
        session.exec(bigger.execution_options(synchronize_session="evaluate"))


def counted(session: Session, date_ids: Collection[str]) -> dict[str, int]:
    """How many places of each of these dates are paid for and kept."""
    query = (
        select(Attendee.date_id, func.count())
        .where(col(Attendee.date_id).in_(date_ids), col(Attendee.holds))
        .group_by(Attendee.date_id)
    )
    return dict(session.exec(query).all())
