"""Invoices: a draft, then open, then paid, void or given up as uncollectible. Whether they get paid is `collection`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import discounts, ids, invoice_lines, lists, payment_intents, subscription_items
from sandbox.errors import invalid
from sandbox.spec import blank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.account import Account
    from sandbox.api import Call
    from sandbox.spec import Object

# Stripe announces the payment of an invoice well after the invoice itself.
PAYMENT_ANNOUNCED_SECONDS = 15
UNPAID = ("draft", "open", "uncollectible")


def draft(
    account: Account,
    subscription: Object,
    lines: list[Object],
    *,
    reason: str,
    off: int = 0,
    discount_ids: Iterable[str] = (),
) -> Object:
    """A new invoice of a subscription, saved but not announced. `off` is the discount on all of it."""
    made = _compose(account, subscription, lines, reason=reason, off=off, discount_ids=discount_ids)
    return account.store.save(made)


def _compose(
    account: Account,
    subscription: Object,
    lines: list[Object],
    *,
    reason: str,
    off: int,
    discount_ids: Iterable[str],
) -> Object:
    id, now = ids.new("in"), account.clock.now()
    customer = account.find("customer", subscription["customer"])
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal - off
    for line in lines:
        line["invoice"] = id
    starts = [line["period"]["start"] for line in lines] or [now]
    return blank(
        "invoice",
        id=id,
        account_country="DE",
        account_name=account.settings.shop_name,
        amount_due=max(total, 0),
        amount_remaining=max(total, 0),
        auto_advance=True,
        automatic_tax={"enabled": False},
        billing_reason=reason,
        collection_method="charge_automatically",
        created=now,
        currency=subscription["currency"],
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_tax_exempt="none",
        customer_tax_ids=[],
        discounts=list(discount_ids),
        hosted_invoice_url=None,
        invoice_pdf=None,
        issuer={"type": "self"},
        lines=lists.envelope(f"/v1/invoices/{id}/lines", lines),
        metadata={},
        parent={
            "type": "subscription_details",
            "subscription_details": {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]},
        },
        payment_settings={},
        period_end=now,
        period_start=min(now, *starts),
        status="draft",
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal,
        test_clock=account.clock.test_clock,
        total=total,
        total_discount_amounts=[{"amount": off, "discount": d} for d in discount_ids],
        total_excluding_tax=total,
        total_taxes=[],
    )


def for_period(account: Account, subscription: Object, *, reason: str, plans: bool = True) -> Object:
    """A draft for the period the items show, and for what has been waiting; with `plans=False` only for the latter."""
    items = subscription_items.of(account, subscription["id"]) if plans else []
    free = subscription["status"] == "trialing"
    lines = [invoice_lines.of_plan(account, item, subscription, free=free) for item in items]
    used, off = discounts.on_lines(account, subscription, lines)
    waiting = invoice_lines.waiting_for(account, subscription)
    lines += [invoice_lines.of_item(item, account, subscription) for item in waiting]
    invoice = draft(account, subscription, lines, reason=reason, off=off, discount_ids=used)
    for item in waiting:
        account.store.change(item, invoice=invoice["id"])
    return invoice


def preview(account: Account, subscription: Object) -> Object:
    """The next invoice as it would be, not kept."""
    items = subscription_items.of(account, subscription["id"])
    lines = [invoice_lines.of_plan(account, item, subscription) for item in items]
    used, off = discounts.on_lines(account, subscription, lines)
    lines += [
        invoice_lines.of_item(item, account, subscription) for item in invoice_lines.waiting_for(account, subscription)
    ]
    return _compose(account, subscription, lines, reason="upcoming", off=off, discount_ids=used)


def first(account: Account, subscription: Object, session: Object, intent: Object | None) -> Object:
    """The invoice for what the buyer has paid at Checkout, already paid; `announce_paid` tells of it."""
    lines = []
    unnamed = subscription_items.of(account, subscription["id"])
    for sold in account.store.notes(session["id"])["line_items"]:
        if sold["price"]["recurring"]:
            lines.append(invoice_lines.of_plan(account, unnamed.pop(0), subscription, free=not sold["amount_subtotal"]))
        else:
            lines.append(invoice_lines.of_extra(sold, subscription))
    off, used = session["total_details"]["amount_discount"], subscription["discounts"]
    invoice = draft(account, subscription, lines, reason="subscription_create", off=off, discount_ids=used)
    _open(account, invoice, intent)
    account.store.change(invoice, attempt_count=1 if intent else 0)
    _mark_paid(account, invoice)
    return invoice


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


def finalize(account: Account, invoice: Object) -> None:
    """Give it its number: from now on it can be paid. What comes to nothing is paid at once."""
    intent = None
    _open(account, invoice, None)
    if invoice["amount_due"]:
        intent = payment_intents.open(
            account,
            amount=invoice["amount_due"],
            currency=invoice["currency"],
            customer=invoice["customer"],
            description="Subscription update",
            metadata={},
            payment_method_types=["card"],
        )
        _promise(account, invoice, intent)
    account.emit("invoice.finalized", invoice)
    if intent is None:
        paid(account, invoice)


def _open(account: Account, invoice: Object, intent: Object | None) -> None:
    now = account.clock.now()
    customer = account.find("customer", invoice["customer"])
    # What a customer has been credited is used up first; what an invoice owes them is credited.
    starting = customer["balance"]
    due = max(invoice["total"] + starting, 0)
    ending = invoice["total"] + starting - due
    account.store.change(
        invoice,
        amount_due=due,
        amount_remaining=due,
        effective_at=now,
        ending_balance=ending,
        number=_number(account, customer),
        starting_balance=starting,
        status="open",
        status_transitions={**invoice["status_transitions"], "finalized_at": now},
    )
    account.store.change(customer, balance=ending)
    if intent:
        _promise(account, invoice, intent)


def _number(account: Account, customer: Object) -> str:
    sequence = customer["next_invoice_sequence"]
    account.store.change(customer, next_invoice_sequence=sequence + 1)
    return f"{customer['invoice_prefix']}-{sequence:04d}"


def _promise(account: Account, invoice: Object, intent: Object) -> None:
    payment = blank(
        "invoice_payment",
        id=ids.new("inpay"),
        amount_requested=invoice["amount_due"],
        created=account.clock.now(),
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
    )
    account.store.save(payment)


def payment_of(account: Account, invoice: Object) -> Object | None:
    """The invoice payment that connects it with its PaymentIntent; none when there was nothing to pay."""
    return next(iter(account.store.having("invoice_payment", "invoice", invoice["id"])), None)


def paid(account: Account, invoice: Object) -> None:
    """It has been paid: say so."""
    _mark_paid(account, invoice)
    account.emit("invoice.paid", invoice)
    account.emit("invoice.payment_succeeded", invoice)


def _mark_paid(account: Account, invoice: Object) -> None:
    now, due = account.clock.now(), invoice["amount_due"]
    account.store.change(
        invoice,
        amount_paid=due,
        amount_remaining=0,
        attempted=True,
        auto_advance=False,
        next_payment_attempt=None,
        status="paid",
        status_transitions={**invoice["status_transitions"], "paid_at": now},
    )
    account.timers.cancel("retry_invoice", invoice["id"])
    if payment := payment_of(account, invoice):
        account.store.change(
            payment,
            amount_paid=due,
            status="paid",
            status_transitions={"canceled_at": None, "paid_at": now},
        )
        account.later(PAYMENT_ANNOUNCED_SECONDS, "announce_invoice_payment", payment["id"])


def announce_payment(account: Account, id: str) -> None:
    """The timer of an invoice payment."""
    account.emit("invoice_payment.paid", account.find("invoice_payment", id))


def leave(account: Account, invoice: Object) -> None:
    """Stop trying to collect it; it stays as it is."""
    account.timers.cancel("retry_invoice", invoice["id"])
    account.store.change(invoice, auto_advance=False, next_payment_attempt=None)


def give_up(account: Account, invoice: Object, status: str) -> None:
    """`void` it or mark it `uncollectible`."""
    leave(account, invoice)
    stamp = "voided_at" if status == "void" else "marked_uncollectible_at"
    transitions = {**invoice["status_transitions"], stamp: account.clock.now()}
    account.store.change(invoice, status=status, status_transitions=transitions)
    if status == "void" and (payment := payment_of(account, invoice)):
        now = account.clock.now()
        account.store.change(payment, status="canceled", status_transitions={"canceled_at": now, "paid_at": None})
        intent = account.find("payment_intent", payment["payment"]["payment_intent"])
        payment_intents.give_up(account, intent, reason="void_invoice")
    account.emit("invoice.voided" if status == "void" else "invoice.marked_uncollectible", invoice)


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

    if intent := call.params.get("payment", {}).get("payment_intent"):
        found = account.store.having("invoice_payment", "payment_intent", intent)
        return lists.cut(call, found, "invoice_payment", payment=of_payment)
    return lists.page(account, call, "invoice_payment", payment=of_payment)


def void(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}/void"""
    return _given_up(account, call, "void", ("open", "uncollectible"))


def mark_uncollectible(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}/mark_uncollectible"""
    return _given_up(account, call, "uncollectible", ("open",))


def _given_up(account: Account, call: Call, status: str, allowed: tuple[str, ...]) -> Object:
    invoice = account.find("invoice", call.id)
    if invoice["status"] not in allowed:
        text = f"You can only pass in {' and '.join(allowed)} invoices. This invoice isn't {allowed[0]}."
        raise invalid(text, code="invoice_not_editable")
    give_up(account, invoice, status)
    return invoice
