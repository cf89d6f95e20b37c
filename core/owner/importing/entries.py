"""Entries: what a line of a file means, or in a sentence why it means nothing."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.catalog import products
from core.catalog.products import Product
from core.foundation import addresses, currencies
from core.foundation.errors import AddressUnfit, AmountUnclear, CurrencyUnknown
from core.foundation.money import Money
from core.owner.importing.columns import Columns
from core.owner.importing.sheets import Line

_YES = ("yes", "y", "true", "1", "x", "with access")
_NO = ("", "no", "n", "false", "0", "without")
# What needs more than a line can say: a plan is billed by Stripe, a workshop has dates.
_GIVEN = (products.Kind.DOWNLOAD, products.Kind.LICENSE)
_LONGEST = 200
# Nobody sold downloads before.
_FIRST_YEAR = 1990


class LineWrong(Exception):
    """The line cannot be imported, for the reason that `str()` gives."""


@dataclass(frozen=True)
class Context:
    """What lines are read against: the file's columns, the shop's zone and the moment there, whether addresses must be reachable,
    and its products by id and by folded name."""

    columns: Columns
    zone: ZoneInfo
    now: datetime
    reachable: bool
    products: dict[str, Product]


@dataclass(frozen=True)
class CustomerEntry:
    """Somebody who is to be a customer."""

    email: str
    name: str
    note: str


@dataclass(frozen=True)
class OrderEntry:
    """An order of another shop. `product` is ours if it names one, and `with_access` if it is to be opened here."""

    key: str
    number: str
    placed_at: datetime
    name: str
    email: str
    title: str
    amount: Money
    status: str
    product: Product | None
    with_access: bool


def customer(line: Line, context: Context) -> CustomerEntry:
    """The customer of a line. Raises LineWrong."""
    return CustomerEntry(_email(line, context), _name(line), line["note"])


def order(line: Line, context: Context) -> OrderEntry:
    """The past order of a line. Raises LineWrong."""
    external_id, title = line["external_id"][:_LONGEST], line["product"][:_LONGEST]
    if not external_id:
        raise LineWrong("it has no id or number by which it would be known again")
    if not title:
        raise LineWrong("it names no product")
    product = context.products.get(title.casefold())
    with_access = _answer(line["with_access"])
    if with_access:
        _check_access(title, product)
    return OrderEntry(
        key=f"{context.columns.source}:{external_id}:{title.casefold()}", number=line["number"] or external_id,
        placed_at=_moment(line, context), name=_name(line), email=_email(line, context), title=title,
        amount=_amount(line, context.columns), status=line["status"][:_LONGEST], product=product,
        with_access=with_access,
    )  # fmt: skip


def _check_access(title: str, product: Product | None) -> None:
    if product is None:
        raise LineWrong(f"it says “with access”, and “{title}” is no product of this shop")
    if product.kind not in _GIVEN:
        raise LineWrong(f"it says “with access”, and a {product.kind} can't be given by an import")


def _email(line: Line, context: Context) -> str:
    if not line["email"]:
        raise LineWrong("it has no address")
    try:
        return addresses.checked(line["email"], reachable=context.reachable)
    except AddressUnfit:
        raise LineWrong(f"“{line['email']}” is no address that mail can be sent to") from None


def _name(line: Line) -> str:
    return (line["name"] or f"{line['first_name']} {line['last_name']}".strip())[:_LONGEST]


def _answer(text: str) -> bool:
    said = text.casefold()
    if said not in (*_YES, *_NO):
        raise LineWrong(f"“{text}” is neither yes nor no")
    return said in _YES


def _moment(line: Line, context: Context) -> datetime:
    """A moment without a zone is in UTC, as other shops write it; a day without a time is the shop's."""
    text = f"{line['date']} {line['time']}".strip().removesuffix("UTC").strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            found = datetime.combine(date.fromisoformat(text), time(), context.zone)
        else:
            found = datetime.fromisoformat(text)
    except ValueError:
        raise LineWrong(f"“{text}” is no date: write it like 2026-11-27 or 2026-11-27 14:05") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    # Before anything is reckoned with it: the calendar ends somewhere. And a day may have begun elsewhere.
    if not _FIRST_YEAR <= found.year <= context.now.year + 1 or found > context.now + timedelta(days=1):
        raise LineWrong(f"“{text}” is no date of a sale")
    return found.astimezone(UTC)


def _amount(line: Line, columns: Columns) -> Money:
    currency = (line["currency"] or columns.currency).lower()
    try:
        currencies.check_charged(currency)
    except CurrencyUnknown:
        raise LineWrong(f"“{currency}” is no currency" if currency else "it says no currency") from None
    text = re.sub(r"[\s$€£]|[a-zA-Z]{3}", "", line["amount"])
    # Both marks together leave no doubt which of them sets thousands apart.
    if "," in text and "." in text:
        text = text.replace("," if text.rindex(",") < text.rindex(".") else ".", "")
    try:
        return Money.parse(text, currency)
    except AmountUnclear:
        raise LineWrong(f"“{line['amount']}” is not clearly an amount in {currency.upper()}") from None
