"""The subscription of a Checkout Session, begun when the session has been paid, with an invoice that is paid already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing import invoice_drafts, invoice_lines, invoices, renewals, subscription_items, subscriptions
from sandbox.catalogue import discounts, taxes
from sandbox.checkout import session_taxes, sessions
from sandbox.payments import payment_intents

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def start(account: Account, session: Object, customer: Object, method: Object | None, intent: Object | None) -> Object:
    """The subscription of a session that has just been paid, with its first invoice and all their events."""
    data = {**account.store.notes(session["id"])["subscription_data"], "automatic_tax": session["automatic_tax"]}
    lines = [line for line in account.store.notes(session["id"])["line_items"] if line["price"]["recurring"]]
    subscription = subscriptions.make(account, customer, data, lines, currency=session["currency"], method=method)
    discount = _discount(account, session, customer, subscription)
    before = account.store.change(customer, currency=session["currency"], **_default_method(customer, method))
    if method:
        account.store.change(method, customer=customer["id"])
    invoice = _invoice(account, subscription, session, intent, discount)
    account.store.change(subscription, latest_invoice=invoice["id"])
    account.store.change(session, invoice=invoice["id"], subscription=subscription["id"])
    _announce_start(account, session, customer, before, method, intent, subscription, invoice)
    renewals.schedule(account, subscription)
    return subscription


def _default_method(customer: Object, method: Object | None) -> Object:
    if method is None:
        return {}
    return {"invoice_settings": {**customer["invoice_settings"], "default_payment_method": method["id"]}}


def _announce_start(
    account: Account,
    session: Object,
    customer: Object,
    before: Object,
    method: Object | None,
    intent: Object | None,
    subscription: Object,
    invoice: Object,
) -> None:
    if intent:
        account.emit("charge.succeeded", account.find("charge", intent["latest_charge"]))
    if method:
        account.emit("payment_method.attached", method)
    if account.store.notes(session["id"]).get("customer"):
        account.emit("customer.created", customer)
    account.emit("customer.updated", customer, before)
    sessions.announce_completed(account, session)
    account.emit("customer.subscription.created", subscription)
    if intent:
        payment_intents.announce(account, intent)
        account.emit("payment_intent.succeeded", intent)
    invoices.announce_paid(account, invoice)


def _invoice(
    account: Account, subscription: Object, session: Object, intent: Object | None, discount: list[str]
) -> Object:
    """The invoice for what the buyer has paid at Checkout, already paid; `invoices.announce_paid` tells of it."""
    lines = []
    unnamed = subscription_items.of(account, subscription["id"])
    for sold in account.store.notes(session["id"])["line_items"]:
        if sold["price"]["recurring"]:
            lines.append(invoice_lines.of_plan(account, unnamed.pop(0), subscription, free=not sold["amount_subtotal"]))
        else:
            lines.append(invoice_lines.of_extra(account, sold, subscription))
    for line, sold in zip(lines, account.store.notes(session["id"])["line_items"], strict=True):
        line["taxes"] = taxes.for_invoice(session_taxes.of_item(account, sold))
        line["discount_amounts"] = [{"amount": sold["amount_discount"], "discount": id} for id in discount]
    off = session["total_details"]["amount_discount"]
    invoice = invoice_drafts.of_subscription(
        account, subscription, lines, reason="subscription_create", off=off, discount_ids=discount
    )
    invoices.pay_at_once(account, invoice, intent)
    return invoice


def _discount(account: Account, session: Object, customer: Object, subscription: Object) -> list[str]:
    """The discount of the first invoice. Where the coupon lasts longer, it stays with the subscription."""
    if not session["discounts"]:
        return []
    given = session["discounts"][0]
    coupon = account.store.get("coupon", given["coupon"])
    if coupon is None or coupon["duration"] == "once":
        return [discounts.for_session(account, given, customer, session)["id"]]
    kept = [discounts.for_subscription(account, given, subscription)["id"]]
    account.store.change(subscription, discounts=kept)
    return kept
