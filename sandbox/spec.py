"""Stripe's own description of its API: which requests exist, what they may carry, and the full shape of each object."""

from __future__ import annotations

import functools
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
EXPAND: Schema = {"type": "array", "items": {"type": "string"}}
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
            _plant(tree, Operation(method.upper(), path, schema, None))
    return tree


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
    node = tree
    for segment in operation.path.strip("/").split("/"):
        node = node.setdefault(LEVELS if segment.startswith("{") else segment, {})
    node.setdefault("", {})[operation.method] = operation


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


def blank(name: str, /, **given: Any) -> Object:
    """A complete object: the values given, null where nothing is known, and every key Stripe always sends.

    Raises TypeError for a key the object does not have, or one that must be given and is not.
    """
    filled: Object = _fill(resource(name), given, name)
    return filled


def _fill(schema: Schema, value: Any, where: str) -> Any:
    schema = follow(schema)
    if isinstance(value, list):
        return [_fill(schema.get("items", {}), item, where) for item in value]
    # A finished object (it says what it is) is embedded as it stands.
    if not isinstance(value, dict) or "properties" not in schema or ("object" in value and "id" in value):
        return value
    if unknown := value.keys() - schema["properties"].keys():
        raise TypeError(f"{where} has no {', '.join(sorted(unknown))}")
    required = set(schema.get("required", ()))
    filled = {}
    for key, inner in schema["properties"].items():
        if key in value:
            filled[key] = _fill(inner, value[key], f"{where}.{key}")
        elif key in required:
            filled[key] = _default(inner, f"{where}.{key}")
    return filled


def _default(schema: Schema, where: str) -> Any:
    schema = follow(schema)
    if schema.get("nullable"):
        return None
    if len(schema.get("enum", ())) == 1:
        return schema["enum"][0]
    match schema.get("type"):
        case "boolean":
            return False
        case "array":
            return []
        case "object":
            return _fill(schema, {}, where)
        case "number":
            return 0
    raise TypeError(f"{where} must be given")
