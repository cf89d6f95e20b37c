"""PaymentIntents, customers and payment methods without Checkout, as Stripe's command line makes them."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World


def test_a_payment_can_be_made_and_confirmed_in_one_request(world: World) -> None:
    body = "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&payment_method_types[]=card"
    made = world.raw("POST", "/v1/payment_intents", body).json()
    assert (made["status"], made["amount_received"]) == ("succeeded", 2000)
    assert world.kinds()[:3] == ["charge.succeeded", "payment_intent.succeeded", "payment_intent.created"]


def test_a_payment_can_be_declined_and_confirmed_again(world: World) -> None:
    intent = world.api.payment_intents.create({"amount": 2000, "currency": "usd"})
    with pytest.raises(stripe.CardError) as declined:
        world.api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"})
    assert (declined.value.code, declined.value.error.decline_code) == ("card_declined", "insufficient_funds")
    assert declined.value.error.payment_intent.status == "requires_payment_method"
    assert world.api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="has a status of succeeded"):
        world.api.payment_intents.confirm(intent.id)


def test_a_payment_without_a_method_cannot_be_confirmed(world: World) -> None:
    intent = world.api.payment_intents.create({"amount": 2000, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        world.api.payment_intents.confirm(intent.id)


def test_a_payment_waits_for_the_bank_and_can_be_canceled(world: World) -> None:
    given = {"amount": 2000, "currency": "usd", "confirm": True, "payment_method": "pm_card_authenticationRequired"}
    intent = world.api.payment_intents.create(given)
    assert intent.status == "requires_action"
    canceled = world.api.payment_intents.cancel(intent.id)
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "requested_by_customer")
    with pytest.raises(stripe.InvalidRequestError, match="has a status of canceled"):
        world.api.payment_intents.cancel(intent.id)


def test_a_payment_without_a_session_can_be_approved_at_the_bank(world: World) -> None:
    given = {"amount": 2000, "currency": "usd", "confirm": True, "payment_method": "pm_card_authenticationRequired"}
    url = world.api.payment_intents.create(given).next_action.redirect_to_url.url
    assert world.http.post(url, data={"result": "complete"}).status_code == 200
    assert world.api.payment_intents.list().data[0].status == "succeeded"


def test_amounts_below_the_minimum_are_refused(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.payment_intents.create({"amount": 10, "currency": "usd"})
    assert refused.value.code == "amount_too_small"


def test_payment_methods_belong_to_customers(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com", "address": {"country": "DE"}})
    attached = world.api.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    assert (attached.customer, attached.card.brand) == (customer.id, "mastercard")
    listed = world.api.customers.payment_methods.list(customer.id, {"type": "card"}).data
    assert [m.id for m in listed] == [attached.id]
    assert world.api.payment_methods.detach(attached.id).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        world.api.payment_methods.detach(attached.id)


def test_customers_are_found_by_email_and_can_be_deleted(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"})
    world.api.customers.create({"email": "jonas@example.com"})
    assert [c.id for c in world.api.customers.list({"email": "nora@example.com"}).data] == [customer.id]
    assert world.api.customers.update(customer.id, {"name": "Nora"}).name == "Nora"
    assert world.api.customers.delete(customer.id).deleted
    assert world.kinds()[-2:] == ["customer.updated", "customer.deleted"]


@pytest.mark.parametrize("number", ["4242424242424241", "4111111111111111"])
def test_numbers_that_are_no_test_cards_are_refused(world: World, number: str) -> None:
    card = {"number": number, "exp_month": 12, "exp_year": 2034}
    with pytest.raises(stripe.CardError):
        world.api.payment_methods.create({"type": "card", "card": card})


def test_prices_keep_their_amount_but_hand_over_their_lookup_key(world: World) -> None:
    old = world.price(2900, lookup_key="guide")
    with pytest.raises(stripe.InvalidRequestError) as taken:
        world.price(3900, lookup_key="guide")
    assert taken.value.param == "lookup_key"
    new = world.price(3900, lookup_key="guide", transfer_lookup_key=True)
    assert world.api.prices.list({"lookup_keys": ["guide"]}).data[0].id == new.id
    assert world.api.prices.retrieve(old.id).lookup_key is None
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        world.api.prices.update(old.id, {"unit_amount": 1})


def test_a_product_with_prices_cannot_be_deleted(world: World) -> None:
    price = world.price()
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        world.api.products.delete(price.product)
    alone = world.api.products.create({"name": "x", "id": "guide"})
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        world.api.products.create({"name": "x", "id": "guide"})
    assert world.api.products.delete(alone.id).deleted


def test_a_product_may_come_with_its_price(world: World) -> None:
    data = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    product = world.api.products.create({"name": "x", "default_price_data": data, "metadata": {"kind": "plan"}})
    price = world.api.prices.retrieve(product.default_price)
    assert (price.recurring.interval, price.product) == ("month", product.id)


ASKS = "pm_card_threeDSecure2Required"


def _pay(world: World, **more: Any) -> Any:
    return world.api.payment_intents.create({"amount": 2000, "currency": "eur", "confirm": True, **more})


def test_off_session_nobody_can_be_asked(world: World) -> None:
    with pytest.raises(stripe.CardError) as declined:
        _pay(world, payment_method=ASKS, off_session=True)
    assert (declined.value.code, declined.value.http_status) == ("authentication_required", 402)
    assert _pay(world, payment_method="pm_card_visa", off_session="recurring").status == "succeeded"


def test_a_payment_fails_instead_of_asking_if_that_is_wanted(world: World) -> None:
    with pytest.raises(stripe.CardError) as declined:
        _pay(world, payment_method=ASKS, error_on_requires_action=True)
    intent = declined.value.error.payment_intent
    assert (declined.value.code, intent.status) == ("authentication_required", "requires_payment_method")
    assert "payment_intent.requires_action" not in world.kinds()
    assert _pay(world, payment_method=ASKS).status == "requires_action"


@pytest.mark.parametrize(("result", "outcome"), [("complete", "succeeded"), ("fail", "failed")])
def test_the_buyers_bank_leads_back_to_where_the_shop_said(world: World, result: str, outcome: str) -> None:
    intent = _pay(world, payment_method=ASKS, return_url="http://127.0.0.1:9/back?order=7")
    redirect = intent.next_action.redirect_to_url
    assert redirect.return_url == "http://127.0.0.1:9/back?order=7"
    back = world.http.post(redirect.url, data={"result": result})
    assert back.status_code == 303
    assert back.headers["location"] == (
        f"http://127.0.0.1:9/back?order=7&payment_intent={intent.id}"
        f"&payment_intent_client_secret={intent.client_secret}&redirect_status={outcome}"
    )


@pytest.mark.parametrize("name", ["error_on_requires_action", "off_session", "return_url"])
def test_what_belongs_to_a_payment_is_refused_where_none_is_made(world: World, name: str) -> None:
    value = "http://127.0.0.1:9/back" if name == "return_url" else True
    with pytest.raises(stripe.InvalidRequestError, match="confirm=true") as refused:
        world.api.payment_intents.create({"amount": 2000, "currency": "eur", name: value})
    assert refused.value.param == name


def test_a_bank_asks_if_the_shop_wants_it_to(world: World) -> None:
    card = {"payment_method": "pm_card_threeDSecureOptional"}
    assert _pay(world, **card).status == "succeeded"
    asked = _pay(world, **card, payment_method_options={"card": {"request_three_d_secure": "any"}})
    assert (asked.status, asked.payment_method_options.card.request_three_d_secure) == ("requires_action", "any")


def test_only_the_kinds_of_payment_method_that_are_wanted_are_taken(world: World) -> None:
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "AT321904300235473204"}, "billing_details": {"name": "Nora"}}
    assert _pay(world, payment_method_data=debit).status == "processing"
    with pytest.raises(stripe.InvalidRequestError, match=r"one of the following types: card\.") as refused:
        _pay(world, payment_method_data=debit, excluded_payment_method_types=["sepa_debit"])
    assert refused.value.code == "payment_intent_invalid_parameter"
    intent = world.api.payment_intents.create({"amount": 2000, "currency": "eur"})
    assert intent.payment_method_types == ["card", "sepa_debit"]
    changed = world.api.payment_intents.update(intent.id, {"allowed_payment_method_types": ["sepa_debit"]})
    assert (changed.payment_method_types, changed.allowed_payment_method_types) == (["sepa_debit"], ["sepa_debit"])
    assert world.api.payment_intents.update(intent.id, {"allowed_payment_method_types": ["card"], "currency": "usd"})[
        "payment_method_types"
    ] == ["card"]


def test_automatic_methods_may_lead_away_so_they_need_a_way_back(world: World) -> None:
    automatic = {"automatic_payment_methods": {"enabled": True}}
    with pytest.raises(stripe.InvalidRequestError, match="you must provide a `return_url`"):
        _pay(world, payment_method="pm_card_visa", **automatic)
    paid = _pay(world, payment_method="pm_card_visa", return_url="http://127.0.0.1:9/", **automatic)
    assert paid.automatic_payment_methods.to_dict() == {"allow_redirects": "always", "enabled": True}
    stays = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
    assert _pay(world, payment_method="pm_card_visa", **stays).status == "succeeded"


def test_a_charge_says_what_stands_on_the_statement(world: World) -> None:
    charge = world.api.charges.retrieve(
        _pay(
            world, payment_method="pm_card_visa", statement_descriptor_suffix="book", transfer_group="g1"
        ).latest_charge
    )
    shop = world.settings.shop_name.upper()[:10].strip()
    assert charge.calculated_statement_descriptor == f"{shop}* BOOK"
    assert (charge.statement_descriptor_suffix, charge.transfer_group) == ("book", "g1")


def test_a_card_that_is_to_be_used_again_is_attached(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"})
    paid = _pay(world, payment_method="pm_card_visa", customer=customer.id)
    assert world.api.payment_methods.retrieve(paid.payment_method).customer is None
    kept = _pay(world, payment_method="pm_card_visa", customer=customer.id, setup_future_usage="off_session")
    assert world.api.payment_methods.retrieve(kept.payment_method).customer == customer.id
    assert "payment_method.attached" in world.kinds()


def test_a_charge_of_nobody_can_be_given_to_a_customer_once(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"}).id
    charge = _pay(world, payment_method="pm_card_visa").latest_charge
    changed = world.api.charges.update(charge, {"customer": customer, "fraud_details": {"user_report": "safe"}})
    assert (changed.customer, changed.fraud_details.user_report) == (customer, "safe")
    with pytest.raises(stripe.InvalidRequestError, match="no existing associated customer"):
        world.api.charges.update(charge, {"customer": customer})


@pytest.mark.parametrize("ask", ["update", "confirm"])
def test_a_request_that_is_refused_changes_nothing(world: World, ask: str) -> None:
    intent = world.api.payment_intents.create({"amount": 2000, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod"):
        getattr(world.api.payment_intents, ask)(intent.id, {"receipt_email": "n@example.com", "payment_method": "pm_x"})
    assert world.api.payment_intents.retrieve(intent.id).receipt_email is None


@pytest.mark.parametrize(
    ("currency", "message"),
    [
        ("usd", "Amount must be no more than $999,999.99"),
        ("jpy", "Amount must be no more than ¥99,999,999"),
    ],
)
def test_amounts_of_more_than_eight_digits_are_refused(world: World, currency: str, message: str) -> None:
    most = world.api.payment_intents.create({"amount": 99_999_999, "currency": currency})
    line = {"price": world.price(60_000_000, currency).id, "quantity": 2}
    for ask in (
        lambda: world.api.payment_intents.create({"amount": 100_000_000, "currency": currency}),
        lambda: world.api.payment_intents.update(most.id, {"amount": 100_000_000}),
        lambda: world.price(100_000_000, currency),
        lambda: world.session(line_items=[line]),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            ask()
        assert (refused.value.code, refused.value.user_message) == ("amount_too_large", message)


@pytest.mark.parametrize(
    ("currency", "good", "bad", "step"),
    [
        *((currency, 5120, 5124, 10) for currency in ("bhd", "jod", "kwd", "omr", "tnd")),
        ("isk", 51200, 51210, 100),
        ("ugx", 51200, 51201, 100),
    ],
)
def test_an_amount_ends_in_zeros_where_the_currency_has_no_such_digits(
    world: World, currency: str, good: int, bad: int, step: int
) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"}).id
    made = {"amount": good, "currency": currency, "payment_method": "pm_card_visa", "confirm": True}
    made["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
    paid = world.api.payment_intents.create(made)
    held = world.api.payment_intents.create({**made, "capture_method": "manual"})
    assert (paid.amount, world.price(good, currency).unit_amount) == (good, good)
    line = {"price_data": {"currency": currency, "unit_amount": bad, "product_data": {"name": "x"}}, "quantity": 1}
    for param, ask in {
        "amount": lambda: world.api.payment_intents.create({"amount": bad, "currency": currency}),
        "unit_amount": lambda: world.price(bad, currency),
        "line_items[0][price_data][unit_amount]": lambda: world.session(line_items=[line]),
        "amount_to_capture": lambda: world.api.payment_intents.capture(held.id, {"amount_to_capture": good - 1}),
        "amount_off": lambda: world.api.coupons.create({"amount_off": bad, "currency": currency}),
    }.items():
        with pytest.raises(stripe.InvalidRequestError) as refused:
            ask()
        assert refused.value.user_message == f"Amounts in {currency} must be a multiple of {step}."
        assert refused.value.param == param
    with pytest.raises(stripe.InvalidRequestError, match=f"multiple of {step}"):
        world.api.refunds.create({"payment_intent": paid.id, "amount": good - 1})
    with pytest.raises(stripe.InvalidRequestError, match=f"multiple of {step}"):
        world.api.invoice_items.create({"customer": customer, "amount": -bad, "currency": currency})
    assert world.api.refunds.create({"payment_intent": paid.id, "amount": step}).amount == step


@pytest.mark.parametrize(
    ("currency", "amount", "percent", "left"), [("kwd", 9990, 33, 6690), ("isk", 99900, 33, 66900)]
)
def test_what_a_discount_or_a_part_of_a_period_comes_to_can_be_charged_too(
    world: World, currency: str, amount: int, percent: int, left: int
) -> None:
    coupon = world.api.coupons.create({"percent_off": percent}).id
    line = {"price_data": {"currency": currency, "unit_amount": amount, "product_data": {"name": "x"}}, "quantity": 1}
    assert world.session(line_items=[line], discounts=[{"coupon": coupon}]).amount_total == left
    recurring = {"interval": "month"}
    plan = world.subscribed(world.price(amount, currency, recurring=recurring))
    world.advance(days=11)
    item = plan["items"].data[0].id
    world.api.subscriptions.update(plan.id, {"items": [{"id": item, "quantity": 2}]})
    steps = [each.amount % {"kwd": 10, "isk": 100}[currency] for each in world.api.invoice_items.list().data]
    assert steps == [0, 0]
    assert world.act("refund-some", "")["amount"] % 10 == 0


def test_a_refusal_names_what_would_have_to_be_so_to_update(world: World) -> None:
    paid = _pay(world, payment_method="pm_card_visa")
    with pytest.raises(stripe.InvalidRequestError, match="statuses may be updated: ") as refused:
        world.api.payment_intents.update(paid.id, {"amount": 3000})
    assert refused.value.code == "payment_intent_unexpected_state"
