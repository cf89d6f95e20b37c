"""How older versions of the API see the same account. Every answer is also held against the schema of its version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from core import admission
from core.gateway.sessions import read_session
from core.orders import subscriptions
from sandbox import __main__ as program
from sandbox.protocol import changelog, conformity, retired_parameters, spec, versions
from tests.sandbox.running import Endpoint, World, eventually, running

BASIL, CLOVER, DAHLIA, NEWEST = "2025-03-31.basil", "2025-09-30.clover", "2026-03-25.dahlia", spec.API_VERSION
OLD, ACACIA, OLDEST = "2024-06-20", "2025-02-24.acacia", "2020-08-27"


def get(world: World, version: str, path: str, *expand: str) -> Any:
    """What a request with that version gets."""
    query = urlencode([("expand[]", each) for each in expand])
    answer = world.raw("GET", f"{path}?{query}" if query else path, **{"Stripe-Version": version})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Stripe-Version"] == version
    return answer.json()


def keys_of(kind: str, version: str) -> set[str]:
    return set(versions.resource(kind, version[:10])["required"])


def told(endpoint: Endpoint, kind: str, times: int = 1) -> Any:
    return endpoint.wait_for(kind, times)[-1]["data"]["object"]


@pytest.fixture
def old_endpoint(world: World, own_endpoint: Endpoint) -> Endpoint:
    """An endpoint of an older version, beside the newest one's."""
    given = {"url": own_endpoint.url, "enabled_events": ["*"], "api_version": OLD}
    world.api.webhook_endpoints.create(given)
    return own_endpoint


@pytest.fixture
def subscription(world: World) -> Any:
    return world.subscribed(metadata={"order": "1", "object": "charge"})


@pytest.mark.parametrize("version", ["newest", "2019-2-19", "2022-08-02", "2026-10-28", "2019-12-03, 2019-12-03", ""])
def test_a_version_that_does_not_exist_is_refused(world: World, version: str) -> None:
    answer = world.raw("GET", "/v1/products", **{"Stripe-Version": version})
    assert answer.status_code == 400
    error = {"message": f"Invalid Stripe API version: {version}", "type": "invalid_request_error"}
    assert answer.json() == {"error": error}


@pytest.mark.parametrize("version", [NEWEST, OLD, "2011-01-01", f"{OLD}; some_beta=v1"])
def test_every_version_that_does_is_spoken(world: World, version: str) -> None:
    answer = world.raw("GET", "/v1/products", **{"Stripe-Version": version})
    assert (answer.status_code, answer.headers["Stripe-Version"]) == (200, version)


def test_changes_are_told_backwards_and_begin_with_a_version_that_exists() -> None:
    dates = [change.since for change in changelog.CHANGES]
    assert dates == sorted(dates, reverse=True)
    assert set(dates) <= {version[:10] for version in versions.known()}
    untils = {old.until for table in retired_parameters.PARAMETERS.values() for old in table}
    assert untils <= {version[:10] for version in versions.known()}


def test_the_newest_version_is_answered_with_the_very_objects() -> None:
    thing = {"object": "invoice", "id": "in_1"}
    assert versions.shown(None, thing, NEWEST) is thing  # type: ignore[arg-type]
    assert versions.shown(None, thing, "2026-09-30.endive") is thing  # type: ignore[arg-type]


def test_an_invoice_names_its_subscription_its_payment_and_its_charge(world: World, subscription: Any) -> None:
    path = f"/v1/invoices/{subscription.latest_invoice}"
    now, then = get(world, BASIL, path), get(world, ACACIA, path)
    added = then.keys() - now.keys()
    assert added == keys_of("invoice", ACACIA) - keys_of("invoice", BASIL)
    assert then["subscription"] == subscription.id == then["parent"]["subscription_details"]["subscription"]
    assert then["subscription_details"] == {"metadata": {"order": "1", "object": "charge"}}
    intent = world.api.payment_intents.retrieve(then["payment_intent"])
    assert (then["paid"], then["charge"]) == (True, intent.latest_charge)
    assert (then["discount"], then["tax"], then["total_tax_amounts"]) == (None, None, [])


