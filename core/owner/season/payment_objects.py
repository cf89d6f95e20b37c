"""The objects that Stripe would have of one order of the season and its payments, and the events by which it would tell of them.

They live in memory for as long as that order is made, and have only what the shop reads.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
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


class PaymentsOfOrder:
    """Stripe as an order without a plan meets it. `told` are the events that the shop has not been told of yet, `moved` the
    movements of the balance that it has not read. `now` is the season's clock."""

    def __init__(self, number: int, now: Callable[[], datetime]) -> None:
        self._number, self._now, self._counter = number, now, count(1)
        self.told: list[Told] = []
        self.moved: list[Object] = []
        self.session: Object = {}
        self._asked: Object = {}
        self._percent = 0
        self._payments: dict[str, Object] = {}
        self._charges: dict[str, Object] = {}

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

    def find_checkout_of(self, *, payment_intent: str = "", subscription: str = "") -> Object | None:
        """The Session, if it is the one that made this."""
        made = payment_intent or subscription
        return (
            deepcopy(self.session) if made in (self.session["payment_intent"], self.session["subscription"]) else None
        )

    def line_items_of(self, session_id: str) -> list[Object]:
        """What the Session sells, with what the code took off each line."""
        return [self._item(line) for line in self._asked["line_items"]]

    # -- what happens at Stripe

    def use_code(self) -> None:
        """The buyer has the season's code, which takes something off everything."""
        self._percent = seasons.PERCENT
        off = sum(map(self._off, self._asked["line_items"]))
        self.session["discounts"] = [{"promotion_code": seasons.PROMOTION, "coupon": None}]
        self.session["total_details"]["amount_discount"] = off
        self.session["amount_total"] = self.session["amount_subtotal"] - off

    def pay(self, buyer: Buyer, *, slowly: bool = False) -> None:
        """The buyer pays, by card or `slowly` by a bank debit, whose money is still to come."""
        self.session.update(
            status="complete", url=None, payment_status="unpaid" if slowly else "paid",
            customer_details={"email": buyer.email, "name": buyer.name, "address": {"country": buyer.country}},
        )  # fmt: skip
        self._pay_for_session(slowly=slowly)
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

    # -- how it is made

    def _id(self, kind: str) -> str:
        return f"{kind}_season_{self._number:04d}_{next(self._counter)}"

    def _stamp(self) -> int:
        return int(self._now().timestamp())

    def _tell(self, kind: str, subject: Object) -> None:
        event = event_about(deepcopy(subject), kind, id=self._id("evt"), at=self._now())
        self.told.append(Told(event, orjson.dumps(event).decode(), actor=f"webhook {event['id']}"))

    def _pay_for_session(self, *, slowly: bool) -> None:
        payment = self._payment_of_session()
        if not slowly:
            self._charge(payment)

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

    def _off(self, line: Object) -> int:
        return int(line["quantity"] * line["price_data"]["unit_amount"] * self._percent // 100)

    def _item(self, line: Object) -> Object:
        price = line["price_data"]
        listed, off = line["quantity"] * price["unit_amount"], self._off(line)
        return {
            "object": "item", "amount_subtotal": listed, "amount_discount": off, "amount_tax": 0, "quantity": line["quantity"],
            "amount_total": listed - off, "currency": price["currency"], "description": price["product_data"]["name"],
            "price": {"object": "price", "unit_amount": price["unit_amount"], "currency": price["currency"]},
        }  # fmt: skip


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
