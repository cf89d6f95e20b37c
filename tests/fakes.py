"""A Stripe that lives in memory, behind the shop's own protocol, and tells its story in truly signed events."""

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import count
from typing import Any

import orjson
import stripe

from core.errors import CheckoutNotFound, ShopError, StripeRefused
from core.payments import SessionFacts, read_session

SECRET = "whsec_test_0123456789abcdef"


class FakeStripe:
    """Checkout Sessions as Stripe keeps them. `trouble` is raised by the next calls, one each, before anything is done."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, tuple[dict[str, Any], str]] = {}
        self.undelivered: list[dict[str, Any]] = []
        self.trouble: list[ShopError] = []
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

    def undelivered_events(self, types: Sequence[str]) -> Iterator[dict[str, Any]]:
        self._called("events")
        yield from [event for event in reversed(self.undelivered) if event["type"] in types]

    # -- what happens at Stripe

    def pay(self, session_id: str, *, email: str = "nora@lindqvist.example", slowly: bool = False) -> dict[str, Any]:
        """The buyer pays; `slowly` with a bank debit whose money is still to come. Returns the Session."""
        session = self.sessions[session_id]
        assert session["status"] == "open", session["status"]
        free = session["amount_total"] == 0
        number = next(self._numbers)
        session.update(
            status="complete", url=None, payment_status="unpaid" if slowly else "no_payment_required" if free else "paid",
            payment_intent=None if free or session["mode"] != "payment" else f"pi_test_{number}",
            subscription=f"sub_test_{number}" if session["mode"] == "subscription" else None,
            customer_details={"email": email, "name": "Nora Lindqvist"},
        )  # fmt: skip
        return session

    def settle(self, session_id: str) -> dict[str, Any]:
        """The slow money arrives."""
        self.sessions[session_id]["payment_status"] = "paid"
        return self.sessions[session_id]

    def event(self, kind: str, session_id: str, **changes: Any) -> dict[str, Any]:
        """An event of type `checkout.session.{kind}` about the Session as it is now."""
        session = {**deepcopy(self.sessions[session_id]), **changes}
        return event_about(session, f"checkout.session.{kind}", number=next(self._numbers))

    def _called(self, name: str) -> None:
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
