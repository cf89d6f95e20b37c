"""The sandbox, asked by the shop's own client for Stripe, with the browsers and buttons by which things happen there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import stripe

from core.gateway.client import StripeApi
from core.shop import Shop
from sandbox.protocol import conformity
from tests.conftest import Clock
from tests.contract.sides import BUYER, until_renewed
from tests.sandbox.running import KEY, World, eventually

CARD, BANK_ACCOUNT, DECLINED_CARD = "4242424242424242", "AT321904300235473204", "4000000000000002"
TYPED = {"email": BUYER["email"], "billingName": BUYER["name"], "cardExpiry": "12 / 34", "cardCvc": "123"}
# The shop's client asks twice more by itself.
ASKED = 3
# Where no answer is to come, it is not waited for.
HURRIED_SECONDS, PATIENT_SECONDS = 0.2, 20


class CheckedRequests(stripe.RequestsClient):
    """The shop's own way of asking Stripe: every answer is held against the schema, and it is asked again at once.

    So many of the next requests are `hurried`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hurried = 0

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, Any]:
        self._timeout = HURRIED_SECONDS if self.hurried else PATIENT_SECONDS
        self.hurried -= self.hurried > 0
        content, status, answered = super().request(method, url, headers, post_data)
        conformity.check_answer(method.upper(), urlsplit(url).path, status, orjson.loads(content))
        return content, status, answered

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0


class SandboxSide:
    """The sandbox, asked by the shop's own client for Stripe."""

    shop: Shop

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self._accepted: set[str] = set()
        self.requests = CheckedRequests()
        self.stripe = StripeApi(KEY, base=world.settings.base_url, http_client=self.requests)

    def close(self) -> None:
        self.requests.close()

    def payment(self, payment_intent: str) -> dict[str, Any] | None:
        try:
            return self.world.api.payment_intents.retrieve(payment_intent).to_dict(for_json=True)
        except stripe.InvalidRequestError:
            return None

    def pass_(self, **span: float) -> None:
        self.clock.pass_(**span)
        self.world.advance(**span)

    def pay(self, session_id: str, *, slowly: bool = False) -> None:
        typed = {**TYPED, "cardNumber": BANK_ACCOUNT if slowly else CARD}
        assert self.world.http.post(f"/c/pay/{session_id}", data=typed).status_code == 303

    def discount(self, session_id: str, percent: int) -> None:
        coupon = self.world.api.coupons.create({"id": f"OFF{percent}", "percent_off": percent, "duration": "once"})
        code = self.world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}})
        typed = {**TYPED, "cardNumber": CARD, "promotion": "apply", "promotionCode": code.code}
        assert self.world.http.post(f"/c/pay/{session_id}", data=typed).status_code == 303

    def decline(self, session_id: str) -> None:
        typed = {**TYPED, "cardNumber": DECLINED_CARD}
        assert self.world.http.post(f"/c/pay/{session_id}", data=typed).status_code == 402

    def settle(self, session_id: str) -> None:
        self.world.act("settle", self._payment_of(session_id))

    def bounce(self, session_id: str) -> None:
        self.world.act("bounce", self._payment_of(session_id))

    def expire(self, session_id: str) -> None:
        self.world.act("expire", session_id)

    def refund(self, payment_intent: str, amount: int) -> str:
        return str(self.world.act("refund", payment_intent, amount=amount)["id"])

    def shop_has_refunded(self) -> None:
        """It has told of it by itself."""

    def fail_refund(self, refund_id: str) -> None:
        self.world.act("refund-fails", refund_id)

    def dispute(self, payment_intent: str) -> str:
        return str(self.world.act("dispute", payment_intent)["id"])

    def inquire(self, payment_intent: str) -> str:
        return str(self.world.act("inquire", payment_intent)["id"])

    def escalate(self, dispute: str) -> None:
        self.world.act("escalate", dispute)

    def decide(self, dispute: str, verdict: str) -> None:
        self.world.act({"won": "win", "lost": "lose", "warning_closed": "close-inquiry"}[verdict], dispute)

    def warn(self, payment_intent: str) -> None:
        self.world.act("warn", payment_intent)

    def pay_out(self) -> str:
        (payout,) = self.world.act("payout")
        return str(payout["id"])

    def arrive_payout(self, payout: str) -> None:
        self.world.act("payout-arrives", payout)

    def fail_payout(self, payout: str) -> None:
        self.world.act("payout-fails", payout)

    def end_period(self, subscription: str) -> None:
        found = self.stripe.find_subscription(subscription)
        assert found
        self.pass_(seconds=until_renewed(found, self.clock))

    def fail_renewal(self, subscription: str) -> None:
        self.world.act("fail-next", subscription)
        self.end_period(subscription)

    def recover(self, subscription: str) -> None:
        self.world.act("retry", subscription)

    def change_seats(self, subscription: str, quantity: int) -> None:
        self.world.act("quantity", subscription, quantity=quantity, proration="none")

    def raise_seats_unpaid(self, subscription: str, quantity: int) -> None:
        self.world.act("fail-next", subscription)
        item = self.world.api.subscriptions.retrieve(subscription)["items"]["data"][0]["id"]
        changed = {"items": [{"id": item, "quantity": quantity}], "proration_behavior": "always_invoice"}
        self.world.api.subscriptions.update(subscription, changed)  # type: ignore[arg-type]

    def add_item_unpaid(self, subscription: str, price: str, quantity: int) -> None:
        self.world.act("fail-next", subscription)
        changed = {"items": [{"price": price, "quantity": quantity}], "proration_behavior": "always_invoice"}
        self.world.api.subscriptions.update(subscription, changed)  # type: ignore[arg-type]

    def cancel_later(self, subscription: str) -> None:
        self.world.act("cancel-later", subscription)

    def cancel(self, subscription: str) -> None:
        self.world.act("cancel", subscription)

    def sell(self, amount: int, *, interval: str | None = None) -> str:
        return str(self.world.price(amount, **({"recurring": {"interval": interval}} if interval else {})).id)

    def withdraw(self, price: str) -> None:
        self.world.api.prices.update(price, {"active": False})

    def be_unreachable(self, how: str) -> None:
        # Too many requests is an answer to be taken seriously: the client does not ask again.
        self.world.faults(api=how, api_next=1 if how == "429" else ASKED)
        self.requests.hurried = ASKED if how.startswith("silence") else 0

    def lose_next_answer(self) -> None:
        self.be_unreachable("silence_after")

    def break_next_answer(self) -> None:
        self.world.faults(api="500_after", api_next=1)

    def fail_to_deliver(self) -> None:
        self.world.endpoint.expects = self._accepted.__contains__
        self.world.api.webhook_endpoints.create({"url": self.world.endpoint.url, "enabled_events": ["*"]})

    def deliver(self, event_id: str) -> None:
        self._accepted.add(event_id)
        self.world.act("resend", event_id)
        eventually(lambda: self.world.api.events.retrieve(event_id).pending_webhooks == 0)

    def _payment_of(self, session_id: str) -> str:
        payment_intent = self.stripe.retrieve_checkout(session_id).payment_intent
        assert payment_intent
        return payment_intent


def sandbox_side(world: World, clock: Clock) -> Iterator[SandboxSide]:
    """The sandbox with everything forgotten."""
    world.http.post("/sandbox/reset").raise_for_status()
    world.endpoint.clear()
    side = SandboxSide(world, clock)
    yield side
    side.close()
