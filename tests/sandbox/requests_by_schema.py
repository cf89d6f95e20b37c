"""Requests made from Stripe's description: for any parameter of an operation one that names it, and is valid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from sandbox.api import unsupported
from sandbox.protocol import spec
from sandbox.protocol.spec import Operation, Schema

Given = dict[str, Any]


def operation(method: str, path: str) -> Operation:
    found = spec.match(method, path)
    assert found
    return found[0]


def leaves(schema: Schema, where: str = "") -> Iterator[tuple[str, Schema]]:
    """Every parameter that has none inside, as `a[b][][c]`, with its schema."""
    if "anyOf" in schema:
        for choice in schema["anyOf"]:
            if choice.get("enum") != [""]:
                yield from leaves(choice, where)
    elif schema.get("properties"):
        for name, inner in schema["properties"].items():
            yield from leaves(inner, f"{where}[{name}]" if where else name)
    elif schema.get("type") == "array":
        yield from leaves(schema.get("items", {}), f"{where}[]")
    elif schema.get("type") != "object" or schema.get("additionalProperties"):
        # An empty hash cannot even be sent.
        yield where, schema


def unsettable(schema: Schema, where: str = "") -> Iterator[str]:
    """Every parameter that takes an empty value."""
    choices = schema.get("anyOf", [schema])
    if where and (schema.get("nullable") or any("" in choice.get("enum", ()) for choice in choices)):
        yield where
    for choice in choices:
        for name, inner in choice.get("properties", {}).items():
            yield from unsettable(inner, f"{where}[{name}]" if where else name)
        if choice.get("type") == "array":
            yield from unsettable(choice.get("items", {}), f"{where}[]")


def is_listed(names: tuple[str, ...], leaf: str) -> bool:
    """Whether a table names the parameter or one that it lies in."""
    return any(_leads_to(unsupported.segments(name), unsupported.segments(leaf)) for name in names)


def _leads_to(keys: list[str], leaf: list[str]) -> bool:
    others = unsupported.other_methods()
    return len(keys) <= len(leaf) and all(
        key == there or (key == "*" and there in others) for key, there in zip(keys, leaf, strict=False)
    )


# Names whose values the description says too little about.
NAMED: Given = {
    "account_number": "000123456789",
    "code": "SPRING",
    "country": "DE",
    "currency": "eur",
    "cvc": "123",
    "email": "kept@example.com",
    "exp_month": 11,
    "exp_year": 2035,
    "iban": "AT321904300235473204",
    "minimum_amount_currency": "eur",
    "number": "4242424242424242",
    "routing_number": "110000000",
}
URL = "http://127.0.0.1:9/kept"


def value(schema: Schema, name: str = "") -> Any:
    """A value that a parameter of that name may have."""
    if "anyOf" in schema:
        return value(next(choice for choice in schema["anyOf"] if choice.get("enum") != [""]), name)
    if schema.get("enum"):
        return max(schema["enum"], key=bool)
    if name in NAMED:
        return NAMED[name]
    match schema.get("type"):
        case "boolean":
            return True
        case "number":
            return 7
        case "array":
            return [value(schema.get("items", {}), name)]
        case "object":
            inside = schema.get("properties", {})
            if not inside:
                # Any key will do; where it matters these are currencies.
                return {"usd": value(schema["additionalProperties"], name)}
            return {key: value(inside[key], key) for key in schema.get("required") or list(inside)[:1]}
        case _:
            return URL if name.endswith("url") else "kept"


def ends(schema: Schema, leaf: str) -> list[Any]:
    """The first and the last of the values a parameter may have, if they are few; None for any value."""
    of_leaf = [choice for name, inner in leaves(schema) if name == leaf for choice in inner.get("enum", ()) if choice]
    return list(dict.fromkeys([of_leaf[0], of_leaf[-1]])) if of_leaf else [None]


def naming(schema: Schema, leaf: str, own: Any = None) -> Given:
    """The parameters that hold this one, and what must stand beside it; its value is `own` if that is given."""
    made: Given = _around(schema, unsupported.segments(leaf), own, "")
    return made


def _around(schema: Schema, keys: list[str], own: Any, name: str) -> Any:
    if "anyOf" in schema:
        fitting = [choice for choice in schema["anyOf"] if _holds(choice, keys)]
        return _around(fitting[-1], keys, own, name)
    if not keys:
        return value(schema, name) if own is None else own
    head, rest = keys[0], keys[1:]
    if head == "":
        return [_around(schema["items"], rest, own, name)]
    inside = schema["properties"]
    beside = {key: value(inside[key], key) for key in schema.get("required", ()) if key != head}
    return {**beside, head: _around(inside[head], rest, own, head)}


def _holds(schema: Schema, keys: list[str]) -> bool:
    if not keys:
        return schema.get("enum") != [""]
    return "items" in schema if keys[0] == "" else keys[0] in schema.get("properties", {})


def merged(base: Any, over: Any) -> Any:
    """One request put over another; arrays by their first elements."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merged(base.get(key), inner) for key, inner in over.items()}}
    if isinstance(base, list) and isinstance(over, list) and base and over:
        return [merged(base[0], over[0]), *base[1:]]
    return over


def form(given: Given) -> str:
    """The request as it is sent."""
    return urlencode(list(_pairs(given, "")))


def _pairs(given: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(given, dict):
        for key, inner in given.items():
            yield from _pairs(inner, f"{where}[{key}]" if where else key)
    elif isinstance(given, list):
        for place, inner in enumerate(given):
            yield from _pairs(inner, f"{where}[{place}]")
    else:
        yield where, str(given).lower() if isinstance(given, bool) else str(given)


def bears(answer: Any, name: str, own: Any) -> bool:
    """Whether there is a key of that name with that value anywhere in an answer."""
    if isinstance(answer, list):
        return any(bears(each, name, own) for each in answer)
    if not isinstance(answer, dict):
        return False
    here = answer.get(name)
    return here == own or (isinstance(here, list) and own in here) or any(bears(v, name, own) for v in answer.values())
