"""The objects that Stripe would have of one order of the season, and the events by which it would have told of them.

They live in memory for as long as that order is made, and have only what the shop reads.
"""

import calendar
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson

from core.events.inbox import Told
from core.gateway.sessions import SessionFacts, read_session
from core.owner.season import seasons
from core.owner.season.buyers import Buyer

Object = dict[str, Any]

# What Stripe keeps of a payment, and for a dispute, in minor units; a payment may be paid out some days after it was made.
FEE_SHARE, FEE_FIXED, DISPUTE_FEE = 0.015, 25, 2000
_AVAILABLE = timedelta(days=3)
_TO_ANSWER = timedelta(days=14)


class StripeOfOrder:
    """Stripe as one order of the season meets it. `told` are the events that the shop has not been told of yet, `moved` the
    movements of the balance that it has not read. `now` is the season's clock."""

    def __init__(self, number: int, now: Callable[[], datetime]) -> None:
        self._number, self._now, self._counter = number, now, count(1)
        self.told: list[Told] = []
        self.moved: list[Object] = []
        self.session: Object = {}
        self.subscription: Object = {}
        self.invoices: list[Object] = []
        self._asked: Object = {}
        self._payments: dict[str, Object] = {}
        self._charges: dict[str, Object] = {}
        self._invoice_of: dict[str, str] = {}

    # -- what the shop asks

    def open_checkout(self, parameters: Object, *, key: str) -> SessionFacts:
        """The Session that is asked for, open."""
        self._asked = parameters
        total = sum(line["quantity"] * line["price_data"]["unit_amount"] for line in parameters["line_items"])
        session_id = self._id("cs")
        self.session = {
            "id": session_id, "object": "checkout.session", "livemode": False, "status": "open", "mode": parameters["mode"],
            "payment_status": "unpaid", "amount_subtotal": total, "amount_total": total, "customer": None, "invoice": None,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}, "payment_intent": None,
            "currency": parameters["line_items"][0]["price_data"]["currency"], "metadata": dict(parameters["metadata"]),
            "client_reference_id": parameters["client_reference_id"], "subscription": None, "created": self._stamp(),
            "expires_at": parameters["expires_at"], "url": f"https://{seasons.DOMAIN}/{session_id}",
        }  # fmt: skip
        return read_session(self.session)

    def find_subscription(self, subscription: str) -> Object | None:
        """The subscription as it is now."""
        return deepcopy(self.subscription) if self.subscription.get("id") == subscription else None

    def invoices_of_subscription(self, subscription: str) -> list[Object]:
        """Its invoices, newest first."""
        return deepcopy(self.invoices[::-1])

    def find_checkout_of(self, *, payment_intent: str = "", subscription: str = "") -> Object | None:
        """The Session, if it is the one that made this."""
        made = payment_intent or subscription
        return (
            deepcopy(self.session) if made in (self.session["payment_intent"], self.session["subscription"]) else None
        )

    def find_invoice_of(self, payment_intent: str) -> Object | None:
        """The invoice that this payment paid."""
        found = self._invoice_of.get(payment_intent)
        return deepcopy(next((each for each in self.invoices if each["id"] == found), None))

    def line_items_of(self, session_id: str) -> list[Object]:
        """What the Session sells, with what the code took off each line."""
        return [self._item(line) for line in self._asked["line_items"]]

    def lines_of_invoice(self, invoice: str) -> list[Object]:
        """What an invoice bills for."""
        return deepcopy(next(each["lines"]["data"] for each in self.invoices if each["id"] == invoice))

    # -- what happens at Stripe

    def discount(self, percent: int) -> None:
        """The buyer has a code that takes so much off everything."""
        off = sum(self._off(line, percent) for line in self._asked["line_items"])
        self._asked = {**self._asked, "percent": percent}
        self.session["total_details"]["amount_discount"] = off
        self.session["amount_total"] = self.session["amount_subtotal"] - off

    def pay(self, buyer: Buyer, *, slowly: bool = False) -> None:
        """The buyer pays, by card or `slowly` by a bank debit, whose money is still to come."""
        self.session.update(
            status="complete", url=None, payment_status="unpaid" if slowly else "paid",
            customer_details={"email": buyer.email, "name": buyer.name, "address": {"country": buyer.country}},
        )  # fmt: skip
        if self.session["mode"] == "subscription":
            self._subscribe()
        else:
            payment = self._payment_of_session()
            if not slowly:
                self._charge(payment)
        self._tell("checkout.session.completed", self.session)

    def settle(self) -> None:
        """The money of the debit arrives."""
        self._charge(self._payment_of_session(), kind="payment")
        self.session["payment_status"] = "paid"
        self._tell("checkout.session.async_payment_succeeded", self.session)

    def bounce(self) -> None:
        """The money of the debit does not arrive."""
        self._tell("checkout.session.async_payment_failed", self.session)

    def decline(self) -> None:
        """The card that was tried is declined. The buyer may try another one."""
        payment = self._payment_of_session()
        error = {"code": "card_declined", "decline_code": "insufficient_funds", "charge": self._id("ch")}
        self._tell("payment_intent.payment_failed", {**payment, "last_payment_error": error})

    def expire(self) -> None:
        """Nobody has paid, and the Session's time is up."""
        self.session.update(status="expired", url=None)
        self._tell("checkout.session.expired", self.session)

    def refund(self, amount: int | None = None) -> Object:
        """The newest payment goes back, or so much of it, as from Stripe's dashboard. Returns the refund."""
        charge = self._newest_charge()
        refund = {
            "id": self._id("re"), "object": "refund", "amount": amount or charge["amount"], "status": "succeeded",
            "currency": charge["currency"], "payment_intent": charge["payment_intent"], "charge": charge["id"],
            "metadata": {}, "created": self._stamp(),
        }  # fmt: skip
        self._move(refund, -refund["amount"], "refund")
        self._tell("refund.created", refund)
        return refund

    def fail_refund(self, refund: Object) -> None:
        """The buyer's bank sends the money of a refund back."""
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        self._move(refund, refund["amount"], "refund_failure")
        self._tell("refund.failed", refund)

    def dispute(self, reason: str) -> Object:
        """The cardholder's bank takes the newest payment back until it has decided. Returns the dispute."""
        charge = self._newest_charge()
        dispute = {
            "id": self._id("du"), "object": "dispute", "amount": charge["amount"], "currency": charge["currency"],
            "charge": charge["id"], "payment_intent": charge["payment_intent"], "reason": reason, "metadata": {},
            "status": "needs_response", "created": self._stamp(), "livemode": False,
            "evidence_details": {"due_by": int((self._now() + _TO_ANSWER).timestamp())},
        }  # fmt: skip
        taken = self._move(dispute, -charge["amount"], "dispute", fee=DISPUTE_FEE)
        dispute["balance_transactions"] = [{"id": taken["id"]}]
        self._tell("charge.dispute.created", dispute)
        return dispute

    def close_dispute(self, dispute: Object, status: str) -> None:
        """The bank has decided: `won`, and the money is back, or `lost`."""
        dispute["status"] = status
        if status == "won":
            self._move(dispute, dispute["amount"], "dispute_reversal")
        self._tell("charge.dispute.closed", dispute)

    def warn(self) -> None:
        """The card's bank thinks that the newest payment may be fraud."""
        charge = self._newest_charge()
        warning = {
            "id": self._id("issfr"), "object": "radar.early_fraud_warning", "charge": charge["id"], "livemode": False,
            "payment_intent": charge["payment_intent"], "fraud_type": "unauthorized_use_of_card", "actionable": True,
            "created": self._stamp(),
        }  # fmt: skip
        self._tell("radar.early_fraud_warning.created", warning)

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

    def cancel_later(self) -> None:
        """The buyer cancels: it ends with the period."""
        self.subscription.update(
            cancel_at=self._plan["current_period_end"], canceled_at=self._stamp(),
            cancellation_details={"reason": "cancellation_requested"},
        )  # fmt: skip
        self._tell("customer.subscription.updated", self.subscription)

    def end(self, reason: str) -> None:
        """It is over."""
        self.subscription.update(
            status="canceled", ended_at=self._stamp(), cancellation_details={"reason": reason},
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

    def _id(self, kind: str) -> str:
        return f"{kind}_season_{self._number:04d}_{next(self._counter)}"

    def _stamp(self) -> int:
        return int(self._now().timestamp())

    def _tell(self, kind: str, subject: Object) -> None:
        event = event_about(deepcopy(subject), kind, id=self._id("evt"), at=self._now())
        self.told.append(Told(event, orjson.dumps(event).decode(), actor=f"webhook {event['id']}"))

    def _payment_of_session(self) -> Object:
        if not self.session["payment_intent"]:
            named = self._asked["payment_intent_data"]["metadata"]
            self.session["payment_intent"] = self._payment(self.session["amount_total"], named)["id"]
        return self._payments[self.session["payment_intent"]]

    def _payment(self, amount: int, metadata: Object) -> Object:
        payment = {
            "id": self._id("pi"), "object": "payment_intent", "amount": amount, "currency": self.session["currency"],
            "metadata": dict(metadata), "customer": self.session["customer"], "livemode": False, "status": "processing",
        }  # fmt: skip
        self._payments[payment["id"]] = payment
        return payment

    def _charge(self, payment: Object, *, kind: str = "charge") -> None:
        charge = {
            "id": self._id("ch" if kind == "charge" else "py"), "object": "charge", "payment_intent": payment["id"],
            "metadata": payment["metadata"], "customer": payment["customer"], "amount": payment["amount"], "paid": True,
            "currency": payment["currency"], "livemode": False, "status": "succeeded", "created": self._stamp(),
        }  # fmt: skip
        payment.update(status="succeeded", latest_charge=charge["id"])
        self._charges[charge["id"]] = charge
        kept = round(charge["amount"] * FEE_SHARE) + FEE_FIXED
        self._move(charge, charge["amount"], "charge", fee=kept, after=_AVAILABLE)
        if payment["metadata"]:  # of a plan's payments that event names no order, and its invoice tells the same
            self._tell("payment_intent.succeeded", payment)

    def _newest_charge(self) -> Object:
        return next(reversed(self._charges.values()))

    def _move(
        self, source: Object, amount: int, category: str, *, fee: int = 0, after: timedelta = timedelta()
    ) -> Object:
        moved = movement(source, amount, category, id=self._id("txn"), fee=fee, at=self._now(), after=after)
        self.moved.append(moved)
        return moved

    def _off(self, line: Object, percent: int) -> int:
        return int(line["quantity"] * line["price_data"]["unit_amount"] * percent // 100)

    def _item(self, line: Object) -> Object:
        price = line["price_data"]
        listed, off = line["quantity"] * price["unit_amount"], self._off(line, self._asked.get("percent", 0))
        return {
            "object": "item", "amount_subtotal": listed, "amount_discount": off, "amount_tax": 0, "quantity": line["quantity"],
            "amount_total": listed - off, "currency": price["currency"], "description": price["product_data"]["name"],
            "price": {"object": "price", "unit_amount": price["unit_amount"], "currency": price["currency"]},
        }  # fmt: skip

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


def event_about(subject: Object, kind: str, *, id: str, at: datetime) -> Object:
    """An event as Stripe builds it around an object."""
    return {
        "id": id, "object": "event", "created": int(at.timestamp()), "type": kind, "livemode": False,
        "data": {"object": subject},
    }  # fmt: skip


def movement(
    source: Object, amount: int, category: str, *, id: str, at: datetime, fee: int = 0, after: timedelta = timedelta()
) -> Object:
    """A balance transaction as Stripe lists it: `amount` moved because of `source`, and may be paid out `after` a while."""
    return {
        "id": id, "object": "balance_transaction", "amount": amount, "fee": fee, "net": amount - fee,
        "currency": source["currency"], "exchange_rate": None, "source": deepcopy(source), "type": category,
        "reporting_category": category, "created": int(at.timestamp()), "available_on": int((at + after).timestamp()),
    }  # fmt: skip


def _later(start: int, interval: str) -> int:
    """A month or a year later by the calendar; in a month without such a day, on its last."""
    begun = datetime.fromtimestamp(start, UTC)
    year, month = divmod(begun.year * 12 + begun.month - 1 + {"month": 1, "year": 12}[interval], 12)
    day = min(begun.day, calendar.monthrange(year, month + 1)[1])
    return int(begun.replace(year=year, month=month + 1, day=day).timestamp())
