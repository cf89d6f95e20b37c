"""Bundles: one price for several products, each of which is delivered by its own kind.

A bundle is a download whose terms name its parts, and has no file of its own. What is sold of it are its parts.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from core.catalog.prices import costs
from core.catalog.products import Kind, Price, Product
from core.foundation.currencies import step_of
from core.foundation.money import Money

# A plan is billed by itself, and a workshop's date is chosen by itself.
KINDS = (Kind.DOWNLOAD, Kind.LICENSE)


def part_ids(terms: Mapping[str, Any]) -> tuple[str, ...]:
    """The products that one with these terms is made of, none if it is no bundle."""
    return tuple(terms.get("parts") or ())


def parts_of(session: Session, bundles: Collection[Product], *, among: Collection[Product] = ()) -> dict[str, Product]:
    """The parts of all of these, by their ids. What is no bundle has none. Those that are `among` what is at hand the database is
    not asked for."""
    wanted = {part for bundle in bundles for part in part_ids(bundle.terms)}
    found = {each.id: each for each in among if each.id in wanted}
    if others := wanted - found.keys():
        found |= {each.id: each for each in session.exec(select(Product).where(col(Product.id).in_(others)))}
    return found


def problems(session: Session, bundle: Product) -> list[str]:
    """Why a bundle cannot be sold, a sentence for each part that stands against it."""
    known = parts_of(session, [bundle])
    return [why for part in part_ids(bundle.terms) if (why := _problem(part, known.get(part)))]


def weights(session: Session, parts: Sequence[Product], currency: str, *, now: datetime) -> list[int]:
    """What each of these parts costs by itself now, in minor units: so the price of a bundle is told apart. All of them weigh the
    same where one is not to be had in this currency."""
    named = [part.id for part in parts]
    query = select(Price).where(
        col(Price.product_id).in_(named), col(Price.active), Price.currency == currency, col(Price.interval).is_(None)
    )
    cheapest: dict[str, int] = {}
    for price in session.exec(query):
        amount = costs.at(price, now=now)
        cheapest[price.product_id] = min(amount, cheapest.get(price.product_id, amount))
    found = [cheapest.get(each, 0) for each in named]
    return found if all(found) else [1] * len(named)


def shares(total: Money, weights: Sequence[int]) -> list[int]:
    """A total told apart by these weights: minor units that Stripe charges and that add up to it, the first parts taking what is
    left over."""
    step, whole = step_of(total.currency), sum(weights)
    steps = total.amount // step
    found = [steps * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda place: (-(steps * weights[place] % whole), place))
    for place in by_rest[: steps - sum(found)]:
        found[place] += 1
    return [each * step for each in found]


def _problem(part_id: str, part: Product | None) -> str:
    if part is None:
        return f"its part {part_id} is no product of the shop"
    if part_ids(part.terms):
        return f"its part {part_id} is a bundle itself"
    if part.kind not in KINDS:
        return f"its part {part_id} is a {part.kind}: a bundle is made of downloads and licences"
    if part.draft:
        return f"its part {part_id} is a draft"
    return "" if part.active else f"its part {part_id} is off the shelves"
