"""Plans at Stripe, as the doctor sees them: each price of a plan is one of Stripe's own, so that its portal can change them."""

from collections.abc import Iterator

from core.catalog import plan_prices
from core.journeys.billing import plans_at_stripe
from core.owner.doctor.findings import Finding, Level
from core.shop import Shop

_WHY = "The first checkout makes one, and takes a moment longer; until then the portal does not switch to this plan."


def plans(shop: Shop, *, fix: bool = False) -> Iterator[Finding]:
    """Whether every price of a plan on sale is one of Stripe's. With `fix` those are found or made that are not."""
    with shop.reading() as session:
        found = plan_prices.on_sale(session, shop.settings.mode)
    lacking = [each for each in found if not each.at_stripe or not _sold(shop, each.at_stripe)]
    if fix:
        for product_id in dict.fromkeys(each.product.id for each in found):
            plans_at_stripe.bring(shop, product_id)
    for each in lacking:
        how = "It has one now." if fix else "`pushcart doctor --fix` makes one, or finds it by its lookup key."
        level = Level.FINE if fix else Level.LATER
        yield Finding("plans", level, f"The plan price {each.price.id} is none of Stripe's own.", _WHY, how, mended=fix)
    if found and not lacking:
        yield Finding("plans", Level.FINE, "The prices of all plans are Stripe's own.")


def _sold(shop: Shop, stripe_price_id: str) -> bool:
    return bool((shop.stripe.find_price(stripe_price_id) or {}).get("active"))