def test_a_line_bears_its_price_its_plan_and_its_kind(world: World, subscription: Any) -> None:
    path = f"/v1/invoices/{subscription.latest_invoice}/lines"
    assert "price" not in get(world, BASIL, path)["data"][0]
    line = get(world, ACACIA, path)["data"][0]
    item = subscription["items"].data[0]
    assert (line["price"]["id"], line["plan"]["id"], line["type"]) == (item.price.id, item.price.id, "subscription")
    assert (line["subscription_item"], line["proration"], line["proration_details"]) == (
        item.id,
        False,
        {"credited_items": None},
    )
    assert "invoice_item" not in line
    assert line["price"]["recurring"]["aggregate_usage"] is line["plan"]["aggregate_usage"] is None


def test_a_prorated_line_names_its_invoice_item(world: World, subscription: Any) -> None:
    item = subscription["items"].data[0]
    world.api.subscriptions.update(subscription.id, {"items": [{"id": item.id, "quantity": 3}]})
    [*_, waiting] = get(world, OLD, "/v1/invoiceitems")["data"]
    assert (waiting["subscription"], waiting["subscription_item"]) == (subscription.id, item.id)
    assert (waiting["price"]["id"], waiting["plan"]["id"], waiting["unit_amount"]) == (
        item.price.id,
        item.price.id,
        1000,
    )
    world.advance(days=32)
    newest = get(world, OLD, f"/v1/invoices?subscription={subscription.id}")["data"][0]
    lines = {line["type"]: line for line in newest["lines"]["data"]}
    assert (lines["invoiceitem"]["proration"], lines["invoiceitem"]["subscription_item"]) == (True, None)
    assert lines["invoiceitem"]["invoice_item"].startswith("ii_")


def test_an_invoice_that_belongs_to_no_subscription_says_so(world: World) -> None:
    customer = world.api.customers.create({"payment_method": "pm_card_visa"})
    invoice = world.api.invoices.create({"customer": customer.id})
    given = {"customer": customer.id, "invoice": invoice.id, "amount": 500, "currency": "eur"}
    world.api.invoice_items.create({**given, "description": "Hours"})
    draft = get(world, OLD, f"/v1/invoices/{invoice.id}")
    assert (draft["subscription"], draft["subscription_details"]) == (None, {"metadata": None})
    assert (draft["paid"], draft["payment_intent"], draft["charge"]) == (False, None, None)
    [line] = draft["lines"]["data"]
    assert (line["type"], line["plan"], line["invoice_item"][:3]) == ("invoiceitem", None, "ii_")
    world.api.invoices.pay(invoice.id)
    paid = get(world, OLD, f"/v1/invoices/{invoice.id}", "payment_intent", "charge")
    assert (paid["paid"], paid["paid_out_of_band"], paid["payment_intent"]["status"]) == (True, False, "succeeded")
    assert paid["charge"]["invoice"] == invoice.id


def test_a_deleted_object_is_no_more_than_that_in_any_version(world: World, subscription: Any) -> None:
    item = subscription["items"].data[0]
    world.api.subscriptions.update(subscription.id, {"items": [{"id": item.id, "quantity": 3}]})
    waiting = world.api.invoice_items.list().data[0].id
    answer = world.raw("DELETE", f"/v1/invoiceitems/{waiting}", **{"Stripe-Version": OLD})
    assert answer.json() == {"id": waiting, "object": "invoiceitem", "deleted": True}


@pytest.mark.parametrize("path", ["/v1/subscriptions/{}", "/v1/subscriptions"])
def test_a_subscription_has_a_period_of_its_own(world: World, subscription: Any, path: str) -> None:
    found = get(world, ACACIA, path.format(subscription.id))
    then = found["data"][0] if "data" in found else found
    item = subscription["items"].data[0]
    assert (then["current_period_start"], then["current_period_end"]) == (
        item.current_period_start,
        item.current_period_end,
    )
    assert (then["plan"]["id"], then["quantity"], then["discount"]) == (item.price.id, 1, None)
    assert then["items"]["data"][0]["price"]["recurring"]["aggregate_usage"] is None
    assert then["metadata"] == {"order": "1", "object": "charge"}


def test_charges_and_payments_of_an_invoice_name_it(world: World, subscription: Any) -> None:
    charge = get(world, OLD, "/v1/charges")["data"][0]
    assert charge["invoice"] == subscription.latest_invoice
    intent = get(world, OLD, f"/v1/payment_intents/{charge['payment_intent']}", "invoice.subscription", "latest_charge")
    assert intent["invoice"]["subscription"]["current_period_end"] > 0
    assert intent["latest_charge"]["invoice"] == subscription.latest_invoice
    assert get(world, OLD, f"/v1/payment_intents/{world.paid().payment_intent}")["invoice"] is None
    assert "invoice" not in get(world, BASIL, f"/v1/charges/{charge['id']}")


