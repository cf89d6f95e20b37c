"""The part of the fake Stripe where money comes and goes: payments and their charges, refunds, disputes, warnings."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from core.foundation.errors import StripeRefused
from tests.fake_balance import DISPUTE_FEE, FakeBalance

# How long a dispute waits for evidence.
_ANSWERING = timedelta(days=9)
# A dispute in one of these has the money already.
_HELD = ("needs_response", "under_review")
_TAKEN = (*_HELD, "lost")


class FakePayments(FakeBalance):
    """PaymentIntents, each with the charges that were tried for it, and what became of their money."""

    now: Callable[[], datetime]
    _called: Callable[[str], None]
    _numbers: "count[int]"

    def __init__(self) -> None:
        super().__init__()
        self.payment_intents: dict[str, dict[str, Any]] = {}
        self.charges: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        self.warnings: dict[str, dict[str, Any]] = {}

    # -- what the shop asks

    def refunds_of(self, charge: str) -> list[dict[str, Any]]:
        self._called("refunds_of")
        return [deepcopy(refund) for refund in reversed(self.refunds.values()) if refund["charge"] == charge]

    def find_charge(self, charge: str) -> dict[str, Any] | None:
        self._called("find_charge")
        return deepcopy(self.charges.get(charge))

    def find_charge_of(self, payment_intent: str) -> dict[str, Any] | None:
        self._called("find_charge_of")
        latest = self.payment_intents.get(payment_intent, {}).get("latest_charge")
        return deepcopy(self.charges.get(latest or ""))

    # -- what happens at Stripe

    def bill(
        self, amount: int, currency: str = "eur", *, metadata: dict[str, str] | None = None, customer: str | None = None
    ) -> dict[str, Any]:
        """A PaymentIntent that nobody has tried to pay yet."""
        payment_intent = {
            "id": f"pi_test_{next(self._numbers)}", "object": "payment_intent", "amount": amount, "currency": currency,
            "metadata": dict(metadata or {}), "customer": customer, "livemode": False, "latest_charge": None,
            "last_payment_error": None, "amount_received": 0, "status": "requires_payment_method",
        }  # fmt: skip
        self.payment_intents[payment_intent["id"]] = payment_intent
        return payment_intent

    def charge(self, payment_intent: dict[str, Any], *, slowly: bool = False) -> dict[str, Any]:
        """Somebody pays it: by card, or `slowly` by a bank debit. Returns the charge, which keeps the metadata."""
        charge = self._attempt(payment_intent, slowly=slowly)
        if not slowly:
            self._arrive(payment_intent)
        return charge

    def refuse(self, payment_intent: dict[str, Any]) -> dict[str, Any]:
        """The bank does not pay: a card at once, a debit that was begun at last. Returns the charge."""
        bounces = payment_intent["status"] == "processing"
        charge = self.charge_of(payment_intent["id"]) if bounces else self._attempt(payment_intent)
        code = "payment_intent_payment_attempt_failed" if bounces else "card_declined"
        reason = "insufficient_funds" if bounces else "generic_decline"
        error = {"type": "card_error", "code": code, "decline_code": reason, "charge": charge["id"]}
        charge.update(status="failed", failure_code=reason if bounces else code)
        payment_intent.update(status="requires_payment_method", last_payment_error=error)
        return charge

    def charge_of(self, payment_intent: str) -> dict[str, Any]:
        """The newest charge of a payment."""
        return self.charges[self.payment_intents[payment_intent]["latest_charge"]]

    def make_refund(
        self, payment_intent: str, amount: int, *, metadata: dict[str, str] | None = None, status: str = "succeeded"
    ) -> dict[str, Any]:
        """Money goes back: made here as if in Stripe's dashboard, where it carries no metadata. Raises StripeRefused."""
        charge = self._refundable(payment_intent, amount)
        refund = {
            "id": f"{'pyr' if charge['id'].startswith('py_') else 're'}_test_{next(self._numbers)}", "object": "refund",
            "amount": amount, "status": status, "currency": charge["currency"], "payment_intent": payment_intent,
            "charge": charge["id"], "metadata": dict(metadata or {}), "created": int(self.now().timestamp()),
        }  # fmt: skip
        self.refunds[refund["id"]] = refund
        self._count(charge, amount)
        kind = "payment_refund" if charge["id"].startswith("py_") else "refund"
        self.move(refund, -amount, "refund", kind=kind, fee=0)
        if charge["refunded"]:
            self._settle_warnings(charge)
        return refund

    def fail_refund(self, refund_id: str) -> dict[str, Any]:
        """The buyer's bank sends the refund back."""
        refund = self.refunds[refund_id]
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        self._count(self.charges[refund["charge"]], -refund["amount"])
        self.move(refund, refund["amount"], "refund_failure", fee=0)
        return refund

    def dispute(self, payment_intent: str, *, status: str = "needs_response", amount: int = 0) -> dict[str, Any]:
        """The cardholder's bank takes the money back for now, all that is left or this `amount`, or only asks; or its dispute
        comes to stand like this."""
        charge, now = self.charge_of(payment_intent), self.now()
        id = "du_test_" + charge["id"].rpartition("_")[2]
        known = self.disputes.get(id) or {
            "id": id, "object": "dispute", "amount": amount or charge["amount"] - charge["amount_refunded"],
            "livemode": False, "currency": charge["currency"], "charge": charge["id"], "payment_intent": payment_intent,
            "metadata": {}, "reason": "general" if status.startswith("warning") else "fraudulent", "created": int(now.timestamp()),
            "evidence_details": {"due_by": int((now + _ANSWERING).timestamp())}, "balance_transactions": [],
        }  # fmt: skip
        moved = list(known["balance_transactions"])
        if status in _TAKEN and not moved:
            moved.append(self.move(known, -known["amount"], "dispute", kind="adjustment", fee=DISPUTE_FEE))
        elif status == "won" and len(moved) == 1:
            moved.append(self.move(known, known["amount"], "dispute_reversal", kind="adjustment", fee=0))
        self.disputes[id] = {**known, "status": status, "balance_transactions": moved}
        charge["disputed"] = True
        self._settle_warnings(charge)
        return self.disputes[id]

    def warn(self, payment_intent: str, *, fraud_type: str = "unauthorized_use_of_card") -> dict[str, Any]:
        """The card's bank suspects fraud. There is something to be done until the payment is refunded or disputed."""
        charge = self.charge_of(payment_intent)
        warning = {
            "id": f"issfr_test_{next(self._numbers)}", "object": "radar.early_fraud_warning", "livemode": False,
            "charge": charge["id"], "payment_intent": payment_intent, "fraud_type": fraud_type,
            "actionable": not charge["refunded"] and not charge["disputed"], "created": int(self.now().timestamp()),
        }  # fmt: skip
        self.warnings[warning["id"]] = warning
        return warning

    def _attempt(self, payment_intent: dict[str, Any], *, slowly: bool = False) -> dict[str, Any]:
        charge = {
            "id": f"{'py' if slowly else 'ch'}_test_{next(self._numbers)}", "object": "charge", "livemode": False,
            "payment_intent": payment_intent["id"], "metadata": dict(payment_intent["metadata"]), "disputed": False,
            "customer": payment_intent["customer"], "amount": payment_intent["amount"], "amount_refunded": 0,
            "currency": payment_intent["currency"], "paid": False, "refunded": False, "status": "pending",
            "failure_code": None, "created": int(self.now().timestamp()),
            "payment_method_details": {"type": "sepa_debit" if slowly else "card"},
        }  # fmt: skip
        self.charges[charge["id"]] = charge
        payment_intent.update(latest_charge=charge["id"], last_payment_error=None, status="processing")
        return charge

    def _arrive(self, payment_intent: dict[str, Any]) -> None:
        payment_intent.update(status="succeeded", amount_received=payment_intent["amount"])
        charge = self.charges[payment_intent["latest_charge"]]
        charge.update(status="succeeded", paid=True)
        kind, after = ("charge", self.capture_seconds) if charge["id"].startswith("ch_") else ("payment", 0)
        self.move(charge, charge["amount"], "charge", kind=kind, after=after, waits=True)

    def _caused_by(self, source: str) -> dict[str, Any]:
        kept = (self.charges, self.refunds, self.disputes, self.payouts_made)
        return next(each[source] for each in kept if source in each)

    def _refundable(self, payment_intent: str, amount: int) -> dict[str, Any]:
        if payment_intent not in self.payment_intents:
            raise StripeRefused("resource_missing", f"No such payment_intent: '{payment_intent}'")
        charge = self.charges.get(self.payment_intents[payment_intent]["latest_charge"] or "")
        if charge is None or not charge["paid"]:
            raise StripeRefused("invalid_request_error", "There is no successful charge to refund")
        left = charge["amount"] - charge["amount_refunded"]
        if not left:
            raise StripeRefused("charge_already_refunded", f"Charge {charge['id']} has already been refunded.")
        about = [each for each in self.disputes.values() if each["charge"] == charge["id"]]
        taken = sum(each["amount"] for each in about if each["status"] in _TAKEN)
        if taken and (left <= taken or any(each["status"] in _HELD for each in about)):
            raise StripeRefused("charge_disputed", f"Charge {charge['id']} has been charged back")
        if amount > left - taken:
            raise StripeRefused("invalid_request_error", "Refund amount is greater than unrefunded amount on charge")
        return charge

    def _count(self, charge: dict[str, Any], amount: int) -> None:
        refunded = charge["amount_refunded"] + amount
        charge.update(amount_refunded=refunded, refunded=refunded == charge["amount"])

    def _settle_warnings(self, charge: dict[str, Any]) -> None:
        for warning in self.warnings.values():
            if warning["charge"] == charge["id"]:
                warning["actionable"] = False
