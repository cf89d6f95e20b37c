"""Carts live in the database under a cookie, so that they survive the way to Stripe and back, a reload, and a week."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Field, Session, SQLModel, col, func, select

from core.catalog.products import Kind, Price
from core.foundation.database import new_id
from core.foundation.errors import BadQuantity, SoldOut, UnknownPrice, Withdrawn
from core.foundation.money import Money
from core.kinds import offers, workshops
from core.kinds.offers import Availability, Offer, PriceTag
from core.orders.orders import Order
from core.orders.status import Status

# With an order in one of these states the cart is still what its buyer is about to pay.
_STILL_A_CART = (Status.PENDING, Status.CANCELED, Status.FAILED)


class Cart(SQLModel, table=True):
    """What one browser is about to buy. Its id becomes the order's `cart_id`."""

    __tablename__ = "carts"

    id: str = Field(primary_key=True)
    browser_id: str = Field(index=True)
    created_at: datetime


class CartLine(SQLModel, table=True):
    """One price in a cart."""

    __tablename__ = "cart_lines"

    cart_id: str = Field(primary_key=True, foreign_key="carts.id", ondelete="CASCADE")
    price_id: str = Field(primary_key=True, foreign_key="prices.id")
    quantity: int
    added_at: datetime


@dataclass(frozen=True)
class LineView:
    """A cart's line as its buyer sees it. A line whose offer is no longer `on_sale` cannot be paid."""

    offer: Offer
    price: PriceTag
    quantity: int

    @property
    def total(self) -> Money:
        return self.price.amount * self.quantity

    @property
    def buyable(self) -> bool:
        return self.offer.availability is Availability.ON_SALE


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


def view(session: Session, browser_id: str) -> CartView:
    """The browser's cart."""
    cart = _current(session, browser_id)
    if cart is None:
        return CartView("", ())
    rows = session.exec(
        select(CartLine, Price)
        .join(Price, col(CartLine.price_id) == Price.id)
        .where(CartLine.cart_id == cart.id)
        .order_by(col(CartLine.added_at), col(CartLine.price_id))
    ).all()
    found = {each.id: each for each in offers.of_products(session, [price.product_id for _, price in rows])}
    held = workshops.held(session, cart.id)
    return CartView(cart.id, tuple(_line(line, price, with_own(found[price.product_id], held)) for line, price in rows))


def size(session: Session, browser_id: str) -> int:
    """How many lines the browser's cart has."""
    cart = _current(session, browser_id)
    if cart is None:
        return 0
    return session.exec(select(func.count()).where(col(CartLine.cart_id) == cart.id)).one()


def put(session: Session, browser_id: str, price_id: str, quantity: int, *, now: datetime) -> str:
    """Set how many of this price are in the cart, making one if need be; return the cart's id.

    Raises UnknownPrice, BadQuantity, Withdrawn or SoldOut. Prices of the same product replace each other.
    """
    price = session.get(Price, price_id)
    if price is None or not price.active:
        raise UnknownPrice(price=price_id)
    offer = offers.of_product(session, price.product_id)
    assert offer is not None
    check(offer, quantity)
    cart = _current(session, browser_id) or _new(session, browser_id, now=now)
    same_product = select(Price.id).where(Price.product_id == price.product_id)
    session.exec(
        delete(CartLine).where(
            col(CartLine.cart_id) == cart.id,
            col(CartLine.price_id).in_(same_product),
            col(CartLine.price_id) != price_id,
        )
    )
    changed = session.exec(
        update(CartLine)
        .where(col(CartLine.cart_id) == cart.id, col(CartLine.price_id) == price_id)
        .values(quantity=quantity)
    )
    if not changed.rowcount:
        session.add(CartLine(cart_id=cart.id, price_id=price_id, quantity=quantity, added_at=now))
    session.flush()
    return cart.id


def remove(session: Session, browser_id: str, price_id: str) -> None:
    """Take a price out of the cart; that it is not there is fine."""
    if cart := _current(session, browser_id):
        session.exec(delete(CartLine).where(col(CartLine.cart_id) == cart.id, col(CartLine.price_id) == price_id))


def check(offer: Offer, quantity: int) -> None:
    """Whether that many can be bought right now. Raises Withdrawn, SoldOut or BadQuantity."""
    if offer.availability is Availability.WITHDRAWN:
        raise Withdrawn(product=offer.id)
    if not 1 <= quantity <= offer.max_quantity:
        raise BadQuantity(product=offer.id, quantity=quantity, most=offer.max_quantity)
    if offer.kind is Kind.WORKSHOP and (offer.left or 0) < quantity:
        raise SoldOut(product=offer.id, left=offer.left or 0)


def _current(session: Session, browser_id: str) -> Cart | None:
    if not browser_id:
        return None
    found = session.exec(
        select(Cart, Order.status)
        .join(Order, col(Order.cart_id) == Cart.id, isouter=True)
        .where(Cart.browser_id == browser_id)
        .order_by(col(Cart.created_at).desc(), col(Cart.id))
        .limit(1)
    ).first()
    if found is None or (found[1] is not None and found[1] not in _STILL_A_CART):
        return None
    return found[0]


def _new(session: Session, browser_id: str, *, now: datetime) -> Cart:
    cart = Cart(id=new_id("cart"), browser_id=browser_id, created_at=now)
    session.add(cart)
    session.flush()
    return cart


def with_own(offer: Offer, held: dict[str, int]) -> Offer:
    """The offer as the one sees it who holds places already: their own places are not sold out to them."""
    if offer.id not in held or offer.availability is Availability.WITHDRAWN:
        return offer
    return replace(offer, left=(offer.left or 0) + held[offer.id], availability=Availability.ON_SALE)


def _line(line: CartLine, price: Price, offer: Offer) -> LineView:
    return LineView(offer, PriceTag(price.id, Money(price.amount, price.currency), price.interval), line.quantity)
