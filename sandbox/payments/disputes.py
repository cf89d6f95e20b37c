"""Disputes: a buyer asks their bank for the money back. The money leaves at once, and returns when the dispute is won.

An inquiry is only a question: no money moves unless it is escalated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import events
from sandbox.balance import balance_transactions
from sandbox.ground import currencies, ids, metadata
from sandbox.ground.errors import StripeError, invalid
from sandbox.ground.periods import DAY
from sandbox.payments import charges, early_fraud_warnings
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

ANSWER_SECONDS = 9 * DAY
FEE = 20
REASON_CODES = {
    "fraudulent": "10.4",
    "product_not_received": "13.1",
    "duplicate": "12.6.1",
    "credit_not_processed": "13.6",
}
OPEN = ("needs_response", "under_review")
INQUIRIES = ("warning_needs_response", "warning_under_review")
NEEDS_RESPONSE = ("needs_response", "warning_needs_response")
# What a test writes as evidence to decide the dispute.
VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost", "escalate_inquiry_evidence": "escalated"}


def open_on(account: Account, charge: Object, *, reason: str = "fraudulent", inquiry: bool = False) -> Object:
    """A dispute about a charge. Raises StripeError when there is nothing to dispute."""
    with account.in_time_of(charge["customer"]):
        return _open_on(account, charge, reason=reason, inquiry=inquiry)


def _open_on(account: Account, charge: Object, *, reason: str, inquiry: bool) -> Object:
    left = charge["amount_captured"] - charge["amount_refunded"]
    if not charge["paid"] or not left:
        raise invalid(f"Charge {charge['id']} has nothing left to dispute.")
    if any(d["status"] in (*OPEN, *INQUIRIES) for d in account.store.having("dispute", "charge", charge["id"])):
        raise invalid(f"Charge {charge['id']} is disputed already.", code="charge_disputed")
    # Money can only go back once it has come.
    account.timers.bring_forward("capture", charge["id"])
    now = account.clock.now()
    billing = charge["billing_details"]
    dispute = blank(
        "dispute",
        id=ids.new("du"),
        amount=left,
        charge=charge["id"],
        created=now,
        currency=charge["currency"],
        evidence={"customer_email_address": billing["email"], "customer_name": billing["name"]},
        evidence_details={"due_by": now + ANSWER_SECONDS, "submission_method": "not_submitted"},
        is_charge_refundable=inquiry,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
        **_card(charge, reason, inquiry=inquiry),
    )
    account.store.save(dispute)
    account.store.change(charge, disputed=True)
    if not inquiry:
        _withdraw(account, dispute)
    account.emit("charge.dispute.created", dispute)
    if not inquiry:
        account.emit("charge.dispute.funds_withdrawn", dispute)
    account.at(now + ANSWER_SECONDS, "dispute_deadline", dispute["id"])
    early_fraud_warnings.settle(account, charge["id"])
    return dispute


def _card(charge: Object, reason: str, *, inquiry: bool) -> Object:
    if charge["payment_method_details"]["type"] != "card":
        return {}
    brand, code = charge["payment_method_details"]["card"]["brand"], REASON_CODES.get(reason, "13.7")
    kind = "inquiry" if inquiry else "chargeback"
    return {
        "network_reason_code": code,
        "payment_method_details": {
            "type": "card",
            "card": {"brand": brand, "case_type": kind, "network": brand, "network_reason_code": code},
        },
    }


def _withdraw(account: Account, dispute: Object) -> None:
    fee = FEE * 10 ** currencies.digits(dispute["currency"])
    _move(account, dispute, amount=-dispute["amount"], fee=fee, text="Chargeback withdrawal")


def _move(account: Account, dispute: Object, *, amount: int, fee: int, text: str) -> None:
    made = balance_transactions.record(
        account,
        dispute,
        kind="adjustment",
        amount=amount,
        category="dispute" if amount < 0 else "dispute_reversal",
        description=f"{text} for {dispute['charge']}",
        fee=fee,
        fee_for="Dispute fee",
    )
    account.store.change(dispute, balance_transactions=[*dispute["balance_transactions"], events.copy(made)])


def open_by_card(account: Account, charge_id: str) -> None:
    """The timer of a payment with a card that is known for its disputes."""
    charge = account.find("charge", charge_id)
    wanted = charges.instrument(account, charge).dispute
    if wanted and not charge["refunded"]:
        reason = "general" if wanted == "inquiry" else wanted
        open_on(account, charge, reason=reason, inquiry=wanted == "inquiry")


def refuse_refund(account: Account, charge: Object) -> None:
    """Raises StripeError when the money has already gone back by way of a dispute."""
    for dispute in account.store.having("dispute", "charge", charge["id"]):
        if dispute["status"] in (*OPEN, "lost"):
            text = f"Charge {charge['id']} has been charged back; cannot issue a refund."
            raise invalid(text, code="charge_disputed")


def after_refund(account: Account, charge: Object) -> None:
    """What is asked about has been returned: an inquiry is over."""
    for dispute in account.store.having("dispute", "charge", charge["id"]):
        if charge["refunded"] and dispute["status"] in INQUIRIES:
            decide(account, dispute, "warning_closed")


def update(account: Account, call: Call) -> Object:
    """POST /v1/disputes/{id}: evidence is handed in at once, unless `submit` is false."""
    dispute = account.find("dispute", call.id)
    params = call.params
    evidence = _evidence(params.get("evidence") or {})
    submits = params.get("submit", bool(evidence))
    if (evidence or submits) and dispute["status"] not in NEEDS_RESPONSE:
        raise _not_open(dispute)
    merged = {**dispute["evidence"], **evidence}
    merged = blank("dispute.evidence", **{key: value for key, value in merged.items() if value is not None})
    changes: Object = {
        "evidence": merged,
        "evidence_details": {**dispute["evidence_details"], "has_evidence": _has_evidence(merged, dispute)},
        "metadata": metadata.merge(dispute["metadata"], params.get("metadata")),
    }
    if "intended_submission_method" in params:
        changes["intended_submission_method"] = params["intended_submission_method"]
    if submits:
        changes |= _submitted(dispute, changes["evidence_details"])
    if previous := account.store.change(dispute, **changes):
        account.emit("charge.dispute.updated", dispute, previous)
    if submits:
        account.timers.cancel("dispute_deadline", dispute["id"])
        if merged["uncategorized_text"] in VERDICTS:
            account.later(account.settings.capture_seconds, "decide_dispute", dispute["id"])
    return dispute


def _evidence(given: Object) -> Object:
    """What is handed in. An empty value takes back what was handed in before."""
    return {key: _without_empty(value) if isinstance(value, dict) else value or None for key, value in given.items()}


def _without_empty(given: Object) -> Object:
    kept = {key: value for key, value in given.items() if value != ""}
    return {key: _without_empty(value) if isinstance(value, dict) else value for key, value in kept.items()}


def _has_evidence(evidence: Object, dispute: Object) -> bool:
    own = {"customer_email_address", "customer_name", "enhanced_evidence"}
    return (
        any(value for key, value in evidence.items() if key not in own) or dispute["evidence_details"]["has_evidence"]
    )


def _submitted(dispute: Object, details: Object) -> Object:
    inquiry = dispute["status"] in INQUIRIES
    count = details["submission_count"] + 1
    return {
        "evidence_details": {**details, "submission_count": count, "submission_method": "manual"},
        "status": "warning_under_review" if inquiry else "under_review",
    }


def close(account: Account, call: Call) -> Object:
    """POST /v1/disputes/{id}/close: accept it. It is lost, and that cannot be taken back."""
    dispute = account.find("dispute", call.id)
    if dispute["status"] not in NEEDS_RESPONSE:
        raise _not_open(dispute)
    decide(account, dispute, "lost")
    return dispute


def _not_open(dispute: Object) -> StripeError:
    return invalid(f"This dispute is already closed or under review (its status is {dispute['status']}).")


def decide_by_evidence(account: Account, id: str) -> None:
    """The timer of a dispute whose evidence says how it ends."""
    dispute = account.find("dispute", id)
    verdict = VERDICTS[dispute["evidence"]["uncategorized_text"]]
    if verdict == "escalated":
        escalate(account, dispute)
    elif dispute["status"] in INQUIRIES:
        decide(account, dispute, "warning_closed" if verdict == "won" else "lost")
    else:
        decide(account, dispute, verdict)


def escalate(account: Account, dispute: Object) -> None:
    """An inquiry becomes a chargeback: now the money leaves. Raises StripeError when it is none."""
    if dispute["status"] not in INQUIRIES:
        raise _not_open(dispute)
    with account.in_time_of(account.find("charge", dispute["charge"])["customer"]):
        due = account.clock.now() + ANSWER_SECONDS
        account.at(due, "dispute_deadline", dispute["id"])
    details = dispute.get("payment_method_details")
    if details:
        details = {**details, "card": {**details["card"], "case_type": "chargeback"}}
    _withdraw(account, dispute)
    previous = account.store.change(
        dispute,
        evidence_details={**dispute["evidence_details"], "due_by": due},
        is_charge_refundable=False,
        status="needs_response",
        **({"payment_method_details": details} if details else {}),
    )
    account.emit("charge.dispute.updated", dispute, previous)
    account.emit("charge.dispute.funds_withdrawn", dispute)


def decide(account: Account, dispute: Object, status: str) -> None:
    """It is `won`, `lost`, or an inquiry closed with a warning. Raises StripeError when it has been decided before."""
    if dispute["status"] not in (*OPEN, *INQUIRIES):
        raise _not_open(dispute)
    account.timers.cancel("dispute_deadline", dispute["id"])
    account.timers.cancel("decide_dispute", dispute["id"])
    if dispute["status"] in INQUIRIES and status == "won":
        status = "warning_closed"
    if status == "won":
        _move(account, dispute, amount=dispute["amount"], fee=0, text="Chargeback reversal")
    previous = account.store.change(dispute, status=status)
    if status == "won":
        account.emit("charge.dispute.funds_reinstated", dispute)
    account.emit("charge.dispute.closed", dispute, previous)


def miss_deadline(account: Account, id: str) -> None:
    """The timer of a dispute that nobody answered: lost. An inquiry just ends."""
    dispute = account.find("dispute", id)
    if dispute["status"] in NEEDS_RESPONSE:
        account.store.change(dispute, evidence_details={**dispute["evidence_details"], "past_due": True})
        decide(account, dispute, "warning_closed" if dispute["status"] in INQUIRIES else "lost")
