"""Plans at Stripe's: each price of a plan is found there by its lookup key or made once, so that seats and plans can be changed.

By a job when a plan's price is put on sale, by the doctor, and by the first checkout at the latest.
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from core.catalog import plan_prices, products, tax
from core.catalog.plan_prices import OnSale
from core.catalog.products import Price, Priced, Product
from core.foundation.errors import StripeKeyRefused
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.gateway.objects import id_of
from core.journeys.billing import portal
from core.shop import Shop


class Unknown(Exception):
    """Plans whose prices are none of Stripe's own yet: it leaves the transaction, and they are made known."""

    def __init__(self, products: Sequence[str]) -> None:
        super().__init__(*products)
        self.products = products


def check_known(priced: Mapping[str, Priced]) -> None:
    """Raise Unknown for plans among these that would only be described to Checkout."""
    if lacking := {each.product.id for each in priced.values() if each.price.interval and not each.at_stripe}:
        raise Unknown(sorted(lacking))


def make_known(shop: Shop, unknown: Unknown) -> None:
    """Bring all of them. Raises StripeTrouble; that the key may not do it is remembered for the owners."""
    try:
        for product_id in unknown.products:
            bring(shop, product_id)
    except StripeKeyRefused as refusal:
        with shop.transaction() as session:
            said = refusal.message or refusal.code
            milestones.record(session, Name.PAYMENT_PAGE_REFUSED, at=shop.now(), detail=said)
        raise


def tell(shop: Shop, product_id: str, *_: str) -> None:
    """Have Stripe know this plan's prices, and its portal switch between them. Safe to do again. Raises StripeTrouble."""
    bring(shop, product_id)
    portal.set_up(shop)


def tell_missing(shop: Shop) -> int:
    """The same of the plans on sale whose prices nobody has brought yet, as after a change of the key; how many those were.

    Raises StripeTrouble.
    """
    with shop.reading() as session:
        found = plan_prices.on_sale(session, shop.settings.mode)
    lacking = {each.product.id for each in found if each.at_stripe is None}
    for product_id in sorted(lacking):
        tell(shop, product_id)
    return len(lacking)


def bring(shop: Shop, product_id: str) -> int:
    """Find or make Stripe's own for each price of this plan on sale; return how many have another one now. Raises StripeTrouble.

    What the catalogue names itself is that one.
    """
    with shop.reading() as session:
        found = plan_prices.on_sale(session, shop.settings.mode, product_id=product_id)
    # Those that are named first: what is made stands with them, or nobody could switch from one to the other.
    named = [_named(shop, each) for each in found if each.price.stripe_price_id]
    brought = [_bring(shop, each) for each in found if not each.price.stripe_price_id]
    return sum(named) + sum(brought)


def forget_unfit(shop: Shop, stripe_price_ids: Collection[str]) -> bool:
    """Forget those among these that Stripe does not sell at any more, as of another account; whether there were any.

    Raises StripeTrouble.
    """
    gone = [each for each in stripe_price_ids if not (shop.stripe.find_price(each) or {}).get("active")]
    with shop.transaction() as session:
        return plan_prices.forget(session, shop.settings.mode, gone) > 0


def _named(shop: Shop, sold: OnSale) -> bool:
    """Keep which product of Stripe's a named price is of; whether that was news."""
    there = shop.stripe.find_price(str(sold.price.stripe_price_id))
    return there is not None and _keep(shop, sold, there)


def _bring(shop: Shop, sold: OnSale) -> bool:
    price, product, known = sold.price, sold.product, sold.known
    there = shop.stripe.price_by_key(price.lookup_key)
    if there is None or not _fits(shop, price, there):
        asked = _parameters(price, _product_of(shop, product))
        # As of a product: not the same again that is archived by now.
        said = sha256(orjson.dumps([asked, known and known.stripe_price_id, there and there["id"]])).hexdigest()[:16]
        there = shop.stripe.create_price(asked, key=f"plan:{shop.id}:{price.id}:{said}")
    _describe(shop, product, there["product"])
    is_news = _keep(shop, sold, there)
    if known and known.stripe_price_id != there["id"]:
        _archive(shop, price, known.stripe_price_id)
    return is_news


def _keep(shop: Shop, sold: OnSale, there: dict[str, Any]) -> bool:
    """Have one of Stripe's prices be this one from now on; whether that was news."""
    found = (str(there["id"]), str(id_of(there["product"])))
    if sold.known and (sold.known.stripe_price_id, sold.known.stripe_product_id) == found:
        return False
    with shop.transaction() as session:
        plan_prices.keep(
            session, sold.price.id, shop.settings.mode, stripe_price_id=found[0], stripe_product_id=found[1]
        )
    return True


def _product_of(shop: Shop, product: Product) -> str:
    """Stripe's product of this plan: that of another price of it while Stripe sells it, else a new one."""
    with shop.reading() as session:  # the price before may just have made it
        known = plan_prices.product_of(session, product.id, shop.settings.mode)
    if known and (shop.stripe.find_product(known) or {}).get("active"):
        return known
    named = {**_said(shop, product), "metadata": {"product_id": product.id, "shop_id": shop.id}}
    # Of what was made under a key before, Stripe says the same again, though it is gone by now.
    said = sha256(orjson.dumps([named, known])).hexdigest()[:16]
    return str(shop.stripe.make_product(named, key=f"product:{shop.id}:{product.id}:{said}")["id"])


def _describe(shop: Shop, product: Product, there: Any) -> None:
    """Have Stripe's product say what ours says, if it is one that the shop has made."""
    if not isinstance(there, dict) or (there.get("metadata") or {}).get("shop_id") != shop.id:
        return
    if changes := {field: said for field, said in _said(shop, product).items() if there.get(field) != said}:
        shop.stripe.change_product(there["id"], changes)


def _said(shop: Shop, product: Product) -> dict[str, Any]:
    said = {"name": product.name, "tax_code": tax.code_of(product.kind, product.tax_code)}
    return said | products.pictured(shop.settings, product.image)


def _fits(shop: Shop, price: Price, there: dict[str, Any]) -> bool:
    """Whether one of Stripe's prices is this one: by what it costs, how it is taxed, and whose it is."""
    interval = (there.get("recurring") or {}).get("interval")
    costs = (there["unit_amount"], there["currency"], interval) == (price.amount, price.currency, price.interval)
    taxed = shop.settings.tax == "off" or there.get("tax_behavior") == _behavior(price)
    product = there["product"] if isinstance(there["product"], dict) else {}
    ours = (product.get("metadata") or {}).get("shop_id") in (None, "", shop.id)
    return costs and taxed and ours and bool(product.get("active", True))


def _behavior(price: Price) -> str:
    return price.tax_behavior or tax.INCLUSIVE


def _parameters(price: Price, product: str) -> dict[str, Any]:
    return {
        "product": product, "currency": price.currency, "unit_amount": price.amount, "tax_behavior": _behavior(price),
        "recurring": {"interval": str(price.interval)}, "lookup_key": price.lookup_key, "transfer_lookup_key": True,
        "metadata": {"price_id": price.id},
    }  # fmt: skip


def _archive(shop: Shop, price: Price, stripe_price_id: str) -> None:
    """What was made here and stands for it no more is sold no more. A price of the seller's own is theirs to archive."""
    there = shop.stripe.find_price(stripe_price_id)
    if there and (there.get("metadata") or {}).get("price_id") == price.id:
        shop.stripe.archive_price(stripe_price_id)
