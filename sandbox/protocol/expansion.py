"""Expansion: `expand[]=payment_intent.latest_charge` replaces ids by the objects they name, four levels deep.

Some properties are only there when asked for (a session's line items, a charge's refunds). Who looks says how each of
them is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.ground.errors import StripeError, invalid
from sandbox.protocol import versions

if TYPE_CHECKING:
    from sandbox.protocol.spec import Object, Schema

DEPTH = 4
# What holds several objects under `data`.
LISTS = ("list", "search_result")
GONE = "deleted_"


@dataclass(frozen=True)
class View(versions.View):
    """What somebody sees who may expand. `made` has, by kind and property, what makes a property that was asked for."""

    made: Mapping[tuple[str, str], Callable[[Object], Object | None]]


def check(view: View, schema: Schema, paths: list[str]) -> None:
    """Raises StripeError for what cannot be expanded in an answer of that schema, before anything is done."""
    for path in paths:
        segments = path.split(".")
        if len(segments) > DEPTH:
            text = f"You cannot expand more than {DEPTH} levels of a property. Property: {path}"
            raise invalid(text, code="property_expansion_max_depth")
        _check(view, _targets(view, schema), segments, 0)


def _check(view: View, schemas: list[Schema], segments: list[str], at: int) -> None:
    head, more = segments[at], at + 1 < len(segments)
    inner = [s["properties"][head] for s in schemas if _expandable(view, s, head, more=more)]
    if not inner:
        raise _cannot_expand(schemas, segments[: at + 1])
    if more:
        _check(view, [target for each in inner for target in _targets(view, each)], segments, at + 1)


def _expandable(view: View, schema: Schema, head: str, *, more: bool) -> bool:
    inner = schema.get("properties", {}).get(head)
    if inner is None:
        return False
    if head in schema.get("x-expandableFields", ()) or "x-expansionResources" in inner:
        return True
    return (_name(schema), head) in view.made or (more and _holds_expandables(view, inner))


def _name(schema: Schema) -> str:
    """What an object of that schema calls itself."""
    return str(schema.get("properties", {}).get("object", {}).get("enum", [""])[0])


def _targets(view: View, schema: Schema) -> list[Schema]:
    """The schemas of what stands there once it is expanded."""
    if "items" in schema:
        return _targets(view, schema["items"])
    choices = schema.get("x-expansionResources", {}).get("oneOf") or schema.get("anyOf") or [schema]
    return [view.follow(choice) for choice in choices if view.describes(choice)]


def _cannot_expand(schemas: list[Schema], segments: list[str]) -> StripeError:
    head = ".".join(segments)
    if head == "total_count":
        return invalid("This property cannot be included (total_count)")
    text = f"This property cannot be expanded ({head})."
    if len(segments) == 1 and any(_name(schema) in LISTS for schema in schemas):
        text += f" You may want to try expanding 'data.{head}' instead."
    return invalid(text)


def _holds_expandables(view: View, schema: Schema) -> bool:
    return any(_bears_expandables(target) for target in _targets(view, schema))


def _bears_expandables(schema: Schema) -> bool:
    parts = schema.get("properties", {}).values()
    return "x-expandableFields" in schema or any("x-expansionResources" in p or _bears_expandables(p) for p in parts)


def expand(view: View, obj: Object, schema: Schema, paths: list[str]) -> Object:
    """A copy with the paths expanded, as somebody sees it."""
    for path in paths:
        obj = _inside(view, obj, schema, path.split("."))
    return obj


def _inside(view: View, value: Any, schema: Schema, segments: list[str]) -> Any:
    if isinstance(value, list):
        return [_inside(view, item, _of(view, schema.get("items", {}), item), segments) for item in value]
    if not segments or not isinstance(value, dict) or value.get("deleted"):
        return value
    head, rest = segments[0], segments[1:]
    inner, child = schema.get("properties", {}).get(head, {}), value.get(head)
    make = view.made.get((value.get("object", ""), head))
    if child is None and make:
        child = view.shown(make(value))
    if child is None:
        # Asked for and not there, what may be null says so.
        return {**value, head: None} if make and inner.get("nullable") else value
    child = _resolved(view, child, inner)
    return {**value, head: _inside(view, child, _of(view, inner, child), rest)}


def _resolved(view: View, value: Any, schema: Schema) -> Any:
    if isinstance(value, list):
        return [_resolved(view, item, schema.get("items", {})) for item in value]
    if not isinstance(value, str):
        return value
    kinds = [choice["$ref"].rpartition("/")[2] for choice in schema.get("x-expansionResources", {}).get("oneOf", ())]
    # What was deleted may have been made anew.
    for kind in sorted(kinds, key=lambda kind: kind.startswith(GONE)):
        if found := view.store.get(kind, value):
            return {**found, "object": kind.removeprefix(GONE), "deleted": True} if GONE in kind else view.shown(found)
    return value


def _of(view: View, schema: Schema, value: Any) -> Schema:
    """The schema of a value that may be one of several objects."""
    if isinstance(value, dict) and value.get("object") not in (None, *LISTS):
        try:
            return view.resource(value["object"])
        except KeyError:
            return schema
    return view.follow(schema)
