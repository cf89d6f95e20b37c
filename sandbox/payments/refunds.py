"""Refunds: all of a charge or part of it, at once, later, or failing after all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.balance import balance_transactions
from sandbox.ground import currencies, ids, metadata
from sandbox.ground.errors import StripeError, invalid
from sandbox.payments import disputes, early_fraud_warnings, payment_methods
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def create(account: Account, call: Call) -> Object:
    """POST /v1/refunds"""
    params = call.params
    if "amount" in params:
        _check_positive(params["amount"])
    charge = _charge(account, params)
    extra = metadata.fresh(params.get("metadata"))
    told = {"instructions_email": params["instructions_email"]} if "instructions_email" in params else {}
    return give(account, charge, amount=params.get("amount"), reason=params.get("reason"), extra=extra, **told)


def _charge(account: Account, params: Object) -> Object:
    if "charge" in params:
        charge = account.find("charge", params["charge"], param="charge")
        if params.get("payment_intent", charge["payment_intent"]) != charge["payment_intent"]:
            text = f"The charge {charge['id']} is not one of the PaymentIntent {params['payment_intent']}."
            raise invalid(text, param="payment_intent")
    elif "payment_intent" in params:
        intent = account.find("payment_intent", params["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded":
            raise _unpaid(intent["id"])
        charge = account.find("charge", intent["latest_charge"], param="payment_intent")
    else:
        text = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(text)
    if not charge["paid"] or not charge["captured"]:
        raise _unpaid(charge["payment_intent"])
    return charge


def _unpaid(intent: str) -> StripeError:
    text = f"This PaymentIntent ({intent}) does not have a successful charge to refund."
    return invalid(text, param="payment_intent")


def give(
    account: Account, charge: Object, *, amount: int | None, reason: str | None, extra: dict[str, str], **told: str
) -> Object:
    """Refund so much of a charge, or all that is left. Raises StripeError when that is not possible."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        text = f"Charge {charge['id']} has already been refunded."
        raise invalid(text, code="charge_already_refunded")
    disputes.refuse_refund(account, charge)
    amount = left if amount is None else amount
    _check_amount(amount, left, charge["currency"])
    # Money can only go back once it has come.
    account.timers.bring_forward("capture", charge["id"])
    method = account.find("payment_method", charge["payment_method"])
    instrument = payment_methods.instrument_of(account, method)
    asks = account.faults.use_up("refund_action_next")
    refund = blank(
        "refund",
        id=ids.of_payment("re" if method["type"] == "card" else "pyr", charge["id"]),
        amount=amount,
        charge=charge["id"],
        created=account.clock.now(),
        currency=charge["currency"],
        destination_details=_destination(method["type"]),
        metadata=extra,
        payment_intent=charge["payment_intent"],
        reason=reason,
        **told,
        status="requires_action" if asks else "pending" if instrument.refund == "pending" else "succeeded",
        **({"pending_reason": "processing"} if instrument.refund == "pending" and not asks else {}),
    )
    account.store.save(refund)
    _take_from_balance(account, refund)
    _count(account, charge, amount)
    account.emit("refund.created", refund)
    account.emit("charge.refunded", charge)
    if not asks:
        account.later(_wait(account, instrument.refund), "finish_refund", refund["id"])
    if charge["refunded"]:
        early_fraud_warnings.settle(account, charge["id"])
        disputes.after_refund(account, charge)
    return refund


def _check_positive(amount: int) -> None:
    if amount < 1:
        text = "This value must be greater than or equal to 1."
        raise invalid(text, param="amount", code="parameter_invalid_integer")


def _check_amount(amount: int, left: int, currency: str) -> None:
    _check_positive(amount)
    currencies.check_step(amount, currency, param="amount")
    if amount > left:
        asked, there = currencies.written(amount, currency), currencies.written(left, currency)
        text = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({there})"
        raise invalid(text, param="amount")


def _destination(kind: str) -> Object:
    if kind != "card":
        return {"type": "sepa_bank_transfer" if kind == "sepa_debit" else "us_bank_transfer"}
    return {
        "type": "card",
        "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
    }


def _take_from_balance(account: Account, refund: Object) -> None:
    kind = "refund" if refund["id"].startswith("re_") else "payment_refund"
    transaction = balance_transactions.record(account, refund, kind=kind, amount=-refund["amount"])
    account.store.change(refund, balance_transaction=transaction["id"])


def _count(account: Account, charge: Object, amount: int) -> None:
    refunded = charge["amount_refunded"] + amount
    account.store.change(charge, amount_refunded=refunded, refunded=refunded == charge["amount_captured"])


def _wait(account: Account, how: str) -> float:
    return account.settings.settle_seconds if how else account.settings.capture_seconds


def finish(account: Account, id: str) -> None:
    """The timer of a refund: the bank confirms it, or sends the money back."""
    refund = account.find("refund", id)
    charge = account.find("charge", refund["charge"])
    method = account.find("payment_method", charge["payment_method"])
    if payment_methods.instrument_of(account, method).refund == "fails":
        fail(account, refund)
        return
    details = refund["destination_details"]
    if card := details.get("card"):
        reference = {**card, "reference": ids.chance(23).upper(), "reference_status": "available"}
        details = {**details, "card": reference}
    previous = account.store.change(refund, destination_details=details, status="succeeded")
    if refund.pop("pending_reason", None):
        previous["pending_reason"] = "processing"
    _announce_change(account, refund, previous)


def fail(account: Account, refund: Object, *, why: str = "expired_or_canceled_card") -> None:
    """The money could not be returned: it is back on our balance. Raises StripeError when that is so already."""
    if refund["status"] in ("failed", "canceled"):
        raise invalid(f"Refund {refund['id']} is {refund['status']} already.")
    _return(account, refund, status="failed", why=why)


def _return(account: Account, refund: Object, *, status: str, why: str) -> None:
    account.timers.cancel("finish_refund", refund["id"])
    charge = account.find("charge", refund["charge"])
    returned = balance_transactions.record(account, refund, kind="refund_failure", amount=refund["amount"])
    previous = account.store.change(refund, status=status)
    if reason := refund.pop("pending_reason", None):
        previous["pending_reason"] = reason
    refund.update(failure_balance_transaction=returned["id"], failure_reason=why)
    _count(account, charge, -refund["amount"])
    if status == "failed":
        account.emit("refund.failed", refund)
    _announce_change(account, refund, previous)


def _announce_change(account: Account, refund: Object, previous: Object) -> None:
    account.store.save(refund)
    account.emit("refund.updated", refund, previous)
    account.emit("charge.refund.updated", refund, previous)


def update(account: Account, call: Call) -> Object:
    """POST /v1/refunds/{id}: only its metadata can change."""
    refund = account.find("refund", call.id)
    merged = metadata.merge(refund["metadata"], call.params.get("metadata"))
    if previous := account.store.change(refund, metadata=merged):
        _announce_change(account, refund, previous)
    return refund


def cancel(account: Account, call: Call) -> Object:
    """POST /v1/refunds/{id}/cancel: only refunds that wait for the buyer can be canceled."""
    refund = account.find("refund", call.id)
    if refund["status"] == "requires_action":
        _return(account, refund, status="canceled", why="merchant_request")
        return refund
    raise invalid(f"Refund {refund['id']} cannot be canceled because it has a status of {refund['status']}.")
