"""The waiting list of a workshop's date: who wants places that are not free, and what they are offered.

A place that frees up is offered before the shop shows it: in the very transaction that frees it. An offer is held as places
are that somebody is paying for, and has a clock of its own.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint, func, update
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, col, select

from core.catalog.products import Product
from core.foundation import signing
from core.foundation.addresses import fold
from core.foundation.database import NOW
from core.foundation.errors import LinkInvalid, OfferOver, PlacesFree
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record, constant, index_where, new_id, text_enum
from core.foundation.writes.later import at_the_end
from core.kinds import workshops
from core.kinds.workshops import Reservation, ReservationState, WorkshopDate
from core.languages import sentences
from core.orders.orders import OrderLine

# So long an offer stands, and no longer than half of the time that is left.
_STANDS = timedelta(hours=24)
# Nearer to the beginning nothing is offered any more: what is free then is for whoever comes first.
_TOO_LATE = timedelta(hours=1)
# Of those who wait, so many are looked at for whom a free place would do.
_LOOKED_AT = 500


class Waiting(StrEnum):
    """Where an entry stands: `offered` places are held for it, `paying` if its owner has gone to pay for them."""

    WAITING = "waiting"
    OFFERED = "offered"
    PAYING = "paying"
    TOOK = "took"
    LEFT = "left"
    LAPSED = "lapsed"
    CLOSED = "closed"


class News(StrEnum):
    """What whoever waits is written to about: that they are on the list, that places are held, or that nothing is to be waited
    for."""

    JOINED = "joined"
    OFFER = "offer"
    CLOSED = "closed"


STANDING = (Waiting.WAITING, Waiting.OFFERED, Waiting.PAYING)


class WaitingEntry(Record, table=True):
    """Somebody who waits for places on a date. `since` says whose turn it is; `turn` counts how often they came to the list."""

    __tablename__ = "waiting_entries"
    __table_args__ = (
        UniqueConstraint("date_id", "folded"),
        Index("ix_waiting_entries_date_id_state_since_id", "date_id", "state", "since", "id"),
    )

    id: str = Field(primary_key=True)
    date_id: str = Field(foreign_key="workshop_dates.id", ondelete="CASCADE")
    email: str
    folded: str = Field(index=True)
    language: str = ""
    places: int
    state: Waiting = text_enum(Waiting)
    turn: int = 0
    since: datetime
    offer_until: datetime | None = None
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)


OFFERED = col(WaitingEntry.state) == constant(Waiting.OFFERED)
index_where(OFFERED, "ix_waiting_entries_offered", WaitingEntry.offer_until)


def token(row: WaitingEntry, *, signing_key: str) -> str:
    """What opens the page of an entry: to take what is offered, or to leave the list."""
    return signing.sign_for_good(signing_key, signing.WAITING, f"{row.id}.{row.turn}")


def by_token(session: Session, token: str, *, signing_key: str) -> WaitingEntry:
    """The entry that this opens. Raises LinkInvalid for what is none, or is from an earlier time on the list."""
    entry_id, _, turn = signing.read_for_good(signing_key, signing.WAITING, token).rpartition(".")
    row = session.get(WaitingEntry, entry_id)
    if row is None or str(row.turn) != turn:
        raise LinkInvalid()
    return row


def join(session: Session, date_id: str, email: str, *, places: int, now: datetime) -> WaitingEntry:
    """Put an address on the list of a date, once: whoever is on it keeps their turn, and may want another number of places.

    Raises SoldOut for a date that is not to be had any more, PlacesFree if so many are free.
    """
    date = next(iter(workshops.lock(session, [date_id], now=now)), None)
    if date is None or not date.bookable:
        raise workshops.sold_out(date.product_id if date else "", date, date_id)
    if date.left >= places:
        raise PlacesFree(date=date_id, left=date.left)
    row = _of(session, date_id, email)
    if row and row.state in STANDING:
        row.places = places if row.state is Waiting.WAITING else row.places
        session.flush()
        return row
    row = row or WaitingEntry(
        id=new_id("wl"), date_id=date_id, email=email, folded=fold(email), places=places, state=Waiting.WAITING, turn=-1,
        since=now,
    )  # fmt: skip
    row.email, row.places, row.since, row.turn = email, places, now, row.turn + 1
    row.state, row.offer_until, row.order_id = Waiting.WAITING, None, None
    row.language = sentences.language()
    session.add(row)
    session.flush()
    _owe_letter(session, row, News.JOINED)
    return row


def leave(session: Session, entry_id: str) -> WaitingEntry | None:
    """Take somebody off the list, with what is offered to them. Who has gone to pay keeps what they pay for."""
    row = lock(session, entry_id)
    if row and row.state is Waiting.OFFERED:
        free(session, row.date_id, row.places)
    if row and row.state in (Waiting.WAITING, Waiting.OFFERED):
        row.state = Waiting.LEFT
        session.flush()
    return row


def lapse(session: Session, entry_id: str, *, now: datetime) -> bool:
    """End an offer whose time is over, if nobody has gone to pay by now; whether it was ended."""
    row = lock(session, entry_id)
    if row is None or row.state is not Waiting.OFFERED or row.offer_until is None or row.offer_until > now:
        return False
    row.state = Waiting.LAPSED
    session.flush()
    free(session, row.date_id, row.places)
    return True


def lapsed(session: Session, *, now: datetime, most: int = 100) -> list[str]:
    """Offers whose time is over, the oldest first."""
    query = select(WaitingEntry.id).where(OFFERED, col(WaitingEntry.offer_until) <= now)
    return list(session.exec(query.order_by(col(WaitingEntry.offer_until)).limit(most)))


def offer_to(session: Session, entry_id: str, *, now: datetime) -> WaitingEntry:
    """Offer free places to this one, whoever came before. Raises SoldOut without so many, OfferOver for who waits no more."""
    row = lock(session, entry_id)
    if row is None or row.state not in (Waiting.WAITING, Waiting.LAPSED, Waiting.LEFT):
        raise OfferOver()
    if not workshops.take(session, row.date_id, row.places, *workshops.bookable(now)):
        date = workshops.dates(session, [row.date_id], now=now).get(row.date_id)
        raise workshops.sold_out(date.product_id if date else "", date, row.date_id)
    date_row = session.get_one(WorkshopDate, row.date_id, populate_existing=True)
    _offer(session, [row], until=_until(date_row, now), now=now)
    return row


def offered(session: Session, entry_id: str, order_id: str, *, now: datetime) -> WaitingEntry:
    """The entry of somebody who goes to pay for what they are offered; the date must be locked. Raises OfferOver."""
    row = session.get(WaitingEntry, entry_id, with_for_update=True, populate_existing=True)
    stands = row is not None and row.state is Waiting.OFFERED and row.offer_until is not None and row.offer_until > now
    again = row is not None and row.state is Waiting.PAYING and row.order_id == order_id
    if row is None or not (stands or again):
        raise OfferOver(taken=row is not None and row.state is Waiting.TOOK)
    return row


def hand_over(session: Session, row: WaitingEntry, order_id: str) -> None:
    """Give what is held for an offer to the order that is about to hold it, in this same transaction."""
    if row.state is Waiting.OFFERED:
        workshops.count_down(session, row.date_id, row.places)
    row.state, row.order_id = Waiting.PAYING, order_id
    session.flush()


def took(session: Session, order_id: str) -> None:
    """Whoever waited has paid."""
    paying = col(WaitingEntry.state) == Waiting.PAYING
    session.exec(update(WaitingEntry).where(paying, col(WaitingEntry.order_id) == order_id).values(state=Waiting.TOOK))


def close(session: Session, date_id: str) -> list[WaitingEntry]:
    """End the list of a date that does not take place, which must be locked; those who waited."""
    query = select(WaitingEntry).where(WaitingEntry.date_id == date_id, col(WaitingEntry.state).in_(STANDING))
    rows = list(session.exec(query.order_by(col(WaitingEntry.id)).with_for_update()))
    for row in rows:
        if row.state is Waiting.OFFERED:
            workshops.count_down(session, date_id, row.places)
        row.state = Waiting.CLOSED
        _owe_letter(session, row, News.CLOSED)
    session.flush()
    return rows


def forget(session: Session, addresses: Collection[str]) -> None:
    """Forget that these people, by their folded addresses, ever waited; what is offered to them is free."""
    query = select(WaitingEntry.id).where(col(WaitingEntry.folded).in_(addresses)).order_by(col(WaitingEntry.date_id))
    for entry_id in session.exec(query).all():
        if row := leave(session, entry_id):
            session.delete(row)
    session.flush()


def readdress(session: Session, old: str, new: str) -> None:
    """Have whoever waits under an address wait under another, in their turn; where they wait under that too, each stays.

    What was mailed to the first opens nothing any more: it may be somebody else's. The other is sent what does.
    """
    other = aliased(WaitingEntry)
    twice = select(other.id).where(other.date_id == col(WaitingEntry.date_id), other.folded == fold(new)).exists()
    theirs = select(WaitingEntry).where(col(WaitingEntry.folded) == fold(old), ~twice).order_by(WaitingEntry.id)
    for row in session.exec(theirs.with_for_update().execution_options(populate_existing=True)).all():
        row.email, row.folded = new, fold(new)
        if fold(old) != fold(new):
            row.turn += 1
            if row.state in STANDING:
                _owe_letter(session, row, News.JOINED if row.state is Waiting.WAITING else News.OFFER)
    session.flush()


def free(session: Session, date_id: str, places: int) -> None:
    """Count places as taken no more, and offer them to those who wait before anybody else can see them."""
    workshops.count_down(session, date_id, places)
    look(session, date_id)


def look(session: Session, date_id: str) -> None:
    """Offer at the end of this transaction what is free of a date by then. Its row must have been changed in it."""
    at_the_end(session, _offer_all, date_id)


def waiting(session: Session, date_ids: Collection[str]) -> dict[str, dict[Waiting, tuple[int, int]]]:
    """Of each of these dates, how many entries stand where, and how many places they want together."""
    query = (
        select(WaitingEntry.date_id, WaitingEntry.state, func.count(), func.sum(WaitingEntry.places))
        .where(col(WaitingEntry.date_id).in_(date_ids), col(WaitingEntry.state).in_(STANDING))
        .group_by(WaitingEntry.date_id, WaitingEntry.state)
    )
    found: dict[str, dict[Waiting, tuple[int, int]]] = {}
    for date_id, state, number, places in session.exec(query):
        found.setdefault(date_id, {})[Waiting(state)] = (number, int(places))
    return found


def lock(session: Session, entry_id: str) -> WaitingEntry | None:
    """An entry, locked after its date, as everybody locks the two."""
    date_id = session.exec(select(WaitingEntry.date_id).where(WaitingEntry.id == entry_id)).first()
    if date_id is None:
        return None
    session.exec(select(WorkshopDate.id).where(WorkshopDate.id == date_id).with_for_update(key_share=True)).all()
    return session.get(WaitingEntry, entry_id, with_for_update=True, populate_existing=True)


def _of(session: Session, date_id: str, email: str) -> WaitingEntry | None:
    query = select(WaitingEntry).where(WaitingEntry.date_id == date_id, WaitingEntry.folded == fold(email))
    return session.exec(query.with_for_update().execution_options(populate_existing=True)).first()


def _offer_all(session: Session, date_ids: Sequence[str]) -> None:
    # What is made up has no clock that goes, and nobody waits for it.
    if clock := session.info.get(NOW):
        for date_id in sorted(set(date_ids)):
            _offer_free(session, date_id, now=clock())


def _offer_free(session: Session, date_id: str, *, now: datetime) -> None:
    """Offer what is free of a date: first again to those who went to pay and came back without having paid."""
    _come_back(session, date_id, now=now)
    on_sale = select(WorkshopDate).join(Product, col(Product.id) == WorkshopDate.product_id)
    on_sale = on_sale.where(WorkshopDate.id == date_id, col(Product.active), *workshops.bookable(now + _TOO_LATE))
    date = session.exec(on_sale.execution_options(populate_existing=True)).first()
    left = date.capacity - date.taken if date else 0
    if date is None or left <= 0:
        return
    chosen = []
    for row in _first(session, date_id, left):
        if row.places <= left:
            chosen.append(row)
            left -= row.places
    if chosen and workshops.take(session, date_id, sum(row.places for row in chosen)):
        _offer(session, chosen, until=_until(date, now), now=now)


def _first(session: Session, date_id: str, left: int) -> Sequence[WaitingEntry]:
    query = select(WaitingEntry).where(
        WaitingEntry.date_id == date_id, WaitingEntry.state == Waiting.WAITING, WaitingEntry.places <= left
    )
    in_turn = query.order_by(col(WaitingEntry.since), col(WaitingEntry.id)).limit(_LOOKED_AT)
    return session.exec(in_turn.with_for_update().execution_options(populate_existing=True)).all()


def _come_back(session: Session, date_id: str, *, now: datetime) -> None:
    query = select(WaitingEntry).where(WaitingEntry.date_id == date_id, WaitingEntry.state == Waiting.PAYING)
    for row in session.exec(query.order_by(col(WaitingEntry.id)).with_for_update()).all():
        if not row.order_id or _holds(session, row.order_id, date_id):
            continue
        stands = row.offer_until is not None and row.offer_until > now
        again = stands and workshops.take(session, date_id, row.places, *workshops.bookable(now))
        row.state = Waiting.OFFERED if again else Waiting.LAPSED
    session.flush()


def _holds(session: Session, order_id: str, date_id: str) -> bool:
    query = (
        select(Reservation.places)
        .join(OrderLine, col(OrderLine.id) == Reservation.order_line_id)
        .where(
            OrderLine.order_id == order_id,
            Reservation.date_id == date_id,
            Reservation.state != ReservationState.RELEASED,
        )
    )
    return session.exec(query).first() is not None


def _offer(session: Session, rows: Sequence[WaitingEntry], *, until: datetime, now: datetime) -> None:
    for row in rows:
        row.state, row.offer_until, row.order_id = Waiting.OFFERED, until, None
        _owe_letter(session, row, News.OFFER, outbox.stamp(now))
    session.flush()


def _until(date: WorkshopDate, now: datetime) -> datetime:
    return now + min(_STANDS, (date.starts_at - now) / 2)


def _owe_letter(session: Session, row: WaitingEntry, news: News, stamp: str = "") -> None:
    told = (row.id, news.value, stamp or str(row.turn))
    outbox.owe(session, Job.WAITING_LETTER, *told, key=":".join(told), to=row.email)
