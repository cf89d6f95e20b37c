"""The catalogue file: a TOML text that says what is sold, applied whole or not at all, and as often as one likes."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlmodel import Session, SQLModel, col, select, update

from core import orders
from core.catalog import Interval, Kind, Price, Product, ShopText
from core.downloads import DownloadFile
from core.errors import AmountTooSmall, CatalogInvalid
from core.money import Money, check_chargeable
from core.shop import Shop
from core.workshops import WorkshopDate

_DEMO = Path(__file__).parent / "demo" / "catalogue.toml"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceEntry(_Entry):
    """`[[products.prices]]`: `amount` in minor units; `interval` for plans alone."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")
    amount: int = Field(ge=0, le=99_999_999)
    currency: str = Field(pattern=r"^[a-z]{3}$")
    interval: Interval | None = None
    stripe_price_id: str | None = None

    @model_validator(mode="after")
    def _chargeable(self) -> "PriceEntry":
        try:
            check_chargeable(Money(self.amount, self.currency))
        except AmountTooSmall as error:
            raise ValueError(f"Stripe charges no less than {Money(error.least, error.currency).format()}") from None
        return self


class FileEntry(_Entry):
    """`[[products.files]]`: `path` is relative to the catalogue file, `name` is what the buyer gets."""

    path: str
    name: str = Field(pattern=r"^[^/\\\r\n\"]{1,200}$")
    label: str
    media_type: str = Field(pattern=r"^[\w.+-]+/[\w.+-]+$")


class DateEntry(_Entry):
    """`[[products.dates]]`: either `starts_at` and `ends_at`, or `in_days` and `at` for a demo that never ages."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    in_days: int | None = None
    at: time = time(17)
    hours: float = Field(2, gt=0)
    timezone: str = "UTC"
    capacity: int = Field(ge=1)
    taken: int = Field(0, ge=0)
    join_url: str = ""

    @model_validator(mode="after")
    def _sensible(self) -> "DateEntry":
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone {self.timezone!r}") from None
        if (self.starts_at is None) == (self.in_days is None):
            raise ValueError("give either starts_at or in_days")
        if self.taken > self.capacity:
            raise ValueError("more places are taken than there are")
        if self.starts_at and self.ends_at and self.finishes(self.starts_at) <= self.begins(self.starts_at):
            raise ValueError("it ends before it begins")
        return self

    def begins(self, now: datetime) -> datetime:
        """When it begins, for a catalogue that is applied at `now`."""
        zone = ZoneInfo(self.timezone)
        if self.starts_at is not None:
            return self.starts_at if self.starts_at.tzinfo else self.starts_at.replace(tzinfo=zone)
        day = (now.astimezone(zone) + timedelta(days=self.in_days or 0)).date()
        return datetime.combine(day, self.at, zone)

    def finishes(self, now: datetime) -> datetime:
        """When it ends."""
        if self.ends_at is not None:
            return self.ends_at if self.ends_at.tzinfo else self.ends_at.replace(tzinfo=ZoneInfo(self.timezone))
        return self.begins(now) + timedelta(hours=self.hours)


class ProductEntry(_Entry):
    """`[[products]]`: one thing for sale. `id` is its slug and never changes.

    `on_refund = "keep"` leaves buyers what they have even when all their money goes back.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")
    name: str = Field(min_length=1, max_length=250)
    kind: Kind
    group: str = ""
    summary: str = ""
    facts: str = ""
    description: str = ""
    image: str = ""
    image_alt: str = ""
    call_to_action: str = "See more"
    active: bool = True
    max_quantity: int = Field(1, ge=1, le=999)
    gets: list[tuple[str, str]] = []
    faq: list[tuple[str, str]] = []
    prices: list[PriceEntry] = Field(min_length=1)
    files: list[FileEntry] = []
    dates: list[DateEntry] = []
    plan: dict[str, Any] = {}
    on_refund: Literal["keep", "revoke"] = "revoke"
    license: dict[Literal["machines"], Annotated[int, Field(ge=1)]] = {}
    download: dict[Literal["downloads"], Annotated[int, Field(ge=1)]] = {}

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "ProductEntry":
        if self.kind is Kind.DOWNLOAD and not self.files:
            raise ValueError("a download needs at least one file")
        if self.kind is Kind.WORKSHOP and not self.dates:
            raise ValueError("a workshop needs a date")
        for price in self.prices:
            if (price.interval is not None) != (self.kind is Kind.PLAN):
                raise ValueError(f"price {price.id}: plans have an interval, and nothing else has")
        _each_once("file name", [file.name for file in self.files])
        return self

    @property
    def terms(self) -> dict[str, Any]:
        """What the kind needs to know."""
        counts: dict[str, Any] = {**dict(self.license.items()), **dict(self.download.items())}
        policy = {"on_refund": self.on_refund} if self.on_refund == "keep" else {}
        return {**self.plan, **counts, **policy}


