"""The catalogue file: a TOML text that says what is sold, read whole or refused with a sentence for each mistake."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from core.catalog import catalog_mistakes, tax, wall_times
from core.catalog.license_terms import Exact, LicenseEntry
from core.catalog.looks import accent
from core.catalog.products import SEE_MORE, Interval, Kind
from core.catalog.seller import DOCUMENTS, is_file, is_link
from core.catalog.workshop_terms import WorkshopEntry
from core.foundation import addresses, settings
from core.foundation.errors import (
    AddressUnfit,
    AmountTooBig,
    AmountTooSmall,
    AmountUneven,
    BadInput,
    CatalogInvalid,
    CurrencyUnknown,
)
from core.foundation.money import Money, check_chargeable

# So many of anything are sold, and no more: databases count on, and programs that are told of it do not.
MOST = 100_000
# In days, the longest time ahead.
_TEN_YEARS = 3650
_Reckoned = AfterValidator(wall_times.reckoned)
# What stands in a line with other words. The spaces around what was pasted are nobody's: of a name they alone would be none, and
# of a shelf another one.
Words = Annotated[str, StringConstraints(strip_whitespace=True)]


def _holds_zero(said: Any) -> bool:
    """Whether any text in there has a character that PostgreSQL takes in none."""
    match said:
        case str():
            return "\0" in said
        case dict():
            return any(map(_holds_zero, (*said, *said.values())))
        case list() | tuple():
            return any(map(_holds_zero, said))
    return False


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, said: Any) -> Any:
        if _holds_zero(said):
            raise ValueError("it holds a character zero, which no text has")
        return said


class SaleEntry(_Entry):
    """`sale = { amount = 1900, until = 2027-01-31T23:59:00+01:00 }`: what it costs until then, in minor units; or `in_days` for a
    demo that never ages."""

    amount: int = Field(ge=0, le=99_999_999, strict=True)
    until: Annotated[AwareDatetime, _Reckoned] | None = None
    in_days: int | None = Field(None, ge=1, le=_TEN_YEARS, strict=True)

    @model_validator(mode="after")
    def _ends_once(self) -> "SaleEntry":
        if (self.until is None) == (self.in_days is None):
            raise ValueError("give either until or in_days")
        return self

    def ends(self, now: datetime) -> datetime:
        """When it ends, for a catalogue that is applied at `now`: at the time named, or with a day of UTC."""
        if self.until is not None:
            return self.until.astimezone(UTC)
        day = (now.astimezone(UTC) + timedelta(days=(self.in_days or 0) + 1)).date()
        return datetime.combine(day, time.min, UTC) - timedelta(minutes=1)


class PriceEntry(_Entry):
    """`[[products.prices]]`: `amount` in minor units; `interval` for plans alone. Taxes are in it unless it is `exclusive`.

    With a `minimum` buyers say what they pay, that at least; `amount` is then what is suggested to them.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")
    # Strict: 29.00 in the file means major units to its writer, and must not become 29 cents.
    amount: int = Field(ge=0, le=99_999_999, strict=True)
    currency: str = Field(pattern=r"^[a-z]{3}$")
    interval: Interval | None = None
    stripe_price_id: str | None = None
    tax_behavior: Literal["", "inclusive", "exclusive"] = ""
    minimum: int | None = Field(None, ge=0, le=99_999_999, strict=True)
    sale: SaleEntry | None = None

    @model_validator(mode="after")
    def _chargeable(self) -> "PriceEntry":
        try:
            for amount in (self.amount, self.minimum or 0, self.sale.amount if self.sale else 0):
                check_chargeable(Money(amount, self.currency))
        except BadInput as error:
            raise ValueError(_refusal(error)) from None
        return self

    @model_validator(mode="after")
    def _one_way(self) -> "PriceEntry":
        if (self.sale or self.minimum is not None) and (self.interval or self.stripe_price_id):
            raise ValueError(
                "what a plan costs, or a price of Stripe's, is the same for everybody: it has no sale and no minimum"
            )
        if self.sale and self.minimum is not None:
            raise ValueError("give a sale or a minimum: who says what they pay needs no sale")
        if self.sale and self.sale.amount >= self.amount:
            raise ValueError("a sale costs less than the amount")
        if self.minimum is not None and self.minimum > self.amount:
            raise ValueError("the amount is what is suggested, and no less than the minimum")
        return self


