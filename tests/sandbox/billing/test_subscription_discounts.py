"""Discounts of subscriptions: from the first invoice on, for as long as their coupon lasts, or until they are taken."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World, eventually

DAY = 86400
START = 1_893_456_000  # The first of January 2030.


def _coupon(world: World, percent: int = 50, **more: Any) -> str:
    return str(world.api.coupons.create({"percent_off": percent, "duration": "forever", **more}).id)


def _customer(world: World, **more: Any) -> str:
    paying = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    return str(world.api.customers.create({"email": "nora@example.com", **paying, **more}).id)


def _subscribed(world: World, *discounts: dict[str, str], customer: str = "", **more: Any) -> Any:
    order = {"customer": customer or _customer(world), "items": [{"price": world.plan(1000, "month").id}], **more}
    return world.api.subscriptions.create({**order, "discounts": list(discounts), "expand": ["latest_invoice"]})


def test_the_first_invoice_has_them_all_one_after_the_other(world: World) -> None:
    code = world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": _coupon(world, 10)}})
    made = _subscribed(world, {"coupon": _coupon(world)}, {"promotion_code": code.id})
    assert (made.latest_invoice.total, made.latest_invoice.status) == (450, "paid")
    assert [part.amount for part in made.latest_invoice.total_discount_amounts] == [500, 50]
    assert [d.subscription for d in world.api.subscriptions.retrieve(made.id, {"expand": ["discounts"]}).discounts] == [
        made.id, made.id,
    ]  # fmt: skip
    assert world.api.promotion_codes.retrieve(code.id).times_redeemed == 1
    assert [e.data.object.subscription for e in world.events("customer.discount.created")] == [made.id, made.id]


def test_what_cannot_be_redeemed_makes_no_subscription(world: World) -> None:
    spent = _coupon(world, max_redemptions=1)
    _subscribed(world, {"coupon": spent})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _subscribed(world, {"coupon": _coupon(world)}, {"coupon": spent})
    assert (refused.value.code, refused.value.param) == ("coupon_expired", "discounts[1][coupon]")
    assert len(world.api.subscriptions.list().data) == 1


def test_a_coupon_of_everything_needs_no_card(world: World) -> None:
    bare = world.api.customers.create({"email": "nora@example.com"}).id
    made = _subscribed(world, {"coupon": _coupon(world, 100)}, customer=bare)
    assert (made.status, made.latest_invoice.status, made.latest_invoice.total) == ("active", "paid", 0)


def test_taking_it_away_makes_the_next_invoice_whole(world: World) -> None:
    made = _subscribed(world, {"coupon": _coupon(world)})
    gone = world.api.subscriptions.delete_discount(made.id)
    assert (gone.object, gone.deleted, gone.subscription) == ("discount", True, made.id)
    assert world.api.subscriptions.retrieve(made.id).discounts == []
    kinds = [kind for kind in world.kinds() if kind not in ("charge.updated", "invoice_payment.paid")]
    assert kinds[-2:] == ["customer.discount.deleted", "customer.subscription.updated"]
    world.act("renew", made.id)
    assert world.api.invoices.list({"subscription": made.id}).data[0].total == 1000
    with pytest.raises(stripe.InvalidRequestError, match="No active discount for subscription") as refused:
        world.api.subscriptions.delete_discount(made.id)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_the_discount_of_a_customer_is_taken_away_as_well(world: World) -> None:
    customer = _customer(world)
    world.raw("POST", f"/v1/customers/{customer}", f"coupon={_coupon(world)}").raise_for_status()
    assert _subscribed(world, customer=customer).latest_invoice.total == 500
    assert world.api.customers.delete_discount(customer).deleted
    assert world.last_kind() == "customer.discount.deleted"
    assert world.api.customers.retrieve(customer).discount is None
    assert _subscribed(world, customer=customer).latest_invoice.total == 1000
    with pytest.raises(stripe.InvalidRequestError, match="No active discount for customer"):
        world.api.customers.delete_discount(customer)


def test_a_request_replaces_them_and_can_name_those_that_stay(world: World) -> None:
    made = _subscribed(world, {"coupon": _coupon(world)}, {"coupon": _coupon(world, 10)})
    kept = made.discounts[0]
    changed = world.api.subscriptions.update(
        made.id, {"discounts": [{"discount": kept}, {"coupon": _coupon(world, 20)}]}
    )
    assert (changed.discounts[0], len(changed.discounts)) == (kept, 2)
    assert [e.data.object.id for e in world.events("customer.discount.deleted")] == [made.discounts[1]]
    world.act("renew", made.id)
    assert world.api.invoices.list({"subscription": made.id}).data[0].total == 400


def test_a_coupon_of_two_months_ends_on_the_clock_of_its_customer(world: World) -> None:
    clock = world.api.test_helpers.test_clocks.create({"frozen_time": START}).id
    coupon = _coupon(world, duration="repeating", duration_in_months=2)
    made = _subscribed(world, {"coupon": coupon}, customer=_customer(world, test_clock=clock))
    for months in (31, 60, 91):
        world.api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + months * DAY + 7200})
        eventually(lambda: world.api.test_helpers.test_clocks.retrieve(clock).status == "ready")
    totals = [invoice.total for invoice in world.api.invoices.list({"subscription": made.id}).data]
    assert totals == [1000, 1000, 500, 500]
    assert world.api.subscriptions.retrieve(made.id).discounts == []
    ended = world.events("customer.discount.deleted")
    assert [(e.data.object.subscription, e.data.object.source.coupon) for e in ended] == [(made.id, coupon)]


def test_a_coupon_of_some_months_that_a_customer_has_ends_as_well(world: World) -> None:
    customer = _customer(world)
    coupon = _coupon(world, duration="repeating", duration_in_months=1)
    world.raw("POST", f"/v1/customers/{customer}", f"coupon={coupon}").raise_for_status()
    world.advance(days=32)
    assert world.api.customers.retrieve(customer).discount is None
    assert world.last_kind() == "customer.discount.deleted"


def test_a_discount_that_the_customer_has_can_be_combined_with_another(world: World) -> None:
    customer = _customer(world)
    world.raw("POST", f"/v1/customers/{customer}", f"coupon={_coupon(world)}").raise_for_status()
    own = world.api.customers.retrieve(customer).discount.id
    made = _subscribed(world, {"discount": own}, {"coupon": _coupon(world, 10)}, customer=customer)
    assert (made.latest_invoice.total, made.discounts[0]) == (450, own)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.subscriptions.update(made.id, {"discounts": [{"discount": "di_none"}]})
    assert refused.value.param == "discounts[0][discount]"


@pytest.mark.parametrize(("duration", "stays"), [("once", False), ("forever", True)])
def test_the_first_invoice_of_a_session_shows_its_discount_however_long_it_lasts(
    world: World, duration: str, stays: bool
) -> None:
    extra = {"price": world.price(2000).id, "quantity": 1}
    session = world.paid(
        mode="subscription", line_items=[{"price": world.plan(1001, "month").id, "quantity": 1}, extra],
        discounts=[{"coupon": _coupon(world, 33, duration=duration)}],
    )  # fmt: skip
    subscription = world.api.subscriptions.retrieve(session.subscription, {"expand": ["latest_invoice"]})
    invoice = subscription.latest_invoice
    assert session.total_details.amount_discount == 990
    assert (invoice.subtotal, invoice.amount_paid) == (3001, 2011)
    assert [part.amount for part in invoice.total_discount_amounts] == [990]
    assert [[part.amount for part in line.discount_amounts] for line in invoice.lines.data] == [[330], [660]]
    assert bool(subscription.discounts) is stays
    world.act("renew", subscription.id)
    assert world.api.invoices.list({"subscription": subscription.id}).data[0].amount_paid == (671 if stays else 1001)
