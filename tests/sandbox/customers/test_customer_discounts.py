"""Discounts of customers, which only requests of older versions can give: Stripe's command line sends none."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World


def _coupon(world: World, percent: int = 20, **more: Any) -> str:
    return str(world.api.coupons.create({"percent_off": percent, **more}).id)


def _customer(world: World, coupon: str) -> Any:
    made = world.raw("POST", "/v1/customers", f"coupon={coupon}&email=nora@example.com&payment_method=pm_card_visa")
    assert made.status_code == 200, made.text
    return world.api.customers.retrieve(made.json()["id"])


def _changed(world: World, customer: Any, coupon: str) -> Any:
    assert world.raw("POST", f"/v1/customers/{customer.id}", f"coupon={coupon}").status_code == 200
    return world.api.customers.retrieve(customer.id)


def test_a_customer_gets_another_discount_and_loses_it(world: World) -> None:
    first, second = _coupon(world), _coupon(world, 30)
    customer = _customer(world, first)
    assert (customer.discount.source.coupon, customer.discount.customer) == (first, customer.id)
    assert _changed(world, customer, second).discount.source.coupon == second
    assert _changed(world, customer, "").discount is None
    kinds = [kind for kind in world.kinds() if kind.startswith("customer.")]
    assert kinds == [
        "customer.created", "customer.discount.created", "customer.discount.updated", "customer.updated",
        "customer.discount.deleted", "customer.updated",
    ]  # fmt: skip
    previous = world.events("customer.discount.updated")[0].data.previous_attributes
    assert previous.source.coupon == first


def test_newer_requests_cannot_name_a_coupon(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.customers.create({"coupon": _coupon(world)})
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "coupon")


@pytest.mark.parametrize(("used_up", "sentence"), [(False, "No such coupon: 'none'"), (True, "Coupon expired: once")])
def test_a_coupon_must_be_there_to_be_redeemed(world: World, used_up: bool, sentence: str) -> None:
    if used_up:
        _customer(world, _coupon(world, id="once", max_redemptions=1))
    body = f"coupon={'once' if used_up else 'none'}"
    refused = world.raw("POST", "/v1/customers", body)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, sentence)
    assert refused.json()["error"]["param"] == "coupon"
    assert len(world.api.customers.list().data) == used_up


def _bill(world: World, customer: Any) -> int:
    world.api.invoice_items.create({"customer": customer.id, "amount": 1000, "currency": "usd"})
    given = {"customer": customer.id, "pending_invoice_items_behavior": "include"}
    return int(world.api.invoices.pay(world.api.invoices.create(given).id).amount_paid)


def test_a_customers_discount_counts_on_every_invoice_or_once(world: World) -> None:
    lasting, once = _customer(world, _coupon(world, duration="forever")), _customer(world, _coupon(world))
    assert [_bill(world, lasting), _bill(world, lasting)] == [800, 800]
    assert [_bill(world, once), _bill(world, once)] == [800, 1000]
    assert world.api.customers.retrieve(once.id).discount is None
    assert len(world.events("customer.discount.deleted")) == 1


def test_a_discount_that_counts_once_is_not_spent_on_nothing(world: World) -> None:
    customer = _customer(world, _coupon(world))
    empty = world.api.invoices.create({"customer": customer.id})
    assert world.api.invoices.finalize_invoice(empty.id).status == "paid"
    assert _bill(world, customer) == 800


def test_a_subscription_is_billed_with_its_customers_discount(world: World) -> None:
    customer = _customer(world, _coupon(world, duration="forever"))
    given = {"customer": customer.id, "items": [{"price": world.plan(1000, "month").id}]}
    subscription = world.api.subscriptions.create({**given, "expand": ["latest_invoice"]})
    assert (subscription.latest_invoice.total, subscription.status) == (800, "active")


def test_a_subscription_too_can_be_given_a_coupon_by_its_old_name(world: World) -> None:
    customer = world.api.customers.create({"payment_method": "pm_card_visa"})
    price, lasting = world.plan(1000, "month").id, _coupon(world, 50, duration="forever")
    body = f"customer={customer.id}&items[0][price]={price}&coupon={_coupon(world)}&expand[]=latest_invoice"
    made = world.raw("POST", "/v1/subscriptions", body).json()
    assert (made["latest_invoice"]["total"], made["discounts"]) == (800, [])
    world.raw("POST", f"/v1/subscriptions/{made['id']}", f"coupon={lasting}")
    world.act("renew", made["id"])
    assert world.api.invoices.list({"subscription": made["id"]}).data[0].total == 500
    assert world.raw("POST", f"/v1/subscriptions/{made['id']}", "coupon=").json()["discounts"] == []
