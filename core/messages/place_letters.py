"""Letters about a place in a workshop, and about waiting for one: what each has to say as things stand when it is written."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from core.catalog.products import Product
from core.foundation.jobs import outbox
from core.kinds.grants import Grant
from core.kinds.places import attendees, waiting_list
from core.kinds.places.attendees import Attendee
from core.kinds.places.cancellations import MoneyBack, PlaceCancellation
from core.kinds.places.owed_letters import Topic
from core.kinds.places.waiting_list import News, Waiting, WaitingEntry
from core.kinds.workshops import Times, WorkshopDate
from core.messages import calendar_entries
from core.messages.attendee_messages import AttendeeMessage
from core.messages.calendar_entries import Entry, Method
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState
from core.shop import Shop

# What is only true as long as the date begins when it did.
_OF_ITS_TIME = (Topic.MOVED, Topic.DAY, Topic.HOUR)


@dataclass(frozen=True)
class PlaceLetter:
    """What a letter about a place needs. `percent` of its price goes back, None where nothing was said of money; `calendar` is the
    file that a calendar is to take in, by this `method`. It is `today` by the clock of where it takes place."""

    email: str
    topic: Topic
    product: str
    name: str
    times: Times
    room: str
    url: str
    join_url: str
    calendar: str = ""
    method: Method | None = None
    by_shop: bool = False
    percent: int | None = None
    subject: str = ""
    text: str = ""
    today: bool = False


@dataclass(frozen=True)
class WaitingLetter:
    """What a letter to somebody who waits needs. `until` is how long the offer stands; `url` opens it, and leaves the list."""

    email: str
    topic: News
    product: str
    places: int
    times: Times
    url: str
    until: datetime | None = None


def is_address(place: str) -> bool:
    """Whether where a date takes place is the address of a meeting, and not a room."""
    return place.startswith(("https://", "http://"))


def ticket_url(shop: Shop, token: str, page: str = "ticket") -> str:
    """The address of a ticket, or of another page that its token opens."""
    return f"{shop.settings.public_url}/{page}/{token}"


def entry_of(
    shop: Shop, row: Attendee, date: WorkshopDate, order: Order, product: str, *, before: int | None = None
) -> Entry:
    """A place as calendars know it: those of whoever has it or had it `before` this turn, who is told of no way in but their own,
    which is shut."""
    token = attendees.token(row, before=before, signing_key=shop.signing_key)
    url = ticket_url(shop, token)
    room = date.join_url if date.join_url and not is_address(date.join_url) else ""
    where = room or ticket_url(shop, token, "join")
    name = attendees.shown(row, order.name) or order.email
    return Entry(row.id, row.sequence, product, date.times, url, where, name, row.email or order.email)


def about_place(shop: Shop, attendee_id: str, topic: Topic, stamp: str) -> PlaceLetter | None:
    """What to write about this place, or None if that is no longer so. `stamp` is a message's id, or when the date begins."""
    with shop.reading() as session:
        row = session.get(Attendee, attendee_id)
        if row is None:
            return None
        date, order = session.get_one(WorkshopDate, row.date_id), session.get_one(Order, row.order_id)
        line = session.get_one(OrderLine, row.order_line_id)
        if not _is_so(session, row, date, topic, stamp, now=shop.now()):
            return None
        before = turn_before(topic, stamp)
        email = attendees.receiver(session, attendee_id, before=before)
        if before is not None and not email:
            return None
        canceled = session.get(PlaceCancellation, row.cancellation_id) if row.cancellation_id else None
        message = session.get(AttendeeMessage, stamp) if topic is Topic.MESSAGE else None
    entry = entry_of(shop, row, date, order, line.name, before=before)
    method = _METHOD.get(topic)
    percent = None
    if topic is Topic.CANCELED and canceled:
        percent = 0 if canceled.money is MoneyBack.NONE else canceled.percent
    return PlaceLetter(
        email=email, topic=topic, product=line.name, name=entry.name, times=date.times,
        room="" if is_address(date.join_url) else date.join_url, url=entry.url,
        join_url=ticket_url(shop, attendees.token(row, before=before, signing_key=shop.signing_key), "join"),
        calendar=_file(shop, entry, email, method) if method else "", method=method,
        by_shop=canceled is not None and canceled.whole_date, percent=percent,
        subject=message.subject if message else "", text=message.text if message else "",
        today=_is_today(date, now=shop.now()),
    )  # fmt: skip


def _is_today(date: WorkshopDate, *, now: datetime) -> bool:
    zone = ZoneInfo(date.timezone)
    return date.starts_at.astimezone(zone).date() == now.astimezone(zone).date()


