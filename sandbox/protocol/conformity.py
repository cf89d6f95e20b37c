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

from sandbox.protocol import spec, versions
from sandbox.protocol.spec import Object, Schema

log = logging.getLogger("sandbox")
SHOWN = 5
# Stripe publishes no description of what only its command line reads; accounts are not among ours.
UNDESCRIBED = ("/v1/account", "/v1/payment_pages/", "/v1/stripecli/")


class NotAsDescribed(AssertionError):
    """Something was about to leave that Stripe would not send; `str()` says what is wrong with it."""


def check_answer(method: str, path: str, status: int, body: Any, version: str = spec.API_VERSION) -> None:
    """Raises NotAsDescribed for an answer that is not as the operation's description has it in that version."""
    found = spec.match(method, path)
    if status != 200:
        check_object("error", body, version)
    elif found and found[0].returns:
        _check(found[0].returns, body, f"{method} {found[0].path}", version)
    elif not path.startswith(UNDESCRIBED):
        check_object(body["object"], body, version)
    for event in body.get("data", ()) if body.get("url") == "/v1/events" else [body]:
        if event.get("object") == "event":
            check_event(event)


def check_event(event: Object, version: str | None = None) -> None:
    """Raises NotAsDescribed for an event, or an object in one, that is not as described.

    What it says is held against the version it is said to be in, unless another is named.
    """
    version = version or event["api_version"]
    check_object("event", event)
    subject = event["data"]["object"]
    name = subject.get("object")
    if name in spec.document()["components"]["schemas"] and "id" in subject:
        check_object(name, subject, version)
        known = versions.resource(name, version[:10])["properties"]
        if unknown := event["data"].get("previous_attributes", {}).keys() - known.keys():
            raise NotAsDescribed(f"{name} has never had {', '.join(sorted(unknown))}")


def check_object(name: str, body: Any, version: str = spec.API_VERSION) -> None:
    """Raises NotAsDescribed unless it is an object of that name, such as `charge`, or an `error`."""
    _check(_named(name), body, name, version)


def check_part(name: str, body: Any) -> None:
    """The same for an object that may leave keys out, such as one that somebody wrote by hand."""
    _judge(_lenient(name), body, f"part of a {name}")


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _check(schema: Schema, body: Any, what: str, version: str) -> None:
    _judge(_validator(orjson.dumps(schema), version[:10]), body, what)


def _judge(validator: Any, body: Any, what: str) -> None:
    problems = list(validator.iter_errors(body))
    if problems:
        listed = "; ".join(f"{'.'.join(map(str, p.instance_path))}: {p.message[:200]}" for p in problems[:SHOWN])
        raise NotAsDescribed(f"{what} is not as Stripe describes it: {listed}")


@functools.cache
def _validator(schema: bytes, date: str) -> Any:
    return jsonschema_rs.validator_for({**_plain(orjson.loads(schema)), "components": _components(date)})


@functools.cache
def _lenient(name: str) -> Any:
    return jsonschema_rs.validator_for({**_named(name), "components": _components(spec.API_VERSION[:10], "required")})


@functools.cache
def _components(date: str, *without: str) -> Any:
    """All objects as they were in the version of that date."""
    names = spec.document()["components"]["schemas"]
    return {"schemas": _plain({name: versions.resource(name, date) for name in names}, *without)}


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