def test_a_payment_lists_its_charges_and_a_charge_its_refunds(world: World) -> None:
    intent = world.paid().payment_intent
    refund = world.api.refunds.create({"payment_intent": intent, "amount": 100})
    then = get(world, OLDEST, f"/v1/payment_intents/{intent}")
    assert [c["id"] for c in then["charges"]["data"]] == [then["latest_charge"]]
    assert [r["id"] for r in then["charges"]["data"][0]["refunds"]["data"]] == [refund.id]
    later = get(world, "2022-11-15", f"/v1/payment_intents/{intent}", "latest_charge")
    assert "charges" not in later
    assert "refunds" not in later["latest_charge"]


def test_codes_and_discounts_bear_their_coupon(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 50, "duration": "forever"})
    code = world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"})
    then = get(world, BASIL, f"/v1/promotion_codes/{code.id}")
    assert (then["coupon"]["id"], then["coupon"]["percent_off"], then["promotion"]["coupon"]) == (
        coupon.id,
        50,
        coupon.id,
    )
    assert "coupon" not in get(world, CLOVER, f"/v1/promotion_codes/{code.id}")
    lines = [{"price": world.plan(1000, "month").id, "quantity": 1}]
    session = world.paid(mode="subscription", line_items=lines, discounts=[{"coupon": coupon.id}])
    discount = get(world, OLD, f"/v1/subscriptions/{session.subscription}")["discount"]
    assert (discount["coupon"]["id"], discount["source"]["coupon"]) == (coupon.id, coupon.id)
    invoice = get(world, OLD, f"/v1/invoices/{session.invoice}", "discounts", "subscription.discounts")
    assert invoice["discount"] == discount == invoice["discounts"][0] == invoice["subscription"]["discounts"][0]
    world.api.coupons.delete(coupon.id)
    assert get(world, BASIL, "/v1/promotion_codes")["data"][0]["coupon"] == {
        "id": coupon.id,
        "object": "coupon",
        "deleted": True,
    }


def test_the_pages_of_a_session_had_other_names(world: World) -> None:
    session = world.session()
    assert get(world, "2026-02-25.clover", f"/v1/checkout/sessions/{session.id}")["ui_mode"] == "hosted"
    assert get(world, DAHLIA, f"/v1/checkout/sessions/{session.id}")["ui_mode"] == "hosted_page"
    assert get(world, OLD, f"/v1/checkout/sessions/{session.id}")["shipping_details"] is None
    assert get(world, OLD, f"/v1/payment_pages/{session.id}")["session_id"] == session.id


SESSION = {
    "mode": "payment",
    "success_url": "http://127.0.0.1:9/",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": "900",
    "line_items[0][price_data][product_data][name]": "x",
}


def post(world: World, version: str | None, path: str, form: dict[str, str]) -> Any:
    headers = {"Stripe-Version": version} if version else {}
    return world.raw("POST", path, urlencode(form), **headers)


@pytest.mark.parametrize(
    ("name", "value", "before", "since"),
    [
        ("ui_mode", "hosted", "2026-02-25.clover", DAHLIA),
        ("payment_method_types[]", "card", "2026-08-26.dahlia", "2026-09-30.endive"),
    ],
)
def test_what_a_session_could_be_told_is_understood_up_to_its_day_and_without_a_version(
    world: World, name: str, value: str, before: str, since: str
) -> None:
    form = {**SESSION, name: value}
    assert post(world, before, "/v1/checkout/sessions", form).status_code == 200
    assert post(world, None, "/v1/checkout/sessions", form).json()["ui_mode"] == "hosted_page"
    refused = post(world, since, "/v1/checkout/sessions", form)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, name.removesuffix("[]"))


def test_a_value_that_came_later_is_unknown_before(world: World) -> None:
    refused = post(world, OLD, "/v1/checkout/sessions", {**SESSION, "ui_mode": "popup"})
    assert refused.json()["error"]["message"].startswith("Invalid ui_mode: must be one of")


