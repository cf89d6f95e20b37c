"""API versions: which there are, and how what we have looks to somebody who speaks an older one.

Objects are kept as the newest version has them. On its way out each is led back, change by change, to the version of
whoever gets it; schemas are led back in the same way, so that older paths can be expanded and older answers checked.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.ground.errors import StripeError, invalid
from sandbox.protocol import changelog, retired_parameters, spec

if TYPE_CHECKING:
    from sandbox.ground.store import Store
    from sandbox.protocol.changelog import Change
    from sandbox.protocol.spec import Object, Operation, Schema


@functools.cache
def known() -> frozenset[str]:
    """The names of all versions, such as `2024-06-20` and `2025-03-31.basil`."""
    found = spec.match("POST", "/v1/webhook_endpoints")
    assert found is not None
    return frozenset(found[0].params["properties"]["api_version"]["enum"])


def check(asked: str) -> None:
    """Raises StripeError for a `Stripe-Version` that does not exist. What follows a semicolon names previews."""
    if asked.partition(";")[0].strip() not in known():
        raise invalid(f"Invalid Stripe API version: {asked}")


def looks_since(date: str) -> str:
    """The day since which objects have looked as they do in the version of that date; empty when they always have.

    Most versions changed nothing here, so what is computed for one of them is kept for all that look the same.
    """
    return max((change.since for change in changelog.CHANGES if change.since <= date), default="")


@functools.cache
def _changes(date: str) -> Mapping[str, tuple[Change, ...]]:
    """By kind, what has changed since, newest first."""
    later = [change for change in changelog.CHANGES if date < change.since]
    return {kind: tuple(c for c in later if c.kind == kind) for kind in {change.kind for change in later}}


def is_older(version: str) -> bool:
    """Whether objects look different in it from what they are kept as."""
    return bool(_changes(version[:10]))


def shown(store: Store, value: Any, version: str) -> Any:
    """Objects, lists of them or an error in an older version; the very same value when nothing has changed since.

    Events are left alone: they stay in the version they were made with.
    """
    changes = _changes(version[:10])
    return _shown(store, value, changes) if changes else value


def _shown(store: Store, value: Any, changes: Mapping[str, tuple[Change, ...]]) -> Any:
    if isinstance(value, list):
        return [_shown(store, item, changes) for item in value]
    if not isinstance(value, dict) or value.get("object") == "event":
        return value
    kind = value.get("object")
    for change in changes.get(kind, ()) if isinstance(kind, str) and not value.get("deleted") else ():
        value = {**value, **change.older(store, value)}
    # What buyers and sellers write on objects is theirs, whatever it looks like.
    return {key: inner if key == "metadata" else _shown(store, inner, changes) for key, inner in value.items()}


def told(store: Store, data: Object, version: str) -> Object:
    """The `data` of an event in an older version: the object, and what it was before."""
    changes = _changes(version[:10])
    if not changes:
        return data
    now = data["object"]
    older: Object = {"object": _shown(store, now, changes)}
    if (previous := data.get("previous_attributes")) is not None:
        older["previous_attributes"] = _previous(store, now, previous, changes)
    return older


def _previous(store: Store, now: Object, previous: Object, changes: Mapping[str, tuple[Change, ...]]) -> dict[str, Any]:
    # Lists come with their data alone.
    whole = {
        k: {**now[k], **v} if isinstance(v, dict) and isinstance(now.get(k), dict) else v for k, v in previous.items()
    }
    then, after = (_shown(store, each, changes) for each in ({**now, **whole}, now))
    kept = {k: _shown(store, v, changes) if isinstance(v, dict) else then[k] for k, v in previous.items()}
    return kept | {k: then[k] for k in then if k not in now and then[k] != after[k]}


def resource(name: str, date: str) -> Schema:
    """The schema of an object as it was in the version of that date."""
    return _resource(name, looks_since(date))


@functools.cache
def _resource(name: str, date: str) -> Schema:
    schema = spec.resource(name)
    for change in _changes(date).get(name, ()):
        for path, inner in change.had.items():
            schema = _with(schema, path.split("."), inner)
    return schema


def _with(schema: Schema, path: list[str], inner: Schema) -> Schema:
    head, required = path[0].rstrip("?"), schema.get("required", ())
    if path[1:]:
        inner = _with(schema["properties"][head], path[1:], inner)
    elif head not in required and head == path[0]:
        required = [*required, head]
    return {**schema, "properties": {**schema["properties"], head: inner}, "required": required}


@dataclass(frozen=True)
class View:
    """What somebody sees who speaks a version."""

    store: Store
    version: str

    def shown(self, value: Any) -> Any:
        """An object as they see it."""
        return shown(self.store, value, self.version)

    def resource(self, name: str) -> Schema:
        """The schema of an object as they see it. Raises KeyError when there is none."""
        return resource(name, self.version[:10]) if is_older(self.version) else spec.resource(name)

    def describes(self, schema: Schema) -> bool:
        """False for a reference to an object that the sandbox does not know."""
        ref = schema.get("$ref", "")
        return not ref or ref.rpartition("/")[2] in spec.document()["components"]["schemas"]

    def follow(self, schema: Schema) -> Schema:
        """The schema itself, with a reference replaced by what they see there."""
        ref = schema.get("$ref")
        return self.resource(ref.rpartition("/")[2]) if ref else schema


def parameters(operation: Operation, form: Object, asked: str | None) -> Schema:
    """What a request may carry that asked for a version, or for none: then whatever any version has taken."""
    schema = operation.params
    for old in retired_parameters.PARAMETERS.get((operation.method, operation.path), ()):
        if asked is None or asked[:10] < old.until:
            schema = _allowing(schema, old, given=old.name in form)
        elif old.refusal and old.name in form:
            raise StripeError(400, "invalid_request_error", old.refusal[1], code=old.refusal[0], param=old.name)
    return schema


def _allowing(schema: Schema, old: retired_parameters.Parameter, *, given: bool) -> Schema:
    properties = {**schema["properties"], old.name: old.schema}
    if "enum" in schema["properties"].get(old.name, {}):
        both = [*schema["properties"][old.name]["enum"], *old.schema["enum"]]
        properties[old.name] = {**old.schema, "enum": both}
    required = [name for name in schema.get("required", ()) if not given or name != old.instead_of]
    return {**schema, "properties": properties, "required": required}


def translate(operation: Operation, params: Object, asked: str | None) -> Object:
    """Checked parameters in today's words, with the defaults of the version that was asked for."""
    key = (operation.method, operation.path)
    for old in retired_parameters.PARAMETERS.get(key, ()):
        if old.name in params:
            params = {**params, **old.today(params)}
    for until, default in retired_parameters.DEFAULTS.get(key, ()):
        if asked is not None and asked[:10] < until:
            params = default(params)
    return params
