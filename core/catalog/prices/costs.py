"""Costs: what a price comes to at this moment, while a sale lasts, and where buyers say themselves what they pay."""

from datetime import datetime

from core.catalog.products import Price
from core.foundation.errors import BelowMinimum, PriceChanged


def is_reduced(price: Price, *, now: datetime) -> bool:
    """Whether its sale lasts, by the shop's clock."""
    return price.sale_amount is not None and price.sale_until is not None and now < price.sale_until


def at(price: Price, *, now: datetime) -> int:
    """What one costs now, in minor units; where buyers say it themselves, what is suggested to them."""
    reduced = price.sale_amount if is_reduced(price, now=now) else None
    return price.amount if reduced is None else reduced


def agreed(price: Price, said: int | None, *, now: datetime) -> int:
    """What one is sold for to somebody who was shown, or has `said`, this amount in minor units; None for who was shown none.

    Nobody pays another amount than they saw: raises PriceChanged, or BelowMinimum where they say it themselves.
    """
    costs = at(price, now=now)
    if said is None:
        return costs
    if price.minimum is None:
        if said != costs:
            raise PriceChanged(price=price.id, amount=costs, currency=price.currency)
    elif said < price.minimum:
        raise BelowMinimum(price=price.id, amount=said, least=price.minimum, currency=price.currency)
    return said