def turn_before(topic: str, stamp: str) -> int | None:
    """Before which turn of a place whoever is written to had it; None for whoever has it now."""
    if topic != Topic.GONE:
        return None
    # Whatever an address on the owner's side may say: there is no such turn.
    return int(stamp) if stamp.isdecimal() and len(stamp) < 9 else 0


def about_waiting(shop: Shop, entry_id: str, topic: News, stamp: str) -> WaitingLetter | None:
    """What to write to somebody who waits, or None if that is no longer so."""
    with shop.reading() as session:
        row = session.get(WaitingEntry, entry_id)
        if row is None or not _is_news(row, topic, stamp, now=shop.now()):
            return None
        query = select(WorkshopDate, Product.name).join(Product, col(Product.id) == WorkshopDate.product_id)
        date, product = session.exec(query.where(WorkshopDate.id == row.date_id)).one()
    token = waiting_list.token(row, signing_key=shop.signing_key)
    until = row.offer_until if topic is News.OFFER else None
    url = ticket_url(shop, token, "waiting")
    return WaitingLetter(row.email, topic, product, row.places, date.times, url, until)


def waiter(session: Session, entry_id: str) -> str:
    """Where letters to somebody who waits go; empty for one who was forgotten."""
    row = session.get(WaitingEntry, entry_id)
    return row.email if row else ""


def waiters_language(session: Session, entry_id: str) -> str:
    """What those letters speak."""
    row = session.get(WaitingEntry, entry_id)
    return row.language if row else ""


def calendars_of(
    shop: Shop, order_id: str, method: Method = Method.REQUEST, *, lines: Collection[int] | None = None
) -> tuple[str, ...]:
    """The entry of each workshop that an order's buyer goes to themselves: of the first place of each line, while it is theirs. To
    cancel, of those that are closed: what was given up has a letter of its own. Of these lines, counted from 1, or of all."""
    with shop.reading() as session:
        query = (
            select(Attendee, WorkshopDate, Order, OrderLine.name)
            .join(WorkshopDate, col(WorkshopDate.id) == Attendee.date_id)
            .join(Order, col(Order.id) == Attendee.order_id)
            .join(OrderLine, col(OrderLine.id) == Attendee.order_line_id)
            .where(Attendee.order_id == order_id, Attendee.place == 0, Attendee.email == "")
            .where(col(Attendee.holds).is_(method is not Method.CANCEL), col(Attendee.canceled_at).is_(None))
        )
        if lines is not None:
            query = query.where(col(OrderLine.position).in_([line - 1 for line in lines]))
        found = session.exec(query.order_by(col(OrderLine.position))).all()
    return tuple(
        _file(shop, entry_of(shop, row, date, order, name), order.email, method) for row, date, order, name in found
    )


# Which letters change what stands in a calendar.
_METHOD = {
    Topic.TICKET: Method.REQUEST, Topic.MOVED: Method.REQUEST, Topic.OPENED: Method.REQUEST,
    Topic.GONE: Method.CANCEL, Topic.CANCELED: Method.CANCEL, Topic.CLOSED: Method.CANCEL,
}  # fmt: skip


def _file(shop: Shop, entry: Entry, email: str, method: Method) -> str:
    mine = Entry(**{**vars(entry), "email": email})
    return calendar_entries.written(shop.settings, mine, method, now=shop.now())


def _is_so(session: Session, row: Attendee, date: WorkshopDate, topic: Topic, stamp: str, *, now: datetime) -> bool:
    if topic is Topic.GONE:
        return True
    if topic is Topic.CANCELED:
        return row.canceled_at is not None
    if topic is Topic.CLOSED:
        return not row.holds and row.canceled_at is None and date.starts_at > now
    grant = session.exec(select(Grant.state).where(Grant.order_line_id == row.order_line_id)).first()
    has = row.holds and row.canceled_at is None and grant is GrantState.ACTIVE
    as_it_was = topic not in _OF_ITS_TIME or outbox.stamp(date.starts_at) == stamp.partition(".")[0]
    if topic is Topic.TICKET:  # of several turns that were told late the last one's is enough
        as_it_was = str(row.turn) == stamp
    in_time = topic is Topic.MESSAGE or date.starts_at > now
    return has and as_it_was and in_time


def _is_news(row: WaitingEntry, topic: News, stamp: str, *, now: datetime) -> bool:
    if topic is News.OFFER:
        return row.state in (Waiting.OFFERED, Waiting.PAYING) and row.offer_until is not None and row.offer_until > now
    if topic is News.JOINED:
        return row.state is Waiting.WAITING and str(row.turn) == stamp
    return row.state is Waiting.CLOSED
