"""Collecting an invoice: the charge, the retries on a schedule, and what happens when the last one has failed.

pay → paid: the subscription is active
    → declined: past due, tried again after so many days each → the last: canceled, unpaid, or left past due
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import events
from sandbox.billing import cancellations, invoice_payments, invoices, subscriptions
from sandbox.ground.errors import StripeError, card_error, invalid
from sandbox.ground.periods import DAY
from sandbox.payments import cards, payment_intent_requests, payment_intents, payment_method_ownership, payment_methods
from sandbox.payments.payment_intents import Attempt

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

# A subscription that never got its first payment is given up after this long.
INCOMPLETE_SECONDS = 23 * 3600
# What is finalized by hand and is to be collected by itself is charged this long afterwards.
HOUR = 3600
NO_METHOD = "This customer has no attached payment source or default payment method."
NEEDS_ACTION = (
    "This payment requires additional user action before it can be completed successfully. Payment can be completed "
    "using the PaymentIntent associated with the invoice."
)
ACTION_CODES = ("authentication_required", "invoice_payment_intent_requires_action")


def subscription_of(account: Account, invoice: Object) -> Object | None:
    """The subscription an invoice is for."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return account.store.get("subscription", details.get("subscription") or "")


def method_of(account: Account, owned: Object) -> Object | None:
    """What a subscription or an invoice of none is paid with: its own payment method, or its customer's."""
    customer = account.find("customer", owned["customer"])
    id = owned["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    return account.store.get("payment_method", id or "")


def bill(account: Account, invoice: Object, *, off_session: bool = True) -> None:
    """Announce a draft, finalize it and try to collect it, or send it."""
    account.emit("invoice.created", invoice)
    invoices.finalize(account, invoice)
    collect(account, invoice, off_session=off_session)


def collect(account: Account, invoice: Object, *, off_session: bool = True) -> None:
    """Charge what has just been finalized, or send it to the customer."""
    if invoice["status"] != "open":
        return
    if invoice["collection_method"] == "send_invoice":
        send(account, invoice)
    else:
        attempt(account, invoice, off_session=off_session)


def send(account: Account, invoice: Object) -> None:
    """In test mode nobody gets a letter."""
    account.emit("invoice.sent", invoice)
    if invoice["due_date"]:
        account.at(invoice["due_date"], "fall_due", invoice["id"])


def fall_due(account: Account, id: str) -> None:
    """The timer of an invoice that was sent: if it is not paid by now, its subscription is past due."""
    invoice = account.store.get("invoice", id)
    if invoice is None or invoice["status"] != "open":
        return
    account.emit("invoice.overdue", invoice)
    subscription = subscription_of(account, invoice)
    if subscription and subscription["status"] == "active" and subscription["latest_invoice"] == id:
        subscriptions.change(account, subscription, status="past_due")


def attempt(account: Account, invoice: Object, *, off_session: bool = True) -> bool:
    """Try to collect an open invoice; when that fails, see to the next attempt. Returns whether it is paid."""
    account.store.change(invoice, attempt_count=invoice["attempt_count"] + 1)
    try:
        _charge(account, invoice, None, off_session=off_session)
    except StripeError as refused:
        _failed(account, invoice, refused)
        return False
    _collected(account, invoice)
    return True


def _charge(account: Account, invoice: Object, method: Object | None, *, off_session: bool = True) -> None:
    """Raises StripeError when nobody pays."""
    subscription = subscription_of(account, invoice)
    own = invoice if invoice["default_payment_method"] or subscription is None else subscription
    method = method or method_of(account, own)
    intent = invoice_payments.intent_of(account, invoice)
    assert intent is not None
    account.store.change(invoice, attempted=True)
    if method is None:
        payment_intents.announce(account, intent)
        raise invalid(NO_METHOD, code="invoice_no_payment_method")
    if method["type"] != "card":
        raise invalid("The sandbox imitates paying invoices by card only.", param="payment_method")
    decline = cards.GENERIC if subscription and _told_to_fail(account, subscription) else None
    outcome = payment_intents.attempt(account, intent, method, off_session=off_session, decline=decline)
    if outcome is Attempt.CHALLENGE:
        more = {"payment_intent": events.copy(intent)}
        raise card_error("invoice_payment_intent_requires_action", NEEDS_ACTION, **more)
    assert outcome is Attempt.PAID
    payment_intents.announce_success(account, intent)


def _told_to_fail(account: Account, subscription: Object) -> bool:
    notes = account.store.notes(subscription["id"])
    left = int(notes.get("fail_next", 0))
    if left > 0:
        notes["fail_next"] = left - 1
        account.store.save(subscription)
    return left != 0


def _collected(account: Account, invoice: Object) -> None:
    invoices.paid(account, invoice)
    subscription = subscription_of(account, invoice)
    if subscription and subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        _remember_method(account, invoice, subscription)
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    if subscription["status"] in ("past_due", "unpaid", "incomplete"):
        account.timers.cancel("expire_incomplete", subscription["id"])
        subscriptions.change(account, subscription, status="active")


def _remember_method(account: Account, invoice: Object, subscription: Object) -> None:
    """Whatever the invoice was paid with pays the next one as well."""
    intent = invoice_payments.intent_of(account, invoice)
    if intent is None or intent["payment_method"] in (None, subscription["default_payment_method"]):
        return
    method = account.find("payment_method", intent["payment_method"])
    if method["customer"] is None:
        account.store.change(method, customer=subscription["customer"])
        account.emit("payment_method.attached", method)
    subscriptions.change(account, subscription, default_payment_method=method["id"])


def paid_by(account: Account, intent: Object) -> None:
    """A PaymentIntent has been paid by the buyer themselves, and so has the invoice it stands for, if any."""
    for payment in account.store.having("invoice_payment", "payment_intent", intent["id"]):
        invoice = account.find("invoice", payment["invoice"])
        if intent["status"] == "succeeded" and invoice["status"] in ("open", "uncollectible"):
            _count_by_hand(account, invoice)
            _collected(account, invoice)


def confirm(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents/{id}/confirm: where that pays an invoice, the invoice is paid with it."""
    intent = payment_intent_requests.confirm(account, call)
    paid_by(account, intent)
    return intent


def _count_by_hand(account: Account, invoice: Object) -> None:
    # The count is the place in the schedule of retries: what is paid by hand moves it from the start only.
    account.store.change(invoice, attempt_count=max(invoice["attempt_count"], 1))


def _failed(account: Account, invoice: Object, refused: StripeError) -> None:
    # What was made by hand says nothing about the subscription it may be for.
    subscription = None if invoice["billing_reason"] == "manual" else subscription_of(account, invoice)
    first = subscription is not None and subscription["status"] == "incomplete"
    following = None if first else _next_attempt(account, invoice)
    account.store.change(invoice, next_payment_attempt=following)
    _announce_failure(account, invoice, refused)
    if following is not None:
        account.at(following, "retry_invoice", invoice["id"])
    if subscription is None or first:
        return
    if subscription["status"] in ("active", "trialing"):
        subscriptions.change(account, subscription, status="past_due")
    if following is None:
        _exhausted(account, subscription, invoice)


def _announce_failure(account: Account, invoice: Object, refused: StripeError) -> None:
    if refused.fields.get("code") in ACTION_CODES:
        account.emit("invoice.payment_action_required", invoice)
    account.emit("invoice.payment_failed", invoice)


def _next_attempt(account: Account, invoice: Object) -> int | None:
    pauses = account.settings.dunning_days
    tried = invoice["attempt_count"]
    return int(account.clock.now() + pauses[tried - 1] * DAY) if tried <= len(pauses) else None


def _exhausted(account: Account, subscription: Object, invoice: Object) -> None:
    invoices.leave(account, invoice)
    match account.faults.after_dunning:
        case "cancel":
            cancellations.end(account, subscription, reason="payment_failed")
        case "unpaid":
            subscriptions.change(account, subscription, status="unpaid")
        case "past_due":
            invoices.give_up(account, invoice, "uncollectible")


def retry(account: Account, id: str) -> None:
    """The timer of an invoice that could not be collected before."""
    invoice = account.store.get("invoice", id)
    if invoice and invoice["status"] == "open":
        attempt(account, invoice)


def pay(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}/pay. Raises StripeError (402) when the card is declined; the schedule stays as it is."""
    invoice = account.find("invoice", call.id)
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] not in invoices.UNPAID:
        raise invalid(f"This invoice can no longer be paid: it is {invoice['status']}.")
    method = None
    if id := call.params.get("payment_method"):
        payment_method_ownership.check(account, invoice["customer"], id, param="payment_method")
        method = payment_methods.named(account, id, param="payment_method")
    asked = {
        "out_of_band": call.params.get("paid_out_of_band", False),
        "off_session": call.params.get("off_session", True),
    }
    pay_now(account, invoice, method, **asked)
    return invoice


def pay_now(
    account: Account,
    invoice: Object,
    method: Object | None = None,
    *,
    out_of_band: bool = False,
    off_session: bool = True,
) -> None:
    """Pay an invoice because somebody asks for it. Raises StripeError when the card is declined."""
    if invoice["status"] == "draft":
        invoices.finalize(account, invoice)
        await_collection(account, invoice)
    if invoice["status"] == "paid":
        return
    if not out_of_band:
        _count_by_hand(account, invoice)
        try:
            _charge(account, invoice, method, off_session=off_session)
        except StripeError as refused:
            _announce_failure(account, invoice, refused)
            raise
    elif intent := invoice_payments.intent_of(account, invoice):
        payment_intents.give_up(account, intent, reason="automatic")
    _collected(account, invoice)


def finalize(account: Account, call: Call) -> Object:
    """POST /v1/invoices/{id}/finalize"""
    invoice = account.find("invoice", call.id)
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    account.store.change(invoice, auto_advance=call.params.get("auto_advance", invoice["auto_advance"]))
    invoices.finalize(account, invoice)
    await_collection(account, invoice)
    return invoice


def await_collection(account: Account, invoice: Object) -> None:
    """An open invoice that is to be collected by itself is charged before long."""
    by_itself = invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically"
    if invoice["status"] == "open" and by_itself:
        at = account.clock.now() + HOUR
        account.store.change(invoice, next_payment_attempt=at)
        account.at(at, "retry_invoice", invoice["id"])


def expire_incomplete(account: Account, id: str) -> None:
    """The timer of a subscription whose first payment failed."""
    subscription = account.store.get("subscription", id)
    if subscription and subscription["status"] == "incomplete":
        if invoice := account.store.get("invoice", subscription["latest_invoice"] or ""):
            invoices.give_up(account, invoice, "void")
        subscriptions.change(account, subscription, status="incomplete_expired", ended_at=account.clock.now())
