"""Carts live in the database under a cookie, so that they survive the way to Stripe and back, a reload, and a week."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, update
from sqlmodel import Field, Session, col, func, or_, select

from core.catalog.prices import costs
from core.catalog.products import Kind, Price
from core.foundation.database import lock_names
from core.foundation.errors import BadQuantity, UnknownDate, UnknownPrice, Withdrawn
from core.foundation.money import Money
from core.foundation.records import Record, minor_units, new_id
from core.journeys import date_choice
from core.kinds import offers, workshops
from core.kinds.offers import Availability, Offer, PriceTag
from core.kinds.workshops import DateView
from core.orders.orders import Order
from core.orders.status import Status

# With an order in one of these states the cart is still what its buyer is about to pay.
_STILL_A_CART = (Status.PENDING, Status.CANCELED, Status.FAILED)


class Cart(Record, table=True):
    """What one browser is about to buy. Its id becomes the order's `cart_id`.

    `buys_now` is the product that is bought beside the browser's cart, straight away; empty for that cart itself.
    """

    __tablename__ = "carts"

    id: str = Field(primary_key=True)
    browser_id: str = Field(index=True)
    buys_now: str = ""
    created_at: datetime = Field(index=True)


class CartLine(Record, table=True):
    """One price in a cart, and of a workshop one date: `workshop_date_id` is empty for everything else. `unit_amount` is what one
    cost when it was put there, or what its buyer chose to pay, in minor units."""

    __tablename__ = "cart_lines"

    cart_id: str = Field(primary_key=True, foreign_key="carts.id", ondelete="CASCADE")
    price_id: str = Field(primary_key=True, foreign_key="prices.id")
    workshop_date_id: str = Field(default="", primary_key=True)
    quantity: int
    unit_amount: int | None = minor_units(default=None)
    added_at: datetime


@dataclass(frozen=True)
class LineView:
    """A cart's line as its buyer sees it. `date` is a workshop's, also once it is over; `availability` is the line's own.
    `shown` is what one cost when it was put in the cart, if that is not what it costs now."""

    offer: Offer
    price: PriceTag
    quantity: int
    date: DateView | None = None
    shown: Money | None = None

    @property
    def total(self) -> Money:
        return self.price.amount * self.quantity

    @property
    def key(self) -> str:
        """Tells the cart's lines apart."""
        return f"{self.price.id}@{self.date.id}" if self.date else self.price.id

    @property
    def availability(self) -> Availability:
        """Whether this line can be paid: of a workshop it is its own date that counts."""
        gone = self.offer.kind is Kind.WORKSHOP and not (self.date and self.date.bookable and self.date.left)
        on_sale = self.offer.availability is not Availability.WITHDRAWN
        return Availability.SOLD_OUT if gone and on_sale else self.offer.availability

    @property
    def buyable(self) -> bool:
        return self.availability is Availability.ON_SALE


@dataclass(frozen=True)
class CartView:
    """A cart as its buyer sees it; without lines and with an empty id where there is none yet."""

    id: str
    lines: tuple[LineView, ...]

    @property
    def total(self) -> Money | None:
        """What is due today for the lines that can be paid, or None without any (or with several currencies)."""
        amounts = [line.total for line in self.lines if line.buyable]
        if not amounts or len({amount.currency for amount in amounts}) > 1:
            return None
        return sum(amounts[1:], start=amounts[0])


def view(session: Session, browser_id: str, *, now: datetime) -> CartView:
    """The browser's cart."""
    cart = _current(session, browser_id)
    if cart is None:
        return CartView("", ())
    rows = session.exec(_LINES, params={"cart": cart.id}).all()
    found = {each.id: each for each in offers.of_products(session, [price.product_id for _, price in rows], now=now)}
    held = workshops.held(session, cart.id)
    named = workshops.dates(session, {line.workshop_date_id for line, _ in rows if line.workshop_date_id}, now=now)
    dates = {date_id: with_own_places(date, held) for date_id, date in named.items()}
    return CartView(
        cart.id,
        tuple(
            _line(line, price, with_own(found[price.product_id], held), dates.get(line.workshop_date_id), now=now)
            for line, price in rows
        ),
    )


def size(session: Session, browser_id: str) -> int:
    """How many lines the browser's cart has."""
    found = session.exec(_SIZE, params={"browser": browser_id}).first() if browser_id else None
    return found[0] if found and _is_still_a_cart(found[1]) else 0


def put(
    session: Session,
    browser_id: str,
    price_id: str,
    quantity: int,
    *,
    date_id: str = "",
    amount: int | None = None,
    now: datetime,
) -> str:
    """Set how many of this price, on this date, are in the cart, making one if need be; return the cart's id. `amount` is what
    its buyer was shown that one costs, or chose to pay.

    Without a date a workshop's next one with room is taken. Raises UnknownPrice, UnknownDate, BadQuantity, Withdrawn, SoldOut,
    PriceChanged or BelowMinimum. Prices of the same product on the same date replace each other.
    """
    price = session.get(Price, price_id)
    if price is None or not price.active:
        raise UnknownPrice(price=price_id)
    unit_amount = costs.agreed(price, amount, now=now)
    cart = _current(session, browser_id)
    offer = offers.of_product(session, price.product_id, now=now)
    assert offer is not None
    offer = with_own(offer, workshops.held(session, cart.id) if cart else {})
    named = date_choice.next_with_room(offer.dates, quantity)
    if date_id:
        named = workshops.dates(session, [date_id], now=now).get(date_id)
    if date_id and (named is None or named.product_id != offer.id):
        raise UnknownDate(product=offer.id, date=date_id)
    check(offer, quantity, named)
    date_id = named.id if named else ""
    cart = cart or _new(session, browser_id, now=now)
    same_product = select(Price.id).where(Price.product_id == price.product_id)
    session.exec(
        delete(CartLine).where(
            col(CartLine.cart_id) == cart.id,
            col(CartLine.price_id).in_(same_product),
            col(CartLine.price_id) != price_id,
            col(CartLine.workshop_date_id) == date_id,
        )
    )
    changed = session.exec(
        update(CartLine).where(*_is(cart, price_id, date_id)).values(quantity=quantity, unit_amount=unit_amount)
    )
    if not changed.rowcount:
        line = CartLine(
            cart_id=cart.id, price_id=price_id, workshop_date_id=date_id, quantity=quantity, unit_amount=unit_amount,
            added_at=now,
        )  # fmt: skip
        session.add(line)
    session.flush()
    return cart.id


