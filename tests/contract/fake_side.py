"""The fake Stripe, with whoever makes it tell of what happened."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from core.foundation.errors import StripeUnreachable
from core.shop import Shop
from sandbox.protocol import conformity
from tests.conftest import Clock
from tests.contract.sides import BUYER, CAPTURE_SECONDS, until_renewed
from tests.fakes import FakeStripe


class FakeSide:
    """The fake. It tells of what happens only when it is asked to: here, of all that Stripe would tell the shop."""

    shop: Shop

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.stripe = FakeStripe(clock)
        self.stripe.capture_seconds = CAPTURE_SECONDS
        # Before anything is handed out, all that there is to hand out is looked at.
        self.stripe.watch = self.check
        self._uncaptured: list[str] = []
        self._unconfirmed: list[str] = []
        self._unsent: list[str] = []
        self._delivering = True

    def check(self) -> None:
        """Hold every object there is against Stripe's schema, and every event with what it tells."""
        fake = self.stripe
        for kept in (
            fake.sessions, fake.prices, fake.payment_intents, fake.charges, fake.refunds, fake.disputes, fake.warnings,
            fake.subscriptions, fake.invoices, fake.transactions, fake.payouts_made,
        ):  # fmt: skip
            for found in kept.values():
                conformity.check_part(found["object"], found)
        for event in (*fake.happened, *fake.undelivered):
            conformity.check_part("event", event)
            subject = event["data"]["object"]
            conformity.check_part(subject["object"], subject)

    def payment(self, payment_intent: str) -> dict[str, Any] | None:
        return deepcopy(self.stripe.payment_intents.get(payment_intent))

    def pass_(self, **span: float) -> None:
        """Time goes by: money that came by card is captured, and refunds are confirmed."""
        self.clock.pass_(**span)
        while self._uncaptured:
            self._capture(self._uncaptured[0])
        for refund in self._unconfirmed:
            self._tell("refund.updated", self.stripe.refunds[refund])
            self._tell("charge.refund.updated", self.stripe.refunds[refund])
        self._unconfirmed.clear()
        while self._unsent:
            self._send(self._unsent[0])

    def pay(self, session_id: str, *, slowly: bool = False) -> None:
        session = self.stripe.pay(session_id, email=BUYER["email"], slowly=slowly)
        if session["payment_intent"] and slowly:
            self._tell("payment_intent.processing", self.stripe.payment_intents[session["payment_intent"]])
        elif session["payment_intent"]:
            self._tell_of_payment(session["payment_intent"])
        self._tell("checkout.session.completed", session)
        if name := session["subscription"]:
            self._tell("customer.subscription.created", self.stripe.subscriptions[name])
            self._tell_of_invoice(self.stripe.invoices_of(name)[0])

    def discount(self, session_id: str, percent: int) -> None:
        asked = {"id": f"OFF{percent}", "percent_off": float(percent), "duration": "once"}
        coupon = self.stripe.create_coupon(asked, key=f"coupon:{session_id}")
        promotion = {"type": "coupon", "coupon": coupon["id"]}
        code = self.stripe.create_promotion_code({"code": "TYPED", "promotion": promotion}, key=f"code:{session_id}")
        self.stripe.discount(session_id, percent)["discounts"] = [
            {"coupon": coupon["id"], "promotion_code": code["id"]}
        ]

    def decline(self, session_id: str) -> None:
        self._tell_of_refusal(self.stripe.decline(session_id)["id"])

    def settle(self, session_id: str) -> None:
        session = self.stripe.settle(session_id)
        self._tell_of_payment(session["payment_intent"])
        self._tell("checkout.session.async_payment_succeeded", session)

    def bounce(self, session_id: str) -> None:
        session = self.stripe.bounce(session_id)
        self._tell_of_refusal(session["payment_intent"])
        self._tell("checkout.session.async_payment_failed", session)

    def expire(self, session_id: str) -> None:
        self._tell("checkout.session.expired", self.stripe.expire(session_id))

    def refund(self, payment_intent: str, amount: int) -> str:
        self._capture(self.stripe.charge_of(payment_intent)["id"])
        made = self.stripe.make_refund(payment_intent, amount)
        self._tell_of_refund(made)
        return str(made["id"])

    def fail_refund(self, refund_id: str) -> None:
        refund = self.stripe.fail_refund(refund_id)
        self._unconfirmed.remove(refund_id)
        for kind in ("refund.failed", "refund.updated", "charge.refund.updated"):
            self._tell(kind, refund)

    def dispute(self, payment_intent: str) -> str:
        return self._dispute(payment_intent, "needs_response", "created", "funds_withdrawn")

    def inquire(self, payment_intent: str) -> str:
        return self._dispute(payment_intent, "warning_needs_response", "created")

    def escalate(self, dispute: str) -> None:
        self._dispute(self.stripe.disputes[dispute]["payment_intent"], "needs_response", "updated", "funds_withdrawn")

    def decide(self, dispute: str, verdict: str) -> None:
        kinds = ("funds_reinstated", "closed") if verdict == "won" else ("closed",)
        self._dispute(self.stripe.disputes[dispute]["payment_intent"], verdict, *kinds)

    def warn(self, payment_intent: str) -> None:
        self._tell("radar.early_fraud_warning.created", self.stripe.warn(payment_intent))

    def pay_out(self) -> str:
        (payout,) = self.stripe.pay_out()
        self._tell("payout.created", payout)
        self._unsent.append(payout["id"])
        return str(payout["id"])

    def arrive_payout(self, payout: str) -> None:
        self._send(payout)
        self._tell("payout.paid", self.stripe.arrive_payout(payout))

    def fail_payout(self, payout: str) -> None:
        self._send(payout)
        self._tell("payout.failed", self.stripe.fail_payout(payout))

    def end_period(self, subscription: str) -> None:
        found = self.stripe.subscriptions[subscription]
        if found["status"] == "trialing":
            self._tell("customer.subscription.trial_will_end", found)
        self.pass_(seconds=until_renewed(found, self.clock))
        if found["cancel_at"]:
            self._tell("customer.subscription.deleted", self.stripe.end(subscription))
            return
        invoice = self.stripe.renew(subscription)
        self._tell("customer.subscription.updated", found)
        self._tell_of_invoice(invoice)

    def fail_renewal(self, subscription: str) -> None:
        found = self.stripe.subscriptions[subscription]
        self.pass_(seconds=until_renewed(found, self.clock))
        invoice = self.stripe.fail_renewal(subscription)
        # The period moves first, and the subscription is past due when the card has been declined.
        self._tell("customer.subscription.updated", {**found, "status": "active"})
        self._tell_of_refusal(self._payment_of(invoice))
        self._tell("invoice.payment_failed", invoice)
        self._tell("customer.subscription.updated", found)

    def recover(self, subscription: str) -> None:
        self._tell_of_invoice(self.stripe.renew(subscription))
        self._tell("customer.subscription.updated", self.stripe.subscriptions[subscription])

    def change_seats(self, subscription: str, quantity: int) -> None:
        self._tell("customer.subscription.updated", self.stripe.change_seats(subscription, quantity))

    def raise_seats_unpaid(self, subscription: str, quantity: int) -> None:
        invoice = self.stripe.raise_seats(subscription, quantity, declined=True)
        self._tell_of_refusal(self._payment_of(invoice))
        self._tell("invoice.payment_failed", invoice)
        self._tell("customer.subscription.updated", self.stripe.subscriptions[subscription])

    def add_item_unpaid(self, subscription: str, price: str, quantity: int) -> None:
        invoice = self.stripe.add_unpaid(subscription, price, quantity)
        self._tell_of_refusal(self._payment_of(invoice))
        self._tell("invoice.payment_failed", invoice)
        self._tell("customer.subscription.updated", self.stripe.subscriptions[subscription])

    def cancel_later(self, subscription: str) -> None:
        self._tell("customer.subscription.updated", self.stripe.cancel_later(subscription))

    def cancel(self, subscription: str) -> None:
        self._tell("customer.subscription.deleted", self.stripe.end(subscription))

    def sell(self, amount: int, *, interval: str | None = None) -> str:
        return self.stripe.sell(amount, interval=interval)

    def withdraw(self, price: str) -> None:
        self.stripe.prices[price]["active"] = False
        self._tell("price.updated", self.stripe.prices[price])

    def be_unreachable(self, how: str) -> None:
        self.stripe.trouble.append(StripeUnreachable(how))

    def lose_next_answer(self) -> None:
        self.stripe.lost_answers = 1

    def break_next_answer(self) -> None:
        self.stripe.broken_answers = 1

    def fail_to_deliver(self) -> None:
        self._delivering = False

    def deliver(self, event_id: str) -> None:
        self.stripe.undelivered = [event for event in self.stripe.undelivered if event["id"] != event_id]

    def shop_has_refunded(self) -> None:
        """Stripe tells of what the shop itself asked for as of anything else."""
        known = {event["data"]["object"]["id"] for event in self.stripe.happened if event["type"] == "refund.created"}
        for refund in [each for each in self.stripe.refunds.values() if each["id"] not in known]:
            self._tell_of_refund(refund)

    def _tell(self, kind: str, subject: dict[str, Any]) -> None:
        event = self.stripe.tell(kind, subject)
        if not self._delivering:
            self.stripe.undelivered.append(event)

    def _tell_of_payment(self, payment_intent: str) -> None:
        charge = self.stripe.charge_of(payment_intent)
        self._tell("charge.succeeded", charge)
        self._tell("payment_intent.succeeded", self.stripe.payment_intents[payment_intent])
        if charge["id"].startswith("ch_"):
            self._uncaptured.append(charge["id"])

    def _tell_of_refusal(self, payment_intent: str) -> None:
        self._tell("charge.failed", self.stripe.charge_of(payment_intent))
        self._tell("payment_intent.payment_failed", self.stripe.payment_intents[payment_intent])

    def _tell_of_invoice(self, invoice: dict[str, Any]) -> None:
        if payment_intent := self._payment_of(invoice):
            self._tell_of_payment(payment_intent)
        self._tell("invoice.paid", invoice)
        self._tell("invoice.payment_succeeded", invoice)

    def _payment_of(self, invoice: dict[str, Any]) -> str:
        return next((each for each, paid in self.stripe.invoice_payments.items() if paid == invoice["id"]), "")

    def _tell_of_refund(self, refund: dict[str, Any]) -> None:
        self._tell("refund.created", refund)
        charge = self.stripe.charges[refund["charge"]]
        self._tell("charge.refunded", charge)
        self._unconfirmed.append(refund["id"])
        self._tell_of_warnings(charge["id"])

    def _tell_of_warnings(self, charge: str) -> None:
        for warning in self.stripe.warnings.values():
            if warning["charge"] == charge and not warning["actionable"]:
                self._tell("radar.early_fraud_warning.updated", warning)

    def _dispute(self, payment_intent: str, status: str, *kinds: str) -> str:
        charge = self.stripe.charge_of(payment_intent)["id"]
        self._capture(charge)
        dispute = self.stripe.dispute(payment_intent, status=status)
        for kind in kinds:
            self._tell(f"charge.dispute.{kind}", dispute)
        if "created" in kinds:
            self._tell_of_warnings(charge)
        return str(dispute["id"])

    def _send(self, payout: str) -> None:
        if payout in self._unsent:
            self._unsent.remove(payout)
            self._tell("payout.updated", self.stripe.send_payout(payout))

    def _capture(self, charge: str) -> None:
        # Money can only go back once it has come.
        if charge in self._uncaptured:
            self._uncaptured.remove(charge)
            self.stripe.capture(charge)
            self._tell("charge.updated", self.stripe.charges[charge])
