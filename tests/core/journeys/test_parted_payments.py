"""An invoice may be paid in parts: whatever a bank or an owner says of one of them is about what that invoice paid for."""

from typing import Any

import pytest

from core.events import questions
from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation.errors import StripeUnreachable
from core.journeys import refund
from core.orders import allocation, payments, refunds
from core.orders.allocation import PartShare
from core.orders.disputes import Dispute
from core.orders.payments import Payment, PaymentPart
from core.orders.refunds import Refund
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.fakes import FakeStripe

PARTS = (400, 500)


def paid_in_parts(shop: Shop, stripe: FakeStripe) -> tuple[str, str, list[str]]:
    """An order whose plan was renewed by an invoice that two payments paid: its id, the invoice's, and theirs."""
    order_id, name = builders.subscribed(shop, stripe)
    invoice = stripe.renew(name)
    del stripe.invoice_payments[str(stripe.payment_of(name))]
    made = []
    for amount in PARTS:
        intent = stripe.bill(amount, "eur", customer=invoice["customer"])
        stripe.invoice_payments[intent["id"]] = invoice["id"]
        stripe.charge(intent)
        made.append(intent["id"])
    deliver(shop, stripe.tell("invoice.paid", invoice))
    questions.ask(shop, name)
    return order_id, str(invoice["id"]), made


def tell(shop: Shop, stripe: FakeStripe, kind: str, subject: dict[str, Any]) -> EventState:
    """Have an event delivered, and Stripe asked whose it is where our rows do not tell; return what became of it."""
    event = stripe.tell(kind, subject)
    outcome = deliver(shop, event)
    return questions.place(shop, event["id"]).state if outcome.state is EventState.PARKED else outcome.state


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
def test_what_goes_back_of_each_part_goes_back_of_the_payment(
    shop: Shop, stripe: FakeStripe, places: tuple[int, int]
) -> None:
    order_id, invoice, parts = paid_in_parts(shop, stripe)
    for place in places:
        assert builders.grants(shop, order_id) == [("plan", "active")]
        refund = stripe.make_refund(parts[place], PARTS[place])
        assert tell(shop, stripe, "refund.created", refund) is EventState.APPLIED
        assert deliver(shop, stripe.tell("refund.updated", refund)).state is EventState.APPLIED
    assert {row.payment_id for row in builders.rows(shop, Refund)} == {invoice}
    assert {row.id: row.amount_refunded for row in builders.rows(shop, Payment)}[invoice] == sum(PARTS)
    assert builders.grants(shop, order_id) == [("plan", "revoked")]


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
def test_a_bank_that_takes_back_each_part_takes_back_the_payment(
    shop: Shop, stripe: FakeStripe, places: tuple[int, int]
) -> None:
    order_id, invoice, parts = paid_in_parts(shop, stripe)
    for place in places:
        for kind, status in (("created", "needs_response"), ("closed", "lost")):
            dispute = stripe.dispute(parts[place], status=status)
            assert tell(shop, stripe, f"charge.dispute.{kind}", dispute) is EventState.APPLIED
    assert {(row.payment_id, row.status) for row in builders.rows(shop, Dispute)} == {(invoice, "lost")}
    assert builders.grants(shop, order_id) == [("plan", "revoked")]


def test_an_event_that_came_for_a_part_waits_for_nobody_and_is_not_asked_about_again(
    shop: Shop, stripe: FakeStripe
) -> None:
    _, invoice, parts = paid_in_parts(shop, stripe)
    for part in parts:
        tell(shop, stripe, "refund.created", stripe.make_refund(part, 100))
    assert {row.state for row in builders.rows(shop, StripeEvent)} <= {EventState.APPLIED, EventState.IGNORED}
    assert [(row.id, row.payment_id) for row in builders.rows(shop, PaymentPart)] == [(parts[1], invoice)]
    with shop.reading() as session:
        livemode, now = shop.settings.livemode, shop.now()
        assert refunds.without_payment(session, livemode=livemode, now=now, limit=9) == []
        assert payments.with_parts(session, parts) == {parts[1]: invoice}


