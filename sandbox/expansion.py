"""Expansion: `expand[]=payment_intent.latest_charge` replaces ids by the objects they name, four levels deep.

Some properties are only there when asked for (a session's line items, a charge's refunds); they are made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox import lists
from sandbox.errors import invalid
from sandbox.spec import follow, resource

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.spec import Object, Schema

DEPTH = 4
PAGES = ("list", "search_result")


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
    """Includable at Stripe, never there here: tiers, other currencies of a price, saved sources. Or there already."""


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
    ("search_result", "total_count"): _nothing,
}


def expand(account: Account, obj: Object, schema: Schema, paths: list[str]) -> Object:
    """A copy with the paths expanded. Raises StripeError for what cannot be expanded."""
    for path in paths:
        segments = path.split(".")
        if len(segments) - (segments[0] == "data" and obj.get("object") in PAGES) > DEPTH:
            text = f"You cannot expand more than {DEPTH} levels of a property. Property: {path}"
            raise invalid(text, param="expand", code="property_expansion_max_depth")
        obj = _inside(account, obj, schema, segments, path)
    return obj


def _inside(account: Account, value: Any, schema: Schema, segments: list[str], path: str) -> Any:
    if not segments or value is None:
        return value
    if isinstance(value, list):
        return [_inside(account, item, _of(schema.get("items", {}), item), segments, path) for item in value]
    head, rest = segments[0], segments[1:]
    inner = schema.get("properties", {}).get(head)
    here = value.get("object", "") if isinstance(value, dict) else ""
    if inner is None or not isinstance(value, dict):
        raise _cannot_expand(path, head)
    child = value.get(head)
    if made := INCLUDABLE.get((here, head)):
        child = child if child is not None else made(account, value)
        if child is None:
            return value
    elif not _names_objects(schema, head) and not (rest and _holds_expandables(inner)):
        raise _cannot_expand(path, head)
    child = _resolved(account, child, inner)
    return {**value, head: _inside(account, child, _of(inner, child), rest, path)}


def _names_objects(schema: Schema, head: str) -> bool:
    return head in schema.get("x-expandableFields", ()) or "x-expansionResources" in schema["properties"][head]


def _cannot_expand(path: str, head: str) -> Exception:
    return invalid(
        f"This property cannot be expanded ({head})."
        if head != "total_count"
        else "This property cannot be included (total_count)",
        param="expand",
    )


def _holds_expandables(schema: Schema) -> bool:
    schema = follow(schema)
    if "items" in schema:
        return _holds_expandables(schema["items"])
    if "anyOf" in schema:
        return any(_holds_expandables(choice) for choice in schema["anyOf"])
    if "x-expandableFields" in schema:
        return True
    return any("x-expansionResources" in inner for inner in schema.get("properties", {}).values())


def _kinds(schema: Schema) -> list[str]:
    resources = schema.get("x-expansionResources", {}).get("oneOf", ())
    return [choice["$ref"].rpartition("/")[2] for choice in resources]


def _resolved(account: Account, value: Any, schema: Schema) -> Any:
    if isinstance(value, list):
        return [_resolved(account, item, schema.get("items", {})) for item in value]
    if not isinstance(value, str):
        return value
    for kind in _kinds(schema):
        if found := account.store.get(kind, value):
            return found
    return value


def _of(schema: Schema, value: Any) -> Schema:
    """The schema of a value that may be one of several objects."""
    if isinstance(value, dict) and value.get("object") not in (None, "list"):
        try:
            return resource(value["object"])
        except KeyError:
            return schema
    return follow(schema)
