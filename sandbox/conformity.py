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
    _check({"$ref": f"#/components/schemas/{name}"}, body, name)


def _check(schema: Schema, body: Any, what: str) -> None:
    problems = list(_validator(orjson.dumps(schema)).iter_errors(body))
    if problems:
        listed = "; ".join(f"{'.'.join(map(str, p.instance_path))}: {p.message[:200]}" for p in problems[:SHOWN])
        raise NotAsDescribed(f"{what} is not as Stripe describes it: {listed}")


@functools.cache
def _validator(schema: bytes) -> Any:
    return jsonschema_rs.validator_for({**_plain(orjson.loads(schema)), "components": _components()})


@functools.cache
def _components() -> Any:
    return _plain(spec.document()["components"])


def _plain(schema: Any) -> Any:
    """The same as JSON Schema knows it, where `nullable` is a choice."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain
