"""Invoices: a draft, then open, then paid, void or given up as uncollectible. Whether they get paid is `collection`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.billing import invoice_payments
from sandbox.catalogue import discounts, taxes
from sandbox.ground.errors import invalid
from sandbox.payments import payment_intents

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

UNPAID = ("draft", "open", "uncollectible")
NOT_OPEN = "You can only pass in open invoices. This invoice isn't open."


def pay_at_once(account: Account, invoice: Object, intent: Object | None, *, credit: bool = True) -> None:
    """Finalize a draft that has been paid already. Nothing is announced. Without `credit` the customer's balance is
    left alone: all of it was paid."""
    _open(account, invoice, intent, credit=credit)
    account.store.change(invoice, attempt_count=1 if intent else 0)
    _mark_paid(account, invoice)


def announce_paid(account: Account, invoice: Object) -> None:
    """The events of an invoice that was paid at once. The first shows it before it was finalized."""
    draft = {
        **invoice,
        "amount_paid": 0,
        "amount_remaining": invoice["amount_due"],
        "effective_at": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "number": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(invoice["status_transitions"]),
    }
    open_ = {
        **draft,
        **{key: invoice[key] for key in ("effective_at", "hosted_invoice_url", "invoice_pdf", "number")},
        "status": "open",
    }
    open_["status_transitions"] = {**draft["status_transitions"], "finalized_at": invoice["created"]}
    account.emit("invoice.created", draft)
    account.emit("invoice.finalized", open_)
    if invoice["collection_method"] == "send_invoice":
        account.emit("invoice.sent", open_)
    account.emit("invoice.paid", invoice)
    account.emit("invoice.payment_succeeded", invoice)


def finalize(account: Account, invoice: Object) -> None:
    """Give it its number: from now on it can be paid. What comes to nothing is paid at once."""
    if invoice["automatic_tax"]["status"] == "requires_location_inputs":
        raise invalid(taxes.NO_LOCATION, code="customer_tax_location_invalid")
    intent = None
    _open(account, invoice, None)
    if invoice["amount_due"]:
        intent = payment_intents.open(
            account,
            amount=invoice["amount_due"],
            currency=invoice["currency"],
            customer=invoice["customer"],
            description="Subscription update" if invoice["parent"] else "Payment for Invoice",
            metadata={},
            payment_method_types=["card"],
        )
        invoice_payments.promise(account, invoice, intent)
    account.emit("invoice.finalized", invoice)
    if intent is None:
        paid(account, invoice)


def finalize_later(account: Account, invoice: Object, at: int, *, charged_at: int) -> None:
    """A draft is finalized by itself at that moment, then charged or sent."""
    charged = invoice["collection_method"] == "charge_automatically"
    account.store.change(invoice, automatically_finalizes_at=at, next_payment_attempt=charged_at if charged else None)
    account.at(at, "finalize_invoice", invoice["id"])


def _open(account: Account, invoice: Object, intent: Object | None, *, credit: bool = True) -> None:
    now = account.clock.now()
    customer = account.find("customer", invoice["customer"])
    # What a customer has been credited is used up first; what an invoice owes them is credited.
    starting = customer["balance"]
    due = max(invoice["total"] + starting, 0) if credit else invoice["total"]
    ending = invoice["total"] + starting - due
    account.store.change(
        invoice,
        amount_due=due,
        amount_remaining=due,
        automatically_finalizes_at=None,
        effective_at=invoice["effective_at"] or now,
        hosted_invoice_url=f"{account.settings.base_url}/invoice/{invoice['id']}",
        invoice_pdf=f"{account.settings.base_url}/invoice/{invoice['id']}?pdf",
        ending_balance=ending,
        next_payment_attempt=None,
        number=invoice["number"] or _number(account, customer),
        starting_balance=starting,
        status="open",
        status_transitions={**invoice["status_transitions"], "finalized_at": now},
    )
    account.timers.cancel("finalize_invoice", invoice["id"])
    account.store.change(customer, balance=ending)
    discounts.spend(
        account, customer, [each["discount"] for each in invoice["total_discount_amounts"] if each["amount"]]
    )
    if intent:
        invoice_payments.promise(account, invoice, intent)


def _number(account: Account, customer: Object) -> str:
    sequence = customer["next_invoice_sequence"]
    account.store.change(customer, next_invoice_sequence=sequence + 1)
    return f"{customer['invoice_prefix']}-{sequence:04d}"


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
    invoice_payments.made(account, invoice)


def leave(account: Account, invoice: Object) -> None:
    """Stop trying to collect it; it stays as it is."""
    account.timers.cancel("retry_invoice", invoice["id"])
    account.timers.cancel("finalize_invoice", invoice["id"])
    account.store.change(invoice, auto_advance=False, automatically_finalizes_at=None, next_payment_attempt=None)


def give_up(account: Account, invoice: Object, status: str) -> None:
    """`void` it or mark it `uncollectible`."""
    leave(account, invoice)
    stamp = "voided_at" if status == "void" else "marked_uncollectible_at"
    transitions = {**invoice["status_transitions"], stamp: account.clock.now()}
    account.store.change(invoice, status=status, status_transitions=transitions)
    if status == "void":
        invoice_payments.give_up(account, invoice)
    account.emit("invoice.voided" if status == "void" else "invoice.marked_uncollectible", invoice)


def listing(account: Account, call: Call) -> Object:
    """GET /v1/invoices"""

    def of_subscription(invoice: Object, wanted: str) -> bool:
        return ((invoice["parent"] or {}).get("subscription_details") or {}).get("subscription") == wanted

    def is_due(invoice: Object, bounds: int | dict[str, int]) -> bool:
        return invoice["due_date"] is not None and lists.within(invoice["due_date"], bounds)

    return lists.page(account, call, "invoice", due_date=is_due, subscription=of_subscription)


def lines(account: Account, call: Call) -> Object:
    """GET /v1/invoices/{id}/lines"""
    return lists.cut(call, account.find("invoice", call.id)["lines"]["data"], "line_item")


def void(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}/void"""
    return _given_up(account, call, "void", ("open", "uncollectible"))


def mark_uncollectible(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}/mark_uncollectible"""
    return _given_up(account, call, "uncollectible", ("open",))


def _given_up(account: Account, call: Call, status: str, allowed: tuple[str, ...]) -> Object:
    invoice = account.find("invoice", call.id)
    if status == "uncollectible" == invoice["status"]:
        raise invalid("This invoice has already been marked uncollectible.")
    if status == "void" and invoice["status"] == "paid":
        raise invalid("Invoices with `paid` payments cannot be voided.")
    if invoice["status"] not in allowed:
        raise invalid(NOT_OPEN)
    give_up(account, invoice, status)
    return invoice
