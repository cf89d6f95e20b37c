"""Plans at Stripe: each price of a plan is one of Stripe's, known by its lookup key, so that the portal can change seats and plans.

What is only described to Checkout becomes a new product of Stripe's at every purchase, and none of those can be switched to.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlmodel import col, select

from core.catalog.products import Kind, Price, Product
from core.gateway.account import Account
from core.gateway.objects import id_of
from core.owner.doctor.findings import Finding, Level
from core.shop import Shop

# So many products Stripe's portal can have.
_MOST = 10
_WHY = "Stripe makes a new product at every Checkout, and its portal can change neither seats nor plans."


def plans(shop: Shop, theirs: Account, *, fix: bool = False) -> Iterator[Finding]:
    """Whether every price of a plan on sale is one of Stripe's. With `fix` those are found or made that are not."""
    found = _on_sale(shop)
    lacking = [(price, product) for price, product in found if price.stripe_price_id is None]
    for price, product in lacking:
        if fix:
            _bring(shop, theirs, price, product)
        how = "It has one now." if fix else "`pushcart doctor --fix` makes one, or finds it by its lookup key."
        level = Level.FINE if fix else Level.LATER
        yield Finding("plans", level, f"The plan price {price.id} is none of Stripe's own.", _WHY, how, mended=fix)
    if found and not lacking:
        yield Finding("plans", Level.FINE, "The prices of all plans are Stripe's own.")


def switched_between(shop: Shop) -> list[dict[str, Any]]:
    """The plans between which the portal may let buyers switch: those whose prices are Stripe's own."""
    found: dict[str, dict[str, Any]] = {}
    for price, product in _on_sale(shop):
        if price.stripe_price_id and product.stripe_product_id:
            seats = {"enabled": True, "minimum": 1, "maximum": product.max_quantity}
            new = {"product": product.stripe_product_id, "prices": [], "adjustable_quantity": seats}
            found.setdefault(product.stripe_product_id, new)["prices"].append(price.stripe_price_id)
    return list(found.values())[:_MOST]


def _on_sale(shop: Shop) -> Sequence[tuple[Price, Product]]:
    with shop.reading() as session:
        query = (
            select(Price, Product)
            .join(Product, col(Product.id) == Price.product_id)
            .where(col(Price.active), col(Product.active), Product.kind == Kind.PLAN)
            .order_by(col(Product.position), col(Price.position), col(Price.id))
        )
        return session.exec(query).all()


def _bring(shop: Shop, theirs: Account, price: Price, product: Product) -> None:
    """Find the price at Stripe by its lookup key, or make it, and its product before it. Safe to do again."""
    there = theirs.price_by_key(price.lookup_key)
    if there is None or not _fits(price, there):
        with shop.reading() as session:  # the price before it may just have made it
            known = session.get_one(Product, product.id).stripe_product_id
        named = {"name": product.name, "metadata": {"product_id": product.id, "shop_id": shop.id}}
        of_product = known or theirs.make_product(named, key=f"product:{shop.id}:{product.id}")["id"]
        there = theirs.create_price(_parameters(price, of_product), key=f"plan:{shop.id}:{price.id}:{of_product}")
    with shop.transaction() as session:
        session.get_one(Price, price.id).stripe_price_id = there["id"]
        session.get_one(Product, product.id).stripe_product_id = id_of(there["product"])


def _fits(price: Price, there: dict[str, Any]) -> bool:
    interval = (there.get("recurring") or {}).get("interval")
    return (there["unit_amount"], there["currency"], interval) == (price.amount, price.currency, price.interval)


def _parameters(price: Price, product: str) -> dict[str, Any]:
    return {
        "product": product, "currency": price.currency, "unit_amount": price.amount,
        "recurring": {"interval": str(price.interval)}, "lookup_key": price.lookup_key, "transfer_lookup_key": True,
        "metadata": {"price_id": price.id},
    }  # fmt: skip
