"""Holds what leaves the sandbox against Stripe's own description of it: every key present, none unknown, all of the
right type.

For whoever tests: it is off unless asked for (`--check`), since it costs about as much as the answer itself.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

import jsonschema_rs

from sandbox.protocol import spec, versions
from sandbox.protocol.spec import Object, Operation, Schema

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
        name = _answer(found[0])
        _judge(_objects(versions.looks_since(version[:10])), name, body, name)
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
    _judge(_objects(versions.looks_since(version[:10])), name, body, name)


def check_part(name: str, body: Any) -> None:
    """The same for an object that may leave keys out, such as one that somebody wrote by hand."""
    _judge(_parts(), name, body, f"part of a {name}")


def _judge(validator: Any, name: str, body: Any, what: str) -> None:
    problems = list(validator.iter_errors({name: body}))
    if problems:
        listed = "; ".join(f"{'.'.join(map(str, p.instance_path[1:]))}: {p.message[:200]}" for p in problems[:SHOWN])
        raise NotAsDescribed(f"{what} is not as Stripe describes it: {listed}")


@functools.cache
def _objects(since: str) -> Any:
    """All objects and all answers, as they have looked since that day."""
    return _compiled({**_answers(), **_named()}, since)


@functools.cache
def _parts() -> Any:
    return _compiled(_named(), versions.looks_since(spec.API_VERSION[:10]), "required")


def _compiled(described: dict[str, Schema], since: str, *without: str) -> Any:
    # One for everything: each would hold all objects, ten megabytes of them.
    schemas = {name: versions.resource(name, since) for name in spec.document()["components"]["schemas"]}
    plain = _plain({"properties": described, "components": {"schemas": schemas}}, *without)
    return jsonschema_rs.validator_for(plain)


def _named() -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/schemas/{name}"} for name in spec.document()["components"]["schemas"]}


def _answers() -> dict[str, Schema]:
    return {_answer(operation): operation.returns for operation in spec.every() if operation.returns}


def _answer(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


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
