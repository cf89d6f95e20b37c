"""Columns: what those of a file mean, whichever shop it comes from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a file holds a line for each of. Licence keys are imported where licences are."""

    CUSTOMERS = "customers"
    ORDERS = "orders"


# Each by the names that it has, the most telling first: our own, Gumroad's, Lemon Squeezy's and Easy Digital Downloads'.
_CUSTOMERS: Mapping[str, Sequence[str]] = {
    "email": ("email", "purchase email", "buyer email", "customer email", "user email", "email address"),
    "name": ("name", "buyer name", "customer name", "user name", "full name", "customer"),
    "first_name": ("first name", "customer first name"),
    "last_name": ("last name", "customer last name"),
    "note": ("note", "notes"),
}
_ORDERS: Mapping[str, Sequence[str]] = {
    **{name: _CUSTOMERS[name] for name in ("email", "name", "first_name", "last_name")},
    "external_id": (
        "external id", "purchase id", "sale id", "payment id", "order id", "identifier", "id", "order number",
        "payment number", "number",
    ),
    "number": ("number", "order number", "payment number", "order"),
    "date": ("date", "purchase date", "date utc", "created at", "order date", "paid at"),
    "time": ("purchase time utc timezone", "purchase time"),
    "product": ("product", "item name", "product name", "products raw", "products verbose", "products", "item"),
    "amount": ("amount", "sale price", "total", "price", "item price"),
    "currency": ("currency",),
    "status": ("status", "fully refunded", "refunded"),
    "with_access": ("with access", "access"),
}  # fmt: skip
_NAMES = {Kind.CUSTOMERS: _CUSTOMERS, Kind.ORDERS: _ORDERS}
_NEEDED = {Kind.CUSTOMERS: ("email",), Kind.ORDERS: ("external_id", "email", "date", "product", "amount")}
# By a column that only the files of this shop have.
_SOURCES = {
    "gumroad": {"purchase email", "item name", "buyer name"},
    "lemon squeezy": {"identifier", "user email", "date utc", "variant"},
    "edd": {"payment id", "payment number", "products raw", "customer value", "purchase key"},
}
_SYMBOLS = {"$": "usd", "€": "eur", "£": "gbp", "usd": "usd", "eur": "eur", "gbp": "gbp"}


@dataclass(frozen=True)
class Columns:
    """Where in a file each of our fields stands, `missing` the needed ones that it lacks, and `ignored` what says nothing to
    us. `currency` is that of a heading such as `Amount ($)`, `source` the shop that the file is of, `own` if it is not known."""

    places: Mapping[str, int]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]
    currency: str
    source: str


def read(kind: Kind, headings: Sequence[str]) -> Columns:
    """What the headings of a file of this kind mean."""
    plain = [_plain(each) for each in headings]
    places = {}
    for field, names in _NAMES[kind].items():
        found = next((plain.index(name) for name in names if name in plain), None)
        if found is not None:
            places[field] = found
    missing = tuple(field for field in _NEEDED[kind] if field not in places)
    ignored = tuple(heading for place, heading in enumerate(headings) if place not in places.values() and heading)
    amount = headings[places["amount"]] if "amount" in places else ""
    source = next((name for name, known in _SOURCES.items() if known & set(plain)), "own")
    return Columns(places, missing, ignored, _currency_of(amount), source)


def _plain(heading: str) -> str:
    """A heading without capitals, signs, and whatever stands for a currency in brackets."""
    without = re.sub(r"\((?:[$€£]|usd|eur|gbp)\)", "", heading.casefold())
    return " ".join(re.findall(r"[a-z0-9]+", without))


def _currency_of(heading: str) -> str:
    inside = re.search(r"\(([^)]*)\)", heading.casefold())
    return _SYMBOLS.get(inside.group(1).strip(), "") if inside else ""