class FileEntry(_Entry):
    """`[[products.files]]`: `path` is relative to the catalogue file, `name` is what the buyer gets.

    In place of a path, `sha256` names a file that the shop's storage has already: so an exported catalogue needs no files.
    `version` is what buyers read it is called, `notes` what is new in it: other bytes under the same name are a new version.
    """

    path: str = ""
    name: str = Field(pattern=r"^[^/\\\r\n\"]{1,200}$")
    label: Words
    media_type: str = Field(pattern=r"^[\w.+-]+/[\w.+-]+$")
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    version: Words = Field("", max_length=50)
    notes: str = Field("", max_length=2000)

    @model_validator(mode="after")
    def _lies_somewhere(self) -> "FileEntry":
        if bool(self.path) == bool(self.sha256):
            raise ValueError("give either the path of a file, or the sha256 of one that the shop has")
        return self


class DateEntry(_Entry):
    """`[[products.dates]]`: either `starts_at` and `ends_at`, or `in_days` and `at` for a demo that never ages.

    `id` never changes: by it a date that is moved is known again.
    """

    id: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]{0,79})?$")
    starts_at: Annotated[datetime, _Reckoned] | None = None
    ends_at: Annotated[datetime, _Reckoned] | None = None
    in_days: int | None = Field(None, ge=-_TEN_YEARS, le=_TEN_YEARS)
    at: time = time(17)
    hours: float = Field(2, gt=0, le=MOST)
    timezone: str = "UTC"
    capacity: int = Field(ge=1, le=MOST)
    taken: int = Field(0, ge=0)
    join_url: str = ""

    @model_validator(mode="after")
    def _sensible(self) -> "DateEntry":
        if self.timezone not in settings.zones():
            raise ValueError(f"there is no time zone {self.timezone[:80]!r}")
        if (self.starts_at is None) == (self.in_days is None):
            raise ValueError("give either starts_at or in_days")
        for wall in (self.starts_at, self.ends_at):
            if wall and wall.tzinfo is None:
                wall_times.the_one(wall, self.timezone)
        if self.taken > self.capacity:
            raise ValueError("more places are taken than there are")
        if self.starts_at and self.ends_at and self.finishes(self.starts_at) <= self.begins(self.starts_at):
            raise ValueError("it ends before it begins")
        return self

    def begins(self, now: datetime) -> datetime:
        """When it begins, for a catalogue that is applied at `now`."""
        zone = ZoneInfo(self.timezone)
        if self.starts_at is not None:
            return self.starts_at if self.starts_at.tzinfo else wall_times.the_one(self.starts_at, self.timezone)
        day = (now.astimezone(zone) + timedelta(days=self.in_days or 0)).date()
        return datetime.combine(day, self.at, zone)

    def finishes(self, now: datetime) -> datetime:
        """When it ends."""
        if self.ends_at is not None:
            return self.ends_at if self.ends_at.tzinfo else wall_times.the_one(self.ends_at, self.timezone)
        # In UTC, since an hour by the clock is not always one.
        return self.begins(now).astimezone(UTC) + timedelta(hours=self.hours)


def _refusal(error: BadInput) -> str:
    """Why Stripe would not charge a price."""
    match error:
        case CurrencyUnknown(currency=currency):
            return f"Stripe charges nothing in {currency.upper()}"
        case AmountTooSmall(least=least, currency=currency):
            return f"Stripe charges no less than {Money(least, currency).format()}"
        case AmountTooBig(most=most, currency=currency):
            return f"Stripe charges no more than {Money(most, currency).format()}"
        case AmountUneven(amount=amount, currency=currency):
            near = " or ".join(f"{Money(each, currency).format()} ({each})" for each in error.near)
            return f"Stripe does not charge {Money(amount, currency).format()}: make it {near}"
        case _:
            return str(error)


# Stripe tries nothing out for longer than two years.
_LONGEST_TRIAL = 730


