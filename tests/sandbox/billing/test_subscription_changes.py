from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World


def _item(subscription: Any) -> str:
    return str(subscription["items"].data[0].id)


def _last(world: World) -> Any:
    return world.events("customer.subscription.updated")[-1].data


def test_another_quantity_is_prorated_with_the_next_invoice(world: World) -> None:
    subscription = world.subscribed(quantity=2)
    world.advance(days=15)
    changed = world.api.subscriptions.update(subscription.id, {"items": [{"id": _item(subscription), "quantity": 5}]})
    assert changed["items"].data[0].quantity == 5
    assert _last(world).previous_attributes["items"].data[0].quantity == 2
    waiting = world.api.invoice_items.list({"pending": True}).data
    assert [item.amount < 0 for item in reversed(waiting)] == [True, False]
    assert world.kinds().count("invoice.created") == 1
    world.advance(days=17)
    invoice = world.api.invoices.list({"subscription": subscription.id}).data[0]
    extra = sum(item.amount for item in waiting)
    assert 1000 < extra < 2000
    assert (invoice.total, invoice.status) == (5000 + extra, "paid")
    assert [line.parent.type for line in invoice.lines.data].count("invoice_item_details") == 2


def test_a_change_can_be_billed_at_once(world: World) -> None:
    subscription = world.subscribed(quantity=1)
    given = {"items": [{"id": _item(subscription), "quantity": 3}], "proration_behavior": "always_invoice"}
    world.api.subscriptions.update(subscription.id, given)
    invoice = world.api.invoices.list({"subscription": subscription.id}).data[0]
    assert (invoice.billing_reason, invoice.amount_paid) == ("subscription_update", 2000)
    assert world.api.subscriptions.retrieve(subscription.id).latest_invoice == invoice.id


def test_a_change_can_cost_nothing_until_the_next_period(world: World) -> None:
    subscription = world.subscribed()
    given = {"items": [{"id": _item(subscription), "quantity": 3}], "proration_behavior": "none"}
    world.api.subscriptions.update(subscription.id, given)
    assert world.api.invoice_items.list().data == []
    world.act("renew", subscription.id)
    assert world.api.invoices.list({"subscription": subscription.id}).data[0].amount_paid == 3000


def test_fewer_at_once_is_credited_to_the_customer(world: World) -> None:
    subscription = world.subscribed(quantity=3)
    given = {"items": [{"id": _item(subscription), "quantity": 1}], "proration_behavior": "always_invoice"}
    world.api.subscriptions.update(subscription.id, given)
    assert world.api.customers.retrieve(subscription.customer).balance == -2000
    world.act("renew", subscription.id)
    invoice = world.api.invoices.list({"subscription": subscription.id}).data[0]
    assert (invoice.total, invoice.amount_due, invoice.starting_balance, invoice.ending_balance) == (
        1000,
        0,
        -2000,
        -1000,
    )


def test_another_interval_begins_a_new_period(world: World) -> None:
    subscription = world.subscribed()
    yearly = world.plan(9000, "year")
    changed = world.api.subscriptions.update(
        subscription.id, {"items": [{"id": _item(subscription), "price": yearly.id}]}
    )
    item = changed["items"].data[0]
    assert item.current_period_end - item.current_period_start > 364 * 86400
    invoice = world.api.invoices.retrieve(changed.latest_invoice)
    assert (invoice.total, invoice.status) == (8000, "paid")


def test_items_can_be_added_changed_and_taken_away(world: World) -> None:
    subscription = world.subscribed()
    other = world.plan(500, "month")
    added = world.api.subscription_items.create({"subscription": subscription.id, "price": other.id, "quantity": 2})
    assert len(world.api.subscription_items.list({"subscription": subscription.id}).data) == 2
    world.api.subscription_items.update(added.id, {"quantity": 4})
    assert world.api.subscription_items.retrieve(added.id).quantity == 4
    assert world.api.subscription_items.delete(added.id).deleted
    assert len(world.api.subscriptions.retrieve(subscription.id)["items"].data) == 1
    with pytest.raises(stripe.InvalidRequestError, match="at least one"):
        world.api.subscription_items.delete(_item(subscription))


def test_cancelling_now_ends_it_and_refunds_nothing(world: World) -> None:
    subscription = world.subscribed()
    mark = len(world.kinds())
    over = world.api.subscriptions.cancel(subscription.id, {"cancellation_details": {"feedback": "unused"}})
    assert (over.status, over.cancellation_details.reason) == ("canceled", "cancellation_requested")
    assert over.cancellation_details.feedback == "unused"
    assert over.ended_at
    assert [k for k in world.since(mark) if k != "charge.updated"] == ["customer.subscription.deleted"]
    with pytest.raises(stripe.InvalidRequestError):
        world.api.subscriptions.cancel(subscription.id)
    with pytest.raises(stripe.InvalidRequestError, match="canceled"):
        world.api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})


@pytest.mark.parametrize("given", [{"cancel_at_period_end": True}, {"cancel_at": "min_period_end"}])
def test_cancelling_with_the_period_keeps_it_until_then(world: World, given: dict[str, Any]) -> None:
    subscription = world.subscribed()
    until = subscription["items"].data[0].current_period_end
    ending = world.api.subscriptions.update(subscription.id, given)
    assert (ending.status, ending.cancel_at) == ("active", until)
    assert ending.cancel_at_period_end is ("cancel_at_period_end" in given)
    assert ending.canceled_at
    world.advance(days=32)
    over = world.api.subscriptions.retrieve(subscription.id)
    assert (over.status, over.ended_at) == ("canceled", until)
    assert world.last_kind() == "customer.subscription.deleted"
    assert len(world.api.invoices.list().data) == 1


