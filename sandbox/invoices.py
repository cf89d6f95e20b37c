"""Invoices of subscriptions, and the invoice payments that connect them with PaymentIntents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import ids, lists
from sandbox.spec import blank

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.api import Call
    from sandbox.spec import Object

# Stripe announces the payment of an invoice well after the invoice itself.
PAYMENT_ANNOUNCED_SECONDS = 15


def first(account: Account, subscription: Object, session: Object, customer: Object, intent: Object | None) -> Object:
    """The invoice for what the buyer has paid at Checkout, already paid."""
    id = ids.new("in")
    now = account.clock.now()
    total, taken_off = session["amount_total"], session["total_details"]["amount_discount"]
    lines = [_line(account, item, id, subscription) for item in account.store.notes(session["id"])["line_items"]]
    invoice = blank(
        "invoice",
        id=id,
        account_country="DE",
        account_name=account.settings.shop_name,
        amount_due=total,
        amount_paid=total,
        attempt_count=1 if total else 0,
        attempted=True,
        auto_advance=False,
        automatic_tax={"enabled": False},
        billing_reason="subscription_create",
        collection_method="charge_automatically",
        created=now,
        currency=session["currency"],
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_tax_exempt="none",
        customer_tax_ids=[],
        discounts=list(subscription["discounts"]),
        effective_at=now,
        ending_balance=0,
        hosted_invoice_url=None,
        invoice_pdf=None,
        issuer={"type": "self"},
        lines=lists.envelope(f"/v1/invoices/{id}/lines", lines),
        metadata={},
        number=_number(account, customer),
        parent={
            "type": "subscription_details",
            "subscription_details": {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]},
        },
        payment_settings={},
        period_end=now,
        period_start=now,
        status="paid",
        status_transitions={"finalized_at": now, "paid_at": now},
        subtotal=session["amount_subtotal"],
        subtotal_excluding_tax=session["amount_subtotal"],
        total=total,
        total_discount_amounts=[{"amount": taken_off, "discount": d} for d in subscription["discounts"]],
        total_excluding_tax=total,
        total_taxes=[],
    )
    account.store.save(invoice)
    if intent:
        _pay_with(account, invoice, intent)
    return invoice


def _number(account: Account, customer: Object) -> str:
    sequence = customer["next_invoice_sequence"]
    account.store.change(customer, next_invoice_sequence=sequence + 1)
    return f"{customer['invoice_prefix']}-{sequence:04d}"


def _line(account: Account, item: Object, invoice: str, subscription: Object) -> Object:
    price, start_at = item["price"], subscription["start_date"]
    sold = next((i for i in subscription["items"]["data"] if i["price"]["id"] == price["id"]), None)
    return blank(
        "line_item",
        id=ids.new("il"),
        amount=item["amount_subtotal"],
        currency=item["currency"],
        description=f"{item['quantity']} × {item['description']}",
        discount_amounts=[],
        discountable=True,
        invoice=invoice,
        # Lines of a subscription mirror its metadata.
        metadata=dict(subscription["metadata"]),
        parent=_parent(sold, subscription),
        period={"start": start_at, "end": sold["current_period_end"] if sold else start_at},
        pretax_credit_amounts=[],
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        quantity=item["quantity"],
        quantity_decimal=str(item["quantity"]),
        subscription=subscription["id"],
        subtotal=item["amount_subtotal"],
        taxes=[],
    )


def _parent(sold: Object | None, subscription: Object) -> Object:
    common = {"proration": False, "proration_details": None, "subscription": subscription["id"]}
    if sold is None:
        details = {**common, "invoice_item": ids.new("ii")}
        return {"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None}
    details = {**common, "invoice_item": None, "subscription_item": sold["id"]}
    return {"type": "subscription_item_details", "subscription_item_details": details, "invoice_item_details": None}


def _pay_with(account: Account, invoice: Object, intent: Object) -> None:
    now = account.clock.now()
    payment = blank(
        "invoice_payment",
        id=ids.new("inpay"),
        amount_paid=invoice["amount_paid"],
        amount_requested=invoice["amount_due"],
        created=now,
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="paid",
        status_transitions={"paid_at": now},
    )
    account.store.save(payment)
    account.later(PAYMENT_ANNOUNCED_SECONDS, "announce_invoice_payment", payment["id"])


def announce_paid(account: Account, invoice: Object) -> None:
    """The events of an invoice that was paid at once. The first shows it before it was finalized."""
    draft = {
        **invoice,
        "amount_paid": 0,
        "amount_remaining": invoice["amount_due"],
        "effective_at": None,
        "number": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(invoice["status_transitions"]),
    }
    open_ = {**draft, **{key: invoice[key] for key in ("effective_at", "number")}, "status": "open"}
    open_["status_transitions"] = {**draft["status_transitions"], "finalized_at": invoice["created"]}
    account.emit("invoice.created", draft)
    account.emit("invoice.finalized", open_)
    account.emit("invoice.paid", invoice)
    account.emit("invoice.payment_succeeded", invoice)


def announce_payment(account: Account, id: str) -> None:
    """The timer of an invoice payment."""
    account.emit("invoice_payment.paid", account.find("invoice_payment", id))


def listing(account: Account, call: Call) -> Object:
    """GET /v1/invoices"""

    def of_subscription(invoice: Object, wanted: str) -> bool:
        return ((invoice["parent"] or {}).get("subscription_details") or {}).get("subscription") == wanted

    return lists.page(account, call, "invoice", subscription=of_subscription)


def lines(account: Account, call: Call) -> Object:
    """GET /v1/invoices/{id}/lines"""
    return lists.cut(call, account.find("invoice", call.id)["lines"]["data"], "line_item")


def payments(account: Account, call: Call) -> Object:
    """GET /v1/invoice_payments"""

    def of_payment(payment: Object, wanted: Object) -> bool:
        return bool(payment["payment"].items() >= wanted.items())

    return lists.page(account, call, "invoice_payment", payment=of_payment)