def beside(session: Session, browser_id: str, product_id: str, *, now: datetime) -> str:
    """The id of the purchase of this product alone that the browser makes beside its cart: the same one until it is paid."""
    lock_names(session, f"{browser_id} buys {product_id}")
    found = session.exec(_BESIDE, params={"browser": browser_id, "product": product_id}).first()
    return found[0] if found else _new(session, browser_id, buys_now=product_id, now=now).id


def remove(session: Session, browser_id: str, price_id: str, *, date_id: str = "") -> None:
    """Take a price, of a workshop on this date, out of the cart; that it is not there is fine."""
    if cart := _current(session, browser_id):
        session.exec(delete(CartLine).where(*_is(cart, price_id, date_id)))


def check(offer: Offer, quantity: int, date: DateView | None) -> None:
    """Whether that many can be bought right now, of a workshop on this date. Raises Withdrawn, SoldOut or BadQuantity."""
    if offer.availability is Availability.WITHDRAWN:
        raise Withdrawn(product=offer.id)
    if not 1 <= quantity <= offer.max_quantity:
        raise BadQuantity(product=offer.id, quantity=quantity, most=offer.max_quantity)
    if offer.kind is Kind.WORKSHOP:
        # The offer's own view of the date knows the buyer's places as theirs.
        open_one = offer.on(date.id) if date else None
        if open_one is None or open_one.left < quantity:
            raise workshops.sold_out(offer.id, open_one or date)


def _current(session: Session, browser_id: str) -> Cart | None:
    if not browser_id:
        return None
    found = session.exec(_NEWEST, params={"browser": browser_id}).first()
    return found[0] if found and _is_still_a_cart(found[1]) else None


def _is_still_a_cart(status: Status | None) -> bool:
    """Whether a cart is still what its buyer is about to pay, by the status of its order, if it has one."""
    return status is None or status in _STILL_A_CART


def _newest(column: Any, buys_now: Any = "") -> Any:
    """This of a browser's newest cart, or of its newest purchase beside it, and the status of its order."""
    return (
        select(column, Order.status)
        .select_from(Cart)
        .join(Order, col(Order.cart_id) == Cart.id, isouter=True)
        .where(col(Cart.browser_id) == bindparam("browser"), col(Cart.buys_now) == buys_now)
        .order_by(col(Cart.created_at).desc(), col(Cart.id))
        .limit(1)
    )


# Built once: every page asks, and building them would cost more than the databases need to answer.
_NEWEST = _newest(Cart)
_BESIDE = _newest(Cart.id, bindparam("product")).where(
    or_(col(Order.status).is_(None), col(Order.status).in_(_STILL_A_CART))
)
_SIZE = _newest(select(func.count()).where(col(CartLine.cart_id) == Cart.id).scalar_subquery())
_LINES = (
    select(CartLine, Price)
    .join(Price, col(CartLine.price_id) == Price.id)
    .where(col(CartLine.cart_id) == bindparam("cart"))
    .order_by(col(CartLine.added_at), col(CartLine.price_id), col(CartLine.workshop_date_id))
)


def _new(session: Session, browser_id: str, *, buys_now: str = "", now: datetime) -> Cart:
    cart = Cart(id=new_id("cart"), browser_id=browser_id, buys_now=buys_now, created_at=now)
    session.add(cart)
    session.flush()
    return cart


def with_own(offer: Offer, held: dict[str, int]) -> Offer:
    """The offer as the one sees it who holds places already, by date: their own places are not sold out to them."""
    dates = tuple(with_own_places(date, held) for date in offer.dates)
    if offer.availability is Availability.WITHDRAWN or dates == offer.dates:
        return offer
    return replace(offer, dates=dates, availability=offers.availability(offer, dates))


def with_own_places(date: DateView, held: dict[str, int]) -> DateView:
    """A date as the one sees it who holds places on it."""
    return replace(date, left=date.left + held[date.id]) if date.id in held else date


def _is(cart: Cart, price_id: str, date_id: str) -> tuple[Any, ...]:
    return (
        col(CartLine.cart_id) == cart.id,
        col(CartLine.price_id) == price_id,
        col(CartLine.workshop_date_id) == date_id,
    )


def _line(line: CartLine, price: Price, offer: Offer, date: DateView | None, *, now: datetime) -> LineView:
    tag = offers.tag(price, now=now)
    before = None if line.unit_amount is None else Money(line.unit_amount, price.currency)
    if before is not None and tag.least is not None:
        # What its buyer chose, unless it is less by now than anybody may.
        tag = replace(tag, amount=max(before, tag.least, key=lambda each: each.amount))
    return LineView(offer, tag, line.quantity, date, before if before != tag.amount else None)