class ProductEntry(_Entry):
    """`[[products]]`: one thing for sale. `id` is its slug and never changes.

    `features` is what a program asks of whoever may use it, such as `{ projects = 10, sso = true }`. `on_refund = "keep"` leaves
    buyers what they have even when all their money goes back. `withdrawal` is what the law says of withdrawing from it, if that
    is not what its kind has, and `consent` what buyers read of it. Only what is `active` must be complete: what is not on the
    shelves may still lack its price, its file or its dates. Of a `draft` nobody learns but who works here.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")
    name: Words = Field(min_length=1, max_length=250)
    kind: Kind
    group: Words = ""
    summary: Words = ""
    facts: Words = ""
    description: str = ""
    image: str = ""
    image_alt: Words = ""
    call_to_action: Words = SEE_MORE
    active: bool = True
    draft: bool = False
    max_quantity: int = Field(1, ge=1, le=999)
    gets: list[tuple[Words, Words]] = []
    faq: list[tuple[Words, Words]] = []
    prices: list[PriceEntry] = []
    files: list[FileEntry] = []
    parts: list[str] = []
    dates: list[DateEntry] = []
    plan: dict[str, Any] = {}
    features: Annotated[dict[str, bool | Exact | str], Field(max_length=50)] = {}
    on_refund: Literal["keep", "revoke"] = "revoke"
    withdrawal: Literal["digital", "service", "event", "kept"] | None = None
    consent: str = Field("", max_length=1000)
    license: LicenseEntry = LicenseEntry()
    workshop: WorkshopEntry = WorkshopEntry()
    download: dict[Literal["downloads"], Annotated[int, Field(ge=1, le=MOST)]] = {}
    tax_code: str = ""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "ProductEntry":
        lacking = self.missing if self.active and not self.draft else ""
        if wrong := [why for why in (*self._unfit(), lacking, self._no_bundle()) if why]:
            raise ValueError("; ".join(wrong))
        _each_once("file name", [file.name for file in self.files])
        _each_once("date", [date.id for date in self.dates if date.id])
        return self

    def _unfit(self) -> Iterator[str]:
        """What does not fit together, in words."""
        for price in self.prices:
            if (price.interval is not None) != (self.kind is Kind.PLAN):
                yield f"price {price.id}: plans have an interval, and nothing else has"
        trial = self.plan.get("trial_days", 0)
        if not isinstance(trial, int) or not 0 <= trial <= _LONGEST_TRIAL:
            yield f"trial_days is a whole number from 0 to {_LONGEST_TRIAL}"
        code = self.plan.get("introductory_code", "")
        if not isinstance(code, str) or not re.fullmatch(r"[A-Za-z0-9-]{0,100}", code):
            yield "introductory_code is a promotion code: letters, digits and hyphens"
        elif code and trial:
            # Stripe would take it off the payment of nothing with which a trial begins.
            yield "a plan begins with trial_days or with an introductory_code, and not with both"
        if self.tax_code and self.tax_code not in tax.CODES and not re.fullmatch(r"txcd_\d{8}", self.tax_code):
            yield f"tax_code is one of {', '.join(tax.CODES)}, or a code of Stripe's such as txcd_10000000"

    def _no_bundle(self) -> str:
        """Why it cannot have these parts, in words; empty if it can, or has none."""
        if not self.parts:
            return ""
        _each_once("part", self.parts)
        if self.kind is not Kind.DOWNLOAD or self.files:
            return "a bundle is of the kind download, and has its parts in place of files"
        if len(self.parts) < 2 or self.id in self.parts:
            return "a bundle has two parts or more, and is none of them itself"
        at_stripe = any(price.stripe_price_id for price in self.prices)
        return "what a bundle costs is told apart for its parts: it has no price of Stripe's" if at_stripe else ""

    @property
    def missing(self) -> str:
        """What it lacks to be sold, in words; empty if nothing."""
        if not self.prices:
            return "it needs a price"
        if self.kind is Kind.DOWNLOAD and not self.files and not self.parts:
            return "a download needs at least one file"
        return "a workshop needs a date" if self.kind is Kind.WORKSHOP and not self.dates else ""

    @property
    def terms(self) -> dict[str, Any]:
        """What the kind needs to know."""
        counts: dict[str, Any] = dict(self.download.items())
        policy: dict[str, str] = {"on_refund": self.on_refund} if self.on_refund == "keep" else {}
        if self.withdrawal:
            policy["withdrawal"] = self.withdrawal
        if self.consent:
            policy["consent"] = self.consent
        if self.parts:
            counts["parts"] = self.parts
        features = {"features": self.features} if self.features else {}
        return {**self.plan, **features, **self.license.written(), **self.workshop.written(), **counts, **policy}


class ShopEntry(_Entry):
    """`[shop]`: who sells, how the shop looks, and what is said on every page. `address` has several lines.

    `name` is the shop's, and `company` that of whoever sells there, if it is another. `terms`, `privacy` and `imprint` are each
    the address of a page, a file beside the catalogue such as `terms.md`, or the text itself in Markdown. `logo`, `logo_dark`,
    `icon` and `cover` are pictures beside the catalogue.
    """

    name: Words = Field("", max_length=200)
    company: Words = Field("", max_length=200)
    accent: str = ""
    logo: str = ""
    logo_dark: str = ""
    icon: str = ""
    cover: str = ""
    headline: Words = Field("", max_length=300)
    intro: Words = Field("", max_length=2000)
    seller: Words = Field("", max_length=500)
    address: str = Field("", max_length=500)
    vat_id: str = Field("", pattern=r"^([A-Z]{2}[0-9A-Z .+*-]{2,20})?$")
    register_number: str = Field("", max_length=200, alias="register")
    support: str = ""
    terms: str = ""
    privacy: str = ""
    imprint: str = ""
    consent_digital: str = Field("", max_length=1000)
    consent_service: str = Field("", max_length=1000)
    consent_event: str = Field("", max_length=1000)
    consent_renewal: str = Field("", max_length=1000)
    consent_terms: str = Field("", max_length=1000)

    @field_validator("accent")
    @classmethod
    def _is_a_color(cls, value: str) -> str:
        return value and accent.checked(value)

    @field_validator("support")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            return value and addresses.checked(value, reachable=False)
        except AddressUnfit:
            raise ValueError(f"{value!r} is no mail address") from None

    @field_validator(*DOCUMENTS)
    @classmethod
    def _is_a_document(cls, value: str) -> str:
        link = urlsplit(value.strip())
        if is_link(value.strip()) and (not link.hostname or len(value.split()) > 1):
            raise ValueError(f"{value!r} is no address of a page")
        if value.strip() and not is_link(value.strip()) and len(value.split()) == 1 and not is_file(value):
            raise ValueError(
                "give the address of a page, which begins with https://, a file such as terms.md, or the text itself"
            )
        return value

    @property
    def said(self) -> dict[str, str]:
        """What is said, by its name in the file."""
        return {name: text for name, text in self.model_dump(by_alias=True).items() if text.strip()}


class CatalogFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    shop: ShopEntry = ShopEntry()
    products: list[ProductEntry] = Field(min_length=1)


def read(path: Path) -> CatalogFile:
    """The catalogue in this file, with the texts that lie beside it. Raises CatalogInvalid with every problem found."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise CatalogInvalid([f"there is no file {path}"]) from None
    except OSError as error:
        raise CatalogInvalid([f"{path} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise CatalogInvalid([f"{path} is not TOML: {error}"]) from None
    except tomllib.TOMLDecodeError as error:
        raise CatalogInvalid([catalog_mistakes.of_syntax(error, path.name)]) from None
    problems = [*catalog_mistakes.twice(data, text), *_not_beside(data, text, path.parent)]
    try:
        catalogue = CatalogFile.model_validate(data)
    except ValidationError as error:
        raise CatalogInvalid([*catalog_mistakes.of_model(error, data, text, CatalogFile), *problems]) from None
    if problems:
        raise CatalogInvalid(problems)
    return catalogue.model_copy(update={"shop": _with_texts(catalogue.shop, path.parent)})


def _not_beside(data: Mapping[str, Any], text: str, folder: Path) -> Iterator[str]:
    """A sentence for each file that is named and does not lie beside the catalogue."""
    shop = data.get("shop")
    documents = [name for name in DOCUMENTS if isinstance(shop, dict) and is_file(str(shop.get(name, "")))]
    named: list[tuple[tuple[str | int, ...], Any]] = [
        (("shop", name), shop[name]) for name in documents if isinstance(shop, dict)
    ]
    products = data.get("products")
    for place, product in enumerate(products if isinstance(products, list) else ()):
        found = product.get("files") if isinstance(product, dict) else None
        named += [
            (("products", place, "files", position, "path"), file["path"])
            for position, file in enumerate(found if isinstance(found, list) else ())
            if isinstance(file, dict) and isinstance(file.get("path"), str) and file["path"]
        ]
    for where, name in named:
        if not (folder / name.strip()).is_file():
            yield catalog_mistakes.of_place(where, f"names {name}, and there is no such file in {folder}", data, text)


def _with_texts(shop: ShopEntry, folder: Path) -> ShopEntry:
    """The entry with the documents that lie in files."""
    found = {name: str(getattr(shop, name)) for name in DOCUMENTS}
    read = {name: (folder / path.strip()).read_text(encoding="utf-8") for name, path in found.items() if is_file(path)}
    return shop.model_copy(update=read)


def files(catalogue: CatalogFile) -> Iterator[FileEntry]:
    """Every file that the catalogue sells, product by product."""
    for product in catalogue.products:
        yield from product.files


def _each_once(what: str, names: list[str]) -> None:
    if twice := {each for each in names if names.count(each) > 1}:
        raise ValueError(f"{what} {', '.join(sorted(twice))} stands in the file more than once")
