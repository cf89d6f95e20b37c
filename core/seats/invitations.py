"""Invitations: a buyer gives seats of their plan by mail, and whoever is asked accepts with the code of the letter.

A link alone gives nothing: what scans mail opens links.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlmodel import Session, col, select

from core import seating
from core.catalog.products import Product
from core.foundation import addresses
from core.foundation.errors import AccessDenied, LinkExpired, SeatCodeWrong, SeatHeld, SeatNotFound
from core.kinds.grants import Grant
from core.kinds.seats import Seat, SeatState, beyond
from core.orders.orders import Order
from core.orders.status import GrantState
from core.people import codes, customers, sign_in
from core.people.customers import How
from core.seating import Table
from core.shop import Shop
from core.traffic import letters_to_others

# So long a letter's code is good, and so many wrong ones are taken.
LASTS = timedelta(days=14)
MOST_TRIES = 10
# Of a plan so many people are asked within an hour, and two for each seat.
_MOST_ASKED = 20
# So many digits a code has.
_LENGTH = 8


@dataclass(frozen=True)
class SeatView:
    """A seat as its plan's buyer sees it."""

    id: str
    email: str
    state: SeatState
    invited_at: datetime | None


@dataclass(frozen=True)
class Seats:
    """The seats of a plan. `buyer_sits` if its buyer has the first, `free` are left, `short` are how many too few there are."""

    grant_id: str
    quantity: int
    buyer_sits: bool
    people: tuple[SeatView, ...]
    free: int

    def losing(self, quantity: int) -> tuple[str, ...]:
        """Who would have no seat any more of so many, as things stand: whoever took theirs last."""
        return beyond(self.people, quantity - self.buyer_sits)

    @property
    def short(self) -> int:
        """How many people lack a seat."""
        return sum(each.state is SeatState.SUSPENDED for each in self.people)


@dataclass(frozen=True)
class Offer:
    """A seat that somebody is asked to take, or has: of which plan, from whom, and until when the code of the letter is good."""

    seat_id: str
    product: str
    email: str
    by: str
    state: SeatState
    until: datetime | None
    active: bool


def seats(shop: Shop, email: str, grant_id: str) -> Seats:
    """The seats of this buyer's plan. Raises AccessDenied for anybody else's."""
    with shop.reading() as session:
        grant = _own(session, email, grant_id)
        found = seating.seats_of(session, grant_id)
        table = Table(grant, session.get_one(Order, grant.order_id), found)
        people = tuple(SeatView(seat.id, seat.email, seat.state, seat.invited_at) for seat in found)
        return Seats(grant_id, grant.quantity, grant.buyer_sits, people, table.free)


def invite(shop: Shop, email: str, grant_id: str, guest: str) -> bool:
    """Ask somebody to take a seat of this buyer's plan, or ask once more. To ask oneself is to take the first seat, without a
    letter: returns whether one goes out.

    Raises AccessDenied, AddressUnfit, PlanNotActive, SeatHeld, SeatsTaken, or TooManyTries where many were asked lately.
    """
    address = addresses.checked(guest, reachable=shop.settings.livemode)
    with shop.reading() as session:
        grant = _own(session, email, grant_id)
    _admit(shop, grant, address)
    with shop.transaction() as session:
        table = _locked(session, email, grant_id)
        return seating.ask(session, table, address, customers.whose(session, address), now=shop.now())


def replace(shop: Shop, email: str, seat_id: str, guest: str) -> bool:
    """Take a seat from whoever has it and ask somebody else to take it. Nobody loses theirs to one who has one. Returns what
    `invite` returns, and raises what it raises, and SeatNotFound."""
    address = addresses.checked(guest, reachable=shop.settings.livemode)
    with shop.reading() as session:
        seat = _found(session, seat_id)
        grant = _own(session, email, seat.grant_id)
    _admit(shop, grant, address)
    with shop.transaction() as session:
        table, seat = _seat(session, email, seat_id)
        person = customers.whose(session, address)
        if table.has(address, person):
            raise SeatHeld()
        seating.take(session, table, seat, now=shop.now())
        session.flush()
        return seating.ask(session, table, address, person, now=shop.now())


def remove(shop: Shop, email: str, seat_id: str) -> None:
    """Take a seat away. The plan costs what it did: its quantity is another matter. Raises AccessDenied, SeatNotFound."""
    with shop.transaction() as session:
        table, seat = _seat(session, email, seat_id)
        seating.take(session, table, seat, now=shop.now())


def choose(shop: Shop, email: str, seat_id: str, instead_of: str) -> None:
    """Where there are fewer seats than people, let one have theirs and another not. Raises AccessDenied, SeatNotFound."""
    with shop.transaction() as session:
        table, seat = _seat(session, email, seat_id)
        other = next((each for each in table.seats if each.id == instead_of), None)
        if other is None or SeatState.SUSPENDED is not seat.state or other.state is not SeatState.ACCEPTED:
            raise SeatNotFound(seat=instead_of)
        seating.prefer(session, table, seat, other, now=shop.now())


