"""Holds what leaves the sandbox against Stripe's own description of it: every key present, none unknown, all of the
right type.

For whoever tests: it is off unless asked for (`--check`), since it costs about as much as the answer itself.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

import jsonschema_rs
import orjson

from sandbox import spec
from sandbox.spec import Object, Schema

log = logging.getLogger("sandbox")
SHOWN = 5


class NotAsDescribed(AssertionError):
    """Something was about to leave that Stripe would not send; `str()` says what is wrong with it."""


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Raises NotAsDescribed for an answer that is not as the operation's description has it."""
    found = spec.match(method, path)
    if status != 200:
        check_object("error", body)
    elif found and found[0].returns:
        _check(found[0].returns, body, f"{method} {found[0].path}")


def check_event(event: Object) -> None:
    """Raises NotAsDescribed for an event, or an object in one, that is not as described."""
    check_object("event", event)
    subject = event["data"]["object"]
    if subject.get("object") in spec.document()["components"]["schemas"] and "id" in subject:
        check_object(subject["object"], subject)


def check_object(name: str, body: Any) -> None:
    """Raises NotAsDescribed unless it is an object of that name, such as `charge`, or an `error`."""
    _check(_named(name), body, name)


def check_part(name: str, body: Any) -> None:
    """The same for an object that may leave keys out, such as one that somebody wrote by hand."""
    _judge(_lenient(name), body, f"part of a {name}")


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _check(schema: Schema, body: Any, what: str) -> None:
    _judge(_validator(orjson.dumps(schema)), body, what)


def _judge(validator: Any, body: Any, what: str) -> None:
    problems = list(validator.iter_errors(body))
    if problems:
        listed = "; ".join(f"{'.'.join(map(str, p.instance_path))}: {p.message[:200]}" for p in problems[:SHOWN])
        raise NotAsDescribed(f"{what} is not as Stripe describes it: {listed}")


@functools.cache
def _validator(schema: bytes) -> Any:
    return jsonschema_rs.validator_for({**_plain(orjson.loads(schema)), "components": _components()})


@functools.cache
def _lenient(name: str) -> Any:
    return jsonschema_rs.validator_for({**_named(name), "components": _components("required")})


@functools.cache
def _components(*without: str) -> Any:
    return _plain(spec.document()["components"], *without)


def _plain(schema: Any, *without: str) -> Any:
    """The same as JSON Schema knows it, where `nullable` is a choice. Further keywords can be left out."""
    if isinstance(schema, list):
        return [_plain(item, *without) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # A property may be called like a keyword, but what it holds is a schema.
    left_out = ("nullable", *without)
    plain = {
        key: _plain(value, *without) for key, value in schema.items() if key not in left_out or isinstance(value, dict)
    }
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain
