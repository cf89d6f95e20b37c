"""Prices in several currencies: kept beside the price, shown when asked for, and charged where a buyer pays in one."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World

USD = {"usd": {"unit_amount": 3300}}


def _options(world: World, price: str) -> dict[str, Any]:
    found = world.api.prices.retrieve(price, {"expand": ["currency_options"]}).currency_options
    return {currency: option["unit_amount"] for currency, option in found.to_dict().items()}


def _session(world: World, *lines: dict[str, Any], mode: str = "payment", **more: Any) -> Any:
    url = "http://127.0.0.1:9/thanks"
    return world.api.checkout.sessions.create({"mode": mode, "success_url": url, "line_items": list(lines), **more})


def test_they_are_there_when_asked_for_with_the_own_currency_among_them(world: World) -> None:
    price = world.price(currency_options={**USD, "jpy": {"unit_amount_decimal": "500", "tax_behavior": "inclusive"}})
    assert "currency_options" not in price
    assert _options(world, price.id) == {"eur": 2900, "usd": 3300, "jpy": 500}
    listed = world.api.prices.list({"product": price.product, "expand": ["data.currency_options"]}).data[0]
    assert listed.currency_options["jpy"].tax_behavior == "inclusive"
    product = world.api.products.create(
        {"name": "Kit", "default_price_data": {"currency": "eur", "unit_amount": 500, "currency_options": USD}}
    )
    assert _options(world, product.default_price) == {"eur": 500, "usd": 3300}


def test_an_update_adds_and_changes_them(world: World) -> None:
    price = world.price(currency_options=USD)
    world.api.prices.update(price.id, {"currency_options": {"gbp": {"unit_amount": 2500}}})
    world.api.prices.update(price.id, {"currency_options": {"usd": {"unit_amount": 3100}}})
    assert _options(world, price.id) == {"eur": 2900, "usd": 3100, "gbp": 2500}
    world.api.prices.update(price.id, {"currency_options": ""})
    assert _options(world, price.id) == {"eur": 2900}


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"xxx": {"unit_amount": 1}}, "currency_options[xxx]"),
        ({"usd": {"tax_behavior": "inclusive"}}, "currency_options[usd][unit_amount]"),
        ({"usd": {"unit_amount": -1}}, "currency_options[usd][unit_amount]"),
        ({"usd": {"tiers": [{"up_to": "inf", "unit_amount": 1}]}}, "currency_options[usd][tiers]"),
    ],
)
def test_what_is_no_amount_of_a_currency_is_refused_and_nothing_made(
    world: World, options: dict[str, Any], param: str
) -> None:
    product = world.price().product
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.prices.create({"product": product, "unit_amount": 1, "currency": "eur", "currency_options": options})
    assert refused.value.param == param
    assert len(world.api.prices.list({"product": product}).data) == 1


def test_a_product_whose_price_is_refused_is_not_made(world: World) -> None:
    price = {"currency": "eur", "unit_amount": 500, "currency_options": {"usd": {"unit_amount": -1}}}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.products.create({"name": "Kit", "default_price_data": price})
    assert refused.value.param == "default_price_data[currency_options][usd][unit_amount]"
    assert world.api.products.list().data == []


def test_a_session_in_a_currency_asks_for_what_it_costs_there(world: World) -> None:
    price = world.price(currency_options=USD)
    sold = {"price": price.id, "quantity": 2, "adjustable_quantity": {"enabled": True}}
    session = _session(world, sold, currency="usd")
    assert (session.currency, session.amount_total) == ("usd", 6600)
    page = world.http.get(f"/c/pay/{session.id}").text
    assert "$66.00" in page
    assert "2 × $33.00" in page
    line = world.read(session, "line_items").line_items.data[0]
    assert (line.currency, line.amount_total, line.price.currency) == ("usd", 6600, "eur")
    changed = {f"quantity-{line.id}": "3"}
    world.pay(session, **changed)
    assert world.pay(session, **changed).status_code == 303
    intent = world.api.payment_intents.retrieve(world.read(session).payment_intent)
    assert (intent.currency, intent.amount_received) == ("usd", 9900)
    assert _session(world, sold).currency == "eur"


def test_a_session_in_a_currency_that_a_price_does_not_have_is_refused(world: World) -> None:
    lines = [{"price": world.price(currency_options=USD).id, "quantity": 1}, {"price": world.price().id, "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError, match=r"only supports `eur`.*expected currency: `usd`") as refused:
        _session(world, *lines, currency="usd")
    assert refused.value.param == "line_items[1][price]"


def test_a_plan_is_billed_in_its_currency_from_the_first_invoice_to_its_changes(world: World) -> None:
    plan = world.price(1000, recurring={"interval": "month"}, currency_options={"usd": {"unit_amount": 1200}})
    session = _session(world, {"price": plan.id, "quantity": 1}, mode="subscription", currency="usd")
    assert world.pay(session).status_code == 303
    session = world.read(session)
    subscription = world.api.subscriptions.retrieve(session.subscription)
    assert (subscription.currency, session.amount_total) == ("usd", 1200)
    first = world.api.invoices.retrieve(session.invoice)
    assert (first.currency, first.total, first.lines.data[0].currency) == ("usd", 1200, "usd")
    assert first.lines.data[0].pricing.unit_amount_decimal == 1200
    items = [{"id": subscription["items"].data[0].id, "quantity": 3}]
    world.api.subscriptions.update(subscription.id, {"items": items, "proration_behavior": "always_invoice"})
    change = world.api.invoices.retrieve(world.api.subscriptions.retrieve(subscription.id).latest_invoice)
    assert (change.currency, sorted(line.amount for line in change.lines.data)) == ("usd", [-1200, 3600])
    world.act("renew", subscription.id)
    renewal = world.api.invoices.list({"subscription": subscription.id}).data[0]
    assert (renewal.currency, renewal.total) == ("usd", 3600)


def test_a_subscription_is_made_in_a_currency_through_the_api(world: World) -> None:
    plan = world.price(1000, recurring={"interval": "month"}, currency_options={"usd": {"unit_amount": 1200}})
    customer = world.api.customers.create(
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    ).id
    order = {"customer": customer, "items": [{"price": plan.id}]}
    made = world.api.subscriptions.create({**order, "currency": "usd", "expand": ["latest_invoice"]})
    assert (made.currency, made.latest_invoice.total, made.latest_invoice.status) == ("usd", 1200, "paid")
    with pytest.raises(stripe.InvalidRequestError, match="expected currency: `gbp`"):
        world.api.subscriptions.create({**order, "currency": "gbp"})
