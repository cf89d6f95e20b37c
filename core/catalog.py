"""The catalogue: what may be bought, for how much, and whether it is to be had right now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from core import workshops
from core.database import minor_units, text_enum
from core.grants import Kind
from core.money import Money


class Interval(StrEnum):
    """How often a plan is billed."""

    MONTH = "month"
    YEAR = "year"


class Product(SQLModel, table=True):
    """Something for sale. `id` is its slug, and never changes. `from_demo` marks what came with the demo's catalogue."""

    __tablename__ = "products"

    id: str = Field(primary_key=True)
    name: str
    summary: str = ""
    description: str = ""
    kind: Kind = text_enum(Kind)
    image: str = ""
    image_alt: str = ""
    shelf: str = ""
    facts: str = ""
    call_to_action: str = ""
    gets: list[list[str]] = Field(default_factory=list, sa_type=JSON)
    faq: list[list[str]] = Field(default_factory=list, sa_type=JSON)
    terms: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    max_quantity: int = 1
    active: bool = True
    position: int = 0
    stripe_product_id: str | None = None
    from_demo: bool = False
    created_at: datetime
    updated_at: datetime


class Price(SQLModel, table=True):
    """What a product costs, in minor units. `interval` is null for one payment, else how often a plan is billed."""

    __tablename__ = "prices"
    __table_args__ = (UniqueConstraint("lookup_key"),)

    id: str = Field(primary_key=True)
    product_id: str = Field(foreign_key="products.id", index=True)
    amount: int = minor_units()
    currency: str
    interval: Interval | None = text_enum(Interval, default=None, nullable=True)
    stripe_price_id: str | None = None
    lookup_key: str
    active: bool = True
    position: int = 0


class ShopText(SQLModel, table=True):
    """The seller's own words for the shop page and the footer. `from_demo` marks those of the demo's catalogue."""

    __tablename__ = "shop_texts"

    key: str = Field(primary_key=True)
    text: str
    from_demo: bool = False


class Availability(StrEnum):
    """Whether a product can be bought right now."""

    ON_SALE = "on_sale"
    SOLD_OUT = "sold_out"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class PriceTag:
    """A price as a buyer meets it."""

    id: str
    amount: Money
    interval: Interval | None


@dataclass(frozen=True)
class Offer:
    """A product as a buyer meets it. `left` is the number of free places, or None where there is no limit."""

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
    left: int | None = None
    date: "workshops.DateView | None" = None

    @property
    def thumb(self) -> str:
        """The square crop of the picture."""
        return thumb(self.image)


@dataclass(frozen=True)
class Priced:
    """A price with the product it belongs to: what placing an order copies."""

    price: Price
    product: Product


def shelf(session: Session) -> tuple[Offer, ...]:
    """Everything on sale or sold out, in the shop's order; withdrawn products are left out."""
    return _offers(session, session.exec(select(Product).where(col(Product.active)).order_by(*_order())).all())


def offer(session: Session, product_id: str) -> Offer | None:
    """One product, also a withdrawn one, or None if there never was any."""
    return next(iter(offers(session, [product_id])), None)


def offers(session: Session, product_ids: Sequence[str]) -> tuple[Offer, ...]:
    """The known ones among these products, also withdrawn ones, in the shop's order."""
    query = select(Product).where(col(Product.id).in_(product_ids)).order_by(*_order())
    return _offers(session, session.exec(query).all())


def priced(session: Session, price_ids: Sequence[str]) -> dict[str, Priced]:
    """The known ones among these prices, by id."""
    rows = session.exec(
        select(Price, Product).join(Product, col(Price.product_id) == Product.id).where(col(Price.id).in_(price_ids))
    )
    return {price.id: Priced(price, product) for price, product in rows}


def trial_days(session: Session, plan_ids: Sequence[str]) -> int:
    """For how many days these plans may be tried for nothing; in one subscription, as many as the shortest allows."""
    terms = session.exec(select(Product.terms).where(col(Product.id).in_(plan_ids)))
    return min((int(each.get("trial_days") or 0) for each in terms), default=0)


def thumb(image: str) -> str:
    """Where the square crop of a product's picture lies: beside it, `cover.svg` has `cover-sq.svg`."""
    stem, _, ending = image.rpartition(".")
    return f"{stem}-sq.{ending}" if stem else ""


def texts(session: Session) -> dict[str, str]:
    """The seller's own words: `headline`, `intro`, `seller`, as far as the catalogue has them."""
    return {row.key: row.text for row in session.exec(select(ShopText))}


def _offers(session: Session, products: Sequence[Product]) -> tuple[Offer, ...]:
    ids = [product.id for product in products]
    tags: dict[str, list[PriceTag]] = {}
    prices = select(Price).where(col(Price.product_id).in_(ids), col(Price.active)).order_by(col(Price.position))
    for price in session.exec(prices):
        tag = PriceTag(price.id, Money(price.amount, price.currency), price.interval)
        tags.setdefault(price.product_id, []).append(tag)
    dates = workshops.next_dates(session, ids)
    return tuple(_offer(product, tuple(tags.get(product.id, ())), dates.get(product.id)) for product in products)


def _offer(product: Product, tags: tuple[PriceTag, ...], date: "workshops.DateView | None") -> Offer:
    left = date.left if date else None
    return Offer(
        id=product.id, name=product.name, kind=product.kind, shelf=product.shelf, summary=product.summary,
        facts=product.facts, description=product.description, image=product.image, image_alt=product.image_alt,
        call_to_action=product.call_to_action, gets=tuple((i, t) for i, t in product.gets),
        faq=tuple((q, a) for q, a in product.faq), prices=tags, max_quantity=product.max_quantity,
        availability=_availability(product, tags, left), left=left, date=date,
    )  # fmt: skip


def _availability(product: Product, tags: tuple[PriceTag, ...], left: int | None) -> Availability:
    if not product.active or not tags:
        return Availability.WITHDRAWN
    if product.kind is Kind.WORKSHOP and not left:
        return Availability.SOLD_OUT
    return Availability.ON_SALE


def _order() -> tuple[Any, Any]:
    return col(Product.position), col(Product.id)
