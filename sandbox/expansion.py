"""Expansion: `expand[]=payment_intent.latest_charge` replaces ids by the objects they name, four levels deep.

Some properties are only there when asked for (a session's line items, a charge's refunds); they are made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox import lists
from sandbox.errors import invalid

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.spec import Object, Schema
    from sandbox.versions import View

DEPTH = 4
# What holds several objects under `data`.
LISTS = ("list", "search_result")


def _line_items(account: Account, session: Object) -> Object:
    items = account.store.notes(session["id"])["line_items"]
    return lists.envelope(f"/v1/checkout/sessions/{session['id']}/line_items", items)


def _refunds(account: Account, charge: Object) -> Object:
    found = account.store.having("refund", "charge", charge["id"])
    return lists.envelope(f"/v1/charges/{charge['id']}/refunds", found[:10], len(found) > 10)


def _payments(account: Account, invoice: Object) -> Object:
    found = account.store.having("invoice_payment", "invoice", invoice["id"])
    return lists.envelope("/v1/invoice_payments", found)


def _subscriptions(account: Account, customer: Object) -> Object:
    found = account.store.having("subscription", "customer", customer["id"])
    current = [s for s in found if s["status"] != "canceled"]
    return lists.envelope(f"/v1/customers/{customer['id']}/subscriptions", current)


def _applies_to(account: Account, coupon: Object) -> Object | None:
    products = account.store.notes(coupon["id"]).get("products")
    return {"products": products} if products else None


def _nothing(account: Account, obj: Object) -> None:
    """Includable at Stripe, never there here: tiers, other currencies of a price, saved sources."""


INCLUDABLE: Mapping[tuple[str, str], Callable[[Account, Object], Object | None]] = {
    ("checkout.session", "line_items"): _line_items,
    ("charge", "refunds"): _refunds,
    ("invoice", "payments"): _payments,
    ("customer", "subscriptions"): _subscriptions,
    ("customer", "sources"): _nothing,
    ("customer", "tax"): _nothing,
    ("customer", "tax_ids"): _nothing,
    ("coupon", "applies_to"): _applies_to,
    ("price", "currency_options"): _nothing,
    ("price", "tiers"): _nothing,
}


def expand(view: View, obj: Object, schema: Schema, paths: list[str]) -> Object:
    """A copy with the paths expanded, as somebody sees it. Raises StripeError for what cannot be expanded."""
    for path in paths:
        segments = path.split(".")
        if len(segments) - (segments[0] == "data" and obj.get("object") in LISTS) > DEPTH:
            text = f"You cannot expand more than {DEPTH} levels of a property. Property: {path}"
            raise invalid(text, param="expand", code="property_expansion_max_depth")
        obj = _inside(view, obj, schema, segments, path)
    return obj


def _inside(view: View, value: Any, schema: Schema, segments: list[str], path: str) -> Any:
    if not segments or value is None:
        return value
    if isinstance(value, list):
        return [_inside(view, item, _of(view, schema.get("items", {}), item), segments, path) for item in value]
    head, rest = segments[0], segments[1:]
    inner = schema.get("properties", {}).get(head)
    here = value.get("object", "") if isinstance(value, dict) else ""
    if inner is None or not isinstance(value, dict):
        raise _cannot_expand(path, head)
    child = value.get(head)
    if made := INCLUDABLE.get((here, head)):
        child = child if child is not None else view.shown(made(view.account, value))
        if child is None:
            return value
    elif not _names_objects(schema, head) and not (rest and _holds_expandables(view, inner)):
        raise _cannot_expand(path, head)
    child = _resolved(view, child, inner)
    return {**value, head: _inside(view, child, _of(view, inner, child), rest, path)}


def _names_objects(schema: Schema, head: str) -> bool:
    return head in schema.get("x-expandableFields", ()) or "x-expansionResources" in schema["properties"][head]


def _cannot_expand(path: str, head: str) -> Exception:
    return invalid(
        f"This property cannot be expanded ({head})."
        if head != "total_count"
        else "This property cannot be included (total_count)",
        param="expand",
    )


def _holds_expandables(view: View, schema: Schema) -> bool:
    schema = view.follow(schema)
    if "items" in schema:
        return _holds_expandables(view, schema["items"])
    if "anyOf" in schema:
        return any(_holds_expandables(view, choice) for choice in schema["anyOf"])
    if "x-expandableFields" in schema:
        return True
    return any("x-expansionResources" in inner for inner in schema.get("properties", {}).values())


def _kinds(schema: Schema) -> list[str]:
    resources = schema.get("x-expansionResources", {}).get("oneOf", ())
    return [choice["$ref"].rpartition("/")[2] for choice in resources]


def _resolved(view: View, value: Any, schema: Schema) -> Any:
    if isinstance(value, list):
        return [_resolved(view, item, schema.get("items", {})) for item in value]
    if not isinstance(value, str):
        return value
    for kind in _kinds(schema):
        if found := view.account.store.get(kind, value):
            return view.shown(found)
    return value


def _of(view: View, schema: Schema, value: Any) -> Schema:
    """The schema of a value that may be one of several objects."""
    if isinstance(value, dict) and value.get("object") not in (None, *LISTS):
        try:
            return view.resource(value["object"])
        except KeyError:
            return schema
    return view.follow(schema)
