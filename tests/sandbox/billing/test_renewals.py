"""What the calendar does to subscriptions."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
import stripe

from sandbox.account.settings import from_environment
from tests.sandbox.running import Endpoint, World, eventually, running

PAID_RENEWAL = [
    "customer.subscription.updated",
    "invoice.created",
    "invoice.finalized",
    "charge.succeeded",
    "payment_intent.succeeded",
    "payment_intent.created",
    "invoice.paid",
    "invoice.payment_succeeded",
]
FAILED_RENEWAL = [
    "customer.subscription.updated",
    "invoice.created",
    "invoice.finalized",
    "charge.failed",
    "payment_intent.created",
    "payment_intent.payment_failed",
    "invoice.payment_failed",
    "customer.subscription.updated",
]


def _again(world: World, subscription: Any, *expand: str) -> Any:
    return world.api.subscriptions.retrieve(subscription.id, {"expand": list(expand)})


def _settled(world: World) -> int:
    """Wait until the first payment has been captured; then how many events there were."""
    eventually(lambda: "charge.updated" in world.kinds())
    return len(world.kinds())


def _quiet(kinds: list[str]) -> list[str]:
    return [kind for kind in kinds if kind not in ("charge.updated", "invoice_payment.paid", "invoice.upcoming")]


def test_a_period_that_ends_is_followed_by_the_next_and_paid(world: World) -> None:
    before = world.subscribed(metadata={"order": "o1"})
    mark = _settled(world)
    world.act("renew", before.id)
    assert world.since(mark)[:8] == PAID_RENEWAL
    after = _again(world, before, "latest_invoice.payments")
    old, new = before["items"].data[0], after["items"].data[0]
    assert new.current_period_start == old.current_period_end
    assert new.current_period_end > old.current_period_end
    invoice = after.latest_invoice
    assert (invoice.status, invoice.billing_reason, invoice.amount_paid) == ("paid", "subscription_cycle", 1000)
    assert invoice.parent.subscription_details.metadata["order"] == "o1"
    updated = world.events("customer.subscription.updated")[0].data
    assert updated.previous_attributes["items"].data[0].current_period_end == old.current_period_end
    assert updated.previous_attributes.latest_invoice == before.latest_invoice
    payment = invoice.payments.data[0].payment.payment_intent
    found = world.api.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": payment}})
    assert [p.invoice for p in found.data] == [invoice.id]
    assert [i.id for i in world.api.invoices.list({"subscription": before.id, "status": "paid"}).data] == [
        invoice.id,
        before.latest_invoice,
    ]


def test_a_jump_of_a_year_renews_every_month_at_its_own_time(world: World) -> None:
    subscription = world.subscribed()
    world.advance(days=366)
    paid = world.api.invoices.list({"subscription": subscription.id, "limit": 100}).data
    assert len(paid) == 13
    starts = [invoice.created for invoice in reversed(paid)]
    assert all(27 * 86400 < b - a < 32 * 86400 for a, b in itertools.pairwise(starts))
    assert world.api.events.list({"limit": 1}).data[0].created < starts[1]
    assert _again(world, subscription).status == "active"
    assert len(world.events("invoice_payment.paid")) == 13


def test_a_declined_renewal_is_tried_again_until_the_subscription_ends(world: World) -> None:
    subscription = world.subscribed(number="4242424242424242")
    world.act("fail-next", subscription.id, times=-1)
    mark = _settled(world)
    world.act("renew", subscription.id)
    assert _quiet(world.since(mark)) == FAILED_RENEWAL
    late = _again(world, subscription, "latest_invoice")
    assert (late.status, late.latest_invoice.attempt_count) == ("past_due", 1)
    assert late.latest_invoice.next_payment_attempt
    for days, attempts in ((4, 2), (6, 3)):
        mark = len(world.kinds())
        world.advance(days=days)
        assert _quiet(world.since(mark)) == ["charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"]
        assert _again(world, subscription, "latest_invoice").latest_invoice.attempt_count == attempts
    world.advance(days=8)
    over = _again(world, subscription)
    assert (over.status, over.cancellation_details.reason) == ("canceled", "payment_failed")
    assert world.last_kind() == "customer.subscription.deleted"
    world.advance(days=60)
    assert world.last_kind() == "customer.subscription.deleted"


def test_paying_by_hand_in_vain_uses_up_none_of_the_retries(world: World) -> None:
    subscription = world.subscribed()
    world.act("fail-next", subscription.id, times=-1)
    world.act("renew", subscription.id)
    late = _again(world, subscription, "latest_invoice").latest_invoice
    for _ in range(6):
        with pytest.raises(stripe.CardError):
            world.api.invoices.pay(late.id)
    still = world.api.invoices.retrieve(late.id)
    assert (still.attempt_count, still.next_payment_attempt) == (1, late.next_payment_attempt)
    for days, attempts in ((4, 2), (6, 3)):
        world.advance(days=days)
        again = _again(world, subscription, "latest_invoice")
        assert (again.status, again.latest_invoice.attempt_count) == ("past_due", attempts)
    world.advance(days=8)
    assert _again(world, subscription).status == "canceled"


def test_a_declined_renewal_recovers_with_the_next_attempt(world: World) -> None:
    subscription = world.subscribed()
    world.act("fail-next", subscription.id)
    world.act("renew", subscription.id)
    mark = len(world.kinds())
    world.act("retry", subscription.id)
    assert _quiet(world.since(mark)) == [
        "payment_intent.succeeded",
        "charge.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
    ]
    assert _again(world, subscription).status == "active"
    assert world.events("customer.subscription.updated")[-1].data.previous_attributes.to_dict() == {
        "status": "past_due"
    }


@pytest.mark.parametrize(
    ("after", "status", "invoice"), [("unpaid", "unpaid", "open"), ("past_due",) * 2 + ("uncollectible",)]
)
def test_after_the_last_attempt_a_subscription_can_also_stay(
    world: World, after: str, status: str, invoice: str
) -> None:
    world.faults(after_dunning=after)
    subscription = world.subscribed()
    world.act("fail-next", subscription.id, times=4)
    world.act("renew", subscription.id)
    world.advance(days=16)
    late = _again(world, subscription, "latest_invoice")
    assert (late.status, late.latest_invoice.status) == (status, invoice)
    assert late.latest_invoice.next_payment_attempt is None
    world.api.invoices.pay(late.latest_invoice.id)
    assert _again(world, subscription).status == "active"


def test_a_card_that_fails_later_pays_for_a_trial_and_nothing_else(world: World) -> None:
    subscription = world.subscribed(number="4000000000000341", trial_period_days=14)
    assert subscription.status == "trialing"
    world.advance(days=12)
    assert world.last_kind() == "customer.subscription.trial_will_end"
    assert _again(world, subscription).status == "trialing"
    world.advance(days=3)
    assert _again(world, subscription).status == "past_due"
    assert [i.status for i in world.api.invoices.list({"subscription": subscription.id}).data] == ["open", "paid"]


def test_a_trial_ends_with_the_first_payment(world: World) -> None:
    subscription = world.subscribed(trial_period_days=14)
    world.advance(days=15)
    begun = _again(world, subscription, "latest_invoice")
    assert (begun.status, begun.latest_invoice.amount_paid) == ("active", 1000)
    assert begun["items"].data[0].current_period_start == subscription.trial_end


@pytest.mark.parametrize(
    ("missing", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
def test_a_trial_without_a_card_ends_as_it_was_told(world: World, missing: str, status: str) -> None:
    session = world.session(
        mode="subscription",
        line_items=[{"price": world.plan(1000, "month").id, "quantity": 1}],
        payment_method_collection="if_required",
        subscription_data={
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": missing}},
        },
    )
    assert world.pay(session).status_code == 303
    subscription = world.read(session, "subscription").subscription
    world.advance(days=8)
    assert _again(world, subscription).status == status


def test_a_card_that_asks_its_owner_cannot_renew_alone(world: World) -> None:
    session = world.session(mode="subscription", line_items=[{"price": world.plan(1000, "month").id, "quantity": 1}])
    challenge = world.pay(session, "4000002760003184").headers["location"]
    world.http.post(challenge, data={"result": "complete"})
    subscription = world.read(session).subscription
    world.act("renew", subscription)
    invoice = world.api.subscriptions.retrieve(subscription, {"expand": ["latest_invoice.payments"]}).latest_invoice
    intent = world.api.payment_intents.retrieve(invoice.payments.data[0].payment.payment_intent)
    assert intent.last_payment_error.code == "authentication_required"
    assert "invoice.payment_action_required" in world.kinds()


def test_a_coupon_for_some_months_lasts_so_long(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 50, "duration": "repeating", "duration_in_months": 2})
    session = world.session(
        mode="subscription",
        line_items=[{"price": world.plan(1000, "month").id, "quantity": 1}],
        discounts=[{"coupon": coupon.id}],
    )
    world.pay(session)
    world.advance(days=100)
    paid = world.api.invoices.list({"subscription": world.read(session).subscription}).data
    assert [invoice.amount_paid for invoice in reversed(paid)] == [500, 500, 1000, 1000]


def test_a_coupon_for_some_months_also_ends_when_renewals_are_brought_about_by_hand(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 50, "duration": "repeating", "duration_in_months": 2})
    line = {"price": world.plan(1000, "month").id, "quantity": 1}
    session = world.session(mode="subscription", line_items=[line], discounts=[{"coupon": coupon.id}])
    world.pay(session)
    subscription = world.read(session).subscription
    for _ in range(3):
        world.act("renew", subscription)
    paid = world.api.invoices.list({"subscription": subscription}).data
    assert [invoice.amount_paid for invoice in reversed(paid)] == [500, 500, 1000, 1000]


def test_the_coming_invoice_knows_that_a_coupon_will_have_ended(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 50, "duration": "repeating", "duration_in_months": 1})
    line = {"price": world.plan(1000, "month").id, "quantity": 1}
    session = world.session(mode="subscription", line_items=[line], discounts=[{"coupon": coupon.id}])
    world.pay(session)
    world.advance(days=28)
    (coming,) = world.events("invoice.upcoming")
    assert (coming.data.object.total, coming.data.object.discounts) == (1000, [])


def test_an_invoice_of_a_subscription_can_be_refunded(world: World) -> None:
    subscription = world.subscribed()
    payment = world.api.invoice_payments.list({"invoice": subscription.latest_invoice}).data[0].payment.payment_intent
    refund = world.api.refunds.create({"payment_intent": payment})
    assert (refund.status, refund.amount) == ("succeeded", 1000)
    assert world.api.refunds.list({"charge": refund.charge}).data[0].id == refund.id
    assert _again(world, subscription).status == "active"


def test_an_upcoming_renewal_is_announced_a_week_before(world: World) -> None:
    world.subscribed(quantity=3)
    world.advance(days=25)
    coming = world.events("invoice.upcoming")[0].data.object
    assert (coming.amount_due, coming.status) == (3000, "draft")
    assert len(world.api.invoices.list().data) == 1


def test_a_trial_that_is_ended_by_hand_stops_like_one_that_runs_out(world: World) -> None:
    def ended(behavior: str) -> str:
        given = {
            "customer": world.api.customers.create({}).id,
            "items": [{"price": world.plan(1000, "month").id}],
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": behavior}},
        }
        made = world.api.subscriptions.create(given)
        return str(world.api.subscriptions.update(made.id, {"trial_end": "now"}).status)

    assert ended("pause") == "paused"
    assert world.last_kind() == "customer.subscription.paused"
    assert ended("cancel") == "canceled"
    assert world.last_kind() == "customer.subscription.deleted"
    assert ended("create_invoice") == "past_due"


def _renewed(world: World, **data: Any) -> Any:
    """The draft of a renewal that has just come about by itself, and the events there were before it."""
    subscription = world.subscribed(**data)
    (item,) = subscription["items"].data
    _settled(world)
    mark = len(world.kinds())
    world.advance(seconds=item.current_period_end - time.time() + 60)
    return _again(world, subscription, "latest_invoice"), mark


def test_a_renewal_is_a_draft_for_an_hour_and_then_charged(world: World) -> None:
    subscription, mark = _renewed(world)
    draft = subscription.latest_invoice
    assert _quiet(world.since(mark)) == PAID_RENEWAL[:2]
    assert (subscription.status, draft.status, draft.auto_advance, draft.attempted) == ("active", "draft", True, False)
    assert draft.automatically_finalizes_at == draft.next_payment_attempt == draft.created + 3600
    assert world.events("invoice.created")[-1].data.object.automatically_finalizes_at == draft.created + 3600
    world.advance(minutes=58)
    assert world.api.invoices.retrieve(draft.id).status == "draft"
    world.advance(minutes=2)
    paid = world.api.invoices.retrieve(draft.id)
    assert (paid.status, paid.attempt_count, paid.automatically_finalizes_at) == ("paid", 1, None)
    assert paid.status_transitions.finalized_at == paid.status_transitions.paid_at == draft.created + 3600
    assert _quiet(world.since(mark)) == PAID_RENEWAL


def test_a_renewal_that_is_declined_is_past_due_an_hour_after_the_period(world: World) -> None:
    subscription, _ = _renewed(world)
    world.act("fail-next", subscription.id)
    world.advance(hours=1)
    assert _again(world, subscription).status == "past_due"


def test_what_is_added_to_the_draft_of_a_renewal_is_billed_with_it(world: World) -> None:
    subscription, _ = _renewed(world)
    draft = subscription.latest_invoice
    item = {"customer": subscription.customer, "amount": 250, "currency": "eur", "invoice": draft.id}
    world.api.invoice_items.create(item)
    world.advance(hours=1)
    paid = world.api.invoices.retrieve(draft.id)
    assert (paid.status, paid.amount_paid, len(paid.lines.data)) == ("paid", 1250, 2)


@pytest.mark.parametrize("by_hand", ["pay", "finalize_invoice"])
def test_the_draft_of_a_renewal_need_not_be_waited_for(world: World, by_hand: str) -> None:
    subscription, mark = _renewed(world)
    invoice = getattr(world.api.invoices, by_hand)(subscription.latest_invoice.id)
    assert invoice.status == {"pay": "paid", "finalize_invoice": "open"}[by_hand]
    world.advance(hours=2)
    paid = world.api.invoices.retrieve(invoice.id)
    assert (paid.status, paid.attempt_count) == ("paid", 1)
    assert world.since(mark).count("invoice.finalized") == world.since(mark).count("invoice.paid") == 1


def test_a_draft_that_was_paid_by_hand_in_vain_is_still_charged(world: World) -> None:
    subscription, _ = _renewed(world)
    world.act("fail-next", subscription.id)
    with pytest.raises(stripe.CardError):
        world.api.invoices.pay(subscription.latest_invoice.id)
    world.advance(hours=2)
    assert world.api.invoices.retrieve(subscription.latest_invoice.id).status == "paid"


def test_the_draft_of_a_renewal_stays_one_when_its_subscription_ends(world: World) -> None:
    subscription, _ = _renewed(world)
    world.api.subscriptions.cancel(subscription.id)
    world.advance(days=2)
    left = world.api.invoices.retrieve(subscription.latest_invoice.id)
    assert (left.status, left.auto_advance, left.automatically_finalizes_at) == ("draft", False, None)


def test_a_renewal_that_is_sent_is_a_draft_for_an_hour_too(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"}).id
    given = {"customer": customer, "items": [{"price": world.plan(1000, "month").id}]}
    made = world.api.subscriptions.create({**given, "collection_method": "send_invoice", "days_until_due": 7})
    world.advance(seconds=made["items"].data[0].current_period_end - time.time() + 60)
    draft = _again(world, made, "latest_invoice").latest_invoice
    assert (draft.status, draft.next_payment_attempt) == ("draft", None)
    assert draft.automatically_finalizes_at == draft.created + 3600
    world.advance(hours=1)
    assert world.api.invoices.retrieve(draft.id).status == "open"
    assert world.kinds()[-2:] == ["invoice.finalized", "invoice.sent"]


def test_by_a_test_clock_a_renewal_is_charged_when_the_clock_is_an_hour_further(world: World) -> None:
    clock = world.api.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000})
    customer = world.api.customers.create({"test_clock": clock.id, "payment_method": "pm_card_visa"}).id
    made = world.api.subscriptions.create({"customer": customer, "items": [{"price": world.plan(1000, "month").id}]})
    until = made["items"].data[0].current_period_end

    def status_at(moment: int) -> str:
        world.api.test_helpers.test_clocks.advance(clock.id, {"frozen_time": moment})
        eventually(lambda: world.api.test_helpers.test_clocks.retrieve(clock.id).status == "ready")
        return str(_again(world, made, "latest_invoice").latest_invoice.status)

    assert [status_at(until + seconds) for seconds in (0, 3599, 3600)] == ["draft", "draft", "paid"]


def test_how_long_renewals_are_drafts_can_be_set(own_endpoint: Endpoint) -> None:
    assert from_environment({"SANDBOX_DRAFT_SECONDS": "60"}).draft_seconds == 60
    with running(own_endpoint, draft_seconds=0) as world:
        subscription, mark = _renewed(world)
        assert subscription.latest_invoice.status == "paid"
        assert _quiet(world.since(mark)) == PAID_RENEWAL
