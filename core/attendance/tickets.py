"""Tickets: a place as whoever has it sees it, and the way into the meeting, asked at the moment of each click."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from core.catalog import workshop_terms
from core.catalog.looks import brand
from core.catalog.products import Product
from core.catalog.workshop_terms import CancelTerms
from core.foundation.addresses import fold
from core.foundation.errors import Fixed
from core.kinds import workshops
from core.kinds.grants import Grant
from core.kinds.places import attendees
from core.kinds.places.attendees import Attendee
from core.kinds.workshops import DateView, Times, WorkshopDate
from core.messages import calendar_entries
from core.messages.calendar_entries import Method
from core.messages.place_letters import entry_of, is_address, ticket_url
from core.orders import history
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState
from core.people import customers
from core.shop import Shop

# So long before the beginning a meeting's door opens, and so long after the end it stays open.
_EARLY = timedelta(minutes=30)
_LATE = timedelta(minutes=30)


@dataclass(frozen=True)
class Place:
    """A place with all that belongs to it, as the database has it now. One that is `bound` was moved to another date when it was
    too late to give it up, which it stays."""

    row: Attendee
    date: WorkshopDate
    order: Order
    line: OrderLine
    grant: Grant
    terms: CancelTerms
    bound: bool
    tried: bool

    @property
    def name(self) -> str:
        return attendees.shown(self.row, self.order.name)

    def shut(self) -> Fixed | None:
        """Why the place opens nothing: the one decision, by the grant as it stands now."""
        if self.row.canceled_at or self.date.canceled_at:
            return Fixed.CANCELED
        if self.tried:
            return Fixed.TRIED
        return None if self.grant.state is GrantState.ACTIVE and self.row.holds else Fixed.CLOSED

    def fixed(self, now: datetime) -> Fixed | None:
        """Why nothing of it can be changed any more; None if it can."""
        return self.shut() or (Fixed.BEGUN if self.date.starts_at <= now else None)

    def not_given_up(self, now: datetime, *, by_buyer: bool) -> Fixed | None:
        """Why it cannot be given up by whoever asks; None if it can. What was handed over is its buyer's to give up."""
        if found := self.fixed(now):
            return found
        if self.bound or self.is_too_late(now):
            return Fixed.RULES
        return Fixed.BUYER if self.row.email and not by_buyer else None

    def is_too_late(self, now: datetime) -> bool:
        """Whether the terms let nobody give up a place on its date any more."""
        until = self.terms.until(self.date.starts_at)
        return until is None or until < now


@dataclass(frozen=True)
class TicketView:
    """A ticket as its page draws it. `url` is its own address and `join_url` that of the way in, `room` what to read instead of a
    meeting's address; `elsewhere` are the other dates with room. `shut` and `fixed` say why it opens nothing, or is not changed.
    `may_change` is whether this browser may give it away, move it or cancel it."""

    attendee_id: str
    date_id: str
    url: str
    join_url: str
    number: str
    product: str
    name: str
    typed_name: str
    email: str
    times: Times
    room: str
    shut: Fixed | None
    fixed: Fixed | None
    not_given_up: Fixed | None
    cancel_until: datetime | None
    percent: int
    doors_open: datetime
    elsewhere: tuple[DateView, ...]
    checked_in_at: datetime | None
    may_change: bool


@dataclass(frozen=True)
class Door:
    """What a click on the way in comes to: the meeting's `address`, else a `room`, else why not (yet)."""

    product: str
    times: Times
    ticket_url: str
    address: str = ""
    room: str = ""
    shut: Fixed | None = None
    opens_at: datetime | None = None
    is_over: bool = False


def place(session: Session, row: Attendee, *, livemode: bool) -> Place:
    """All that belongs to an attendee's place."""
    query = (
        select(WorkshopDate, Order, OrderLine, Grant)
        .select_from(Grant)
        .join(OrderLine, col(OrderLine.id) == Grant.order_line_id)
        .join(Order, col(Order.id) == OrderLine.order_id)
        .join(WorkshopDate, col(WorkshopDate.id) == row.date_id)
        .where(Grant.order_line_id == row.order_line_id)
    )
    date, order, line, grant = session.exec(query.execution_options(populate_existing=True)).one()
    terms = workshop_terms.read(session.get_one(Product, line.product_id).terms)
    bound = terms.hours is not None and history.has(session, order.id, bound_event(row))
    return Place(row, date, order, line, grant, terms, bound, tried=livemode and not order.livemode)