def sit(shop: Shop, email: str, grant_id: str, *, buyer: bool) -> None:
    """Let the buyer have the first seat of their plan, or give it away. Raises AccessDenied, SeatsTaken."""
    with shop.transaction() as session:
        seating.sit(session, _locked(session, email, grant_id), buyer=buyer, now=shop.now())


def offer(shop: Shop, seat_id: str) -> Offer:
    """What somebody is asked to take. Raises SeatNotFound, also for a seat that was taken away since."""
    with shop.reading() as session:
        return offer_of(session, seat_id)


def offer_of(session: Session, seat_id: str) -> Offer:
    """The same within a session."""
    seat = session.get(Seat, seat_id)
    if seat is None or seat.state is SeatState.REMOVED:
        raise SeatNotFound(seat=seat_id)
    grant = session.get_one(Grant, seat.grant_id)
    order, product = session.get_one(Order, grant.order_id), session.get_one(Product, grant.product_id)
    return Offer(
        seat.id, product.name, seat.email, order.email, seat.state,
        seat.invited_at + LASTS if seat.invited_at else None, grant.state is GrantState.ACTIVE,
    )  # fmt: skip


def accept(shop: Shop, seat_id: str, digits: str) -> str:
    """Take the seat with the code of the letter; return a ticket that signs its holder in.

    Raises SeatNotFound, SeatCodeWrong, LinkExpired (with the address) for a code that is too old, PlanNotActive, SeatsTaken.
    """
    now = shop.now()
    with shop.transaction() as session:
        table, seat = seating.lock_of_seat(session, seat_id)
        wrong = _judge(seat, digits, signing_key=shop.signing_key, now=now)
        if wrong is None:
            person = customers.remember(session, seat.email, how=How.CODE, now=now)
            if seat.state is SeatState.INVITED:
                seating.accept(session, table, seat, person, now=now)
            # It opens a library, and not the owner's side.
            used, seat.invited_at = f"{seat.id}:{seat.invited_at}", None
            ticket = sign_in.begin(session, shop, seat.email, letter=sha256(used.encode()).hexdigest())
    if wrong:
        raise wrong
    return ticket


def digits_of(seat: Seat, *, signing_key: str) -> str:
    """The eight digits of the newest letter about a seat."""
    mac = hmac.new(signing_key.encode(), f"seat:{seat.id}:{seat.invited_at}".encode(), sha256).digest()
    return f"{int.from_bytes(mac[:8]) % 10**_LENGTH:0{_LENGTH}d}"


def held_by(session: Session, email: str, *, livemode: bool) -> list[Offer]:
    """The seats that whoever has this address has of other people's plans."""
    query = (
        select(Seat.id)
        .join(Grant, col(Grant.id) == Seat.grant_id)
        .join(Order, col(Order.id) == Grant.order_id)
        .where(
            Seat.customer_id == customers.whose(session, email), col(Seat.customer_id).is_not(None),
            col(Seat.state).in_((SeatState.ACCEPTED, SeatState.SUSPENDED)), col(Order.livemode).is_(livemode),
        )
    )  # fmt: skip
    return [offer_of(session, seat_id) for seat_id in session.exec(query.order_by(col(Seat.created_at)))]


def _judge(
    seat: Seat, digits: str, *, signing_key: str, now: datetime
) -> SeatCodeWrong | LinkExpired | SeatNotFound | None:
    """Why this code takes no seat, or None. Returned and not raised, so that the try is committed and counts."""
    if seat.state is SeatState.REMOVED:
        return SeatNotFound(seat=seat.id)
    if seat.invited_at is None or seat.invited_at + LASTS < now or seat.tries >= MOST_TRIES:
        return LinkExpired(subject=seat.email)
    seat.tries += 1
    typed = codes.read(digits, _LENGTH)
    right = hmac.compare_digest(digits_of(seat, signing_key=signing_key).encode(), typed.encode())
    return None if right else SeatCodeWrong(left=MOST_TRIES - seat.tries)


def _admit(shop: Shop, grant: Grant, address: str) -> None:
    """Count a letter to somebody who is asked: all of a team at once, and whoever comes in place of them."""
    letters_to_others.admit(shop, address, about=grant.id, most=_MOST_ASKED + 2 * grant.quantity)


def _own(session: Session, email: str, grant_id: str) -> Grant:
    grant = session.get(Grant, grant_id)
    order = session.get(Order, grant.order_id) if grant else None
    mine = customers.whose(session, email)
    if grant is None or order is None or mine is None or order.customer_id != mine:
        raise AccessDenied()
    return grant


def _locked(session: Session, email: str, grant_id: str) -> Table:
    _own(session, email, grant_id)
    return seating.lock(session, grant_id)


def _seat(session: Session, email: str, seat_id: str) -> tuple[Table, Seat]:
    _own(session, email, _found(session, seat_id).grant_id)
    return seating.lock_of_seat(session, seat_id)


def _found(session: Session, seat_id: str) -> Seat:
    seat = session.get(Seat, seat_id)
    if seat is None:
        raise SeatNotFound(seat=seat_id)
    return seat
