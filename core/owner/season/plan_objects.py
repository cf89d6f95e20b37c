"""The objects that Stripe would have of an order of the season with a plan: the subscription, its invoices and their payments."""

import calendar
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime

from core.owner.season.payment_objects import Object, PaymentsOfOrder


class StripeOfOrder(PaymentsOfOrder):
    """Stripe as one order of the season meets it, with a plan or without."""

    def __init__(self, number: int, now: Callable[[], datetime]) -> None:
        super().__init__(number, now)
        self.subscription: Object = {}
        self.invoices: list[Object] = []
        self._invoice_of: dict[str, str] = {}

    # -- what the shop asks

    def find_subscription(self, subscription: str) -> Object | None:
        """The subscription as it is now."""
        return deepcopy(self.subscription) if self.subscription.get("id") == subscription else None

    def invoices_of_subscription(self, subscription: str) -> list[Object]:
        """Its invoices, newest first."""
        return deepcopy(self.invoices[::-1])

    def find_invoice_of(self, payment_intent: str) -> Object | None:
        """The invoice that this payment paid."""
        found = self._invoice_of.get(payment_intent)
        return deepcopy(next((each for each in self.invoices if each["id"] == found), None))

    def lines_of_invoice(self, invoice: str) -> list[Object]:
        """What an invoice bills for."""
        return deepcopy(next(each["lines"]["data"] for each in self.invoices if each["id"] == invoice))

    # -- what happens at Stripe

    def renew(self) -> None:
        """The next period begins and is paid; or at last the one that was owed."""
        owed = next((each for each in self.invoices if each["status"] == "open"), None)
        self.subscription["status"] = "active"
        self._pay_invoice(owed or self._next_period())
        self._tell("customer.subscription.updated", self.subscription)

    def fail_renewal(self) -> None:
        """The next period begins, and its payment is declined."""
        self.subscription["status"] = "past_due"
        self._tell("invoice.payment_failed", self._next_period())

    def change_seats(self, quantity: int) -> None:
        """So many seats are billed from the next period on."""
        self._plan["quantity"] = quantity
        self._tell("customer.subscription.updated", self.subscription)

    def cancel_later(self, feedback: str, comment: str) -> None:
        """The buyer cancels, and says why: it ends with the period."""
        self.subscription.update(
            cancel_at=self._plan["current_period_end"], canceled_at=self._stamp(),
            cancellation_details={
                "reason": "cancellation_requested", "feedback": feedback or None, "comment": comment or None,
            },
        )  # fmt: skip
        self._tell("customer.subscription.updated", self.subscription)

    def end(self, reason: str) -> None:
        """It is over."""
        self.subscription.update(
            status="canceled", ended_at=self._stamp(),
            cancellation_details={**self.subscription["cancellation_details"], "reason": reason},
            canceled_at=self.subscription["canceled_at"] or self._stamp(),
        )  # fmt: skip
        for invoice in self.invoices:
            invoice["status"] = "void" if invoice["status"] == "open" else invoice["status"]
        self._tell("customer.subscription.deleted", self.subscription)

    @property
    def period_end(self) -> datetime:
        """When the plan's period ends."""
        return datetime.fromtimestamp(self._plan["current_period_end"], UTC)

    @property
    def _plan(self) -> Object:
        plan: Object = self.subscription["items"]["data"][0]
        return plan

    # -- how it is made

    def _pay_for_session(self, *, slowly: bool) -> None:
        if self.session["mode"] == "subscription":
            self._subscribe()
        else:
            super()._pay_for_session(slowly=slowly)

    def _subscribe(self) -> None:
        [line] = self._asked["line_items"]
        price, start = line["price_data"], self._stamp()
        self.session.update(customer=self._id("cus"), subscription=self._id("sub"))
        sold = {
            "id": self._id("price"), "object": "price", "unit_amount": price["unit_amount"], "currency": price["currency"],
            "recurring": {"interval": price["recurring"]["interval"], "interval_count": 1}, "lookup_key": None,
            "product": {"id": self._id("prod"), "object": "product", "metadata": dict(price["product_data"]["metadata"])},
        }  # fmt: skip
        plan = {
            "id": self._id("si"), "object": "subscription_item", "quantity": line["quantity"], "price": sold,
            "current_period_start": start, "current_period_end": _later(start, price["recurring"]["interval"]),
        }  # fmt: skip
        self.subscription = {
            "id": self.session["subscription"], "object": "subscription", "customer": self.session["customer"],
            "currency": price["currency"], "metadata": dict(self._asked["subscription_data"]["metadata"]), "status": "active",
            "cancel_at": None, "cancel_at_period_end": False, "canceled_at": None, "ended_at": None, "trial_end": None,
            "pause_collection": None, "cancellation_details": {"reason": None}, "created": start, "start_date": start,
            "discounts": [], "livemode": False, "items": {"object": "list", "data": [plan]},
        }  # fmt: skip
        self._tell("customer.subscription.created", self.subscription)
        first = self._invoice("subscription_create")
        self.session["invoice"] = first["id"]
        self._pay_invoice(first)

    def _next_period(self) -> Object:
        plan = self._plan
        plan["current_period_start"] = plan["current_period_end"]
        plan["current_period_end"] = _later(plan["current_period_start"], plan["price"]["recurring"]["interval"])
        return self._invoice("subscription_cycle")

    def _invoice(self, reason: str) -> Object:
        plan = self._plan
        amount, currency = plan["quantity"] * plan["price"]["unit_amount"], plan["price"]["currency"]
        line = {
            "object": "line_item", "amount": amount, "subtotal": amount, "currency": currency, "discount_amounts": [],
            "quantity": plan["quantity"], "taxes": [],
            "parent": {"type": "subscription_item_details", "invoice_item_details": None, "subscription_item_details": {
                "proration": False, "proration_details": None, "subscription_item": plan["id"],
            }},
            "period": {"start": plan["current_period_start"], "end": plan["current_period_end"]},
            "pricing": {
                "type": "price_details", "price_details": {"price": plan["price"]["id"]},
                "unit_amount_decimal": str(plan["price"]["unit_amount"]),
            },
        }  # fmt: skip
        invoice = {
            "id": self._id("in"), "object": "invoice", "status": "open", "billing_reason": reason, "livemode": False,
            "amount_due": amount, "amount_paid": 0, "subtotal": amount, "total": amount, "currency": currency,
            "total_discount_amounts": [], "total_taxes": [], "created": self._stamp(), "metadata": {},
            "customer": self.session["customer"], "lines": {"object": "list", "data": [line], "has_more": False},
            "status_transitions": {"paid_at": None},
            "parent": {"type": "subscription_details", "subscription_details": {
                "subscription": self.subscription["id"], "metadata": dict(self.subscription["metadata"]),
            }},
        }  # fmt: skip
        self.invoices.append(invoice)
        return invoice

    def _pay_invoice(self, invoice: Object) -> None:
        payment = self._payment(invoice["amount_due"], {})
        self._invoice_of[payment["id"]] = invoice["id"]
        invoice.update(status="paid", amount_paid=invoice["amount_due"], status_transitions={"paid_at": self._stamp()})
        self._tell("invoice.paid", invoice)
        self._charge(payment)


def _later(start: int, interval: str) -> int:
    """A month or a year later by the calendar; in a month without such a day, on its last."""
    begun = datetime.fromtimestamp(start, UTC)
    year, month = divmod(begun.year * 12 + begun.month - 1 + {"month": 1, "year": 12}[interval], 12)
    day = min(begun.day, calendar.monthrange(year, month + 1)[1])
    return int(begun.replace(year=year, month=month + 1, day=day).timestamp())
