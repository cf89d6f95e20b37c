"""Offers: products as buyers meet them, with their prices and whether they are to be had right now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from sqlalchemy import BindParameter, bindparam
from sqlmodel import Session, col, select

from core.catalog import products, tax
from core.catalog.looks import drawn_covers
from core.catalog.prices import bundles, costs
from core.catalog.products import SEE_MORE, Interval, Kind, Price, Priced, Product
from core.foundation.money import Money
from core.kinds import workshops
from core.kinds.workshops import DateView


class Availability(StrEnum):
    """Whether a product can be bought right now."""

    ON_SALE = "on_sale"
    SOLD_OUT = "sold_out"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class PriceTag:
    """A price as a buyer meets it; `plus_tax` if taxes come on top of it, where any are taken.

    In a sale `before` is what it costs after `until`. With a `least` the buyer says what they pay, and `amount` is suggested.
    """

    id: str
    amount: Money
    interval: Interval | None
    plus_tax: bool = False
    before: Money | None = None
    until: datetime | None = None
    least: Money | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is paid for it, now or later."""
        return not self.amount and self.interval is None


@dataclass(frozen=True)
class Offer:
    """A product as a buyer meets it, or a `draft` as those do who work here. A bundle has `parts`. `dates` are those of a
    workshop that have not begun, the next one first."""

    id: str
    name: str
    kind: Kind
    shelf: str
    summary: str
    facts: str
    description: str
    image: str
    image_alt: str
    call_to_action: str
    gets: tuple[tuple[str, str], ...]
    faq: tuple[tuple[str, str], ...]
    prices: tuple[PriceTag, ...]
    availability: Availability
    max_quantity: int
    dates: tuple[DateView, ...] = ()
    terms: Mapping[str, Any] = field(default_factory=dict)
    draft: bool = False
    parts: tuple["Offer", ...] = ()

    @property
    def thumb(self) -> str:
        """The square crop of the picture."""
        return products.thumb(self.picture)

    @property
    def picture(self) -> str:
        """The picture that is shown of it: its `image`, or one that is drawn from its name."""
        return drawn_covers.instead(self.image, self.name, self.kind)

    @property
    def open_dates(self) -> tuple[DateView, ...]:
        """The dates with a free place."""
        return tuple(date for date in self.dates if date.left)

    @property
    def left(self) -> int | None:
        """How many places are free on all dates together, or None where there is no limit."""
        return sum(date.left for date in self.dates) if self.kind is Kind.WORKSHOP else None

    def on(self, date_id: str) -> DateView | None:
        """This one of its dates, unless it has begun or is no longer offered."""
        return next((date for date in self.dates if date.id == date_id), None)


# Built once: building them would cost more than the databases need to answer.
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_ORDER = col(Product.position), col(Product.id)
_ON_THE_SHELF = select(Product).where(col(Product.active)).order_by(*_ORDER)
_DRAFTS = select(Product).where(col(Product.draft)).order_by(*_ORDER)
_NAMED = select(Product).where(col(Product.id).in_(_IDS)).order_by(*_ORDER)
_PRICES = select(Price).where(col(Price.product_id).in_(_IDS), col(Price.active)).order_by(col(Price.position))


def shelf(session: Session, *, now: datetime) -> tuple[Offer, ...]:
    """Everything on sale or sold out, in the shop's order; withdrawn products are left out."""
    return _offers(session, session.exec(_ON_THE_SHELF).all(), now=now)


def drafts(session: Session, *, now: datetime) -> tuple[Offer, ...]:
    """What is being written and was never for sale, for those who work here."""
    return _offers(session, session.exec(_DRAFTS).all(), now=now)


def of_product(session: Session, product_id: str, *, now: datetime) -> Offer | None:
    """One product, also a withdrawn one, or None if there never was any."""
    return next(iter(of_products(session, [product_id], now=now)), None)


def of_products(session: Session, product_ids: Sequence[str], *, now: datetime) -> tuple[Offer, ...]:
    """The known ones among these products, also withdrawn ones, in the shop's order."""
    return _offers(session, session.exec(_NAMED, params={"ids": product_ids}).all(), now=now)


