"""Orders: placed before anything leaves for Stripe, and the source of truth ever after."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NewType

from sqlalchemy import ColumnElement, Index, bindparam
from sqlmodel import Field, Session, col, or_, select, update

from core.catalog import products
from core.catalog.products import Kind
from core.foundation.database import lock_names
from core.foundation.records import Record, beside, constant, index_where, minor_units, new_id, text_enum
from core.foundation.signals.corrections import Dated
from core.foundation.writes.flush import tell
from core.foundation.writes.rows import Rows, answer_to
from core.orders.status import Handed, Status


class Order(Dated, table=True):
    """What somebody wants to buy, and what became of it. Amounts in minor units of `currency`.

    Those of what came in are the sums of its payments. Who bought it is as Stripe's page says, `external_id` what it was
    called in the shop that it was imported from, `seller_reference` the id that its buyer has in the seller's own programs.
    `language` is what they were spoken to in when they went to pay, empty for the shop's own.
    `country` is that of their billing address, and `card_country` where their card is from: the two pieces of evidence by which
    a sale is taxed. `business` if they said to buy for one. `entitlements_due` is since when it is to be looked at again what its
    people may use, null when that was done. `from_season` if it was made up for the demo: nobody is owed anything by it, and
    Stripe, or what stands in for it, has never heard of it.
    """

    __tablename__ = "orders"
    dated: ClassVar[str] = "paid_at"
    counted: ClassVar[frozenset[str]] = frozenset(("paid_at", "country"))
    __table_args__ = (
        Index("ix_orders_status_created_at", "status", "created_at"),
        Index("ix_orders_livemode_created_at_id", "livemode", "created_at", "id"),
        Index("ix_orders_livemode_status_created_at_id", "livemode", "status", "created_at", "id"),
        Index("ix_orders_livemode_handed_created_at_id", "livemode", "handed", "created_at", "id"),
        Index("ix_orders_livemode_currency_created_at_id", "livemode", "currency", "created_at", "id"),
        # By the order of bytes, in which what begins with a text is found, whatever language the database sorts by.
        Index("ix_orders_email", "email", postgresql_ops={"email": "text_pattern_ops"}),
        Index("ix_orders_name", "name", postgresql_ops={"name": "text_pattern_ops"}),
    )

    id: str = Field(primary_key=True)
    number: str = Field(unique=True)
    cart_id: str = Field(unique=True)
    browser_id: str = Field(default="", index=True)
    email: str = ""
    customer_id: str | None = Field(default=None, foreign_key="customers.id", index=True)
    status: Status = text_enum(Status, default=Status.PENDING)
    handed: Handed = text_enum(Handed, default=Handed.NOTHING)
    currency: str
    amount_expected: int = minor_units()
    amount_subtotal: int | None = minor_units(default=None)
    amount_discount: int | None = minor_units(default=None)
    amount_tax: int | None = minor_units(default=None)
    amount_total: int | None = minor_units(default=None)
    amount_refunded: int = minor_units(default=0)
    name: str = ""
    country: str = ""
    tax_id: str = ""
    address: str = ""
    card_country: str = ""
    business: bool = False
    external_id: str | None = Field(default=None, unique=True)
    seller_reference: str = ""
    language: str = ""
    livemode: bool
    attempts: int = 0
    stripe_checkout_session_id: str | None = Field(default=None, unique=True)
    stripe_payment_intent_id: str | None = Field(default=None, unique=True)
    stripe_subscription_id: str | None = Field(default=None, unique=True)
    attention: str = ""
    eventful: bool = False
    from_season: bool = False
    entitlements_due: datetime | None = None
    paid_at: datetime | None = Field(default=None, index=True)
    fulfilled_at: datetime | None = None
    created_at: datetime = Field(index=True)
    updated_at: datetime


# Those that a person is to look at, of however many there are.
NEEDS_ATTENTION = col(Order.attention) != constant("")
index_where(NEEDS_ATTENTION, "ix_orders_needs_attention", Order.id)
ENTITLEMENTS_DUE = col(Order.entitlements_due).is_not(None)
index_where(ENTITLEMENTS_DUE, "ix_orders_entitlements_due", Order.entitlements_due, Order.id)
# Where a buyer lives is known of what was paid for.
FROM_SOMEWHERE = col(Order.country) != constant("")
index_where(FROM_SOMEWHERE, "ix_orders_country", Order.livemode, Order.country, Order.created_at, Order.id)

MADE_UP = col(Order.from_season).is_(True)
index_where(MADE_UP, "ix_orders_from_season", Order.id)

# The id of an order to which something at Stripe was found to belong. Admission alone says so, and facts ask for it.
AdmittedOrder = NewType("AdmittedOrder", str)


class OrderLine(Record, table=True):
    """One product of an order; name, price, date and tax code are copied, so that a later change of the catalogue alters nothing.

    Discount and tax, with its rate in per cent and Stripe's reason for it, are what the payment that bought it says.
    `taken_back_at` is when an owner ended access to it.
    `placed_at` is the order's `created_at`, by which the newest orders of a product are found.
    """

    __tablename__ = "order_lines"
    __table_args__ = (Index("ix_order_lines_product_id_placed_at_order_id", "product_id", "placed_at", "order_id"),)

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    position: int
    product_id: str = Field(foreign_key="products.id")
    price_id: str = Field(foreign_key="prices.id")
    kind: Kind = text_enum(Kind)
    name: str
    quantity: int
    unit_amount: int = minor_units()
    currency: str
    interval: str | None = None
    image: str = ""
    stripe_price_id: str | None = None
    tax_code: str = ""
    tax_behavior: str = ""
    workshop_date_id: str | None = Field(default=None, foreign_key="workshop_dates.id")
    amount_discount: int = minor_units(default=0)
    amount_tax: int = minor_units(default=0)
    tax_rate: str = ""
    tax_reason: str = ""
    taken_back_at: datetime | None = None
    taken_back_reason: str = ""
    placed_at: datetime | None = None


class Counter(Record, table=True):
    """Numbers that people read out to each other, in order and without gaps."""

    __tablename__ = "counters"

    name: str = Field(primary_key=True)
    value: int


@dataclass(frozen=True)
class LineDraft:
    """A line to be: what is copied from the catalogue when the order is placed."""

    product_id: str
    price_id: str
    kind: Kind
    name: str
    quantity: int
    unit_amount: int
    currency: str
    interval: str | None
    image: str
    stripe_price_id: str | None
    workshop_date_id: str | None = None
    tax_code: str = ""
    tax_behavior: str = ""


def asked_about(*, livemode: bool) -> tuple[ColumnElement[bool], ...]:
    """The conditions on orders of which the Stripe of this mode knows: about no other is it asked. By them none is looked for, as
    nearly all of a shop's orders meet them."""
    return beside(Order.livemode) == livemode, ~MADE_UP