def test_methods_of_payments_are_refused_by_their_own_code(world: World) -> None:
    form = {"amount": "1000", "currency": "eur", "payment_method_types[]": "card"}
    for path in ("/v1/payment_intents", f"/v1/payment_intents/{world.paid().payment_intent}"):
        error = post(world, NEWEST, path, form).json()["error"]
        assert (error["code"], error["param"]) == ("payment_method_types_no_longer_supported", "payment_method_types")
    made = post(world, None, "/v1/payment_intents", form).json()
    confirm = {"payment_method": "pm_card_visa", "payment_method_types[]": "card"}
    assert post(world, OLD, f"/v1/payment_intents/{made['id']}/confirm", confirm).json()["status"] == "succeeded"


def test_older_subscriptions_are_given_a_promotion_code_by_its_own_name(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 50, "duration": "forever"})
    code = world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}})
    customer = world.api.customers.create({"payment_method": "pm_card_visa"})
    form = {"customer": customer.id, "items[0][price]": world.plan(1000, "month").id}
    made = post(world, OLD, "/v1/subscriptions", {**form, "promotion_code": code.id}).json()
    later = post(world, OLD, "/v1/subscriptions", form).json()
    changed = post(world, OLD, f"/v1/subscriptions/{later['id']}", {"promotion_code": code.id}).json()
    for subscription in (made, changed):
        assert subscription["discount"]["promotion_code"] == code.id
        assert subscription["discount"]["coupon"]["id"] == coupon.id
    assert post(world, BASIL, "/v1/subscriptions", {**form, "promotion_code": code.id}).status_code == 400


def test_older_subscriptions_are_billed_classically(world: World) -> None:
    customer = world.api.customers.create({"payment_method": "pm_card_visa"})
    form = {"customer": customer.id, "items[0][price]": world.plan(1000, "month").id}
    modes = {
        version: post(world, version, "/v1/subscriptions", form).json()["billing_mode"]["type"]
        for version in (OLD, BASIL, CLOVER, None)
    }
    assert modes == {OLD: "classic", BASIL: "classic", CLOVER: "flexible", None: "flexible"}
    told = post(world, OLD, "/v1/subscriptions", {**form, "billing_mode[type]": "flexible"}).json()
    assert told["billing_mode"]["type"] == "flexible"


def test_a_subscription_bought_by_an_older_request_ends_by_its_flag(world: World) -> None:
    form = {
        "mode": "subscription",
        "success_url": "http://127.0.0.1:9/",
        "line_items[0][quantity]": "1",
        "line_items[0][price]": world.plan(1000, "month").id,
    }
    session = world.api.checkout.sessions.retrieve(post(world, OLD, "/v1/checkout/sessions", form).json()["id"])
    assert world.pay(session).status_code == 303
    bought = world.read(session).subscription
    world.act("cancel-later", bought)
    assert get(world, OLD, f"/v1/subscriptions/{bought}")["cancel_at_period_end"] is True


@pytest.mark.parametrize(
    ("path", "expand"),
    [
        ("/v1/subscriptions/{sub}", "latest_invoice.payment_intent"),
        ("/v1/subscriptions/{sub}", "latest_invoice.charge.balance_transaction"),
        ("/v1/subscriptions", "data.latest_invoice.payment_intent.latest_charge"),
        ("/v1/invoices/{in}", "charge"),
        ("/v1/invoices/{in}", "payment_intent.payment_method"),
        ("/v1/invoices/{in}", "subscription.customer"),
        ("/v1/charges/{ch}", "invoice.subscription"),
        ("/v1/charges", "data.invoice"),
        ("/v1/charges/{ch}", "payment_intent.invoice"),
    ],
)
def test_the_old_paths_are_expanded_for_old_versions_only(
    world: World, subscription: Any, path: str, expand: str
) -> None:
    charge = eventually(
        lambda: world.api.charges.list().data[0].balance_transaction and world.api.charges.list().data[0]
    )
    path = path.format_map({"sub": subscription.id, "in": subscription.latest_invoice, "ch": charge.id})
    found = get(world, OLD, path, expand)
    for segment in expand.split("."):
        found = found["data"][0] if segment == "data" else found[segment]
    assert found["object"]
    conformity.check_object(found["object"], found, OLD)
    refused = world.raw("GET", f"{path}?expand[]={expand}", **{"Stripe-Version": BASIL})
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("This property cannot be expanded (")


def test_charges_of_a_payment_could_be_expanded_through(world: World) -> None:
    intent = world.paid().payment_intent
    eventually(lambda: world.api.charges.list().data[0].balance_transaction)
    found = get(world, OLDEST, f"/v1/payment_intents/{intent}", "charges.data.balance_transaction")
    assert found["charges"]["data"][0]["balance_transaction"]["object"] == "balance_transaction"