def of_priced(priced: Collection[Priced], dates: Sequence[DateView], *, now: datetime) -> tuple[Offer, ...]:
    """The products of these prices, in the shop's order, each with no more of its prices and dates than these."""
    found = {each.product.id: each.product for each in priced}
    tags: dict[str, list[PriceTag]] = {}
    for each in priced:
        if each.price.active:
            tags.setdefault(each.product.id, []).append(tag(each.price, now=now))
    offered = {key: tuple(date for date in dates if date.product_id == key and date.bookable) for key in found}
    in_order = sorted(found.values(), key=lambda product: (product.position, product.id))
    return tuple(_offer(product, tuple(tags.get(product.id, ())), offered[product.id]) for product in in_order)


def availability(product: Product | Offer, dates: Sequence[DateView]) -> Availability:
    """Whether a product that has a price can be bought while its dates stand so."""
    full = product.kind is Kind.WORKSHOP and not any(date.left for date in dates)
    return Availability.SOLD_OUT if full else Availability.ON_SALE


def _call_to_action(product: Product) -> str:
    """The seller's words for the link to it; empty where pages have their own."""
    return "" if product.call_to_action == SEE_MORE else product.call_to_action


def _offers(session: Session, found: Sequence[Product], *, now: datetime) -> tuple[Offer, ...]:
    parts = _parts(session, found)
    every = {product.id: product for product in chain(found, *parts.values())}
    tags: dict[str, list[PriceTag]] = {}
    for price in session.exec(_PRICES, params={"ids": list(every)}):
        tags.setdefault(price.product_id, []).append(tag(price, now=now))
    dated = [product.id for product in every.values() if product.kind is Kind.WORKSHOP]
    dates = workshops.coming(session, dated, now=now) if dated else {}

    def offer(product: Product, of_parts: tuple[Offer, ...] = ()) -> Offer:
        return _offer(product, tuple(tags.get(product.id, ())), dates.get(product.id, ()), of_parts)

    return tuple(offer(product, tuple(map(offer, parts.get(product.id, ())))) for product in found)


def _parts(session: Session, found: Sequence[Product]) -> dict[str, list[Product]]:
    """The parts of the bundles among these, by bundle. A bundle in a bundle has no parts here: it cannot be sold anyway."""
    named = {product.id: bundles.part_ids(product.terms) for product in found}
    known = bundles.parts_of(session, found, among=found)
    whole = {key: part for key, part in known.items() if not bundles.part_ids(part.terms)}
    return {key: [whole[part] for part in theirs if part in whole] for key, theirs in named.items() if theirs}


def tag(price: Price, *, now: datetime) -> PriceTag:
    """A price as buyers meet it at this moment."""
    reduced = costs.is_reduced(price, now=now)
    return PriceTag(
        price.id, Money(costs.at(price, now=now), price.currency), price.interval, price.tax_behavior == tax.EXCLUSIVE,
        before=Money(price.amount, price.currency) if reduced else None, until=price.sale_until if reduced else None,
        least=None if price.minimum is None else Money(price.minimum, price.currency),
    )  # fmt: skip


def _offer(
    product: Product, tags: tuple[PriceTag, ...], dates: tuple[DateView, ...], parts: tuple[Offer, ...] = ()
) -> Offer:
    whole = len(parts) == len(bundles.part_ids(product.terms))
    apart = any(part.availability is Availability.WITHDRAWN or part.kind not in bundles.KINDS for part in parts)
    to_be_had = product.active and bool(tags) and whole and not apart
    return Offer(
        id=product.id, name=product.name, kind=product.kind, shelf=product.shelf, summary=product.summary,
        facts=product.facts, description=product.description, image=product.image, image_alt=product.image_alt,
        call_to_action=_call_to_action(product), gets=tuple((i, t) for i, t in product.gets),
        faq=tuple((q, a) for q, a in product.faq), prices=tags, max_quantity=product.max_quantity,
        availability=availability(product, dates) if to_be_had else Availability.WITHDRAWN, dates=dates,
        terms=product.terms, draft=product.draft, parts=parts,
    )  # fmt: skip
