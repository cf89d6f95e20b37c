"""Invoices somebody makes by hand: of a customer's pending items, changed while they are drafts, then sent or charged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.billing import collection, invoice_drafts, invoice_items, invoice_lines, invoices
from sandbox.catalogue import discounts, taxes
from sandbox.ground import currencies, metadata
from sandbox.ground.errors import invalid
from sandbox.ground.periods import DAY
from sandbox.payments import payment_method_ownership  # fmt: skip
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

TEXTS = ("description", "footer", "number", "statement_descriptor")
KEPT = ("auto_advance", "collection_method", "effective_at")
# What is to be done by itself is done this long after the invoice was made. The second more is Stripe's own.
ADVANCE_SECONDS = 3600
NO_EMAIL = (
    "Missing email. In order to create invoices that are sent to the customer, the customer must have a valid email."
)
NO_DUE_DATE = "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'."
NEEDLESS_DUE_DATE = (
    "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'."
)
CANNOT_SEND = (
    "This invoice cannot be sent right now. Please contact us via https://support.stripe.com/contact with details, so "
    "we can help."
)


def create(account: Account, call: Call) -> Object:
    """POST /v1/invoices: a draft, empty unless the pending items are asked for."""
    params = call.params
    if "customer" not in params:
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    customer = account.find("customer", params["customer"], param="customer")
    subscription = None
    if id := params.get("subscription"):
        subscription = account.find("subscription", id, param="subscription")
    currency = currencies.checked(params.get("currency") or customer["currency"] or "eur")
    method = params.get("collection_method", "charge_automatically")
    now = account.clock.now()
    changes = _changes(account, customer, params, method=method, created=now)
    if method == "send_invoice":
        _check_due(changes.get("due_date"), customer)
    invoice = invoice_drafts.compose(
        account,
        customer,
        [],
        billing_reason="manual",
        currency=currency,
        taxed=params.get("automatic_tax", {}).get("enabled", False),
        **{"auto_advance": False, "parent": _parent(subscription), **changes},
    )
    invoice["discounts"] = _discounts(account, invoice, customer, params)
    account.store.save(invoice)
    _fill(account, invoice, subscription, params)
    _schedule(account, invoice, params.get("automatically_finalizes_at"))
    account.emit("invoice.created", invoice)
    return invoice


def _parent(subscription: Object | None) -> Object | None:
    if subscription is None:
        return None
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"type": "subscription_details", "subscription_details": details}


def _check_due(due: int | None, customer: Object) -> None:
    if due is None:
        raise invalid(NO_DUE_DATE)
    if not customer["email"]:
        raise invalid(NO_EMAIL)


def _changes(account: Account, customer: Object, params: Object, *, method: str, created: int) -> dict[str, Any]:
    """The plain values a request sets."""
    if params.get("issuer", {}).get("type", "self") != "self":
        raise invalid("The sandbox imitates invoices of its own account only.", param="issuer[type]")
    changes: dict[str, Any] = {key: params[key] or None for key in TEXTS if key in params}
    changes |= {key: params[key] if params[key] != "" else None for key in KEPT if key in params}
    if "custom_fields" in params:
        changes["custom_fields"] = params["custom_fields"] or None
    if "shipping_details" in params:
        changes["shipping_details"] = _shipping(params["shipping_details"])
    if id := params.get("default_payment_method"):
        chosen = payment_method_ownership.named(account, customer, id, param="default_payment_method")
        changes["default_payment_method"] = chosen["id"]
    if "metadata" in params:
        changes["metadata"] = metadata.fresh(params["metadata"])
    return changes | _due(account, params, method=method, created=created)


def _shipping(given: Any) -> Object | None:
    return blank("invoice.shipping_details", **given) if given else None


def _due(account: Account, params: Object, *, method: str, created: int) -> dict[str, int]:
    given = [name for name in ("days_until_due", "due_date") if name in params]
    if not given:
        return {}
    if len(given) > 1:
        raise invalid(f"You may only specify one of these parameters: {', '.join(given)}.", param=given[0])
    if method != "send_invoice":
        raise invalid(NEEDLESS_DUE_DATE)
    if "days_until_due" in params:
        return {"due_date": created + params["days_until_due"] * DAY}
    if params["due_date"] <= account.clock.now():
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", param="due_date")
    return {"due_date": params["due_date"]}


def _fill(account: Account, invoice: Object, subscription: Object | None, params: Object) -> None:
    """Put the pending items on a new draft, if they were asked for."""
    if params.get("pending_invoice_items_behavior", "exclude") == "exclude":
        return
    waiting = invoice_items.pending(account, invoice["customer"], invoice["currency"])
    if subscription:
        waiting = [item for item in waiting if invoice_items.subscription_of(item) == subscription["id"]]
    for item in waiting:
        account.store.change(item, invoice=invoice["id"])
    lines = [invoice_lines.of_item(item, account, _owner(account, item)) for item in waiting]
    invoice_drafts.recount(account, invoice, lines)


def _owner(account: Account, item: Object) -> Object | None:
    return account.store.get("subscription", invoice_items.subscription_of(item) or "")


def _discounts(account: Account, invoice: Object, customer: Object, params: Object) -> list[str]:
    if "discounts" not in params:
        return discounts.of_customer(customer)
    of = {"customer": customer["id"], "currency": invoice["currency"], "invoice": invoice["id"]}
    return discounts.for_invoice(account, params["discounts"] or [], **of)


def _schedule(account: Account, invoice: Object, at: int | None = None) -> None:
    """When a draft is finalized by itself, if it is."""
    account.timers.cancel("finalize_invoice", invoice["id"])
    if not invoice["auto_advance"]:
        account.store.change(invoice, automatically_finalizes_at=None, next_payment_attempt=None)
        return
    due = at or invoice["created"] + ADVANCE_SECONDS + 1
    invoices.finalize_later(account, invoice, due, charged_at=due - 1)


def advance(account: Account, id: str) -> None:
    """The timer of a draft that is finalized by itself, then charged or sent."""
    invoice = account.store.get("invoice", id)
    if invoice is None or invoice["status"] != "draft":
        return
    invoices.finalize(account, invoice)
    collection.collect(account, invoice)


def update(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}: all of a draft; of others only the metadata, and whether they are collected."""
    invoice, params = account.find("invoice", call.id), call.params
    before, merged = invoice_drafts.snapshot(invoice), metadata.merge(invoice["metadata"], params.get("metadata"))
    if invoice["status"] == "draft":
        _change_draft(account, invoice, params)
    elif fields := sorted(params.keys() - {"auto_advance", "metadata"}):
        raise invalid("Finalized invoices can't be updated in this way", param=fields[0])
    elif "auto_advance" in params and invoice["status"] == "open":
        _change_collection(account, invoice, params["auto_advance"])
    account.store.change(invoice, metadata=merged)
    invoice_drafts.announce(account, invoice, before)
    return invoice


