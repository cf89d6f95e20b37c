"""Stripe's own description of its objects, to hold answers and events against: whole, or as parts that may leave keys out."""

from __future__ import annotations

import functools
import json
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

from sandbox import spec


def check(schema: spec.Schema, body: Any) -> None:
    """The body has every key, no other, and values that may stand there."""
    _assert_valid(_validator(json.dumps(_plain(schema))), body)


def check_object(body: dict[str, Any]) -> None:
    """The same of an object that says what it is."""
    check(_named(body["object"]), body)


def check_partial(body: dict[str, Any]) -> None:
    """The same of an object that may leave keys out."""
    _assert_valid(_partial_validator(body["object"]), body)


def check_event(event: dict[str, Any]) -> None:
    """An event and what it is about."""
    check_object(event)
    if event["data"]["object"]["object"] in spec.document()["components"]["schemas"]:
        check_object(event["data"]["object"])


def check_answer(method: str, url: str, status: int, content: bytes) -> None:
    """An answer of the API is what the operation returns, or an error as Stripe words it."""
    found = spec.match(method.upper(), urlsplit(url).path)
    if status != 200:
        check(_named("error"), json.loads(content))
    elif found and found[0].returns:
        check(found[0].returns, json.loads(content))


def _named(name: str) -> spec.Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _assert_valid(validator: Any, body: Any) -> None:
    errors = list(validator.iter_errors(body))
    assert not errors, "\n".join(f"{list(e.instance_path)}: {e.message[:200]}" for e in errors[:5])


def _plain(schema: Any, *, without: tuple[str, ...] = ()) -> Any:
    """The same schema as plain JSON Schema: `nullable` becomes a choice. Keywords can be left out."""
    if isinstance(schema, list):
        return [_plain(item, without=without) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # A property may be called like a keyword: those hold schemas, never lists or truths.
    left_out = {"nullable", *without}
    plain = {
        key: _plain(value, without=without)
        for key, value in schema.items()
        if key not in left_out or isinstance(value, dict)
    }
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


@functools.cache
def _components(*without: str) -> Any:
    return _plain(spec.document()["components"], without=without)


@functools.cache
def _validator(text: str) -> Any:
    return jsonschema_rs.validator_for({**json.loads(text), "components": _components()})


@functools.cache
def _partial_validator(name: str) -> Any:
    return jsonschema_rs.validator_for({**_named(name), "components": _components("required")})
