"""Limits of checkouts: how many somebody may begin, and how many places of a workshop they may hold that way without paying.

Each door to a checkout that strangers have counts here first. Whoever pays is not slowed down: the limits are far above what
people do.
"""

from collections.abc import Iterator, Mapping

from sqlmodel import Session, col, select

from core.catalog import plan_prices
from core.catalog.products import Kind, Priced
from core.foundation import addresses
from core.foundation.errors import ShopError
from core.journeys import checkout
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds import workshops
from core.kinds.workshops import WorkshopDate
from core.shop import Shop
from core.traffic import counting
from core.traffic.counting import Count, Sender
from core.traffic.rate_limits import Limit

BY_ADDRESS = Limit("checkouts by address", 30)
BY_BROWSER = Limit("checkouts by browser", 10)
BY_EMAIL = Limit("checkouts by email", 10, 600)
# Letters to an address that somebody only typed, and free orders of one household.
FREE_BY_EMAIL = Limit("free orders by email", 5, 3600)
FREE_BY_ADDRESS = Limit("free orders by address", 20, 3600)
# As long as a place is held for whoever has not paid yet.
_HOLDING = 35 * 60
# So many places of one date one browser may hold at least; otherwise as many as one order may have.
_FEW = 4


def start(shop: Shop, basket: Basket, sender: Sender) -> PaymentLink:
    """Count this checkout and start it. What is refused holds no places and sends no letter, and so none are counted: whoever
    wanted four where two are left may have the two.

    Raises TooManyTries, before anything is ordered or held, and what `checkout.start` raises.
    """
    admit(shop, basket, sender)
    try:
        return checkout.start(shop, basket)
    except ShopError:
        if shop.settings.rate_limits == "on":
            counting.release(shop, _led_to(shop, basket, sender))
        raise


def admit(shop: Shop, basket: Basket, sender: Sender) -> None:
    """Count this checkout. Raises TooManyTries, before anything is ordered or held."""
    if shop.settings.rate_limits == "off":
        return
    counting.admit(
        shop,
        [
            Count(BY_BROWSER, sender.browser),
            Count(BY_ADDRESS, sender.address),
            Count(BY_EMAIL, addresses.fold(basket.email)),
        ],
    )
    counting.reserve(shop, _led_to(shop, basket, sender))


def _led_to(shop: Shop, basket: Basket, sender: Sender) -> list[Count]:
    """What it leads to unless it is refused: letters, if it costs nothing, and places that it does not hold by now."""
    with shop.reading() as session:
        found = plan_prices.priced(session, [item.price for item in basket.items])
        free = basket.pageless and not any(_cost(item, found) for item in basket.items)
        return [*(_free(basket, sender) if free else ()), *_places(session, basket, sender, found)]


def _cost(item: Item, found: Mapping[str, Priced]) -> int:
    """What the item is said to cost; who says something else is refused at the checkout."""
    priced = found.get(item.price)
    return (priced.price.amount if priced else 0) if item.amount is None else item.amount


def _free(basket: Basket, sender: Sender) -> Iterator[Count]:
    """What costs nothing is sent to whatever address was typed: so nobody is sent much of it."""
    yield Count(FREE_BY_ADDRESS, sender.address)
    yield Count(FREE_BY_EMAIL, addresses.fold(basket.signed_in or basket.email))


def _places(session: Session, basket: Basket, sender: Sender, priced: Mapping[str, Priced]) -> Iterator[Count]:
    """The places that the basket is to hold and does not hold by now, of each date by itself."""
    wanted = [(item, priced[item.price].product) for item in basket.items if item.price in priced]
    wanted = [(item, product) for item, product in wanted if product.kind is Kind.WORKSHOP]
    held = workshops.held(session, basket.cart_id) if wanted else {}
    named = {item.date for item, _ in wanted if item.date}
    asked = select(WorkshopDate.id, WorkshopDate.capacity).where(col(WorkshopDate.id).in_(named))
    capacities = dict(session.exec(asked).all()) if named else {}
    for item, product in wanted:
        new = item.quantity - (held.get(item.date, 0) if item.date else sum(held.values()))
        # More than one order may have are never held: that is for the checkout to say.
        if new > 0 and item.quantity <= product.max_quantity:
            date, most = item.date or product.id, max(product.max_quantity, _FEW)
            # Many people may be behind one address, each with a browser of their own: an office, a school. They get half of a date,
            # and whoever only makes themself new browsers leaves the other half to everybody else.
            many = max(most, capacities.get(item.date, 0) // 2)
            yield Count(_limit("browser", most), f"{sender.browser} {date}" if sender.browser else "", new)
            yield Count(_limit("address", many), f"{sender.address} {date}" if sender.address else "", new)


def _limit(by: str, most: int) -> Limit:
    return Limit(f"places by {by}", most, _HOLDING)
