"""The part of the fake Stripe that bills by the month: subscriptions, invoices, and the payments that carry no metadata."""

import calendar
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from itertools import count
from typing import Any

from core.foundation.errors import StripeRefused
from tests.fake_payments import FakePayments


class FakeBilling(FakePayments):
    """Subscriptions and their invoices as Stripe keeps them."""

    now: Callable[[], datetime]
    sessions: dict[str, dict[str, Any]]
    _called: Callable[[str], None]
    _numbers: "count[int]"

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.invoices: dict[str, dict[str, Any]] = {}
        # From each PaymentIntent to the invoice that it pays, or is to pay.
        self.invoice_payments: dict[str, str] = {}

    # -- what the shop asks

    def find_subscription(self, subscription: str) -> dict[str, Any] | None:
        self._called("find_subscription")
        return deepcopy(self.subscriptions.get(subscription))

    def find_checkout_of(self, *, payment_intent: str = "", subscription: str = "") -> dict[str, Any] | None:
        self._called("find_checkout_of")
        made, name = ("payment_intent", payment_intent) if payment_intent else ("subscription", subscription)
        return deepcopy(next((each for each in self.sessions.values() if each[made] == name), None))

    def find_invoice_of(self, payment_intent: str) -> dict[str, Any] | None:
        self._called("find_invoice_of")
        return deepcopy(self.invoices.get(self.invoice_payments.get(payment_intent, "")))

    def payment_intent_of_subscription(self, subscription: str) -> str | None:
        self._called("payment_intent_of_subscription")
        return self.payment_of(subscription)

    def open_portal(self, customer: str, *, return_url: str) -> str:
        self._called("open_portal")
        if all(each["customer"] != customer for each in self.sessions.values()):
            raise StripeRefused("resource_missing", f"No such customer: '{customer}'")
        return f"http://127.0.0.1:12111/p/session/{customer}"

    # -- what happens at Stripe

    def payment_of(self, subscription: str) -> str | None:
        """The PaymentIntent of the newest paid invoice: none, if that one cost nothing."""
        paid = [each["id"] for each in self.invoices_of(subscription) if each["status"] == "paid"]
        return next((payment for payment, invoice in self.invoice_payments.items() if [invoice] == paid[-1:]), None)

    def invoices_of(self, subscription: str) -> list[dict[str, Any]]:
        """Its invoices, oldest first."""
        return [
            invoice
            for invoice in self.invoices.values()
            if invoice["parent"]["subscription_details"]["subscription"] == subscription
        ]

    def renew(self, subscription_id: str) -> dict[str, Any]:
        """A renewal is paid: a new one, or at last the one that had failed. Returns the invoice."""
        subscription = self.subscriptions[subscription_id]
        owed = next((each for each in self.invoices_of(subscription_id) if each["status"] == "open"), None)
        if owed is None:
            self._next_period(subscription)
            owed = self._invoice(subscription, "subscription_cycle", self._price_of(subscription))
        subscription["status"] = "active"
        return self._pay(owed)

    def fail_renewal(self, subscription_id: str) -> dict[str, Any]:
        """A renewal is due and the card declines: the period moves all the same. Returns the open invoice."""
        subscription = self.subscriptions[subscription_id]
        self._next_period(subscription)
        subscription["status"] = "past_due"
        invoice = self._invoice(subscription, "subscription_cycle", self._price_of(subscription))
        self.refuse(self._payment_for(invoice))
        return invoice

    def change_seats(self, subscription_id: str, quantity: int) -> dict[str, Any]:
        """The buyer takes more or fewer seats in the portal. Returns the subscription."""
        self.subscriptions[subscription_id]["items"]["data"][0]["quantity"] = quantity
        return self.subscriptions[subscription_id]

    def cancel_later(self, subscription_id: str) -> dict[str, Any]:
        """The buyer cancels in the portal: it ends with its period, and says so by the moment. Returns the subscription."""
        subscription = self.subscriptions[subscription_id]
        subscription.update(
            cancel_at=subscription["items"]["data"][0]["current_period_end"], canceled_at=self._stamp(),
            cancellation_details={"reason": "cancellation_requested"},
        )  # fmt: skip
        return subscription

    def end(self, subscription_id: str, *, reason: str = "cancellation_requested") -> dict[str, Any]:
        """It is over: at the moment it was told to end, else now. Returns the subscription."""
        subscription = self.subscriptions[subscription_id]
        flagged = subscription["cancel_at_period_end"] and subscription["items"]["data"][0]["current_period_end"]
        subscription.update(
            status="canceled", ended_at=subscription["cancel_at"] or flagged or self._stamp(),
            canceled_at=subscription["canceled_at"] or self._stamp(), cancellation_details={"reason": reason},
        )  # fmt: skip
        return subscription

    def _subscribe(
        self, session: dict[str, Any], plans: list[dict[str, Any]], *, metadata: dict[str, str], trial_days: int
    ) -> None:
        start = self._stamp()
        trial_end = start + trial_days * 86400 if trial_days else None
        subscription = {
            "id": session["subscription"], "object": "subscription", "customer": session["customer"],
            "currency": session["currency"], "metadata": dict(metadata), "cancel_at": None, "livemode": False,
            "cancel_at_period_end": False, "canceled_at": None, "ended_at": None, "pause_collection": None,
            "status": "trialing" if trial_end else "active", "trial_end": trial_end,
            "cancellation_details": {"reason": None},
            "items": {"object": "list", "data": [
                {
                    "id": f"si_test_{next(self._numbers)}", "object": "subscription_item", "quantity": plan["quantity"],
                    "current_period_start": start,
                    "current_period_end": trial_end or _period_end(start, plan["recurring"]["interval"]),
                    "price": {
                        "object": "price", "unit_amount": plan["unit_amount"], "currency": session["currency"],
                        "recurring": {"interval": plan["recurring"]["interval"]},
                    },
                }
                for plan in plans
            ]},
        }  # fmt: skip
        self.subscriptions[subscription["id"]] = subscription
        self._pay(self._invoice(subscription, "subscription_create", session["amount_total"]))

    def _next_period(self, subscription: dict[str, Any]) -> None:
        for item in subscription["items"]["data"]:
            start = item["current_period_end"]
            item["current_period_start"] = start
            item["current_period_end"] = _period_end(start, item["price"]["recurring"]["interval"])

    def _price_of(self, subscription: dict[str, Any]) -> int:
        return sum(item["quantity"] * item["price"]["unit_amount"] for item in subscription["items"]["data"])

    def _payment_for(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """The PaymentIntent of an invoice, made at the first attempt and tried again at later ones."""
        known = next((payment for payment, paid in self.invoice_payments.items() if paid == invoice["id"]), None)
        if known:
            return self.payment_intents[known]
        made = self.bill(invoice["amount_due"], invoice["currency"], customer=invoice["customer"])
        self.invoice_payments[made["id"]] = invoice["id"]
        return made

    def _pay(self, invoice: dict[str, Any]) -> dict[str, Any]:
        if invoice["amount_due"]:
            self.charge(self._payment_for(invoice))
        invoice.update(status="paid", amount_paid=invoice["amount_due"])
        return invoice

    def _invoice(self, subscription: dict[str, Any], reason: str, amount: int) -> dict[str, Any]:
        invoice = {
            "id": f"in_test_{next(self._numbers)}", "object": "invoice", "status": "open", "billing_reason": reason,
            "livemode": False, "amount_due": amount, "amount_paid": 0, "currency": subscription["currency"],
            "created": subscription["items"]["data"][0]["current_period_start"], "customer": subscription["customer"],
            "metadata": {},
            "parent": {"type": "subscription_details", "subscription_details": {
                "subscription": subscription["id"], "metadata": dict(subscription["metadata"]),
            }},
        }  # fmt: skip
        self.invoices[invoice["id"]] = invoice
        return invoice

    def _stamp(self) -> int:
        return int(self.now().timestamp())


def _period_end(start: int, interval: str) -> int:
    """A month or a year later by the calendar; in a month without such a day, on its last."""
    begun = datetime.fromtimestamp(start, UTC)
    year, month = divmod(begun.year * 12 + begun.month - 1 + {"month": 1, "year": 12}[interval], 12)
    day = min(begun.day, calendar.monthrange(year, month + 1)[1])
    return int(begun.replace(year=year, month=month + 1, day=day).timestamp())
