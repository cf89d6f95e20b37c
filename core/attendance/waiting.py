"""Waiting for places: putting oneself on a date's list, taking what is offered by going to pay, leaving, the end of an offer."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlmodel import Session, col, func, select

from core.catalog.products import Price, Product
from core.foundation import addresses
from core.foundation.database import apart, repeatable
from core.foundation.errors import BadQuantity, OfferOver, UnknownDate, UnknownPrice
from core.foundation.money import Money
from core.journeys import checkout
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds.places import waiting_list
from core.kinds.places.waiting_list import Waiting, WaitingEntry
from core.kinds.workshops import Times, WorkshopDate
from core.orders.orders import Order
from core.people import codes, deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop
from core.traffic.counting import NOBODY, Sender


@dataclass(frozen=True)
class WaitingView:
    """An entry as its page draws it: `ahead` are those whose turn comes before, `total` what the places cost together."""

    product: str
    product_id: str
    times: Times
    places: int
    state: Waiting
    ahead: int
    offer_until: datetime | None
    total: Money | None


@repeatable
def join(shop: Shop, date_id: str, email: str, *, places: int = 1, sender: Sender = NOBODY) -> None:
    """Put an address on a date's list, and owe it the letter that says so. Raises AddressUnfit, TooManyTries, UnknownDate,
    BadQuantity, SoldOut where there is nothing to wait for, or PlacesFree."""
    address = addresses.checked(email, reachable=shop.settings.livemode)
    codes.limit_asking(shop, address, sender)
    with shop.transaction() as session:
        query = select(Product).join(WorkshopDate, col(WorkshopDate.product_id) == Product.id)
        product = session.exec(query.where(WorkshopDate.id == date_id, col(Product.active))).first()
        if product is None:
            raise UnknownDate(product="", date=date_id)
        if not 1 <= places <= product.max_quantity:
            raise BadQuantity(product=product.id, quantity=places, most=product.max_quantity)
        waiting_list.join(session, date_id, address, places=places, now=shop.now())


def view(shop: Shop, token: str) -> WaitingView:
    """The entry that this opens. Raises LinkInvalid."""
    with shop.reading() as session:
        row = waiting_list.by_token(session, token, signing_key=shop.signing_key)
        date = session.get_one(WorkshopDate, row.date_id)
        product = session.get_one(Product, date.product_id)
        price = _price(session, product.id)
        return WaitingView(
            product=product.name, product_id=product.id, times=date.times, places=row.places, state=_state(row, shop.now()),
            ahead=_ahead(session, row), offer_until=row.offer_until,
            total=Money(price.amount, price.currency) * row.places if price else None,
        )  # fmt: skip


@repeatable
def leave(shop: Shop, token: str) -> None:
    """Leave the list; what is offered goes to the next. Raises LinkInvalid."""
    with shop.transaction() as session:
        row = waiting_list.by_token(session, token, signing_key=shop.signing_key)
        waiting_list.leave(session, row.id)


def accept(shop: Shop, token: str, *, browser_id: str = "") -> PaymentLink:
    """Go and pay for what is offered. Raises LinkInvalid, OfferOver, UnknownPrice, and what `checkout.start` raises."""
    with shop.reading() as session:
        row = waiting_list.by_token(session, token, signing_key=shop.signing_key)
        date = session.get_one(WorkshopDate, row.date_id)
        price = _price(session, date.product_id)
        if _state(row, shop.now()) not in (Waiting.OFFERED, Waiting.PAYING):
            raise OfferOver(taken=row.state is Waiting.TOOK)
        if price is None:
            raise UnknownPrice(price=date.product_id)
        # Whoever has gone to pay goes on with that order, also by the link that came after their address was corrected.
        paying = session.get(Order, row.order_id) if row.state is Waiting.PAYING and row.order_id else None
    basket = Basket(
        paying.cart_id if paying else f"{row.id}-{row.turn}", (Item(price.id, row.places, row.date_id),),
        email=row.email, browser_id=browser_id,
        # What is offered is wanted beside whatever its money is still on its way for.
        offer=row.id, again=True,
    )  # fmt: skip
    return checkout.start(shop, basket)


@repeatable
def offer(shop: Shop, entry_id: str, *, deed: Deed) -> None:
    """Offer free places to somebody, whoever came before. Raises SoldOut, OfferOver, NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.ATTENDEES, subject=entry_id, detail="offered", now=shop.now())
        waiting_list.offer_to(session, entry_id, now=shop.now())


def end_offers(shop: Shop) -> int:
    """End the offers whose time is over, and offer their places to the next; how many were ended."""
    with shop.reading() as session:
        found = waiting_list.lapsed(session, now=shop.now())
    return sum(apart(partial(_end, shop), found))


@repeatable
def _end(shop: Shop, entry_id: str) -> bool:
    with shop.transaction() as session:
        return waiting_list.lapse(session, entry_id, now=shop.now())


def _state(row: WaitingEntry, now: datetime) -> Waiting:
    over = row.state is Waiting.OFFERED and row.offer_until is not None and row.offer_until <= now
    return Waiting.LAPSED if over else row.state


def _ahead(session: Session, row: WaitingEntry) -> int:
    earlier = (col(WaitingEntry.since) < row.since) | (
        (col(WaitingEntry.since) == row.since) & (col(WaitingEntry.id) < row.id)
    )
    mine = (col(WaitingEntry.date_id) == row.date_id) & (col(WaitingEntry.state) == Waiting.WAITING)
    return session.exec(select(func.count()).where(mine, earlier)).one()


def _price(session: Session, product_id: str) -> Price | None:
    query = select(Price).where(Price.product_id == product_id, col(Price.active))
    return session.exec(query.order_by(col(Price.position), col(Price.id))).first()
