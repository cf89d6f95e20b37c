"""Previews of invoices: what a change would cost, to the line as it then does, and nothing of it kept."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World

DAY = 86400


def _line(line: Any) -> tuple[Any, ...]:
    kind = line.parent.subscription_item_details or line.parent.invoice_item_details
    return line.amount, line.description, line.period.start, line.period.end, line.quantity, kind.proration


def _lines(invoice: Any) -> list[tuple[Any, ...]]:
    return [_line(line) for line in invoice.lines.data]


def _preview(world: World, subscription: Any, items: list[dict[str, Any]], **details: Any) -> Any:
    asked = {"subscription": subscription.id, "subscription_details": {"items": items, **details}}
    return world.api.invoices.create_preview(asked)


def _half_way(world: World, quantity: int = 2) -> tuple[Any, str, int]:
    """A plan in the middle of its month, its item, and that moment."""
    subscription = world.subscribed(quantity=quantity)
    item = subscription["items"].data[0]
    return subscription, item.id, (item.current_period_start + item.current_period_end) // 2


def _latest(world: World, subscription: Any) -> Any:
    return world.api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]}).latest_invoice


def test_the_next_invoice_is_for_the_next_period(world: World) -> None:
    subscription, _, _ = _half_way(world)
    item = subscription["items"].data[0]
    preview = world.api.invoices.create_preview({"subscription": subscription.id, "customer": subscription.customer})
    assert preview.id.startswith("upcoming_in_")
    assert (preview.status, preview.total, preview.billing_reason) == ("draft", 2000, "upcoming")
    assert preview.lines.data[0].period.start == item.current_period_end
    assert preview.next_payment_attempt == item.current_period_end + 3600
    world.act("renew", subscription.id)
    assert [line[0] for line in _lines(_latest(world, subscription))] == [line[0] for line in _lines(preview)]


@pytest.mark.parametrize("quantity", [1, 5])
def test_what_is_invoiced_at_once_is_what_was_previewed(world: World, quantity: int) -> None:
    subscription, item, middle = _half_way(world)
    how = {"proration_behavior": "always_invoice", "proration_date": middle}
    preview = _preview(world, subscription, [{"id": item, "quantity": quantity}], **how)
    assert preview.billing_reason == "subscription_update"
    assert [line.amount for line in preview.lines.data] == [-1000, quantity * 500]
    world.api.subscriptions.update(subscription.id, {"items": [{"id": item, "quantity": quantity}], **how})
    real = _latest(world, subscription)
    assert _lines(real) == _lines(preview)
    assert (real.total, real.amount_due) == (preview.total, preview.amount_due)


def test_what_waits_for_the_next_invoice_is_what_was_previewed(world: World) -> None:
    subscription, item, middle = _half_way(world)
    bigger = world.plan(3000, "month")
    items = [{"id": item, "price": bigger.id}, {"price": world.plan(700, "month").id, "quantity": 2}]
    preview = _preview(world, subscription, items, proration_date=middle)
    assert [line.amount for line in preview.lines.data] == [6000, 1400, -1000, 3000, 700]
    world.api.subscriptions.update(subscription.id, {"items": items, "proration_date": middle})
    waiting = world.api.invoice_items.list({"pending": True}).data[::-1]
    assert [item.amount for item in waiting] == [-1000, 3000, 700]
    assert world.api.invoices.create_preview({"subscription": subscription.id}).total == preview.total
    world.act("renew", subscription.id)
    assert _lines(_latest(world, subscription))[2:] == _lines(preview)[2:]


def test_without_proration_only_the_next_period_changes(world: World) -> None:
    subscription, item, _ = _half_way(world)
    preview = _preview(world, subscription, [{"id": item, "quantity": 5}], proration_behavior="none")
    assert [line.amount for line in preview.lines.data] == [5000]


def test_another_interval_begins_a_period_at_once(world: World) -> None:
    subscription, item, middle = _half_way(world)
    change = {"items": [{"id": item, "price": world.plan(9000, "year").id, "quantity": 2}], "proration_date": middle}
    preview = _preview(world, subscription, **change)
    assert [line.amount for line in preview.lines.data] == [18_000, -1000]
    world.api.subscriptions.update(subscription.id, change)
    assert [line.amount for line in _latest(world, subscription).lines.data] == [18_000, -1000]


def test_an_item_that_goes_is_credited(world: World) -> None:
    subscription, item, middle = _half_way(world)
    items = [{"id": item, "deleted": True}, {"price": world.plan(700, "month").id}]
    preview = _preview(world, subscription, items, proration_behavior="always_invoice", proration_date=middle)
    assert [line.amount for line in preview.lines.data] == [-1000, 350]
    assert (preview.total, preview.amount_due, preview.ending_balance) == (-650, 0, -650)


def test_the_discount_of_the_plan_is_taken_off(world: World) -> None:
    subscription, _, _ = _half_way(world)
    forever = world.api.coupons.create({"percent_off": 10, "duration": "forever"}).id
    world.api.subscriptions.update(subscription.id, {"discounts": [{"coupon": forever}]})
    assert world.api.invoices.create_preview({"subscription": subscription.id}).total == 1800


def test_a_discount_that_will_have_ended_by_then_is_not_taken_off(world: World) -> None:
    clock = world.api.test_helpers.test_clocks.create({"frozen_time": 1_893_456_000}).id
    paying = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    customer = world.api.customers.create({"test_clock": clock, **paying}).id
    plan = world.plan(1000, "month").id

    def previewed(months: int) -> int:
        given = {"percent_off": 50, "duration": "repeating", "duration_in_months": months}
        discounts = [{"coupon": world.api.coupons.create(given).id}]
        order = {"customer": customer, "items": [{"price": plan}], "discounts": discounts}
        made = world.api.subscriptions.create(order).id
        return int(world.api.invoices.create_preview({"subscription": made}).total)

    assert (previewed(1), previewed(2)) == (1000, 500)


def _told(world: World) -> list[str]:
    # The money of the first invoice comes to the balance when it does.
    return [kind for kind in world.kinds() if kind != "charge.updated"]


def test_nothing_is_kept_and_nobody_is_told(world: World) -> None:
    subscription, item, _ = _half_way(world)

    def everything() -> list[Any]:
        lists = (world.api.invoices, world.api.invoice_items, world.api.subscriptions, world.api.events)
        return [list(each.list({"limit": 100}).data) for each in lists]

    before = everything()
    items = [{"id": item, "quantity": 9, "metadata": {"seen": "yes"}}, {"price": world.plan(1, "month").id}]
    made = _told(world)
    _preview(world, subscription, items, proration_behavior="always_invoice")
    after = everything()
    assert after[:3] == before[:3]
    assert _told(world) == made
    assert [i.quantity for i in world.api.subscription_items.list({"subscription": subscription.id}).data] == [2]


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"subscription": "sub_none"}, "subscription"),
        ({"customer": "cus_none"}, "customer"),
        ({"subscription_details": {"items": [{"id": "si_none"}]}}, "subscription_details[items][0][id]"),
        ({"subscription_details": {"proration_date": 1}}, "subscription_details[proration_date]"),
    ],
)
def test_what_cannot_be_changed_so_cannot_be_previewed(world: World, asked: dict[str, Any], param: str) -> None:
    subscription, _, _ = _half_way(world)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.invoices.create_preview({"subscription": subscription.id, **asked})
    assert refused.value.param == param


def test_a_plan_that_is_over_has_no_next_invoice(world: World) -> None:
    subscription, _, _ = _half_way(world)
    world.api.subscriptions.cancel(subscription.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.invoices.create_preview({"subscription": subscription.id})
    assert refused.value.code == "invoice_upcoming_none"