def draft_of(line: OrderLine) -> LineDraft:
    """The draft from which this very line would be made again: equal drafts are the same purchase."""
    return LineDraft(**{name: getattr(line, name) for name in LineDraft.__dataclass_fields__})


def total_of(lines: Sequence[LineDraft]) -> int:
    """What the lines cost together, in minor units."""
    return sum(line.unit_amount * line.quantity for line in lines)


def add(
    session: Session,
    *,
    cart_id: str,
    browser_id: str,
    email: str,
    currency: str,
    livemode: bool,
    prefix: str,
    amount_expected: int = 0,
    attempts: int = 0,
    from_season: bool = False,
    business: bool = False,
    seller_reference: str = "",
    language: str = "",
    now: datetime,
) -> Order:
    """Write a new order without lines. The number is `PREFIX-1001` and up.

    Until this transaction ends nobody else gets a number: the shorter the time from here, the more orders in a second.
    """
    order = Order(
        id=new_id("ord"), number=f"{prefix}-{_next_number(session)}", cart_id=cart_id, browser_id=browser_id,
        email=email, currency=currency, amount_expected=amount_expected, livemode=livemode, attempts=attempts,
        from_season=from_season, business=business, seller_reference=seller_reference, language=language,
        created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(order)
    tell(session)
    return order


def place_again(
    session: Session,
    order_id: str,
    *,
    number: str,
    cart_id: str,
    currency: str,
    livemode: bool,
    business: bool,
    placed_at: datetime,
) -> Order:
    """Write an order that was placed once and is lost, without lines. It has the number that its buyer knows, which nobody else
    gets from now on, unless somebody has it by now."""
    prefix, _, counted = number.rpartition("-")
    if counted.isdecimal():
        used = update(Counter).where(col(Counter.name) == "order", col(Counter.value) < int(counted))
        session.exec(used.values(value=int(counted)))
    taken = session.exec(
        select(Order.number, Order.cart_id).where(or_(Order.number == number, Order.cart_id == cart_id))
    )
    others = taken.all()
    if any(each == number for each, _ in others):
        number = f"{prefix}-{_next_number(session)}"
    if not cart_id or any(each == cart_id for _, each in others):
        cart_id = f"lost:{order_id}"
    order = Order(
        id=order_id, number=number, cart_id=cart_id, currency=currency, amount_expected=0, livemode=livemode,
        business=business, created_at=placed_at, updated_at=placed_at,
    )  # fmt: skip
    session.add(order)
    session.flush()
    return order


def write_lines(
    session: Session, order: Order, drafts: Sequence[LineDraft], *, instead_of: Sequence[OrderLine], now: datetime
) -> list[OrderLine]:
    """Give the order these lines instead of those it has. Only an order that nobody can be paying may be changed."""
    for line in instead_of:
        session.delete(line)
    written = [
        OrderLine(id=new_id("ol"), order_id=order.id, position=position, placed_at=order.created_at, **vars(draft))
        for position, draft in enumerate(drafts)
    ]
    session.add_all(written)
    order.amount_expected = total_of(drafts)
    order.updated_at = now
    tell(session)
    return written


_LINES = (
    select(OrderLine)
    .where(col(OrderLine.order_id).in_(bindparam("orders", expanding=True)))
    .order_by(col(OrderLine.position))
)
# An order's row, which nobody else changes until the transaction ends.
LOCKED = Rows(Order, "id", locked=True)


def lines(session: Session, order_id: str) -> list[OrderLine]:
    """The order's lines, in the order of the cart."""
    return lines_of(session, [order_id])[order_id]


def lines_of(session: Session, order_ids: Collection[str]) -> dict[str, list[OrderLine]]:
    """The lines of each of these orders, in the order of its cart."""
    found: dict[str, list[OrderLine]] = {order_id: [] for order_id in order_ids}
    for line in session.exec(_LINES, params={"orders": [*order_ids]}):
        found[line.order_id].append(line)
    return found


def lock(session: Session, order_id: str) -> Order | None:
    """The order's row, which nobody else changes until this transaction ends; None if there is no such order."""
    return lock_all(session, [order_id]).get(order_id)


def lock_all(session: Session, order_ids: Collection[str]) -> dict[str, Order]:
    """The rows of those of these orders that there are, locked in the order of their ids, as everybody locks them."""
    return {order.id: order for order in LOCKED.of(session, order_ids)}


_OF_CART = Rows(Order, "cart_id", locked=True)


def lock_cart(session: Session, cart_id: str) -> Order | None:
    """The order of this cart, locked, or None. Before this transaction ends nobody else places one for the cart, nor
    changes what is sold: what is read of the shelves from here on stays true."""
    # Two clicks at once would both find none: the later one waits for the earlier one, and then finds its order.
    lock_names(session, f"cart {cart_id}", shared=[products.SHELVES])
    return next(iter(_OF_CART.of(session, [cart_id])), None)


def leave_out(session: Session, count: int) -> int:
    """Give so many of the next numbers to no order; return the last of them."""
    skip = update(Counter).where(col(Counter.name) == "order").values(value=col(Counter.value) + count)
    return int(session.exec(skip.returning(col(Counter.value))).scalar_one())


_NEXT_NUMBER = "update counters set value = value + 1 where name = 'order' returning value"


def _next_number(session: Session) -> int:
    [(number,)] = answer_to(session, _NEXT_NUMBER)
    return int(number)
