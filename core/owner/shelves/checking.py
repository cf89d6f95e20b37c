"""Checking: whether a product as somebody describes it can be kept, with a sentence for each field that cannot."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.catalog.catalog_file import MOST, DateEntry, PriceEntry, ProductEntry
from core.foundation.errors import Problem, ProductUnfit
from core.foundation.money import Money
from core.languages import decimals

# Letters that are no other letter with a mark on it: without these they would be left out of words.
_SPELLED = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def product(fields: Mapping[str, Any]) -> ProductEntry:
    """The entry that says this. Raises ProductUnfit with all that is wrong."""
    try:
        return ProductEntry.model_validate(fields)
    except ValidationError as error:
        raise ProductUnfit(problems(error)) from None


def price(fields: Mapping[str, Any]) -> PriceEntry:
    """A price that says this. Raises ProductUnfit."""
    try:
        return PriceEntry.model_validate(fields)
    except ValidationError as error:
        raise ProductUnfit(problems(error, "prices", currency=str(fields.get("currency", "")))) from None


def date(fields: Mapping[str, Any]) -> DateEntry:
    """A date that says this. Raises ProductUnfit."""
    try:
        return DateEntry.model_validate(fields)
    except ValidationError as error:
        raise ProductUnfit(problems(error, "dates")) from None


def hours(text: str) -> float:
    """For how many hours something takes place, as people write it. Raises ProductUnfit."""
    read = decimals.parse(text)
    if read is None or not 0 < read <= MOST:
        raise ProductUnfit([Problem("dates.hours", 0, "is a number such as 2 or 1.5")])
    return float(read)


def slug(name: str) -> str:
    """The id that a product of this name would have: `The Quiet Launch` is `the-quiet-launch`."""
    letters = unicodedata.normalize("NFKD", name.casefold().translate(_SPELLED)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:80].rstrip("-")


def problems(error: ValidationError, field: str = "", *, currency: str = "") -> list[Problem]:
    """What is wrong, field by field. With a currency the numbers are amounts of it."""
    return [_problem(each, field, currency) for each in error.errors()]


def _problem(told: Any, field: str, currency: str) -> Problem:
    """A problem by the field that it is about; of several things it counts which, from 1."""
    names = [part for part in told["loc"] if isinstance(part, str)]
    places = [part + 1 for part in told["loc"] if isinstance(part, int)]
    return Problem(".".join(names) or field, places[0] if places else 0, _words(told, currency))


def _words(told: Any, currency: str) -> str:
    """What is wrong, in words that follow the name of the field."""
    more = told.get("ctx") or {}
    match told["type"]:
        case "missing" | "string_too_short":
            return "is empty"
        case "string_too_long":
            return f"is longer than {more['max_length']} letters"
        case "greater_than_equal":
            return f"must be at least {more['ge']}"
        case "less_than_equal" if currency:
            return f"must be at most {Money(more['le'], currency).format()}"
        case "less_than_equal":
            return f"must be at most {more['le']}"
        case "greater_than":
            return f"must be more than {more['gt']}"
        case "string_pattern_mismatch" if "a-z0-9-" in more["pattern"]:
            return "may have lower-case letters, digits and hyphens only, and begins with a letter or a digit"
        case "string_pattern_mismatch" if "{3}" in more["pattern"]:
            return "is a code of three letters, such as eur"
        case "string_pattern_mismatch":
            return "has letters that it may not have"
        case "value_error":
            return str(told["msg"]).removeprefix("Value error, ")
        case _:
            return f"can't be {told['input']!r}"