def _by_token(session: Session, shop: Shop, token: str) -> Place:
    row = attendees.by_token(session, token, signing_key=shop.signing_key)
    return place(session, row, livemode=shop.settings.livemode)


def bound_event(row: Attendee) -> str:
    """What is noted on the order of a place that was moved when it was too late to give it up."""
    return f"place_bound:{row.id}"


def view(shop: Shop, token: str, *, signed_in: str = "") -> TicketView:
    """The ticket of this token, for a browser on which this address is signed in. Raises LinkInvalid."""
    now = shop.now()
    with shop.reading() as session:
        found = _by_token(session, shop, token)
        dates = workshops.coming(session, [found.line.product_id], now=now).get(found.line.product_id, ())
        by_buyer = is_buyer(session, found.order, signed_in)
        may_change = is_holder(session, found, signed_in)
    return TicketView(
        attendee_id=found.row.id, date_id=found.row.date_id, url=ticket_url(shop, token),
        join_url=ticket_url(shop, token, "join"), number=found.order.number, product=found.line.name, name=found.name,
        typed_name=found.row.name, email=found.row.email, times=found.date.times,
        room="" if is_address(found.date.join_url) else found.date.join_url, shut=found.shut(), fixed=found.fixed(now),
        not_given_up=found.not_given_up(now, by_buyer=by_buyer),
        cancel_until=found.terms.until(found.date.starts_at), percent=found.terms.percent,
        doors_open=found.date.starts_at - _EARLY,
        elsewhere=tuple(date for date in dates if date.id != found.row.date_id and date.left),
        checked_in_at=found.row.checked_in_at, may_change=may_change,
    )  # fmt: skip


def is_buyer(session: Session, order: Order, signed_in: str) -> bool:
    """Whether this signed in address is the order's own customer's."""
    return bool(signed_in and order.customer_id) and customers.whose(session, signed_in) == order.customer_id


def is_holder(session: Session, found: Place, signed_in: str) -> bool:
    """Whether this signed in address is that of whoever has the place, or of its buyer. The link of a ticket is passed on and lies
    in calendars: it shows the place and leads in, and takes it from nobody."""
    if not signed_in or is_buyer(session, found.order, signed_in):
        return bool(signed_in)
    if not found.row.email:
        return False
    who = customers.whose(session, signed_in)
    return fold(signed_in) == found.row.folded or (who is not None and who == customers.whose(session, found.row.email))


def address_of(shop: Shop, token: str) -> str:
    """Where letters about a place go; empty where nobody is known any more. Raises LinkInvalid."""
    with shop.reading() as session:
        row = attendees.by_token(session, token, signing_key=shop.signing_key)
        return attendees.receiver(session, row.id)


def door(shop: Shop, token: str) -> Door:
    """Where a click on the way in leads right now. Raises LinkInvalid."""
    now = shop.now()
    with shop.reading() as session:
        found = _by_token(session, shop, token)
    date = found.date
    plain = Door(found.line.name, date.times, ticket_url(shop, token))
    if shut := found.shut():
        return replace(plain, shut=shut)
    if now > date.ends_at + _LATE:
        return replace(plain, is_over=True)
    if not is_address(date.join_url):
        return replace(plain, room=date.join_url)
    if now < date.starts_at - _EARLY:
        return replace(plain, opens_at=date.starts_at - _EARLY)
    return replace(plain, address=date.join_url)


def calendar_file(shop: Shop, token: str) -> str:
    """The ticket as a calendar's file, to be kept. Raises LinkInvalid."""
    with shop.reading() as session:
        found = _by_token(session, shop, token)
        settings = brand.named(session, shop.settings)
    entry = entry_of(shop, found.row, found.date, found.order, found.line.name)
    is_over = found.shut() is Fixed.CANCELED or not found.row.holds
    method = Method.CANCEL if is_over else Method.PUBLISH
    return calendar_entries.written(settings, entry, method, now=shop.now())
