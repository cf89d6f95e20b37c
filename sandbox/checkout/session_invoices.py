"""Invoices for what was bought once at Checkout, made when it has been paid and paid from the beginning.

What is only held, to be captured later, has no invoice here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing import invoice_drafts, invoice_items, invoice_lines, invoices
from sandbox.catalogue import discounts, taxes
from sandbox.checkout import session_taxes
from sandbox.ground import metadata
from sandbox.ground.errors import invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

ONLY_PAYMENT = (
    "You can only enable invoice creation when `mode` is set to `payment`. Invoices are created automatically when "
    "`mode` is set to `subscription`, and are unsupported when set to `setup`. To learn more visit "
    "https://stripe.com/docs/payments/checkout/post-payment-invoices."
)
TEXTS = ("description", "footer")


def check(params: Object) -> None:
    """Raises StripeError for what cannot be made an invoice of."""
    if (given := params.get("invoice_creation")) is None:
        return
    if params["mode"] != "payment":
        raise invalid(ONLY_PAYMENT, param="invoice_creation")
    data = given.get("invoice_data", {})
    metadata.fresh(data.get("metadata"))
    if data.get("issuer", {}).get("type", "self") != "self":
        text = "The sandbox imitates invoices of its own account only."
        raise invalid(text, param="invoice_creation[invoice_data][issuer][type]")
    if given["enabled"] and params.get("payment_intent_data", {}).get("capture_method") == "manual":
        text = "The sandbox does not imitate invoices of payments that are captured later."
        raise invalid(text, param="invoice_creation[enabled]")


def described(params: Object) -> Object | None:
    """What a session says about its invoice to be; those of plans are made in any case."""
    if params["mode"] != "payment":
        return None
    given = params.get("invoice_creation", {"enabled": False})
    data = given.get("invoice_data", {})
    return {
        "enabled": given["enabled"],
        "invoice_data": {
            "account_tax_ids": None,
            "custom_fields": data.get("custom_fields") or None,
            **{key: data.get(key) for key in TEXTS},
            "issuer": {"type": "self"} if given["enabled"] else None,
            "metadata": metadata.fresh(data.get("metadata")),
            "rendering_options": None,
        },
    }


def wanted(session: Object) -> bool:
    """Whether a session is to have an invoice of its own. It then also has a customer."""
    return bool(session["invoice_creation"] and session["invoice_creation"]["enabled"])


def issue(account: Account, session: Object, customer: Object, intent: Object | None) -> Object:
    """The invoice of a session that has just been paid, already paid; `invoices.announce_paid` tells of it."""
    _keep_currency(account, customer, session["currency"])
    items = [invoice_items.sell(account, customer, line) for line in _sold(account, session)]
    discount = _discount(account, session, customer)
    lines = [_line(account, item, line, discount) for item, line in zip(items, _sold(account, session), strict=True)]
    data = session["invoice_creation"]["invoice_data"]
    invoice = invoice_drafts.compose(
        account,
        customer,
        lines,
        off=session["total_details"]["amount_discount"],
        discount_ids=discount,
        taxed=session["automatic_tax"]["enabled"],
        auto_advance=False,
        billing_reason="manual",
        # It is sent, which nobody would do with one that is charged.
        collection_method="send_invoice",
        currency=session["currency"],
        due_date=account.clock.now(),
        metadata=dict(data["metadata"]),
        **{key: data[key] for key in (*TEXTS, "custom_fields") if data[key]},
    )
    account.store.save(invoice)
    for item in items:
        account.store.change(item, invoice=invoice["id"])
    invoices.pay_at_once(account, invoice, intent, credit=False)
    account.store.change(session, invoice=invoice["id"])
    return invoice


def _keep_currency(account: Account, customer: Object, currency: str) -> None:
    """Whoever has had an invoice has a currency."""
    if customer["currency"] is None:
        previous = account.store.change(customer, currency=currency)
        account.emit("customer.updated", customer, previous)


def _sold(account: Account, session: Object) -> list[Object]:
    sold: list[Object] = account.store.notes(session["id"])["line_items"]
    return sold


def _discount(account: Account, session: Object, customer: Object) -> list[str]:
    if not session["discounts"]:
        return []
    return [discounts.for_session(account, session["discounts"][0], customer, session)["id"]]


def _line(account: Account, item: Object, sold: Object, discount: list[str]) -> Object:
    amounts = [{"amount": sold["amount_discount"], "discount": id} for id in discount]
    levied = taxes.for_invoice(session_taxes.of_item(account, sold))
    return {**invoice_lines.of_item(item, account, None), "discount_amounts": amounts, "taxes": levied}
