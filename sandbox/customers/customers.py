"""Customers. Checkout makes one for subscriptions, for orders that cost nothing, and when it is told to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.billing import cancellations, subscriptions
from sandbox.catalogue import discounts
from sandbox.ground import ids, metadata
from sandbox.ground.errors import StripeError, invalid
from sandbox.payments import payment_method_ownership
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

TEXTS = ("description", "email", "name", "phone")
# There only when they are given.
NAMES = ("business_name", "individual_name")
NUMBERS = ("balance", "next_invoice_sequence")
PREFIX = re.compile(r"^[A-Z0-9]{3,12}$")


def create(account: Account, call: Call) -> Object:
    """POST /v1/customers. Older requests may name a coupon."""
    if coupon := call.params.get("coupon"):
        discounts.check_coupon(account, coupon)
    _check_method(account, call.params)
    if clock := call.params.get("test_clock"):
        frozen = account.find("test_helpers.test_clock", clock, param="test_clock")
        with account.clock.standing_at(frozen["frozen_time"], clock):
            customer = make(account, call.params)
    else:
        customer = make(account, call.params)
    if id := call.params.get("payment_method") or _default_method(call.params):
        method = payment_method_ownership.give(account, customer, id, param="payment_method")
        prefer(account, customer, method["id"])
    account.emit("customer.created", customer)
    if coupon:
        discounts.give_customer(account, customer, coupon)
    return customer


def retrieve(account: Account, call: Call) -> Object:
    """GET /v1/customers/{id}: of one that was deleted, that it was."""
    if account.store.get("deleted_customer", call.id):
        return {"id": call.id, "object": "customer", "deleted": True}
    return account.find("customer", call.id)


def make(account: Account, given: Object) -> Object:
    """A new customer, saved but not announced."""
    if prefix := given.get("invoice_prefix"):
        _check_prefix(account, prefix)
    customer = blank(
        "customer",
        id=ids.short("cus"),
        address=_address(given.get("address")),
        balance=given.get("balance", 0),
        created=account.clock.now(),
        currency=None,
        delinquent=False,
        discount=None,
        invoice_prefix=prefix or ids.chance(8).upper(),
        invoice_settings=_invoice_settings(given.get("invoice_settings", {})),
        metadata=metadata.fresh(given.get("metadata")),
        next_invoice_sequence=given.get("next_invoice_sequence", 1),
        preferred_locales=given.get("preferred_locales") or [],
        shipping=_shipping(given.get("shipping")),
        tax_exempt=given.get("tax_exempt") or "none",
        test_clock=account.clock.test_clock,
        **{key: given.get(key) or None for key in TEXTS},
        **{key: given[key] for key in NAMES if given.get(key)},
    )
    _note_tax(account, customer, given)
    return account.store.save(customer)


def _check_prefix(account: Account, prefix: str, owner: str = "") -> None:
    if not PREFIX.match(prefix):
        text = "Invoice prefixes must be 3-12 uppercase letters or numbers."
        raise invalid(text, param="invoice_prefix")
    if any(c["invoice_prefix"] == prefix and c["id"] != owner for c in account.store.all("customer")):
        raise invalid(f"The invoice prefix {prefix} is already in use.", param="invoice_prefix")


def _invoice_settings(given: Object) -> Object:
    """What stands on all invoices of a customer. What they are paid with is seen to by `prefer`."""
    return {key: given[key] or None for key in ("custom_fields", "footer") if key in given}


def _note_tax(account: Account, customer: Object, given: Object) -> None:
    # Shown only to those who ask for it.
    if "ip_address" in given.get("tax", {}):
        account.store.notes(customer["id"])["ip_address"] = given["tax"]["ip_address"] or None


def _default_method(params: Object) -> str | None:
    return params.get("invoice_settings", {}).get("default_payment_method") or None


def _check_method(account: Account, params: Object) -> None:
    """Raises StripeError for what a new customer cannot have. Their default is what they are made with, or an alias."""
    given, default = params.get("payment_method"), _default_method(params)
    if default and default != given:
        payment_method_ownership.check(account, "", default, param="invoice_settings[default_payment_method]")
    if id := given or default:
        payment_method_ownership.check_free(account, id, param="payment_method")


def prefer(account: Account, customer: Object, id: str) -> Object:
    """Let a customer's invoices be paid with it. Returns what changed, as it was."""
    settings = {**customer["invoice_settings"], "default_payment_method": id}
    return account.store.change(customer, invoice_settings=settings)


def update(account: Account, call: Call) -> Object:
    """POST /v1/customers/{id}"""
    customer = account.find("customer", call.id)
    params = call.params
    if params.get("coupon"):
        discounts.check_coupon(account, params["coupon"])
    changes = _changes(account, customer, params)
    changes["metadata"] = metadata.merge(customer["metadata"], params.get("metadata"))
    before = customer["discount"]
    if params.get("coupon"):
        discounts.give_customer(account, customer, params["coupon"])
    elif "coupon" in params:
        discounts.take_from_customer(account, customer)
    _note_tax(account, customer, params)
    previous = account.store.change(customer, **changes)
    for key in [name for name in NAMES if params.get(name) == ""]:
        if key in customer:
            previous[key] = customer.pop(key)
    if before != customer["discount"]:
        previous["discount"] = before
    if previous:
        account.emit("customer.updated", customer, previous)
    return customer


def _changes(account: Account, customer: Object, params: Object) -> dict[str, Any]:
    changes: dict[str, Any] = {key: params[key] or None for key in TEXTS if key in params}
    changes |= {key: params[key] for key in NUMBERS if key in params}
    changes |= {key: params[key] for key in NAMES if params.get(key)}
    if "address" in params:
        changes["address"] = _address(params["address"])
    if "shipping" in params:
        changes["shipping"] = _shipping(params["shipping"])
    if "preferred_locales" in params:
        changes["preferred_locales"] = params["preferred_locales"] or []
    if "tax_exempt" in params:
        changes["tax_exempt"] = params["tax_exempt"] or "none"
    if prefix := params.get("invoice_prefix"):
        _check_prefix(account, prefix, customer["id"])
        changes["invoice_prefix"] = prefix
    settings = params.get("invoice_settings", {})
    changed = _invoice_settings(settings)
    if id := settings.get("default_payment_method"):
        method = payment_method_ownership.named(account, customer, id, param="invoice_settings[default_payment_method]")
        changed["default_payment_method"] = method["id"]
    changes["invoice_settings"] = {**customer["invoice_settings"], **changed}
    return changes


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/customers/{id}: their subscriptions end at once."""
    customer = account.find("customer", call.id)
    for subscription in account.store.having("subscription", "customer", customer["id"]):
        if subscription["status"] not in subscriptions.OVER:
            cancellations.end(account, subscription, reason="cancellation_requested")
    gone = account.mark_deleted(customer)
    account.emit("customer.deleted", customer)
    return gone


def delete_discount(account: Account, call: Call) -> Object:
    """DELETE /v1/customers/{id}/discount"""
    customer = account.find("customer", call.id)
    if (discount := customer["discount"]) is None:
        text = f"No active discount for customer: {call.id}"
        raise StripeError(404, "invalid_request_error", text, code="resource_missing", param="id")
    discounts.take_from_customer(account, customer)
    return discounts.deleted(discount)


def _address(given: Any) -> Object | None:
    if not given:
        return None
    return {key: given.get(key) or None for key in ("city", "country", "line1", "line2", "postal_code", "state")}


def _shipping(given: Any) -> Object | None:
    return blank("customer.shipping", **given) if given else None
