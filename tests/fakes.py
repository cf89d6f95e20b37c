"""A Stripe that lives in memory, behind the shop's own protocol, and tells its story in truly signed events."""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime
from itertools import count
from typing import Any

import orjson
import stripe

from core.errors import CheckoutNotFound, ShopError, StripeRefused, StripeUnreachable
from core.payments import SessionFacts, read_session
from tests.fake_billing import FakeBilling

SECRET = "whsec_test_0123456789abcdef"


class FakeStripe(FakeBilling):
    """Stripe's objects as Stripe keeps them. `trouble` is raised by the next calls, one each, before anything is done.

    `lost_answers` is how many of the next calls that change something do so, and then never answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sessions: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, tuple[dict[str, Any], str]] = {}
        self.undelivered: list[dict[str, Any]] = []
        self.happened: list[dict[str, Any]] = []
        self.refunds: dict[str, dict[str, Any]] = {}
        self.payment_intents: dict[str, dict[str, Any]] = {}
        self.trouble: list[ShopError] = []
        self.lost_answers = 0
        self.watch: Callable[[], None] = lambda: None
        self.calls: list[str] = []
        self._numbers = count(1)

    # -- what the shop asks

    def open_checkout(self, parameters: dict[str, Any], *, key: str) -> SessionFacts:
        self._called("open")
        if key in self.by_key:
            first, session_id = self.by_key[key]
            if first != parameters:
                raise StripeRefused("idempotency_error", "Keys can only be used with the same parameters")
            return read_session(self.sessions[session_id])
        session = self._new_session(parameters)
        self.sessions[session["id"]] = session
        self.by_key[key] = (deepcopy(parameters), session["id"])
        return read_session(session)

    def retrieve_checkout(self, session_id: str) -> SessionFacts:
        self._called("retrieve")
        if session_id not in self.sessions:
            raise CheckoutNotFound(session_id=session_id)
        return read_session(self.sessions[session_id])

    def expire_checkout(self, session_id: str) -> SessionFacts:
        self._called("expire")
        session = self.sessions[session_id]
        if session["status"] == "open":
            session.update(status="expired", url=None)
        return read_session(session)

    def undelivered_events(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        self._called("events")
        yield from reversed(self.undelivered)

    def events(self, *, since: datetime) -> Iterator[dict[str, Any]]:
        self._called("events")
        yield from [event for event in reversed(self.happened) if event["created"] >= since.timestamp()]

    def refund(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self._called("refund")
        if key in self.by_key:
            first, refund_id = self.by_key[key]
            if first != parameters:
                raise StripeRefused("idempotency_error", "Keys can only be used with the same parameters")
            return self._answered(self.refunds[refund_id])
        refund = self.make_refund(parameters["payment_intent"], parameters["amount"], metadata=parameters["metadata"])
        self.by_key[key] = (deepcopy(parameters), refund["id"])
        return self._answered(refund)

    def refunds_of(self, charge: str) -> list[dict[str, Any]]:
        self._called("refunds_of")
        return [deepcopy(refund) for refund in self.refunds.values() if refund["charge"] == charge]

    def find_payment_intent(self, payment_intent: str) -> dict[str, Any] | None:
        self._called("find_payment_intent")
        return self.payment_intents.get(payment_intent)

    def find_charge(self, charge: str) -> dict[str, Any] | None:
        self._called("find_charge")
        payment_intent = self.payment_intents.get(charge.replace("ch_", "pi_", 1))
        return charge_of(payment_intent) if payment_intent else None

    # -- what happens at Stripe

    def pay(
        self, session_id: str, *, email: str = "nora@lindqvist.example", slowly: bool = False, trial: bool = False
    ) -> dict[str, Any]:
        """The buyer pays; `slowly` with a bank debit whose money is still to come, in a `trial` nothing. Returns the Session."""
        session = self.sessions[session_id]
        if trial:
            session.update(amount_subtotal=0, amount_total=0)
        assert session["status"] == "open", session["status"]
        free = session["amount_total"] == 0
        number = next(self._numbers)
        session.update(
            status="complete", url=None, payment_status="unpaid" if slowly else "no_payment_required" if free else "paid",
            payment_intent=None if free or session["mode"] != "payment" else f"pi_test_{number}",
            subscription=f"sub_test_{number}" if session["mode"] == "subscription" else None,
            customer_details={"email": email, "name": "Nora Lindqvist"},
        )  # fmt: skip
        if session["payment_intent"]:
            self.payment_intents[session["payment_intent"]] = {
                "id": session["payment_intent"], "object": "payment_intent", "amount": session["amount_total"],
                "currency": session["currency"], "metadata": dict(session["metadata"]), "livemode": False,
                "latest_charge": session["payment_intent"].replace("pi_", "ch_", 1),
            }  # fmt: skip
        if session["subscription"]:
            session["customer"] = f"cus_test_{number}"
            self._subscribe(session, trial=trial)
        return session

    def make_refund(
        self, payment_intent: str, amount: int, *, metadata: dict[str, str] | None = None, status: str = "succeeded"
    ) -> dict[str, Any]:
        """Money goes back: made here as if in Stripe's dashboard, where it carries no metadata."""
        refund = {
            "id": f"re_test_{next(self._numbers)}", "object": "refund", "amount": amount, "status": status,
            "currency": "eur", "payment_intent": payment_intent, "charge": payment_intent.replace("pi_", "ch_", 1),
            "metadata": metadata or {}, "failure_reason": None,
        }  # fmt: skip
        self.refunds[refund["id"]] = refund
        return refund

    def fail_refund(self, refund_id: str) -> dict[str, Any]:
        """The buyer's bank sends the refund back."""
        self.refunds[refund_id].update(status="failed", failure_reason="expired_or_canceled_card")
        return self.refunds[refund_id]

    def dispute(self, payment_intent: str, *, status: str = "needs_response") -> dict[str, Any]:
        """The cardholder's bank takes the money back, for now."""
        return {
            "id": "dp_test_" + payment_intent.rpartition("_")[2], "object": "dispute", "amount": 2900, "currency": "eur",
            "charge": payment_intent.replace("pi_", "ch_", 1), "payment_intent": payment_intent, "status": status,
            "reason": "fraudulent", "metadata": {}, "created": 1_795_343_785, "livemode": False,
            "evidence_details": {"due_by": 1_796_000_000},
        }  # fmt: skip

    def tell(self, kind: str, subject: dict[str, Any]) -> dict[str, Any]:
        """An event of this type about an object as it is now; it is listed among Stripe's events."""
        event = event_about(deepcopy(subject), kind, number=next(self._numbers))
        self.happened.append(event)
        return event

    def settle(self, session_id: str) -> dict[str, Any]:
        """The slow money arrives."""
        self.sessions[session_id]["payment_status"] = "paid"
        return self.sessions[session_id]

    def event(self, kind: str, session_id: str, **changes: Any) -> dict[str, Any]:
        """An event of type `checkout.session.{kind}` about the Session as it is now."""
        session = {**deepcopy(self.sessions[session_id]), **changes}
        return event_about(session, f"checkout.session.{kind}", number=next(self._numbers))

    def _answered(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self.lost_answers:
            self.lost_answers -= 1
            raise StripeUnreachable("api_connection_error", "Request timed out")
        return deepcopy(answer)

    def _called(self, name: str) -> None:
        self.watch()
        self.calls.append(name)
        if self.trouble:
            raise self.trouble.pop(0)

    def _new_session(self, parameters: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        items = parameters["line_items"]
        total = sum(item["quantity"] * item["price_data"]["unit_amount"] for item in items)
        session_id = f"cs_test_{number:04d}"
        return {
            "id": session_id, "object": "checkout.session", "livemode": False, "status": "open",
            "payment_status": "unpaid", "mode": parameters["mode"], "amount_subtotal": total, "amount_total": total,
            "currency": items[0]["price_data"]["currency"], "metadata": dict(parameters["metadata"]),
            "client_reference_id": parameters["client_reference_id"], "customer_details": None, "customer": None,
            "customer_email": parameters.get("customer_email"), "payment_intent": None, "subscription": None,
            "expires_at": parameters["expires_at"], "url": f"http://127.0.0.1:12111/c/pay/{session_id}",
            "success_url": parameters["success_url"], 
            "plan": next((item for item in items if "recurring" in item["price_data"]), None),
        }  # fmt: skip


def charge_of(payment_intent: dict[str, Any]) -> dict[str, Any]:
    """The charge of a payment, which carries the payment's metadata."""
    return {
        "id": payment_intent["latest_charge"], "object": "charge", "payment_intent": payment_intent["id"],
        "metadata": dict(payment_intent["metadata"]), "amount": payment_intent["amount"], "livemode": False,
    }  # fmt: skip


def event_about(subject: dict[str, Any], kind: str, *, number: int | str, livemode: bool = False) -> dict[str, Any]:
    """An event as Stripe builds it around an object."""
    return {
        "id": f"evt_test_{number}", "object": "event", "api_version": "2026-10-28.endive", "created": int(time.time()),
        "type": kind, "livemode": livemode, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
        "data": {"object": subject},
    }  # fmt: skip


def signed(event: dict[str, Any], *, secret: str = SECRET, at: int | None = None) -> tuple[bytes, str]:
    """The request body as Stripe prints it, and the header that signs it."""
    body = orjson.dumps(event, option=orjson.OPT_INDENT_2)
    return body, stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)
