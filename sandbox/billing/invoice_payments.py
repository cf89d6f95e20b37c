"""Invoice payments: each connects an invoice with the PaymentIntent by which it is to be paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.ground import ids
from sandbox.payments import payment_intents
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

# Stripe announces the payment of an invoice well after the invoice itself.
ANNOUNCED_SECONDS = 15


def promise(account: Account, invoice: Object, intent: Object) -> None:
    """The invoice is to be paid by that PaymentIntent."""
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


def of(account: Account, invoice: Object) -> Object | None:
    """The one of an invoice; none when there was nothing to pay."""
    return next(iter(account.store.having("invoice_payment", "invoice", invoice["id"])), None)


def intent_of(account: Account, invoice: Object) -> Object | None:
    """The PaymentIntent by which an invoice is to be paid."""
    payment = of(account, invoice)
    return account.find("payment_intent", payment["payment"]["payment_intent"]) if payment else None


def made(account: Account, invoice: Object) -> None:
    """The invoice has been paid."""
    if payment := of(account, invoice):
        transitions = {"canceled_at": None, "paid_at": account.clock.now()}
        account.store.change(payment, amount_paid=invoice["amount_due"], status="paid", status_transitions=transitions)
        account.later(ANNOUNCED_SECONDS, "announce_invoice_payment", payment["id"])


def give_up(account: Account, invoice: Object) -> None:
    """The invoice is void: nobody is to pay it."""
    payment, intent = of(account, invoice), intent_of(account, invoice)
    if payment and intent:
        transitions = {"canceled_at": account.clock.now(), "paid_at": None}
        account.store.change(payment, status="canceled", status_transitions=transitions)
        payment_intents.give_up(account, intent, reason="void_invoice")


def announce(account: Account, id: str) -> None:
    """The timer of an invoice payment."""
    account.emit("invoice_payment.paid", account.find("invoice_payment", id))


def listing(account: Account, call: Call) -> Object:
    """GET /v1/invoice_payments"""

    def of_payment(payment: Object, wanted: Object) -> bool:
        return bool(payment["payment"].items() >= wanted.items())

    if intent := call.params.get("payment", {}).get("payment_intent"):
        found = account.store.having("invoice_payment", "payment_intent", intent)
        return lists.cut(call, found, "invoice_payment", payment=of_payment)
    return lists.page(account, call, "invoice_payment", payment=of_payment)