def test_a_cancellation_can_be_taken_back(world: World) -> None:
    subscription = world.subscribed()
    world.api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    kept = world.api.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (kept.cancel_at, kept.cancel_at_period_end, kept.canceled_at) == (None, False, None)
    world.advance(days=32)
    assert world.api.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible")]
)
def test_paused_collection_collects_nothing(world: World, behavior: str, status: str) -> None:
    subscription = world.subscribed()
    paused = world.api.subscriptions.update(subscription.id, {"pause_collection": {"behavior": behavior}})
    assert (paused.status, paused.pause_collection.behavior) == ("active", behavior)
    world.act("renew", subscription.id)
    assert world.api.invoices.list().data[0].status == status
    assert world.api.subscriptions.update(subscription.id, {"pause_collection": ""}).pause_collection is None


def test_a_trial_can_be_ended_now(world: World) -> None:
    subscription = world.subscribed(trial_period_days=14)
    begun = world.api.subscriptions.update(subscription.id, {"trial_end": "now"})
    assert begun.status == "active"
    assert world.api.invoices.retrieve(begun.latest_invoice).amount_paid == 1000
    assert _last(world).previous_attributes.status == "trialing"


def test_a_paused_subscription_is_resumed_with_a_new_period(world: World) -> None:
    subscription = world.subscribed()
    world.act("pause", subscription.id)
    assert world.last_kind() == "customer.subscription.paused"
    assert world.api.subscriptions.resume(subscription.id).status == "active"
    assert world.last_kind() == "customer.subscription.resumed"


def test_metadata_alone_is_announced_with_what_it_was(world: World) -> None:
    subscription = world.subscribed(metadata={"a": "1"})
    world.api.subscriptions.update(subscription.id, {"metadata": {"a": "2"}})
    assert _last(world).previous_attributes.to_dict() == {"metadata": {"a": "1"}}


def test_a_subscription_can_be_made_through_the_api(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com", "payment_method": "pm_card_visa"})
    plan = world.plan(1000, "month")
    made = world.api.subscriptions.create({"customer": customer.id, "items": [{"price": plan.id, "quantity": 2}]})
    assert (made.status, made["items"].data[0].quantity) == ("active", 2)
    failing = world.api.customers.create({"payment_method": "pm_card_chargeCustomerFail"})
    waiting = world.api.subscriptions.create({"customer": failing.id, "items": [{"price": plan.id}]})
    assert waiting.status == "incomplete"
    with pytest.raises(stripe.CardError):
        world.api.invoices.pay(waiting.latest_invoice)
    world.advance(hours=24)
    assert world.api.subscriptions.retrieve(waiting.id).status == "incomplete_expired"
    assert world.api.invoices.retrieve(waiting.latest_invoice).status == "void"


def test_open_invoices_can_be_paid_with_another_card_or_given_up(world: World) -> None:
    subscription = world.subscribed()
    world.act("fail-next", subscription.id, times=2)
    world.act("renew", subscription.id)
    invoice = world.api.subscriptions.retrieve(subscription.id).latest_invoice
    with pytest.raises(stripe.CardError):
        world.api.invoices.pay(invoice)
    assert world.api.invoices.pay(invoice, {"payment_method": "pm_card_mastercard"}).status == "paid"
    world.act("fail-next", subscription.id)
    world.act("renew", subscription.id)
    other = world.api.subscriptions.retrieve(subscription.id).latest_invoice
    assert world.api.invoices.mark_uncollectible(other).status == "uncollectible"
    assert world.api.invoices.void_invoice(other).status == "void"


def test_a_change_can_be_reckoned_from_another_moment(world: World) -> None:
    subscription = world.subscribed(world.plan(3000, "month"))
    item = subscription["items"].data[0]
    middle = (item.current_period_start + item.current_period_end) // 2
    given = {"quantity": 2, "proration_date": middle}
    world.api.subscription_items.update(item.id, given)
    waiting = {item.amount for item in world.api.invoice_items.list({"pending": True}).data}
    assert waiting == {-1500, 3000}
    late = {"items": [{"id": item.id, "quantity": 3}], "proration_date": item.current_period_end + 1}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.subscriptions.update(subscription.id, {**late, "description": "More"})
    assert refused.value.param == "proration_date"
    assert world.api.subscriptions.retrieve(subscription.id).description is None


def test_a_plan_can_be_changed_to_invoices_that_are_sent(world: World) -> None:
    subscription = world.subscribed()
    changed = world.api.subscriptions.update(
        subscription.id, {"collection_method": "send_invoice", "days_until_due": 3}
    )
    assert (changed.collection_method, changed.days_until_due) == ("send_invoice", 3)
    world.advance(days=32)
    invoices = world.api.invoices.list({"subscription": subscription.id, "due_date": {"gt": 1}}).data
    assert [invoice.status for invoice in invoices] == ["open"]
    back = world.api.subscriptions.update(subscription.id, {"collection_method": "charge_automatically"})
    assert back.days_until_due is None


@pytest.mark.parametrize("name", ["off_session", "payment_behavior"])
def test_ways_to_collect_that_are_not_imitated_are_refused_for_items_too(world: World, name: str) -> None:
    item = world.subscribed()["items"].data[0]
    value: Any = False if name == "off_session" else "pending_if_incomplete"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.subscription_items.update(item.id, {"quantity": 2, name: value})
    assert refused.value.param == name
