"""Given orders: what an owner hands out by hand, for nothing or because it was paid somewhere else.

Each is an order like any other and is fulfilled by the same function: what stands in a Session's place says that nothing was to
be paid. What was paid elsewhere is noted, and is nowhere counted as money that came in by Stripe.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, Session, col, select

from core.catalog import plan_prices, products
from core.catalog.looks import brand
from core.catalog.products import Kind, Price, Product
from core.foundation import addresses
from core.foundation.database import repeatable
from core.foundation.errors import BadInput, BadQuantity, EmptyBasket, MixedBasket, PlanNotGiven, SoldOut
from core.foundation.money import Money
from core.foundation.records import Record, minor_units, new_id, text_enum
from core.journeys import checkout, date_choice
from core.journeys.checkout import Item
from core.journeys.checkout_sessions import bundle_lines, stand_in
from core.kinds import deliverables
from core.orders import history, orders
from core.orders.orders import LineDraft, Order
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

# More of one thing nobody gives at once by mistake only.
MOST = 100


class Given(StrEnum):
    """Why nothing was to be paid here: it is a present, or it was paid outside of this shop."""

    COMPLIMENTARY = "complimentary"
    OUTSIDE = "outside"


class GivenOrder(Record, table=True):
    """That an order was given. `amount_outside` is what was paid elsewhere, in minor units of the order's currency."""

    __tablename__ = "given_orders"

    order_id: str = Field(primary_key=True, foreign_key="orders.id")
    kind: Given = text_enum(Given)
    reason: str
    given_by: str
    amount_outside: int = minor_units(default=0)
    created_at: datetime


@dataclass(frozen=True)
class Gift:
    """What is to be given to whom, and why. `paid` is what was paid elsewhere, in the currency of the prices."""

    email: str
    items: tuple[Item, ...]
    reason: str
    kind: Given = Given.COMPLIMENTARY
    name: str = ""
    paid: Money | None = None


@dataclass(frozen=True)
class Givable:
    """A price that can be given, with what it is called and what it would cost."""

    price_id: str
    name: str
    kind: Kind
    cost: Money


def givable(session: Session) -> tuple[Givable, ...]:
    """What is on sale but for plans, of which Stripe bills each seat."""
    query = (
        select(Price, Product)
        .join(Product, col(Price.product_id) == Product.id)
        .where(col(Price.active), col(Product.active), Product.kind != Kind.PLAN, col(Price.interval).is_(None))
        .order_by(col(Product.position), col(Price.position), col(Price.id))
    )
    return tuple(
        Givable(price.id, product.name, product.kind, Money(price.amount, price.currency))
        for price, product in session.exec(query)
    )


@repeatable
def give(shop: Shop, gift: Gift, *, deed: Deed) -> str:
    """Place an order that costs nothing, fulfil it and owe its letters; return its id.

    Raises BadInput (AddressUnfit, EmptyBasket, UnknownPrice, BadQuantity, MixedBasket, UnknownDate, PlanNotGiven, or itself
    without a reason or with an amount below nothing), SoldOut, NotPermitted or DoneAlready.
    """
    email = addresses.checked(gift.email, reachable=shop.settings.livemode)
    reason, name = (text.replace("\0", "").strip() for text in (gift.reason, gift.name))
    if not reason or (gift.paid and gift.paid.amount < 0):
        raise BadInput
    now = shop.now()
    with shop.transaction() as session:
        who = deeds.permit(session, shop.settings, deed, Action.GIVE, now=now)
        cart_id = new_id("given")
        orders.lock_cart(session, cart_id)  # nobody changes what is sold meanwhile
        drafts = _drafts(session, gift, now=now)
        order = _placed(session, shop, drafts, cart_id, email, now=now)
        # Before anything follows from it: a second click finds it done, and nothing of its own order stands.
        deeds.begin(session, shop.settings, deed, Action.GIVE, subject=order.id, detail=gift.kind, now=now)
        session.add(
            GivenOrder(
                order_id=order.id, kind=gift.kind, reason=reason, given_by=who.email,
                amount_outside=gift.paid.amount if gift.paid else 0, created_at=now,
            )
        )  # fmt: skip
        history.note(session, order.id, "given", actor=who.role, detail=gift.kind, now=now)
        stand_in.fulfil(session, shop, order, email, name, actor=who.role, now=now)
        return order.id


def of_order(session: Session, order_id: str) -> GivenOrder | None:
    """How the order was given, or None if it was bought."""
    return session.get(GivenOrder, order_id)


def _drafts(session: Session, gift: Gift, *, now: datetime) -> list[LineDraft]:
    """The lines, which cost nothing, each workshop's on its date."""
    if not gift.items:
        raise EmptyBasket
    priced = plan_prices.priced(session, [item.price for item in gift.items])
    drafts = [replace(checkout.draft(item, priced, now=now), unit_amount=0) for item in gift.items]
    drafts = bundle_lines.opened(session, drafts, priced, now=now)
    for draft in drafts:
        if draft.kind is Kind.PLAN or draft.interval:
            raise PlanNotGiven(product=draft.product_id)
        if not 1 <= draft.quantity <= MOST:
            raise BadQuantity(product=draft.product_id, quantity=draft.quantity, most=MOST)
    currencies = {draft.currency for draft in drafts} | ({gift.paid.currency} if gift.paid else set())
    if len(currencies) > 1:
        raise MixedBasket(field="currency")
    dated, _ = date_choice.dated(session, drafts, (), now=now)
    for draft in dated:
        if draft.kind is Kind.WORKSHOP and not draft.workshop_date_id:
            raise SoldOut(product=draft.product_id, left=0)
    return dated


def _placed(
    session: Session, shop: Shop, drafts: Sequence[LineDraft], cart_id: str, email: str, *, now: datetime
) -> Order:
    """The order with its lines and whatever they hold."""
    order = orders.add(
        session, cart_id=cart_id, browser_id="", email=email, currency=drafts[0].currency,
        livemode=shop.settings.livemode,
        prefix=brand.order_prefix(products.texts(session), shop.settings), attempts=1, now=now,
    )  # fmt: skip
    lines = orders.write_lines(session, order, drafts, instead_of=(), now=now)
    deliverables.hold_all(session, lines, now=now)
    return order
