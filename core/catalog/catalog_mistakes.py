"""Mistakes of a catalogue file in words: on which line, of which product, price, file or date, which field, and what is wrong."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from core.catalog import catalog_lines

# What the file has several of, what one of them is called, and by which field it is named.
_THINGS = {
    "products": ("product", ("name", "id")), "prices": ("price", ("id",)), "files": ("file", ("name", "path")),
    "dates": ("date", ("id",)),
}  # fmt: skip
_TABLES = {
    ("shop",): "[shop]", ("products",): "[[products]]", ("products", "prices"): "[[products.prices]]",
    ("products", "files"): "[[products.files]]", ("products", "dates"): "[[products.dates]]",
    ("products", "license"): "[products.license]", ("products", "workshop"): "[products.workshop]",
}  # fmt: skip
# What is wrong about what a field holds, by pydantic's name for it.
_WORDS = {
    "string_type": "must be text in quotes, and is {input}", "string_too_short": "is empty",
    "string_too_long": "has more than {max_length} letters", "int_type": "must be a whole number, and is {input}",
    "int_parsing": "must be a whole number, and is {input}", "int_from_float": "must be a whole number, and is {input}",
    "float_type": "must be a number, and is {input}", "float_parsing": "must be a number, and is {input}",
    "bool_type": "must be true or false, and is {input}", "bool_parsing": "must be true or false, and is {input}",
    "list_type": "must be a list in square brackets, and is {input}",
    "tuple_type": "must be a pair in square brackets, and is {input}",
    "dict_type": "must be a table, and is {input}", "model_type": "must be a table, and is {input}",
    "too_short": "must have at least {min_length}, and has {actual_length}", "too_long": "must have no more than {max_length}",
    "greater_than_equal": "must be at least {ge}, and is {input}", "less_than_equal": "must be at most {le}, and is {input}",
    "greater_than": "must be more than {gt}, and is {input}", "less_than": "must be less than {lt}, and is {input}",
    "timezone_aware": "needs an offset, such as 2027-01-31T23:59:00+01:00",
    "enum": "must be one of {expected}, and is {input}", "literal_error": "must be one of {expected}, and is {input}",
    "datetime_type": "must be a day and time such as 2027-03-11T17:00:00, and is {input}",
    "datetime_parsing": "must be a day and time such as 2027-03-11T17:00:00, and is {input}",
    "datetime_from_date_parsing": "must be a day and time such as 2027-03-11T17:00:00, and is {input}",
    "time_type": 'must be a time such as "17:00", and is {input}', "time_parsing": 'must be a time such as "17:00", and is {input}',
}  # fmt: skip
_PATTERNS = {
    "id": "may have small letters, digits and hyphens only, and begins with a letter or a digit: it is {input}",
    "currency": "must be a code of three small letters such as eur, and is {input}",
    "vat_id": "must be a VAT id such as DE123456789, and is {input}",
    "media_type": "must be a media type such as application/pdf, and is {input}",
    "name": "must be the name of a file, without slashes and quotes, and is {input}",
    "sha256": "must be the 64 digits of a SHA-256, and is {input}",
}


_PLACE = re.compile(r"(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|(?P<end>end of document))\)")


def of_syntax(error: tomllib.TOMLDecodeError, name: str) -> str:
    """What keeps a file of this name from being TOML."""
    found = _PLACE.fullmatch(str(error))
    if found is None:
        return f"{name} is not TOML: {error}"
    what = {
        "Cannot overwrite a value": "this key stands there already",
        "Cannot mutate immutable namespace": "this table stands there already, with all that is in it",
    }.get(found["what"].partition(" (")[0], _lower(found["what"]))  # fmt: skip
    where = "At its end" if found["end"] else f"Line {found['line']}, column {found['column']}"
    return f"{where}: {name} is not TOML: {what}"


def of_model(error: ValidationError, data: Mapping[str, Any], text: str, model: type[BaseModel]) -> list[str]:
    """A sentence for each thing that is wrong in what the file says, `data` as it was read from its `text`."""
    return list(dict.fromkeys(_sentence(problem, data, text, model) for problem in error.errors()))


def of_place(
    where: Sequence[str | int], words: str, data: Mapping[str, Any], text: str, *, after: str = ""
) -> str:  # fmt: skip
    """A sentence about what stands there: its line, what it belongs to, the field with this `after` it, and the words."""
    line = catalog_lines.line_of(text, where) if where else None
    thing, field = _named(where, data)
    parts = [f"line {line}" if line else "", thing, f"`{field}`{after} {words}" if field else words]
    said = ": ".join(filter(None, parts))
    return said[:1].upper() + said[1:] if line or thing else said


def twice(data: Mapping[str, Any], text: str) -> Iterator[str]:
    """A sentence for each product and price whose id stands in the file more than once."""
    places: dict[tuple[str, str], list[tuple[str | int, ...]]] = {}
    for at, product in enumerate(_tables(data, "products")):
        places.setdefault(("product", str(product.get("id"))), []).append(("products", at, "id"))
        for position, price in enumerate(_tables(product, "prices")):
            places.setdefault(("price", str(price.get("id"))), []).append(("products", at, "prices", position, "id"))
    for (what, name), found in places.items():
        if len(found) > 1:
            lines = [str(line) for line in (catalog_lines.line_of(text, each) for each in found) if line]
            where = f"Lines {', '.join(lines[:-1])} and {lines[-1]}: " if len(set(lines)) > 1 else ""
            yield f"{where}{what} “{name}” stands in the file more than once"


def _tables(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = data.get(name)
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []


def _sentence(problem: Any, data: Mapping[str, Any], text: str, model: type[BaseModel]) -> str:
    where = tuple(problem["loc"])
    if "features" in where and where[-1] in ("bool", "constrained-int", "str"):
        return of_place(where[:-1], "must be true, false, a whole number of up to 15 digits or text", data, text)
    if problem["type"] == "extra_forbidden":
        return of_place(where, f"is not known here{_meant(where, model)}", data, text)
    # What a check of our own says of a field is a whole sentence.
    whole = problem["type"] == "value_error"
    return of_place(where, _words(problem), data, text, after=":" if whole else "")


def _words(problem: Any) -> str:
    kind, field = problem["type"], problem["loc"][-1] if problem["loc"] else ""
    given = {**(problem.get("ctx") or {}), "input": _shown(problem["input"])}
    if kind == "missing":
        return "is missing"
    if field == "amount" and kind.startswith("int_"):
        return f"must be a whole number of minor units, 2900 for 29.00, and is {given['input']}"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(field), "has letters that it may not have: it is {input}").format(**given)
    if kind == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    if kind in ("enum", "literal_error"):
        given["expected"] = str(given["expected"]).replace("'", "")
    return _WORDS[kind].format(**given) if kind in _WORDS else _lower(str(problem["msg"]))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    said = f"“{value}”" if isinstance(value, str) else str(value)
    return said if len(said) <= 80 else f"{said[:78]}…"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _named(where: Sequence[str | int], data: Any) -> tuple[str, str]:
    """What the field belongs to, such as `price “guide-eur” of product “Guide”`, and the field itself, empty for all of it."""
    things: list[str] = []
    field: list[str] = []
    for place, part in enumerate(where):
        inside = isinstance(data, (dict, list)) and not (isinstance(data, list) and isinstance(part, str))
        try:
            data = data[part] if inside else None
        except (KeyError, IndexError):
            data = None
        if isinstance(part, int) and (thing := _THINGS.get(str(where[place - 1]))):
            things.insert(0, _called(thing, part, data))
            field = []
        elif isinstance(part, int):
            field.append(str(part + 1))
        elif place or part != "shop":
            field.append(part)
        else:
            things.append("[shop]")
    return " of ".join(things), ".".join(field)


def _called(thing: tuple[str, tuple[str, ...]], place: int, entry: Any) -> str:
    noun, keys = thing
    names = (
        [entry[key] for key in keys if isinstance(entry.get(key), str) and entry[key]]
        if isinstance(entry, dict)
        else []
    )
    return f"{noun} “{names[0]}”" if names else f"{noun} {place + 1}"


def _meant(where: Sequence[str | int], model: type[BaseModel]) -> str:
    """What whoever wrote a field that is not known there may have meant."""
    tables = dict(_models(model))
    here = tuple(part for part in where[:-1] if isinstance(part, str))
    name = str(where[-1])
    near = difflib.get_close_matches(name, tables.get(here, ()), n=1)
    elsewhere = [_TABLES[path] for path, fields in tables.items() if name in fields and path in _TABLES]
    if elsewhere:
        return f". It belongs to {' or '.join(elsewhere)}"
    return f". Did you mean `{near[0]}`?" if near else ""


def _models(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each table of the file by its name, with the fields that it may have."""
    fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    yield path, list(fields)
    for name, annotation in fields.items():
        for each in (annotation, *get_args(annotation)):
            if isinstance(each, type) and issubclass(each, BaseModel):
                yield from _models(each, (*path, name))