def taken(stripe: FakeStripe) -> dict[str, int]:
    """What has been sent back of each PaymentIntent."""
    found: dict[str, int] = {}
    for each in stripe.refunds.values():
        found[each["payment_intent"]] = found.get(each["payment_intent"], 0) + each["amount"]
    return found


def test_a_refund_that_no_part_can_bring_alone_is_taken_from_several_and_is_one(shop: Shop, stripe: FakeStripe) -> None:
    order_id, invoice, parts = paid_in_parts(shop, stripe)
    stripe.calls.clear()
    done = refund.request(shop, order_id, 600, payment=invoice, reason="duplicate", actor="ida", key="click")
    assert (done.amount.amount, done.status) == (600, "succeeded")
    assert [(part.payment, part.amount.amount) for part in done.parts] == [(parts[0], 400), (parts[1], 200)]
    assert taken(stripe) == {parts[0]: 400, parts[1]: 200}
    rows = builders.rows(shop, Refund)
    assert {(row.request, row.payment_id, row.reason, row.actor) for row in rows} == {
        (rows[0].request, invoice, "duplicate", "ida")
    }
    assert {each["metadata"]["refund_id"] for each in stripe.refunds.values()} == {row.id for row in rows}
    # The same click is the same refund, and Stripe was asked for the parts once.
    assert refund.request(shop, order_id, 600, payment=invoice, actor="ida", key="click") == done
    assert refund.request(shop, order_id, payment=invoice, actor="ida").amount.amount == 300
    assert taken(stripe) == {parts[0]: 400, parts[1]: 500}
    assert stripe.calls == ["payments_of_invoice", "refund", "refund", "refund"]
    assert builders.grants(shop, order_id) == [("plan", "revoked")]


def test_what_went_back_of_a_part_or_was_lost_with_it_is_taken_from_the_others(shop: Shop, stripe: FakeStripe) -> None:
    order_id, invoice, parts = paid_in_parts(shop, stripe)
    tell(shop, stripe, "refund.created", stripe.make_refund(parts[0], 300))
    dispute = stripe.dispute(parts[1], status="lost", amount=450)
    for kind in ("created", "closed"):
        tell(shop, stripe, f"charge.dispute.{kind}", dispute)
    done = refund.request(shop, order_id, payment=invoice, actor="ida")
    assert {(part.payment, part.amount.amount) for part in done.parts} == {(parts[0], 100), (parts[1], 50)}
    assert done.status == "succeeded"


def test_parts_that_were_asked_for_while_stripe_was_silent_are_made_once_each(shop: Shop, stripe: FakeStripe) -> None:
    order_id, invoice, parts = paid_in_parts(shop, stripe)
    stripe.lost_answers = 1
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, 900, payment=invoice, actor="ida")
    rows = builders.rows(shop, Refund)
    assert sorted((row.amount, row.status) for row in rows) == [(400, "requested"), (500, "requested")]
    for row in rows:
        refund.resume(shop, row.id)
    assert taken(stripe) == {parts[0]: 400, parts[1]: 500}
    assert {row.status for row in builders.rows(shop, Refund)} == {"succeeded"}


def test_a_refund_for_lines_says_of_each_part_for_which() -> None:
    shares = allocation.apart(600, {"plan": 350, "other": 250}, {"pi_1": 0, "pi_2": 400, "pi_3": 500})
    assert shares == [PartShare("pi_2", 400, {"plan": 350, "other": 50}), PartShare("pi_3", 200, {"other": 200})]
    # Stripe says why not all of it can go back.
    assert allocation.apart(600, {}, {"pi_1": 100}) == [PartShare("pi_1", 100), PartShare("pi_1", 500)]
