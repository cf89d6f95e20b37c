"""Pricing: what a product costs from now on. The price of before is archived, and orders keep what they were placed at."""

from datetime import datetime

from sqlmodel import Session

from core.catalog import products
from core.catalog.products import Interval, Kind, Price, Product
from core.catalog.tax import EXCLUSIVE, INCLUSIVE
from core.foundation.errors import Problem, ProductNotFound, ProductUnfit, UnknownPrice
from core.foundation.money import Money
from core.owner.shelves import checking, prices
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


def offer(shop: Shop, product_id: str, costs: Money, *, interval: str | None = None, deed: Deed) -> str:
    """Sell it at this price as well, in another currency or for another interval; the price's id.

    Raises ProductUnfit, ProductNotFound, NotPermitted or DoneAlready.
    """
    with shop.transaction() as session:
        _begin(session, shop, product_id, deed, f"new price {costs.format()}{_each(interval)}")
        product = session.get(Product, product_id)
        if product is None:
            raise ProductNotFound(product=product_id)
        if interval:
            prices.make_known(session, product_id, now=shop.now())
        return put_on_sale(session, product, costs, interval, now=shop.now())


def replace(shop: Shop, price_id: str, costs: Money, *, deed: Deed) -> str:
    """Sell at this price instead of the one of this id, in its currency and for its interval; the new one's id.

    The old one is archived, by a job at Stripe too. Raises ProductUnfit, UnknownPrice, NotPermitted or DoneAlready.
    """
    with shop.transaction() as session:
        old = _on_sale(session, shop, price_id, deed, f"new price {costs.format()}")
        if costs == Money(old.amount, old.currency):
            raise ProductUnfit([Problem("prices", 0, f"is {costs.format()} already")])
        entry = checking.price(_fields(_name(session, old), costs, old.interval, old.tax_behavior))
        new = prices.add(session, old.product_id, entry, position=old.position, now=shop.now())
        prices.archive(session, old, successor=new)
        if old.interval:
            prices.make_known(session, old.product_id, now=shop.now())
        return new


def reduce(shop: Shop, price_id: str, costs: Money | None, *, until: datetime | None = None, deed: Deed) -> None:
    """Sell for less at this price until then; without an amount its sale ends now.

    Raises ProductUnfit, UnknownPrice, NotPermitted or DoneAlready.
    """
    said: dict[str, object] = {"sale": {"amount": costs.amount, "until": until}} if costs else {}
    _say_otherwise(shop, price_id, said, deed, f"sale {costs.format()} until {until}" if costs else "sale ended")


def let_choose(shop: Shop, price_id: str, least: Money, *, deed: Deed) -> None:
    """Have buyers say what they pay, this at least; what the price is stays suggested to them. It has no sale then.

    Raises ProductUnfit, UnknownPrice, NotPermitted or DoneAlready.
    """
    _say_otherwise(shop, price_id, {"minimum": least.amount}, deed, f"what buyers say, from {least.format()}")


def _say_otherwise(shop: Shop, price_id: str, said: dict[str, object], deed: Deed, detail: str) -> None:
    """Have a price say this of its sale and its minimum, and nothing else of them."""
    with shop.transaction() as session:
        row = _on_sale(session, shop, price_id, deed, detail)
        costs = Money(row.amount, row.currency)
        at_stripe = {"stripe_price_id": row.stripe_price_id}
        entry = checking.price(_fields(row.id, costs, row.interval, row.tax_behavior) | at_stripe | said)
        row.minimum = entry.minimum
        row.sale_amount = entry.sale.amount if entry.sale else None
        row.sale_until = entry.sale.ends(shop.now()) if entry.sale else None
        session.add(row)


def end(shop: Shop, price_id: str, *, deed: Deed) -> None:
    """Sell at this price no more, by a job at Stripe too. The last one of what is on the shelves stays.

    Raises ProductUnfit, UnknownPrice, NotPermitted or DoneAlready.
    """
    with shop.transaction() as session:
        old = _on_sale(session, shop, price_id, deed, "archived price")
        if session.get_one(Product, old.product_id).active and len(prices.on_sale(session, old.product_id)) == 1:
            raise ProductUnfit([Problem("prices", 0, "is the only one: take the product off the shelves instead")])
        prices.archive(session, old)
        if old.interval:
            prices.make_known(session, old.product_id, now=shop.now())


def tax(shop: Shop, product_id: str, behavior: str, *, deed: Deed) -> None:
    """Have taxes come on top of all its prices on sale (`exclusive`), or have these include them (`inclusive`).

    Raises ProductUnfit, ProductNotFound, NotPermitted or DoneAlready.
    """
    if behavior not in (INCLUSIVE, EXCLUSIVE):
        raise ProductUnfit([Problem("prices.tax_behavior", 0, f"is {INCLUSIVE} or {EXCLUSIVE}")])
    now = shop.now()
    with shop.transaction() as session:
        _begin(session, shop, product_id, deed, f"tax {behavior}")
        product = session.get(Product, product_id)
        if product is None:
            raise ProductNotFound(product=product_id)
        for price in prices.on_sale(session, product_id):
            price.tax_behavior = behavior
            session.add(price)
        if product.kind is Kind.PLAN and product.active:
            prices.make_known(session, product_id, now=now)


def put_on_sale(session: Session, product: Product, costs: Money, interval: str | None, *, now: datetime) -> str:
    """Have a product sold at this price as well; the price's id. Raises ProductUnfit."""
    if (interval is not None) is not (product.kind is Kind.PLAN):
        raise ProductUnfit([Problem("prices.interval", 0, "is there for plans, and for nothing else")])
    standing = prices.on_sale(session, product.id)
    if any((each.currency, each.interval) == (costs.currency, interval) for each in standing):
        each = f"{costs.currency.upper()}{_each(interval)}"
        raise ProductUnfit([Problem("prices", 0, f"in {each} is there already: change that one")])
    # Whether tax comes on top is said of a product once.
    behavior = standing[0].tax_behavior if standing else ""
    entry = checking.price(_fields(f"{product.id}-{interval or costs.currency}", costs, interval, behavior))
    position = max((each.position for each in standing), default=-1) + 1
    return prices.add(session, product.id, entry, position=position, now=now)


def _on_sale(session: Session, shop: Shop, price_id: str, deed: Deed, detail: str) -> Price:
    price = session.get(Price, price_id)
    _begin(session, shop, price.product_id if price else price_id, deed, f"{detail}, {price_id}")
    if price is None:
        raise UnknownPrice(price=price_id)
    session.refresh(price)
    if not price.active:
        raise UnknownPrice(price=price_id)
    return price


def _begin(session: Session, shop: Shop, product_id: str, deed: Deed, detail: str) -> None:
    products.lock_shelves(session)
    deeds.begin(session, shop.settings, deed, Action.SHELVES, subject=product_id, detail=detail, now=shop.now())


def _name(session: Session, price: Price) -> str:
    """The id that the first price in this one's place had."""
    first, _, number = price.id.rpartition("-")
    return first if number.isdecimal() and session.get(Price, first) is not None else price.id


def _fields(price_id: str, costs: Money, interval: str | None, tax_behavior: str) -> dict[str, object]:
    return {
        "id": price_id, "amount": costs.amount, "currency": costs.currency, "interval": interval,
        "tax_behavior": tax_behavior,
    }  # fmt: skip


def _each(interval: str | Interval | None) -> str:
    return f" per {interval}" if interval else ""
