"""Differences between two states of the shelves, told product by product and field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.foundation.money import Money
from core.owner.shelves.entries import Entry

# What a product has several of, what one of them is called, and by which of its fields it is known again.
_PARTS = {"prices": ("price", "id"), "files": ("file", "name"), "dates": ("date", "id")}
# Sales change it, and no file does.
_IGNORED = frozenset({"taken"})
_TERMS = ("plan", "license", "download")


@dataclass(frozen=True)
class Difference:
    """What differs in one field of a product. Of what was not there, or is there no more, that side is None."""

    product: str
    field: str
    before: str | None
    after: str | None


def between(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[Difference]:
    """What it takes to come from the one state of these products to the other."""
    found: list[Difference] = []
    for product in dict.fromkeys([*before, *after]):
        found += _of_product(product, before.get(product), after.get(product))
    return found


def of_texts(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """What differs in the seller's words for the shop page; they are of no product."""
    return [
        Difference("", f"shop.{key}", before.get(key), after.get(key))
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


def _of_product(product: str, before: Entry | None, after: Entry | None) -> Iterator[Difference]:
    if before is None or after is None:
        yield Difference(product, "product", before["name"] if before else None, after["name"] if after else None)
        return
    old, new = dict(_fields(before)), dict(_fields(after))
    for field in dict.fromkeys([*old, *new]):
        if old.get(field) != new.get(field):
            yield Difference(product, field, old.get(field), new.get(field))


def _fields(entry: Entry) -> Iterator[tuple[str, str | None]]:
    """Each field by its name, with what it says in words. An empty one is not there."""
    for name, value in entry.items():
        if name in _PARTS:
            of_part, key = _PARTS[name]
            for place, part in enumerate(value, 1):
                yield f"{of_part} {part.get(key) or place}", _part(name, part)
        elif name in _TERMS:
            yield from ((f"{name}.{term}", str(each)) for term, each in value.items())
        elif name in ("gets", "faq"):
            yield name, "; ".join(": ".join(pair) for pair in value) or None
        else:
            yield name, ("yes" if value else "no") if isinstance(value, bool) else str(value) or None


def _part(name: str, part: Entry) -> str:
    if name == "prices":
        each = f" per {part['interval']}" if part.get("interval") else ""
        at_stripe = f", {part['stripe_price_id']} at Stripe" if part.get("stripe_price_id") else ""
        taxed = {"exclusive": ", plus tax", "inclusive": ", including tax"}.get(part.get("tax_behavior", ""), "")
        least = f", {Money(part['minimum'], part['currency']).format()} at least" if "minimum" in part else ""
        sale = part.get("sale")
        reduced = f", {Money(sale['amount'], part['currency']).format()} until {_said(sale['until'])}" if sale else ""
        return f"{Money(part['amount'], part['currency']).format()}{each}{taxed}{at_stripe}{least}{reduced}"
    if name == "files":
        version = f", version {part['version']}" if part.get("version") else ""
        notes = f", {part['notes']}" if part.get("notes") else ""
        return f"{part['label']}, {part['media_type']}, {part['sha256'][:12]}{version}{notes}"
    return ", ".join(f"{key} {_said(value)}" for key, value in part.items() if key not in {*_IGNORED, "id"})


def _said(value: Any) -> str:
    # As it is kept of what was applied, and as it stands on the shelves.
    return value.isoformat() if isinstance(value, datetime) else str(value)