def test_refusals_are_in_the_version_that_was_asked_for(world: World) -> None:
    form = {"amount": "1000", "currency": "eur", "confirm": "true", "payment_method": "pm_card_chargeDeclined"}
    declined = post(world, OLDEST, "/v1/payment_intents", form)
    assert declined.status_code == 402
    intent = declined.json()["error"]["payment_intent"]
    assert [c["status"] for c in intent["charges"]["data"]] == ["failed"]


def test_a_first_invoice_and_a_renewal_are_told_in_the_endpoints_version(world: World, old_endpoint: Endpoint) -> None:
    bought = world.subscribed(metadata={"order": "1"})
    first = told(old_endpoint, "invoice.paid")
    assert old_endpoint.events("invoice.paid")[0]["api_version"] == OLD
    assert (first["subscription"], first["billing_reason"], first["paid"]) == (bought.id, "subscription_create", True)
    assert first["subscription_details"] == {"metadata": {"order": "1"}}
    line = first["lines"]["data"][0]
    assert (line["type"], line["price"]["unit_amount"], line["subscription"]) == ("subscription", 1000, bought.id)
    made = told(old_endpoint, "customer.subscription.created")
    assert made["current_period_end"] == made["items"]["data"][0]["current_period_end"]

    world.advance(days=32)
    renewed = told(old_endpoint, "invoice.paid", 2)
    assert (renewed["subscription"], renewed["billing_reason"]) == (bought.id, "subscription_cycle")
    assert (renewed["payment_intent"], renewed["charge"]) != (first["payment_intent"], first["charge"])
    assert renewed["lines"]["data"][0]["period"]["start"] == made["current_period_end"]
    updated = old_endpoint.wait_for("customer.subscription.updated")[0]["data"]
    assert updated["previous_attributes"]["current_period_end"] == made["current_period_end"]
    assert updated["object"]["current_period_start"] == made["current_period_end"]
    assert updated["object"]["latest_invoice"] == renewed["id"]
    upcoming = told(old_endpoint, "invoice.upcoming")
    assert (upcoming["subscription"], upcoming["paid"], upcoming["charge"]) == (bought.id, False, None)
    charged = told(old_endpoint, "charge.succeeded", 2)
    assert charged["invoice"] == renewed["id"]
    assert renewed.keys() >= keys_of("invoice", OLD) > keys_of("invoice", BASIL)


def test_an_event_stays_as_it_was_when_it_was_made(world: World, old_endpoint: Endpoint) -> None:
    coupon = world.api.coupons.create({"percent_off": 50, "name": "before"})
    world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}})
    [event] = old_endpoint.wait_for("promotion_code.created")
    assert event["data"]["object"]["coupon"]["name"] == "before"
    world.api.coupons.update(coupon.id, {"name": "after"})
    world.api.coupons.delete(coupon.id)
    assert world.raw("POST", f"/v1/events/{event['id']}/retry").status_code == 200
    assert old_endpoint.wait_for("promotion_code.created", 2)[-1]["data"] == event["data"]


def test_a_draft_knows_nothing_of_its_payment(world: World, old_endpoint: Endpoint) -> None:
    world.subscribed()
    [draft] = [event["data"]["object"] for event in old_endpoint.wait_for("invoice.created")]
    assert (draft["status"], draft["paid"], draft["payment_intent"]) == ("draft", False, None)


def test_events_are_read_in_the_version_they_were_made_with(world: World, old_endpoint: Endpoint) -> None:
    world.subscribed()
    old_endpoint.wait_for("invoice.paid")
    event = get(world, OLD, "/v1/events?type=invoice.paid")["data"][0]
    assert (event["api_version"], "subscription" in event["data"]["object"]) == (NEWEST, False)
    again = get(world, OLD, f"/v1/events/{event['id']}")
    assert (again["api_version"], again["data"]) == (NEWEST, event["data"])


def test_each_endpoint_is_told_in_its_own_version(world: World, endpoint: Endpoint, old_endpoint: Endpoint) -> None:
    world.subscribed()
    newest, older = told(endpoint, "invoice.paid"), told(old_endpoint, "invoice.paid")
    assert newest["id"] == older["id"]
    assert endpoint.wait_for("invoice.paid")[0]["api_version"] == NEWEST
    assert "subscription" not in newest


