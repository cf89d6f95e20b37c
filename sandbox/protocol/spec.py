"""Stripe's own description of its API: which requests exist, what they may carry, and the full shape of each object."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

Schema = dict[str, Any]
Object = dict[str, Any]

API_VERSION = "2026-10-28.endive"
LEVELS = "{}"

# What Stripe's own command line and SDK also use, but the published declarations leave out.
UNPUBLISHED: dict[str, dict[str, Schema]] = {
    "/v1/account": {"get": {}},
    "/v1/payment_pages/{id}": {"get": {}},
    "/v1/payment_pages/{id}/confirm": {
        "post": {"payment_method": {"type": "string"}, "expected_amount": {"type": "number"}}
    },
    "/v1/subscriptions/{id}/resume": {
        "post": {
            "billing_cycle_anchor": {"type": "string"},
            "proration_behavior": {"type": "string"},
            "proration_date": {"type": "number"},
        }
    },
    "/v1/stripecli/sessions": {
        "post": {
            "device_name": {"type": "string"},
            "filters": {"type": "string"},
            "forward_to_url": {"type": "string"},
            "forward_connect_to_url": {"type": "string"},
            "forward_thin_to_url": {"type": "string"},
            "forward_thin_connect_to_url": {"type": "string"},
            "websocket_features": {"type": "array", "items": {"type": "string"}},
        }
    },
    "/v1/events/{id}/retry": {
        "post": {
            "account": {"type": "string"},
            "for_stripecli": {"type": "boolean"},
            "webhook_endpoint": {"type": "string"},
        }
    },
}
# Of those, what is answered with an object that is described.
RETURNS = {"/v1/subscriptions/{id}/resume": "subscription", "/v1/events/{id}/retry": "event"}
# Addresses of Stripe's that are not imitated, and whose last word would be taken for an id.
MISSING = ("/v1/invoices/upcoming",)
EXPAND: Schema = {"type": "array", "items": {"type": "string"}}
# Where a hash says which of its parameters the description does without.
LEFT_OUT = "x-prunedProperties"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Operation:
    """One request the API knows: `params` is the schema of its query or body, `returns` that of its answer."""

    method: str
    path: str
    params: Schema
    returns: Schema | None


@functools.cache
def document() -> dict[str, Any]:
    """The whole description, read once."""
    loaded: dict[str, Any] = orjson.loads((Path(__file__).parent / "stripe_spec.json").read_bytes())
    return loaded


def resource(name: str) -> Schema:
    """The schema of an object such as `charge`, or of a part of one such as `charge.payment_method_details.card`."""
    schemas = document()["components"]["schemas"]
    if name in schemas:
        found: Schema = schemas[name]
        return found
    parent, _, part = name.rpartition(".")
    inner: Schema = resource(parent)["properties"][part]
    return inner


def follow(schema: Schema) -> Schema:
    """The schema itself, with a reference replaced by what it points at."""
    if ref := schema.get("$ref"):
        return resource(ref.rpartition("/")[2])
    return schema


@functools.cache
def operations() -> dict[str, Any]:
    """A tree of path segments whose leaves hold the operations by method."""
    tree: dict[str, Any] = {}
    for path, methods in document()["paths"].items():
        for method, raw in methods.items():
            _plant(tree, _published(method.upper(), path, raw))
    for path, methods in UNPUBLISHED.items():
        for method, properties in methods.items():
            schema = {"type": "object", "properties": {**properties, "expand": EXPAND}}
            returns = {"$ref": f"#/components/schemas/{RETURNS[path]}"} if path in RETURNS else None
            _plant(tree, Operation(method.upper(), path, schema, returns))
    for path in MISSING:
        _node(tree, path)
    return tree


def every() -> list[Operation]:
    """All operations, published or not."""

    def inside(node: dict[str, Any]) -> Iterator[Operation]:
        for segment, below in node.items():
            yield from below.values() if segment == "" else inside(below)

    return list(inside(operations()))


def _published(method: str, path: str, raw: dict[str, Any]) -> Operation:
    if body := raw.get("requestBody"):
        params = body["content"][FORM]["schema"]
    else:
        given = [p for p in raw["parameters"] if p["in"] == "query"]
        params = {
            "type": "object",
            "properties": {p["name"]: p["schema"] for p in given},
            "required": [p["name"] for p in given if p.get("required")],
        }
    return Operation(method, path, params, raw["responses"]["200"]["content"]["application/json"]["schema"])


def _plant(tree: dict[str, Any], operation: Operation) -> None:
    _node(tree, operation.path).setdefault("", {})[operation.method] = operation


def _node(tree: dict[str, Any], path: str) -> dict[str, Any]:
    node = tree
    for segment in path.strip("/").split("/"):
        node = node.setdefault(LEVELS if segment.startswith("{") else segment, {})
    return node


def match(method: str, path: str) -> tuple[Operation, str] | None:
    """The operation for a request and the id in its path (empty when there is none), or None."""
    node, id = operations(), ""
    for segment in path.strip("/").split("/"):
        if segment in node:
            node = node[segment]
        elif LEVELS in node and segment:
            node, id = node[LEVELS], segment
        else:
            return None
    found = node.get("", {}).get(method)
    return (found, id) if found else None


@dataclass(frozen=True)
class Shape:
    """What an object looks like before anything is known about it."""

    properties: dict[str, Schema]
    # Every key that is always there, in Stripe's order: null, or the only value it can have.
    template: Object
    # Keys that begin as an array or an object, of which each has its own.
    made: dict[str, Schema]
    # Keys that are always there and have no value to begin with.
    demanded: frozenset[str]


def blank(name: str, /, **given: Any) -> Object:
    """A complete object: the values given, null where nothing is known, and every key Stripe always sends.

    Raises TypeError for a key the object does not have, or one that must be given and is not.
    """
    filled: Object = _fill(resource(name), given, name)
    return filled


def _fill(schema: Schema, value: Any, where: str) -> Any:
    if isinstance(value, list):
        items = follow(schema).get("items", {})
        return [_fill(items, item, where) for item in value]
    # A finished object (it says what it is) is embedded as it stands.
    if not isinstance(value, dict) or ("object" in value and "id" in value):
        return value
    schema = follow(schema)
    if "properties" not in schema:
        return value
    shape = _shape(schema)
    _check_keys(value, shape, where)
    filled = shape.template.copy()
    for key, given in value.items():
        # Most values are plain; only objects and arrays have something to fill in.
        plain = not isinstance(given, dict | list)
        filled[key] = given if plain else _fill(shape.properties[key], given, f"{where}.{key}")
    for key, inner in shape.made.items():
        if key not in value:
            filled[key] = [] if inner["type"] == "array" else _fill(inner, {}, f"{where}.{key}")
    return filled


def _check_keys(value: Object, shape: Shape, where: str) -> None:
    if unknown := value.keys() - shape.properties.keys():
        raise TypeError(f"{where} has no {', '.join(sorted(unknown))}")
    if missing := shape.demanded - value.keys():
        raise TypeError(f"{where}.{min(missing)} must be given")


# The description is read once and kept, so a schema is known by where it lies.
_shapes: dict[int, Shape] = {}


def _shape(schema: Schema) -> Shape:
    known = _shapes.get(id(schema))
    if known is None:
        known = _shapes[id(schema)] = _analysed(schema)
    return known


def _analysed(schema: Schema) -> Shape:
    required = set(schema.get("required", ()))
    always = {key: follow(inner) for key, inner in schema["properties"].items() if key in required}
    template: Object = {}
    made: dict[str, Schema] = {}
    demanded = set()
    for key, inner in always.items():
        try:
            template[key] = _default(inner)
        except LookupError:
            demanded.add(key)
            template[key] = None
        if template[key] is ...:
            made[key], template[key] = inner, None
    return Shape(schema["properties"], template, made, frozenset(demanded))


def _default(schema: Schema) -> Any:
    """What a key holds while nothing is known; an ellipsis for what each object has of its own. Raises LookupError."""
    if schema.get("nullable"):
        return None
    if len(schema.get("enum", ())) == 1:
        return schema["enum"][0]
    return {"boolean": False, "number": 0, "array": ..., "object": ...}[schema["type"]]
