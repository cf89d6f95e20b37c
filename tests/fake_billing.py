"""The part of the fake Stripe that bills by the month: subscriptions, invoices, and the payments that carry no metadata."""

from collections.abc import Callable
from copy import deepcopy
from itertools import count
from typing import Any

MONTH = 30 * 86400


class FakeBilling:
    """Subscriptions and their invoices as Stripe keeps them."""

    sessions: dict[str, dict[str, Any]]
    payment_intents: dict[str, dict[str, Any]]
    _called: Callable[[str], None]
    _numbers: "count[int]"

    def __init__(self) -> None:
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.invoices: dict[str, dict[str, Any]] = {}
        self.invoice_payments: dict[str, str] = {}

    # -- what the shop asks

    def find_subscription(self, subscription: str) -> dict[str, Any] | None:
        self._called("find_subscription")
        return deepcopy(self.subscriptions.get(subscription))

    def find_checkout_of(self, *, subscription: str) -> dict[str, Any] | None:
        self._called("find_checkout_of")
        return next((each for each in self.sessions.values() if each["subscription"] == subscription), None)

    def find_invoice_of(self, payment_intent: str) -> dict[str, Any] | None:
        self._called("find_invoice_of")
        return self.invoices.get(self.invoice_payments.get(payment_intent, ""))

    def payment_intent_of_subscription(self, subscription: str) -> str | None:
        self._called("payment_intent_of_subscription")
        return self.payment_of(subscription)

    def open_portal(self, customer: str, *, return_url: str) -> str:
        self._called("open_portal")
        return f"http://127.0.0.1:12111/p/session/{customer}"

    # -- what happens at Stripe

    def payment_of(self, subscription: str) -> str | None:
        """The PaymentIntent of the newest paid invoice."""
        paid = [
            payment_intent
            for payment_intent, invoice in self.invoice_payments.items()
            if self.invoices[invoice]["parent"]["subscription_details"]["subscription"] == subscription
        ]
        return paid[-1] if paid else None

    def renew(self, subscription_id: str) -> dict[str, Any]:
        """A renewal is paid, at once or at last: the period moves unless it had. Returns the invoice."""
        subscription = self.subscriptions[subscription_id]
        if subscription["status"] != "past_due":
            self._next_period(subscription)
        subscription.update(status="active", trial_end=None)
        return self._bill(subscription, "subscription_cycle")

    def fail_renewal(self, subscription_id: str) -> dict[str, Any]:
        """A renewal is due and the card declines: the period moves all the same. Returns the open invoice."""
        subscription = self.subscriptions[subscription_id]
        self._next_period(subscription)
        subscription["status"] = "past_due"
        return self._invoice(subscription, "subscription_cycle", status="open", amount_paid=0)

    def change_seats(self, subscription_id: str, quantity: int) -> dict[str, Any]:
        """The buyer takes more or fewer seats in the portal. Returns the subscription."""
        self.subscriptions[subscription_id]["items"]["data"][0]["quantity"] = quantity
        return self.subscriptions[subscription_id]

    def end(self, subscription_id: str, *, reason: str = "cancellation_requested") -> dict[str, Any]:
        """It is over. Returns the subscription."""
        subscription = self.subscriptions[subscription_id]
        subscription.update(
            status="canceled", ended_at=subscription["items"]["data"][0]["current_period_end"],
            cancellation_details={"reason": reason},
        )  # fmt: skip
        return subscription

    def _subscribe(self, session: dict[str, Any], *, trial: bool) -> None:
        start, plan = session["expires_at"] - 23 * 3600, session["plan"]
        subscription = {
            "id": session["subscription"], "object": "subscription", "customer": session["customer"],
            "currency": session["currency"], "metadata": dict(session["metadata"]), "cancel_at": None, "livemode": False,
            "cancel_at_period_end": False, "ended_at": None, "pause_collection": None,
            "status": "trialing" if trial else "active", "trial_end": start + MONTH if trial else None,
            "cancellation_details": {"reason": None},
            "items": {"object": "list", "data": [{
                "id": "si_1", "quantity": plan["quantity"], "current_period_start": start,
                "current_period_end": start + MONTH,
                "price": {
                    "unit_amount": plan["price_data"]["unit_amount"], "recurring": plan["price_data"]["recurring"],
                },
            }]},
        }  # fmt: skip
        self.subscriptions[subscription["id"]] = subscription
        if trial:
            self._invoice(subscription, "subscription_create", status="paid", amount_paid=0)
        else:
            self._bill(subscription, "subscription_create", amount=session["amount_total"])

    def _next_period(self, subscription: dict[str, Any]) -> None:
        item = subscription["items"]["data"][0]
        item["current_period_start"] = item["current_period_end"]
        item["current_period_end"] += MONTH

    def _bill(self, subscription: dict[str, Any], reason: str, *, amount: int | None = None) -> dict[str, Any]:
        item = subscription["items"]["data"][0]
        amount = item["quantity"] * item["price"]["unit_amount"] if amount is None else amount
        invoice = self._invoice(subscription, reason, status="paid", amount_paid=amount)
        payment_intent = f"pi_sub_{next(self._numbers)}"
        self.invoice_payments[payment_intent] = invoice["id"]
        self.payment_intents[payment_intent] = {
            "id": payment_intent, "object": "payment_intent", "metadata": {}, "amount": amount, "livemode": False,
            "latest_charge": payment_intent.replace("pi_", "ch_", 1),
        }  # fmt: skip
        return invoice

    def _invoice(self, subscription: dict[str, Any], reason: str, *, status: str, amount_paid: int) -> dict[str, Any]:
        invoice = {
            "id": f"in_test_{next(self._numbers)}", "object": "invoice", "status": status, "billing_reason": reason,
            "livemode": False, "amount_paid": amount_paid, "currency": subscription["currency"], "metadata": {},
            "created": subscription["items"]["data"][0]["current_period_start"], "customer": subscription["customer"],
            "parent": {"type": "subscription_details", "subscription_details": {
                "subscription": subscription["id"], "metadata": dict(subscription["metadata"]),
            }},
        }  # fmt: skip
        self.invoices[invoice["id"]] = invoice
        return invoice