def test_an_endpoint_can_only_have_a_version_that_exists(world: World) -> None:
    form = {"url": "http://127.0.0.1:9/", "enabled_events[]": "*", "api_version": "2024-06-21"}
    refused = post(world, None, "/v1/webhook_endpoints", form)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["param"] == "api_version"
    assert error["message"].startswith("Invalid api_version: must be one of 2011-01-01, ")


@pytest.mark.parametrize("version", [OLDEST, "2022-11-15", OLD, ACACIA, BASIL, CLOVER, DAHLIA])
def test_the_shop_reads_the_same_from_every_version(world: World, version: str) -> None:
    lines = [{"price": world.plan(1000, "month").id, "quantity": 2}]
    named = {"metadata": {"order_id": "order_1", "shop_id": "shop_1"}}
    session = world.paid(mode="subscription", line_items=lines, subscription_data=named, **named)
    world.act("cancel-later", session.subscription)

    def both(path: str) -> tuple[Any, Any]:
        return get(world, NEWEST, path), get(world, version, path)

    now, then = both(f"/v1/checkout/sessions/{session.id}")
    assert read_session(then) == read_session(now)
    now, then = both(f"/v1/subscriptions/{session.subscription}")
    assert subscriptions.read_subscription(then) == subscriptions.read_subscription(now)
    if version < BASIL:
        # As it was before 2025, when items had no periods yet.
        for item in then["items"]["data"]:
            del item["current_period_start"], item["current_period_end"]
        assert subscriptions.read_subscription(then) == subscriptions.read_subscription(now)
    now, then = both(f"/v1/invoices/{session.invoice}")
    if version < BASIL:
        del then["parent"]
    assert subscriptions.subscription_of(then) == subscriptions.subscription_of(now) == session.subscription
    assert admission.named(then)["order_id"] == admission.named(now)["order_id"] == "order_1"


@pytest.fixture(scope="module")
def older_world() -> Iterator[World]:
    """A sandbox whose account speaks an older version."""
    endpoint = Endpoint()
    with running(endpoint, api_version=OLD) as world:
        yield world
    endpoint.close()


def test_the_accounts_version_is_that_of_requests_without_one_and_of_its_events(older_world: World) -> None:
    bought = older_world.subscribed()
    answer = older_world.raw("GET", f"/v1/subscriptions/{bought.id}")
    assert answer.headers["Stripe-Version"] == OLD
    assert answer.json()["current_period_end"] == bought["items"].data[0].current_period_end
    assert "current_period_end" not in bought
    sent = older_world.endpoint.wait_for("invoice.paid")[0]
    assert (sent["api_version"], sent["data"]["object"]["subscription"]) == (OLD, bought.id)
    read = get(older_world, NEWEST, f"/v1/events/{sent['id']}")
    assert {**read, "pending_webhooks": 0} == {**sent, "pending_webhooks": 0}


def test_an_endpoint_of_a_newer_version_is_told_in_it(older_world: World, own_endpoint: Endpoint) -> None:
    given = {"url": own_endpoint.url, "enabled_events": ["invoice.paid"], "api_version": NEWEST}
    made = older_world.api.webhook_endpoints.create(given)
    older_world.subscribed()
    assert "subscription" not in told(own_endpoint, "invoice.paid")
    older_world.api.webhook_endpoints.delete(made.id)


def test_retired_parameters_are_those_of_the_accounts_version(older_world: World) -> None:
    form = {**SESSION, "ui_mode": "hosted", "payment_method_types[]": "card"}
    assert post(older_world, None, "/v1/checkout/sessions", form).json()["ui_mode"] == "hosted"
    assert post(older_world, NEWEST, "/v1/checkout/sessions", form).status_code == 400


def test_the_accounts_version_can_be_chosen(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("SANDBOX_API_VERSION", OLD)
    assert program.arguments([]).api_version == OLD
    assert program.arguments(["--api-version", BASIL]).api_version == BASIL
    assert program.main(["--api-version", "2024-06-21"]) == 2
    assert "Invalid Stripe API version: 2024-06-21" in caplog.text


def test_a_panel_shows_what_was_sent(older_world: World) -> None:
    older_world.subscribed()
    event = older_world.endpoint.wait_for("invoice.paid")[-1]
    page = older_world.http.get(f"/panel/events/{event['id']}").text
    assert json.dumps(event["data"]["object"]["charge"])[1:-1] in page
