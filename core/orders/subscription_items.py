"""The items of a subscription: which of them is the plan of which line, and which are no business of the shop's."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Field, Session, col, or_, select

from core.catalog.plan_prices import PlanPrice
from core.catalog.products import Kind, Price, Product
from core.foundation.records import Record, minor_units
from core.gateway import discounts
from core.gateway.discounts import Discount
from core.gateway.objects import moment
from core.orders import orders
from core.orders.orders import OrderLine


class SubscriptionItem(Record, table=True):
    """An item as it was last fetched. `product_id` and `price_id` are ours, or null if its price is foreign.

    `order_line_id` is the line whose plan it is: of one and the same plan switched, still that line's, also at a foreign price.
    `paid_quantity` is what was paid for while `quantity` is not, and `paid_product_id` of which plan of ours, if the item is
    another one by now.
    """

    __tablename__ = "subscription_items"

    id: str = Field(primary_key=True)
    subscription_id: str = Field(foreign_key="subscriptions.id", index=True)
    position: int
    order_line_id: str | None = Field(default=None, foreign_key="order_lines.id", index=True)
    stripe_price_id: str
    product_id: str | None = Field(default=None, foreign_key="products.id")
    price_id: str | None = Field(default=None, foreign_key="prices.id")
    quantity: int
    paid_quantity: int | None = None
    paid_product_id: str | None = None
    unit_amount: int = minor_units()
    interval: str | None = None


@dataclass(frozen=True)
class ItemFacts:
    """What Stripe says of an item. `unit_amount` in minor units; `sold_as` is the product of ours that its product names,
    `stripe_product_id` that product, and `discounts` are those of the item alone that stay."""

    id: str
    stripe_price_id: str
    lookup_key: str
    sold_as: str
    quantity: int
    unit_amount: int
    interval: str | None
    interval_count: int
    period_start: datetime | None
    period_end: datetime | None
    discounts: tuple[Discount, ...] = ()
    stripe_product_id: str = ""


@dataclass(frozen=True)
class Known:
    """What an item sells, in our catalogue."""

    product_id: str
    price_id: str


def read_item(item: dict[str, Any], subscription: dict[str, Any]) -> ItemFacts:
    """Read a `subscription_item`. Zero is zero; what is billed by use has no quantity and counts once.

    Before 2025-03-31 its period is the subscription's.

    Whoever expanded its price's product also learns which product of ours a price was made for at Checkout.
    """
    price, quantity = item["price"], item.get("quantity")
    product, recurring = price.get("product"), price.get("recurring") or {}
    names = (product.get("metadata") or {}) if isinstance(product, dict) else {}
    return ItemFacts(
        id=str(item.get("id") or ""),
        stripe_price_id=price["id"],
        lookup_key=price.get("lookup_key") or "",
        sold_as=names.get("product_id") or "",
        quantity=1 if quantity is None else int(quantity),
        unit_amount=int(price.get("unit_amount") or 0),
        interval=recurring.get("interval"),
        interval_count=int(recurring.get("interval_count") or 1),
        period_start=moment(item.get("current_period_start") or subscription.get("current_period_start")),
        period_end=moment(item.get("current_period_end") or subscription.get("current_period_end")),
        discounts=discounts.lasting(item),
        stripe_product_id=str((product.get("id") if isinstance(product, dict) else product) or ""),
    )


def of_subscriptions(session: Session, subscription_ids: Sequence[str]) -> list[SubscriptionItem]:
    """The items of these subscriptions, in Stripe's order."""
    query = select(SubscriptionItem).where(col(SubscriptionItem.subscription_id).in_(subscription_ids))
    query = query.order_by(col(SubscriptionItem.subscription_id), col(SubscriptionItem.position))
    return list(session.exec(query.execution_options(populate_existing=True)))


def write(
    session: Session,
    order_id: str,
    subscription_id: str,
    items: Sequence[ItemFacts],
    *,
    currency: str,
    paid_quantities: Mapping[str, int],
    paid_before: Collection[str] | None = None,
) -> tuple[str | None, str | None]:
    """Bring the rows to what was fetched. The order must be locked. Returns what was in force before of the plans, and is now, each
    in a line that differs where they do, or None where that is not known or some of it is owed for.

    `paid_before` are the items, or their prices, that were ever paid for; None where that is not known.
    """
    lines = [line for line in orders.lines(session, order_id) if line.kind is Kind.PLAN]
    known = identify(session, items, lines, currency=currency)
    rows = {row.id: row for row in of_subscriptions(session, [subscription_id])}
    before = _in_force(rows.values())
    places = assign(items, known, lines, {row.id: row.order_line_id for row in rows.values() if row.order_line_id})
    new = {
        item.id for item in items if paid_before is not None and not {item.id, item.stripe_price_id} & {*paid_before}
    }
    paid = _paid_of(session, items, new, paid_quantities, lines, places)
    for gone in rows.keys() - {item.id for item in items}:
        session.delete(rows[gone])
    written = []
    for position, item in enumerate(items):
        sold = known.get(item.id)
        said: dict[str, Any] = {
            "position": position, "order_line_id": places.get(item.id), "stripe_price_id": item.stripe_price_id,
            "product_id": sold.product_id if sold else None, "price_id": sold.price_id if sold else None,
            "quantity": item.quantity, "unit_amount": item.unit_amount, "interval": item.interval,
            **paid.get(item.id, {"paid_quantity": None, "paid_product_id": None}),
        }  # fmt: skip
        row = rows.get(item.id) or SubscriptionItem(id=item.id, subscription_id=subscription_id, **said)
        session.add(row.sqlmodel_update(said))
        written.append(row)
    session.flush()
    return before, _in_force(written)