class CatalogFile(_Entry):
    """The whole file."""

    shop: dict[str, str] = {}
    products: list[ProductEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> "CatalogFile":
        _each_once("product", [product.id for product in self.products])
        _each_once("price", [price.id for product in self.products for price in product.prices])
        return self


def _each_once(what: str, names: list[str]) -> None:
    if twice := {each for each in names if names.count(each) > 1}:
        raise ValueError(f"{what} {', '.join(sorted(twice))} stands in the file more than once")


@dataclass(frozen=True)
class Applied:
    """What applying a catalogue did. `left_alone` are products that the shop has and the file does not name."""

    products: int
    prices: int
    files: int
    left_alone: tuple[str, ...]


def apply(shop: Shop, path: Path) -> Applied:
    """Bring the shop's shelves to what the file says; products that it does not name are left as they are.

    Raises CatalogInvalid with every problem found, having changed nothing. Orders keep the prices they were placed at.
    """
    catalogue = _parse(path)
    stored = {entry: _store(shop, path.parent / entry.path, entry) for entry in _files(catalogue)}
    with shop.transaction() as session:
        # Two who fill the same empty shelves at once, as processes of a demo do: the later one finds them full.
        orders.queue(session)
        for position, product in enumerate(catalogue.products):
            _write_product(session, product, position, now=shop.now())
            _write_prices(session, product)
            _write_files(session, product, stored)
            _write_dates(session, product, now=shop.now())
        for key, text in catalogue.shop.items():
            session.merge(ShopText(key=key, text=text))
        named = [product.id for product in catalogue.products]
        others = session.exec(select(Product.id).where(col(Product.id).not_in(named)).order_by(Product.id)).all()
    prices = sum(len(product.prices) for product in catalogue.products)
    return Applied(len(catalogue.products), prices, len(stored), tuple(others))


def fill_demo(shop: Shop) -> None:
    """Fill the shelves of a demo that has none yet."""
    with shop.reading() as session:
        if session.exec(select(Product.id).limit(1)).first():
            return
    apply(shop, _DEMO)


def _parse(path: Path) -> CatalogFile:
    try:
        catalogue = CatalogFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise CatalogInvalid([f"there is no file {path}"]) from None
    except OSError as error:
        raise CatalogInvalid([f"{path} cannot be read: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogInvalid([f"{path} is not TOML: {error}"]) from None
    except ValidationError as error:
        raise CatalogInvalid([_sentence(problem) for problem in error.errors()]) from None
    if missing := [entry.path for entry in _files(catalogue) if not (path.parent / entry.path).is_file()]:
        raise CatalogInvalid([f"there is no file {name} beside the catalogue" for name in missing])
    return catalogue


def _sentence(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}" if where else str(problem["msg"])


def _files(catalogue: CatalogFile) -> Iterator[FileEntry]:
    for product in catalogue.products:
        yield from product.files


def _store(shop: Shop, path: Path, entry: FileEntry) -> tuple[str, int, str]:
    """Put the file where sold files lie, under its own fingerprint: what was sold before is never overwritten."""
    data = path.read_bytes()
    digest = sha256(data).hexdigest()
    key = f"{digest[:2]}/{digest}/{entry.name}"
    if not shop.storage.has(key):
        shop.storage.put(key, data, media_type=entry.media_type)
    return key, len(data), digest


def _write_product(session: Session, entry: ProductEntry, position: int, *, now: datetime) -> None:
    row = session.get(Product, entry.id) or Product(
        id=entry.id, name="", kind=entry.kind, created_at=now, updated_at=now
    )
    if row.kind is not entry.kind:
        raise CatalogInvalid([f"{entry.id} is a {row.kind} and cannot become a {entry.kind}: give it a new id"])
    row.sqlmodel_update(
        {
            **entry.model_dump(
                include={
                    "name", "summary", "facts", "description", "image", "image_alt", "call_to_action", "active",
                    "max_quantity", "terms",
                }
            ),
            "shelf": entry.group, "gets": [list(pair) for pair in entry.gets], "faq": [list(pair) for pair in entry.faq],
            "terms": entry.terms, "position": position, "updated_at": now,
        }
    )  # fmt: skip
    session.add(row)
    session.flush()


def _write_prices(session: Session, product: ProductEntry) -> None:
    _withdraw(session, Price, product.id)
    for position, entry in enumerate(product.prices):
        row = Price(
            id=entry.id, product_id=product.id, amount=entry.amount, currency=entry.currency, interval=entry.interval,
            stripe_price_id=entry.stripe_price_id, lookup_key=entry.id, position=position,
        )  # fmt: skip
        session.merge(row)
    session.flush()


def _write_files(session: Session, product: ProductEntry, stored: dict[FileEntry, tuple[str, int, str]]) -> None:
    _withdraw(session, DownloadFile, product.id)
    for position, entry in enumerate(product.files):
        key, size, digest = stored[entry]
        row = DownloadFile(
            id=f"{product.id}/{entry.name}", product_id=product.id, label=entry.label, name=entry.name,
            media_type=entry.media_type, key=key, size=size, sha256=digest, position=position,
        )  # fmt: skip
        session.merge(row)
    session.flush()


def _withdraw(session: Session, table: type[SQLModel], product_id: str) -> None:
    """Take all of a product's rows out of use; those that the file names come back at once."""
    session.exec(update(table).where(col(table.product_id) == product_id).values(active=False))  # type: ignore[attr-defined]


def _write_dates(session: Session, product: ProductEntry, *, now: datetime) -> None:
    for number, entry in enumerate(product.dates, start=1):
        row = session.get(WorkshopDate, f"{product.id}/{number}", with_for_update=True)
        if row is None:
            # `taken` is what was sold elsewhere before this shop opened: from here on only sales change it.
            row = WorkshopDate(
                id=f"{product.id}/{number}", product_id=product.id, starts_at=entry.begins(now),
                ends_at=entry.finishes(now), timezone=entry.timezone, capacity=entry.capacity, taken=entry.taken,
            )  # fmt: skip
        if entry.capacity < row.taken:
            raise CatalogInvalid([f"{row.id}: {row.taken} places are taken, capacity cannot become {entry.capacity}"])
        row.sqlmodel_update(
            {
                "starts_at": entry.begins(now), "ends_at": entry.finishes(now), "timezone": entry.timezone,
                "capacity": entry.capacity, "join_url": entry.join_url,
            }
        )  # fmt: skip
        session.add(row)
    session.flush()