def _change_draft(account: Account, invoice: Object, params: Object) -> None:
    method: str = params.get("collection_method") or invoice["collection_method"]
    customer = account.find("customer", invoice["customer"])
    changes = _changes(account, customer, params, method=method, created=invoice["created"])
    if method == "send_invoice":
        _check_due(changes.get("due_date", invoice["due_date"]), customer)
    else:
        changes["due_date"] = None
    if "discounts" in params:
        changes["discounts"] = _discounts(account, invoice, customer, params)
    if "automatic_tax" in params:
        buyer = taxes.of_customer(account, customer)
        described = taxes.described(enabled=params["automatic_tax"]["enabled"], buyer=buyer)
        changes["automatic_tax"] = blank("invoice.automatic_tax", **described)
    account.store.change(invoice, **changes)
    if params.keys() & {"automatic_tax", "discounts"}:
        invoice_drafts.recount(account, invoice, invoice["lines"]["data"])
    if params.keys() & {"auto_advance", "automatically_finalizes_at", "collection_method"}:
        _schedule(account, invoice, params.get("automatically_finalizes_at"))


def _change_collection(account: Account, invoice: Object, by_itself: bool) -> None:
    if not by_itself:
        invoices.leave(account, invoice)
    elif not invoice["auto_advance"]:
        account.store.change(invoice, auto_advance=True)
        collection.await_collection(account, invoice)


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/invoices/{id}: a draft. Its items go with it, they do not wait for another invoice."""
    invoice = account.find("invoice", call.id)
    if invoice["status"] != "draft":
        raise invalid("You can only delete draft invoices.")
    if invoice["billing_reason"] != "manual":
        raise invalid("Invoices of a subscription cannot be deleted. Void this one instead.")
    account.timers.cancel("finalize_invoice", invoice["id"])
    account.store.delete("invoice", invoice["id"])
    account.emit("invoice.deleted", invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def send(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}/send: finalized first, if it is a draft. In test mode nobody gets a letter."""
    invoice = account.find("invoice", call.id)
    if invoice["status"] not in ("draft", "open") or invoice["collection_method"] != "send_invoice":
        raise invalid(CANNOT_SEND)
    if invoice["status"] == "draft":
        invoices.finalize(account, invoice)
    collection.send(account, invoice)
    return invoice
