"""What Stripe has changed in its objects, newest first, told backwards: how each looked before.

A new key is no change: Stripe sends it to every version, beside the keys that version has always known (an invoice of
2022-11-15 has had both `parent` and `subscription` since 2025). So going back only ever adds keys or rewrites values.
The table reaches back to 2022; versions older than that look like 2020-08-27 here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.protocol import derived_objects

if TYPE_CHECKING:
    from sandbox.ground.store import Store
    from sandbox.protocol.spec import Object, Schema

NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NOTHING: Schema = {"type": "null"}
UI_MODES = {"hosted": "hosted_page", "embedded": "embedded_page", "custom": "elements"}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "nullable": True}


def _any(*kinds: str) -> Schema:
    return {"anyOf": [{"$ref": f"#/components/schemas/{kind}"} for kind in kinds]}


def _link(kind: str) -> Schema:
    """An id, or null, which can be expanded."""
    target = _any(kind)["anyOf"][0]
    return {"anyOf": [TEXT, target], "nullable": True, "x-expansionResources": {"oneOf": [target]}}


def _list(kind: str) -> Schema:
    properties = {
        "object": {"type": "string", "enum": ["list"]},
        "data": {"type": "array", "items": {"$ref": f"#/components/schemas/{kind}"}},
        "has_more": FLAG,
        "url": TEXT,
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "x-expandableFields": ["data"],
    }


@dataclass(frozen=True)
class Change:
    """`had` names the keys of a kind that looked otherwise before that day, and how; `older` gives their values.

    A key with a question mark was not always there.
    """

    since: str
    kind: str
    had: Mapping[str, Schema]
    older: Callable[[Store, Object], Object]


def _ui_mode(store: Store, session: Object) -> Object:
    # What the command line reads of a session calls itself one too, and has few of its keys.
    older = {today: old for old, today in UI_MODES.items()}
    return {"ui_mode": older.get(session["ui_mode"], session["ui_mode"])} if "ui_mode" in session else {}


def _coupon(store: Store, id: str) -> Object:
    return store.get("coupon", id) or {"id": id, "object": "coupon", "deleted": True}


def _promotion_code(store: Store, promotion: Object) -> Object:
    return {"coupon": _coupon(store, promotion["promotion"]["coupon"])}


def _discount(store: Store, discount: Object) -> Object:
    return {"coupon": _coupon(store, discount["source"]["coupon"])}


def _only_discount(store: Store, ids: list[Any]) -> Object | None:
    return store.get("discount", ids[0]) if ids else None


def _session_of_basil(store: Store, session: Object) -> Object:
    if "collected_information" not in session:
        return {}
    return {"shipping_details": (session["collected_information"] or {}).get("shipping_details")}


def _subscription(store: Store, subscription: Object) -> Object:
    items = subscription["items"]["data"]
    # Items may have been given periods of their own; then the subscription's was the one that ends first.
    period = min(items, key=lambda item: int(item["current_period_end"]), default=None)
    only = items[0] if len(items) == 1 else None
    return {
        "current_period_end": period["current_period_end"] if period else subscription["start_date"],
        "current_period_start": period["current_period_start"] if period else subscription["start_date"],
        "discount": _only_discount(store, subscription["discounts"]),
        "plan": only["plan"] if only else None,
        "quantity": only.get("quantity") if only else None,
    }


def _invoice(store: Store, invoice: Object) -> Object:
    details = (invoice["parent"] or {}).get("subscription_details")
    payments = store.having("invoice_payment", "invoice", invoice["id"])
    # The PaymentIntent came when the invoice was finalized.
    intent = payments[0]["payment"].get("payment_intent") if payments and invoice["status"] != "draft" else None
    tried = store.get("payment_intent", intent or "")
    return {
        "application_fee_amount": None,
        "charge": tried["latest_charge"] if tried else None,
        "discount": _only_discount(store, invoice["discounts"]),
        "paid": invoice["status"] == "paid",
        "paid_out_of_band": invoice["status"] == "paid" and invoice["amount_due"] > 0 and intent is None,
        "payment_intent": intent,
        "quote": None,
        "rendering_options": None,
        "subscription": details["subscription"] if details else None,
        "subscription_details": {"metadata": details["metadata"] if details else None},
        "tax": sum(tax["amount"] for tax in invoice["total_taxes"]) if invoice["total_taxes"] else None,
        "total_tax_amounts": _tax_amounts(invoice["total_taxes"]),
        "transfer_data": None,
    }


def _tax_amounts(taxes: list[Object] | None) -> list[Object]:
    return [
        {
            "amount": tax["amount"],
            "inclusive": tax["tax_behavior"] == "inclusive",
            "tax_rate": tax["tax_rate_details"]["tax_rate"],
            "taxability_reason": tax["taxability_reason"],
            "taxable_amount": tax["taxable_amount"],
        }
        for tax in taxes or ()
    ]


def _price_of(store: Store, obj: Object) -> Object | None:
    details = (obj["pricing"] or {}).get("price_details")
    return store.get("price", details["price"]) if details else None


def _plan_of(price: Object | None) -> Object | None:
    return derived_objects.plan(price) if price and price["recurring"] else None


def _line(store: Store, line: Object) -> Object:
    parent = line["parent"] or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    price = _price_of(store, line)
    plain = parent.get("type") != "subscription_item_details"
    return {
        **({"invoice_item": details["invoice_item"]} if details.get("invoice_item") else {}),
        "amount_excluding_tax": line["amount"]
        - sum(tax["amount"] for tax in line["taxes"] if tax["tax_behavior"] == "inclusive"),
        "plan": _plan_of(price),
        "price": price,
        "proration": details.get("proration", False),
        "proration_details": details.get("proration_details") or {"credited_items": None},
        "subscription_item": details.get("subscription_item"),
        "tax_amounts": _tax_amounts(line["taxes"]),
        "tax_rates": [],
        "type": "invoiceitem" if plain else "subscription",
        "unit_amount_excluding_tax": (line["pricing"] or {}).get("unit_amount_decimal"),
    }


def _invoiceitem(store: Store, item: Object) -> Object:
    details = (item["parent"] or {}).get("subscription_details") or {}
    price = _price_of(store, item)
    return {
        "plan": _plan_of(price),
        "price": price,
        "subscription": details.get("subscription"),
        "subscription_item": details.get("subscription_item"),
        "unit_amount": price["unit_amount"] if price else None,
        "unit_amount_decimal": (item["pricing"] or {}).get("unit_amount_decimal"),
    }


def _invoice_of(store: Store, intent: str | None) -> Object:
    payments = store.having("invoice_payment", "payment_intent", intent) if intent else []
    return {"invoice": payments[0]["invoice"] if payments else None}


def _recurring(store: Store, price: Object) -> Object:
    return {"recurring": {**price["recurring"], "aggregate_usage": None} if price["recurring"] else None}


def _charges(store: Store, intent: Object) -> Object:
    found = store.having("charge", "payment_intent", intent["id"])
    return {
        "charges": derived_objects.envelope(f"/v1/charges?payment_intent={intent['id']}", found[:10], len(found) > 10)
    }


def _refunds(store: Store, charge: Object) -> Object:
    found = store.having("refund", "charge", charge["id"])
    return {"refunds": derived_objects.envelope(f"/v1/charges/{charge['id']}/refunds", found[:10], len(found) > 10)}


TAX_AMOUNT: Mapping[str, Schema] = {
    "amount": NUMBER,
    "inclusive": FLAG,
    "tax_rate": TEXT,
    "taxability_reason": _or_null(TEXT),
    "taxable_amount": _or_null(NUMBER),
}
TAX_AMOUNTS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": dict(TAX_AMOUNT),
        "required": [*TAX_AMOUNT],
        "additionalProperties": False,
    },
}
COUPON = _any("coupon", "deleted_coupon")
PRICED: Mapping[str, Schema] = {"plan": _or_null(_any("plan")), "price": _or_null(_any("price"))}

CHANGES: tuple[Change, ...] = (
    Change("2026-03-25", "checkout.session", {"ui_mode": {"type": "string", "enum": [*UI_MODES, "form"]}}, _ui_mode),
    Change("2025-09-30", "promotion_code", {"coupon": COUPON}, _promotion_code),
    Change("2025-09-30", "discount", {"coupon": COUPON}, _discount),
    Change("2025-03-31", "checkout.session", {"shipping_details": _or_null({"type": "object"})}, _session_of_basil),
    Change(
        "2025-03-31",
        "subscription",
        {
            "current_period_end": NUMBER,
            "current_period_start": NUMBER,
            "discount": _or_null(_any("discount")),
            "plan": PRICED["plan"],
            "quantity": _or_null(NUMBER),
        },
        _subscription,
    ),
    Change(
        "2025-03-31",
        "invoice",
        {
            "application_fee_amount": NOTHING,
            "charge": _link("charge"),
            "discount": _or_null(_any("discount")),
            "paid": FLAG,
            "paid_out_of_band": FLAG,
            "payment_intent": _link("payment_intent"),
            "quote": NOTHING,
            "rendering_options": NOTHING,
            "subscription": _link("subscription"),
            "subscription_details": {
                "type": "object",
                "properties": {"metadata": _or_null({"type": "object", "additionalProperties": TEXT})},
                "required": ["metadata"],
                "additionalProperties": False,
            },
            "tax": _or_null(NUMBER),
            "total_tax_amounts": TAX_AMOUNTS,
            "transfer_data": NOTHING,
        },
        _invoice,
    ),
    Change(
        "2025-03-31",
        "line_item",
        {
            **PRICED,
            "amount_excluding_tax": NUMBER,
            "invoice_item?": TEXT,
            "proration": FLAG,
            "proration_details": {"type": "object", "required": ["credited_items"]},
            "subscription_item": _or_null(TEXT),
            "tax_amounts": TAX_AMOUNTS,
            "tax_rates": {"type": "array", "maxItems": 0},
            "type": {"type": "string", "enum": ["invoiceitem", "subscription"]},
            "unit_amount_excluding_tax": _or_null(TEXT),
        },
        _line,
    ),
    Change(
        "2025-03-31",
        "invoiceitem",
        {
            **PRICED,
            "subscription": _link("subscription"),
            "subscription_item": _or_null(TEXT),
            "unit_amount": _or_null(NUMBER),
            "unit_amount_decimal": _or_null(TEXT),
        },
        _invoiceitem,
    ),
    Change("2025-03-31", "charge", {"invoice": _link("invoice")}, lambda a, c: _invoice_of(a, c["payment_intent"])),
    Change("2025-03-31", "payment_intent", {"invoice": _link("invoice")}, lambda a, p: _invoice_of(a, p["id"])),
    Change("2025-03-31", "price", {"recurring.aggregate_usage": NOTHING}, _recurring),
    Change("2025-03-31", "plan", {"aggregate_usage": NOTHING}, lambda a, plan: {"aggregate_usage": None}),
    Change("2022-11-15", "payment_intent", {"charges": _list("charge")}, _charges),
    Change("2022-11-15", "charge", {"refunds": _list("refund")}, _refunds),
)
