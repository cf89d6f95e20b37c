"""Taxes at Checkout: where the buyer is makes the total, on the page, in the session and on what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World

TAXED = {"automatic_tax": {"enabled": True}}
ADDED = {"tax_behavior": "exclusive"}
PAYING = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}


def _session(world: World, price: Any, quantity: int = 1, **more: Any) -> Any:
    return world.session(line_items=[{"price": price.id, "quantity": quantity}], **TAXED, **more)


def _shown(world: World, session: Any) -> str:
    return world.http.get(f"/c/pay/{session.id}").text


def _line(world: World, session: Any) -> Any:
    return world.read(session, "line_items.data.taxes").line_items.data[0]


def test_before_anybody_is_there_nothing_is_taxed(world: World) -> None:
    session = _session(world, world.price(10_000, **ADDED))
    assert (session.automatic_tax.enabled, session.automatic_tax.status) == (True, "requires_location_inputs")
    assert (session.automatic_tax.provider, session.automatic_tax.liability.type) == ("stripe", "self")
    assert (session.amount_total, session.total_details.amount_tax) == (10_000, 0)


def test_the_page_adds_the_tax_of_the_country_it_begins_with(world: World) -> None:
    session = _session(world, world.price(10_000, **ADDED))
    page = _shown(world, session)
    assert "€119.00" in page
    assert "€19.00" in page
    assert world.pay(session).status_code == 303
    paid = world.read(session)
    assert (paid.amount_subtotal, paid.amount_total, paid.total_details.amount_tax) == (10_000, 11_900, 1900)
    assert paid.automatic_tax.status == "complete"
    assert world.api.payment_intents.retrieve(paid.payment_intent).amount_received == 11_900


def test_another_country_is_shown_before_it_is_paid(world: World) -> None:
    session = _session(world, world.price(10_000, **ADDED))
    _shown(world, session)
    assert "The total is now €123.00" in world.changed(session, billingCountry="IE", email="nora@example.com").text
    assert world.read(session).status == "open"
    assert world.pay(session, billingCountry="IE").status_code == 303
    paid = world.read(session)
    assert (paid.amount_total, paid.customer_details.address.country) == (12_300, "IE")


def test_taxes_that_are_included_change_no_total(world: World) -> None:
    session = _session(world, world.price(11_900, tax_behavior="inclusive"))
    assert world.pay(session, billingCountry="FR").status_code == 303
    paid = world.read(session)
    assert (paid.amount_subtotal, paid.amount_total, paid.total_details.amount_tax) == (11_900, 11_900, 1983)


def test_nothing_is_added_where_the_shop_is_not_registered(world: World) -> None:
    session = _session(world, world.price(10_000, **ADDED))
    assert world.pay(session, billingCountry="US").status_code == 303
    line = _line(world, session)
    assert (line.amount_tax, line.amount_total, line.taxes[0].taxability_reason) == (0, 10_000, "not_collecting")


def test_lines_know_their_part_and_its_rate_when_asked(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 50}).id
    session = _session(world, world.price(5000, **ADDED), quantity=2, discounts=[{"coupon": coupon}])
    _shown(world, session)
    assert world.pay(session).status_code == 303
    line = _line(world, session)
    assert (line.amount_subtotal, line.amount_discount, line.amount_tax, line.amount_total) == (
        10_000, 5000, 950, 5950,
    )  # fmt: skip
    (tax,) = line.taxes
    assert (tax.amount, tax.taxable_amount, tax.taxability_reason) == (950, 5000, "standard_rated")
    assert (tax.rate.percentage, tax.rate.country, tax.rate.inclusive) == (19, "DE", False)
    assert world.api.tax_rates.retrieve(tax.rate.id).display_name == "VAT"
    assert [rate.id for rate in world.api.tax_rates.list({"inclusive": False}).data] == [tax.rate.id]
    assert "taxes" not in world.read(session, "line_items").line_items.data[0]
    assert "taxes" not in world.api.checkout.sessions.line_items.list(session.id).data[0]
    listed = world.api.checkout.sessions.line_items.list(session.id, {"expand": ["data.taxes"]}).data[0]
    assert listed.taxes[0].amount == 950


def test_a_code_and_a_quantity_change_the_tax_with_the_rest(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 10}).id
    world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}, "code": "SPRING"})
    sold = {"price": world.price(10_000, **ADDED).id, "quantity": 1, "adjustable_quantity": {"enabled": True}}
    session = world.session(line_items=[sold], allow_promotion_codes=True, **TAXED)
    _shown(world, session)
    assert "€107.10" in world.changed(session, promotion="apply", promotionCode="SPRING").text
    quantity = f"quantity-{world.read(session, 'line_items').line_items.data[0].id}"
    assert "€214.20" in world.changed(session, **{quantity: "2"}).text


def test_a_script_pays_the_tax_of_where_it_says_the_buyer_is(world: World) -> None:
    session = _session(world, world.price(10_000, **ADDED))
    world.act("pay", session.id)
    assert world.read(session).amount_total == 11_900


def test_the_business_of_another_country_of_the_union_owes_the_tax_itself(world: World) -> None:
    session = _session(
        world, world.price(10_000, **ADDED), tax_id_collection={"enabled": True}, customer_creation="always"
    )
    assert "Tax ID (optional)" in _shown(world, session)
    typed = {"billingCountry": "AT", "taxId": " atu 1234 5678"}
    assert "€100.00" in world.changed(session, **typed).text
    assert world.pay(session, **typed).status_code == 303
    paid = world.read(session, "line_items.data.taxes")
    assert (paid.amount_total, paid.total_details.amount_tax) == (10_000, 0)
    assert paid.line_items.data[0].taxes[0].taxability_reason == "reverse_charge"
    assert [(each.type, each.value) for each in paid.customer_details.tax_ids] == [("eu_vat", "ATU12345678")]


def test_a_tax_id_is_demanded_where_there_is_one_and_refused_where_it_is_none(world: World) -> None:
    price, asked = world.price(), {"tax_id_collection": {"enabled": True, "required": "if_supported"}}
    session = world.session(line_items=[{"price": price.id, "quantity": 1}], **asked)
    assert "A tax ID is required." not in world.pay(session, billingCountry="GB", quantities="change").text
    assert "A tax ID is required." in world.pay(session, billingCountry="GB").text
    assert "not one of the country above" in world.pay(session, billingCountry="GB", taxId="GB-1").text
    assert "not one of the country above" in world.pay(session, billingCountry="JP", taxId="123456789").text
    assert world.pay(session, billingCountry="GB", taxId="GB123456789").status_code == 303
    paid = world.read(session)
    assert [(each.type, each.value) for each in paid.customer_details.tax_ids] == [("gb_vat", "GB123456789")]
    assert world.pay(world.session(**asked), billingCountry="JP").status_code == 303


def test_a_customer_is_taxed_where_they_are_known_to_be(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com", "address": {"country": "IE"}}).id
    session = _session(world, world.price(10_000, **ADDED), customer=customer)
    assert (session.amount_total, session.automatic_tax.status) == (12_300, "complete")
    assert world.pay(session, billingCountry="DE").status_code == 303
    assert world.read(session).amount_total == 12_300


def test_a_customer_whose_address_nobody_knows_must_be_asked_for_it(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"}).id
    price = world.price(10_000, **ADDED)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _session(world, price, customer=customer)
    assert refused.value.code == "customer_tax_location_invalid"
    session = _session(world, price, customer=customer, customer_update={"address": "auto"})
    _shown(world, session)
    assert world.pay(session).status_code == 303
    assert (world.read(session).amount_total, world.api.customers.retrieve(customer).address.country) == (11_900, "DE")
    with pytest.raises(stripe.InvalidRequestError, match="set `customer_update\\[name\\]` to `auto`"):
        world.session(customer=customer, tax_id_collection={"enabled": True})


def test_an_invoice_of_what_was_bought_once_has_its_taxes(world: World) -> None:
    session = _session(
        world, world.price(10_000, **ADDED), invoice_creation={"enabled": True}, tax_id_collection={"enabled": True}
    )
    _shown(world, session)
    assert world.pay(session, taxId="DE123456789").status_code == 303
    invoice = world.api.invoices.retrieve(world.read(session).invoice)
    assert (invoice.subtotal, invoice.total, invoice.total_excluding_tax) == (10_000, 11_900, 10_000)
    assert (invoice.amount_paid, invoice.automatic_tax.status) == (11_900, "complete")
    assert [(tax.amount, tax.tax_behavior) for tax in invoice.total_taxes] == [(1900, "exclusive")]
    assert [(each.type, each.value) for each in invoice.customer_tax_ids] == [("eu_vat", "DE123456789")]


def test_a_plan_is_taxed_from_its_first_invoice_to_its_renewals(world: World) -> None:
    plan = world.price(1000, recurring={"interval": "month"}, **ADDED)
    coupon = world.api.coupons.create({"percent_off": 50, "duration": "once"}).id
    lines = [{"price": plan.id, "quantity": 2}, {"price": world.price(500, **ADDED).id, "quantity": 1}]
    session = world.session(mode="subscription", line_items=lines, discounts=[{"coupon": coupon}], **TAXED)
    _shown(world, session)
    assert world.pay(session).status_code == 303
    paid = world.read(session, "subscription", "invoice")
    assert (paid.amount_total, paid.invoice.total, paid.invoice.amount_paid) == (1488, 1488, 1488)
    assert (paid.subscription.automatic_tax.enabled, paid.subscription.automatic_tax.liability.type) == (True, "self")
    preview = world.api.invoices.create_preview({"subscription": paid.subscription.id})
    world.act("renew", paid.subscription.id)
    renewal = world.api.invoices.list({"subscription": paid.subscription.id}).data[0]
    assert (renewal.subtotal, renewal.total, preview.total) == (2000, 2380, 2380)
    assert [tax.amount for tax in renewal.lines.data[0].taxes] == [380]
    assert renewal.total_taxes[0].tax_rate_details.tax_rate == paid.invoice.total_taxes[0].tax_rate_details.tax_rate


def test_a_trial_costs_no_tax(world: World) -> None:
    plan = world.price(1000, recurring={"interval": "month"}, **ADDED)
    lines, data = [{"price": plan.id, "quantity": 1}], {"trial_period_days": 7}
    session = world.session(mode="subscription", line_items=lines, subscription_data=data, **TAXED)
    assert world.pay(session).status_code == 303
    invoice = world.read(session, "invoice").invoice
    assert (invoice.total, [tax.amount for tax in invoice.total_taxes]) == (0, [0])


def test_an_expired_session_that_is_recovered_is_taxed_anew(world: World) -> None:
    recovery = {"recovery": {"enabled": True, "allow_promotion_codes": True}}
    session = _session(world, world.price(10_000, **ADDED), after_expiration=recovery)
    _shown(world, session)
    world.act("expire", session.id)
    again = world.http.get(world.read(session).after_expiration.recovery.url, follow_redirects=True)
    assert "€119.00" in again.text
    copy = world.api.checkout.sessions.list().data[0]
    assert copy.recovered_from == session.id
    assert "The total is now €100.00" in world.changed(copy, billingCountry="US").text
    assert world.pay(copy, billingCountry="US").status_code == 303
    assert world.read(copy).amount_total == 10_000


def test_a_subscription_by_the_api_is_taxed_where_its_customer_is(world: World) -> None:
    items = [{"price": world.price(1000, recurring={"interval": "month"}, **ADDED).id}]
    bare = world.api.customers.create(PAYING).id
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.subscriptions.create({"customer": bare, "items": items, **TAXED})
    assert refused.value.code == "customer_tax_location_invalid"
    world.api.customers.update(bare, {"address": {"country": "AT"}})
    order = {"customer": bare, "items": items, **TAXED, "expand": ["latest_invoice"]}
    made = world.api.subscriptions.create(order)
    assert (made.latest_invoice.total, made.latest_invoice.status) == (1200, "paid")
    assert world.api.subscriptions.update(made.id, {"automatic_tax": {"enabled": False}}).automatic_tax.enabled is False
    world.act("renew", made.id)
    assert world.api.invoices.list({"subscription": made.id}).data[0].total == 1000


def test_an_invoice_by_hand_is_taxed_once_its_customer_is_somewhere(world: World) -> None:
    customer = world.api.customers.create(PAYING).id
    world.api.invoice_items.create({"customer": customer, "amount": 1000, "currency": "usd"})
    order = {"customer": customer, "currency": "usd", "pending_invoice_items_behavior": "include", **TAXED}
    draft = world.api.invoices.create(order)
    assert (draft.total, draft.automatic_tax.status) == (1000, "requires_location_inputs")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.invoices.finalize_invoice(draft.id)
    assert refused.value.code == "customer_tax_location_invalid"
    world.api.customers.update(customer, {"address": {"country": "DE"}})
    assert world.api.invoices.update(draft.id, TAXED).total == 1190
    assert world.api.invoices.finalize_invoice(draft.id).amount_due == 1190
    older = world.raw("GET", f"/v1/invoices/{draft.id}", **{"Stripe-Version": "2024-06-20"}).json()
    assert (older["tax"], older["total_tax_amounts"][0]["inclusive"]) == (190, False)
    assert older["lines"]["data"][0]["tax_amounts"][0]["amount"] == 190