def _in_force(rows: Iterable[SubscriptionItem]) -> str | None:
    plans = [row for row in rows if row.order_line_id]
    if not plans or any(row.paid_quantity is not None for row in plans):
        return None
    return " ".join(
        sorted(
            f"{row.product_id or row.stripe_price_id}:{row.unit_amount}:{row.interval}:{row.quantity}" for row in plans
        )
    )


def _paid_of(
    session: Session,
    items: Sequence[ItemFacts],
    new: Collection[str],
    paid_quantities: Mapping[str, int],
    lines: Sequence[OrderLine],
    places: Mapping[str, str],
) -> dict[str, dict[str, Any]]:
    """What was paid for of each item while it is owed for, by the item's id: of one whose price is new, what it had before, and
    nothing of a `new` one that came in place of none."""
    left = [price for price in paid_quantities if price not in {item.stripe_price_id for item in items}]
    sold = _plan_prices(session, left, [])[0] if left else {}
    bought = {line.id: line.product_id for line in lines}
    found: dict[str, dict[str, Any]] = {}
    for item in sorted(items, key=lambda each: each.id in new):
        if item.stripe_price_id not in paid_quantities:
            continue
        quantity, product = paid_quantities[item.stripe_price_id], None
        if not quantity:
            if not left and item.id not in new:
                continue  # nothing was credited for it: what it had before stays, whatever is billed for more of it
            if not left:
                found[item.id] = {"paid_quantity": 0, "paid_product_id": None}
                continue
            before = left.pop(0)
            quantity = paid_quantities[before]
            # A price that Checkout made because it was described is the one that the line was bought at.
            product = sold[before].product_id if before in sold else bought.get(places.get(item.id, ""))
        found[item.id] = {"paid_quantity": quantity, "paid_product_id": product}
    return found


def identify(
    session: Session, items: Sequence[ItemFacts], lines: Sequence[OrderLine], *, currency: str
) -> dict[str, Known]:
    """What each item is in our catalogue, by the item's id; without those whose price is foreign."""
    by_stripe, by_key = _plan_prices(
        session, {item.stripe_price_id for item in items}, {item.lookup_key for item in items}
    )
    found = {}
    for item in items:
        made_for = next((line for line in lines if _made_for(line, item, currency)), None)
        made = Known(made_for.product_id, made_for.price_id) if made_for else None
        if known := by_stripe.get(item.stripe_price_id) or by_key.get(item.lookup_key) or made:
            found[item.id] = known
    return found


def _plan_prices(
    session: Session, theirs: Collection[str], keys: Collection[str]
) -> tuple[dict[str | None, Known], dict[str, Known]]:
    """Our plans' prices among Stripe's: by its id, and by lookup key."""
    query = (
        select(Price, PlanPrice.stripe_price_id)
        .join(Product, col(Product.id) == Price.product_id)
        .outerjoin(
            PlanPrice, (col(PlanPrice.price_id) == Price.id) & col(PlanPrice.stripe_price_id).in_(theirs)
        )
        .where(
            Product.kind == Kind.PLAN,
            or_(
                col(Price.stripe_price_id).in_(theirs), col(Price.lookup_key).in_(keys),
                col(PlanPrice.stripe_price_id).is_not(None),
            ),
        )
    )  # fmt: skip
    by_stripe, by_key = {}, {}
    for price, made in session.exec(query):
        known = Known(price.product_id, price.id)
        by_key[price.lookup_key] = by_stripe[price.stripe_price_id] = known
        if made:
            by_stripe[made] = known
    return by_stripe, by_key


def _made_for(line: OrderLine, item: ItemFacts, currency: str) -> bool:
    """Whether it has the price that the line was sold at: that one, or one that Checkout made because it was described."""
    if line.stripe_price_id:
        return line.stripe_price_id == item.stripe_price_id
    described = (line.product_id, line.unit_amount, line.interval, line.currency)
    return described == (item.sold_as, item.unit_amount, item.interval, currency)


# How well an item fits a line, best first: it may have been switched, and been given more or fewer seats.
_FITS: tuple[Callable[[ItemFacts, Known, OrderLine], bool], ...] = (
    lambda item, known, line: known.price_id == line.price_id and item.quantity == line.quantity,
    lambda _, known, line: known.price_id == line.price_id,
    lambda _, known, line: known.product_id == line.product_id,
    lambda *_: True,
)


def assign(
    items: Sequence[ItemFacts],
    known: Mapping[str, Known],
    lines: Sequence[OrderLine],
    before: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The line whose plan each item is, by the item's id. Follows from how things stand, not from how they came to: but for an
    item whose price is foreign now, which keeps the line that it had `before`, whatever was added beside it."""
    places = {item.id: (before or {})[item.id] for item in items if item.id not in known and item.id in (before or {})}
    free = [line for line in lines if line.id not in places.values()]
    for fits in _FITS:
        for item in items:
            if item.id in places or item.id not in known:
                continue
            if line := next((each for each in free if fits(item, known[item.id], each)), None):
                places[item.id] = line.id
                free.remove(line)
    return places
