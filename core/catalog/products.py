"""The catalogue: the products that are sold, and what they cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, Session, col, func, select

from core.foundation.database import lock_names
from core.foundation.records import Record, minor_units, text_enum
from core.foundation.settings import Settings
from core.foundation.writes.rows import answer_ahead, answer_to


class Kind(StrEnum):
    """What is sold. One module of core delivers each."""

    DOWNLOAD = "download"
    LICENSE = "license"
    PLAN = "plan"
    WORKSHOP = "workshop"


# On the link to a product whose seller chose no words for it: pages say it in their own language.
SEE_MORE = "See more"


class Interval(StrEnum):
    """How often a plan is billed."""

    MONTH = "month"
    YEAR = "year"


class Product(Record, table=True):
    """Something for sale. `id` is its slug, and never changes. `from_demo` marks what came with the demo's catalogue.

    `tax_code` is what its seller says that it is to the tax office, empty where its kind says so. A `draft` is not `active`, and
    nobody but who works here learns that there is such a product.
    """

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
    draft: bool = False
    position: int = 0
    tax_code: str = ""
    from_demo: bool = False
    created_at: datetime
    updated_at: datetime


class Changed(NamedTuple):
    """When a product had changed last, before a change and by it: by these somebody knows their own change from another's."""

    before: datetime
    after: datetime


class Price(Record, table=True):
    """What a product costs, in minor units. `interval` is null for one payment, else how often a plan is billed.

    `tax_behavior` is `exclusive` where taxes come on top of it; else it includes them. Before `sale_until` it is `sale_amount`.
    With a `minimum` buyers say what they pay: that at least, and `amount` is what is suggested to them.
    """

    __tablename__ = "prices"
    __table_args__ = (UniqueConstraint("lookup_key"),)

    id: str = Field(primary_key=True)
    product_id: str = Field(foreign_key="products.id", index=True)
    amount: int = minor_units()
    currency: str
    interval: Interval | None = text_enum(Interval, default=None, nullable=True)
    stripe_price_id: str | None = None
    lookup_key: str
    tax_behavior: str = ""
    minimum: int | None = minor_units(default=None)
    sale_amount: int | None = minor_units(default=None)
    sale_until: datetime | None = None
    active: bool = True
    position: int = 0


class ShopText(Record, table=True):
    """The seller's own words for the shop page and the footer. `from_demo` marks those of the demo's catalogue."""

    __tablename__ = "shop_texts"

    key: str = Field(primary_key=True)
    text: str
    from_demo: bool = False


# The lock on all products, prices and dates: shared by those who buy, held alone by who changes what is sold.
SHELVES = "shelves"


def lock_shelves(session: Session) -> None:
    """Wait for everybody who is buying or changing what is sold, and let later ones wait until this transaction ends."""
    lock_names(session, SHELVES)


@dataclass(frozen=True)
class Priced:
    """A price with the product it belongs to: what placing an order copies. `at_stripe` is Stripe's own that stands for it,
    if one does."""

    price: Price
    product: Product
    at_stripe: str | None = None


def shortest_trial(terms: Iterable[Mapping[str, Any]]) -> int:
    """For how many days plans of these terms may be tried for nothing; in one subscription, as many as the shortest allows."""
    return min((int(each.get("trial_days") or 0) for each in terms), default=0)


def kept_after_refund(session: Session, product_ids: Sequence[str]) -> set[str]:
    """Those of these products whose buyers keep what they have even when their money goes back."""
    terms = session.exec(select(Product.id, Product.terms).where(col(Product.id).in_(set(product_ids))))
    return {product for product, each in terms if each.get("on_refund") == "keep"}


# What the `image` begins with of a picture that an owner has uploaded.
UPLOADED = "pictures/"


def thumb(image: str) -> str:
    """Where the square crop of a product's picture lies: beside it, `cover.svg` has `cover-sq.svg`. Uploads have none."""
    if image.startswith(UPLOADED):
        return image
    stem, _, ending = image.rpartition(".")
    return f"{stem}-sq.{ending}" if stem else ""


def picture_path(image: str) -> str:
    """The path of a product's picture at the storefront."""
    return quote(f"/api/{image}" if image.startswith(UPLOADED) else f"/app/static/{image}")


def pictured(settings: Settings, image: str) -> dict[str, list[str]]:
    """What tells Stripe to show this picture of a product; nothing where it could not."""
    # Stripe itself neither reaches a laptop nor draws SVG; the sandbox does both.
    shown = settings.demo or (settings.livemode and image.startswith(UPLOADED))
    return {"images": [f"{settings.public_url}{picture_path(thumb(image))}"]} if image and shown else {}


def page_path(product_id: str) -> str:
    """The path of a product's page at the storefront."""
    return f"/product?id={quote(product_id)}"


def asked_for(query: Mapping[str, str]) -> str:
    """The id of the product that a page's address names, or an empty string. Links of earlier versions say `p`."""
    # PostgreSQL takes no text with a zero in it.
    return (query.get("id") or query.get("p", "")).replace("\0", "")


_TEXTS = "select key, text from shop_texts"  # in the driver's own words: every page asks


def texts(session: Session) -> dict[str, str]:
    """The seller's own words: `headline`, `intro`, `seller`, as far as the catalogue has them."""
    return dict(answer_to(session, _TEXTS))


def currencies(session: Session) -> list[str]:
    """What the shop sells in, that of most prices first; euros while nothing is for sale."""
    used = select(Price.currency).where(col(Price.active)).group_by(Price.currency)
    return list(session.exec(used.order_by(func.count().desc(), col(Price.currency)))) or ["eur"]


def texts_ahead(session: Session) -> None:
    """Have them read with what the database is asked next."""
    answer_ahead(session, _TEXTS)


def names(session: Session) -> dict[str, str]:
    """What each product is called, by its id, also of those that are no longer for sale."""
    return dict(session.exec(select(Product.id, Product.name).order_by(col(Product.position))).all())
