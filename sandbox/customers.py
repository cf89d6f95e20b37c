"""Customers. Checkout makes one for subscriptions, for orders that cost nothing, and when it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import cancellations, discounts, ids, metadata, payment_methods, subscriptions
from sandbox.spec import blank

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.api import Call
    from sandbox.spec import Object

TEXTS = ("description", "email", "name", "phone")


def create(account: Account, call: Call) -> Object:
    """POST /v1/customers. Older requests may name a coupon."""
    if coupon := call.params.get("coupon"):
        discounts.check_coupon(account, coupon)
    if clock := call.params.get("test_clock"):
        frozen = account.find("test_helpers.test_clock", clock, param="test_clock")
        with account.clock.standing_at(frozen["frozen_time"], clock):
            customer = make(account, call.params)
    else:
        customer = make(account, call.params)
    if method := call.params.get("payment_method"):
        _use(account, customer, method)
    elif method := call.params.get("invoice_settings", {}).get("default_payment_method"):
        prefer(account, customer, method)
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
    customer = blank(
        "customer",
        id=ids.short("cus"),
        address=_address(given.get("address")),
        created=account.clock.now(),
        currency=None,
        delinquent=False,
        discount=None,
        invoice_prefix=ids.chance(8).upper(),
        invoice_settings={},
        metadata=metadata.fresh(given.get("metadata")),
        next_invoice_sequence=1,
        preferred_locales=given.get("preferred_locales") or [],
        shipping=given.get("shipping") or None,
        tax_exempt=given.get("tax_exempt") or "none",
        test_clock=account.clock.test_clock,
        **{key: given.get(key) or None for key in TEXTS},
    )
    return account.store.save(customer)


def _use(account: Account, customer: Object, id: str) -> None:
    method = payment_methods.named(account, id, param="payment_method")
    account.store.change(method, customer=customer["id"])
    prefer(account, customer, method["id"])


def prefer(account: Account, customer: Object, id: str) -> Object:
    """Let a customer's invoices be paid with it. Returns what changed, as it was."""
    account.find("payment_method", id, param="invoice_settings[default_payment_method]")
    settings = {**customer["invoice_settings"], "default_payment_method": id}
    return account.store.change(customer, invoice_settings=settings)


def update(account: Account, call: Call) -> Object:
    """POST /v1/customers/{id}"""
    customer = account.find("customer", call.id)
    params = call.params
    if params.get("coupon"):
        discounts.check_coupon(account, params["coupon"])
    changes: dict[str, Any] = {key: params[key] or None for key in (*TEXTS, "shipping") if key in params}
    if "address" in params:
        changes["address"] = _address(params["address"])
    if id := params.get("invoice_settings", {}).get("default_payment_method"):
        account.find("payment_method", id, param="invoice_settings[default_payment_method]")
        changes["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": id}
    changes["metadata"] = metadata.merge(customer["metadata"], params.get("metadata"))
    before = customer["discount"]
    if params.get("coupon"):
        discounts.give_customer(account, customer, params["coupon"])
    elif "coupon" in params:
        discounts.take_from_customer(account, customer)
    previous = account.store.change(customer, **changes)
    if before != customer["discount"]:
        previous["discount"] = before
    if previous:
        account.emit("customer.updated", customer, previous)
    return customer


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/customers/{id}: their subscriptions end at once."""
    customer = account.find("customer", call.id)
    for subscription in account.store.having("subscription", "customer", customer["id"]):
        if subscription["status"] not in subscriptions.OVER:
            cancellations.end(account, subscription, reason="cancellation_requested")
    gone = account.bury(customer)
    account.emit("customer.deleted", customer)
    return gone


def _address(given: Any) -> Object | None:
    if not given:
        return None
    return {key: given.get(key) or None for key in ("city", "country", "line1", "line2", "postal_code", "state")}
