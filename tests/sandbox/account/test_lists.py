from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

from sandbox.account import events
from sandbox.account.account import Account
from sandbox.account.requests import Call
from sandbox.account.settings import Settings
from sandbox.protocol import spec
from tests.sandbox.running import World


def test_lists_are_newest_first_and_come_in_pages(world: World) -> None:
    made = [world.api.products.create({"name": f"n{n}"}).id for n in range(5)][::-1]
    first = world.api.products.list({"limit": 2})
    assert ([p.id for p in first.data], first.has_more) == (made[:2], True)
    rest = world.api.products.list({"limit": 3, "starting_after": made[1]})
    assert ([p.id for p in rest.data], rest.has_more) == (made[2:], False)
    back = world.api.products.list({"limit": 2, "ending_before": made[4]})
    assert ([p.id for p in back.data], back.has_more) == (made[2:4], True)
    assert [p.id for p in world.api.products.list({"limit": 2}).auto_paging_iter()] == made


def test_a_limit_out_of_range_is_brought_into_it(world: World) -> None:
    for n in range(3):
        world.api.products.create({"name": f"n{n}"})
    assert len(world.api.products.list({"limit": 0}).data) == 1
    assert len(world.api.products.list({"limit": 1000}).data) == 3


def test_a_cursor_must_exist_and_there_can_only_be_one(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        world.api.products.list({"starting_after": "prod_x"})
    assert (unknown.value.http_status, unknown.value.code) == (400, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="Please pass in only one"):
        world.api.products.list({"starting_after": "prod_x", "ending_before": "prod_y"})


def test_lists_are_filtered_by_time_and_by_key(world: World) -> None:
    one, other = world.price(lookup_key="one"), world.price(lookup_key="other", currency="usd")
    found = world.api.prices.list({"lookup_keys": ["one", "two"]})
    assert [p.id for p in found.data] == [one.id]
    assert [p.id for p in world.api.prices.list({"currency": "usd"}).data] == [other.id]
    assert len(world.api.prices.list({"created": {"gte": one.created, "lt": one.created + 60}}).data) == 2
    assert world.api.prices.list({"created": {"lt": one.created}}).data == []


def test_paths_are_expanded_through_lists_and_objects(world: World) -> None:
    session = world.paid()
    deep = world.read(session, "payment_intent.latest_charge.balance_transaction", "line_items.data.price.product")
    assert deep.payment_intent.latest_charge.object == "charge"
    assert deep.line_items.data[0].price.product.name == "The Quiet Launch"
    listed = world.api.checkout.sessions.list({"expand": ["data.payment_intent"]})
    assert listed.data[0].payment_intent.object == "payment_intent"


@pytest.mark.parametrize(
    ("path", "message", "code"),
    [
        ("metadata", "This property cannot be expanded (metadata).", None),
        ("nothing.at_all", "This property cannot be expanded (nothing).", None),
        ("payment_intent.nothing", "This property cannot be expanded (payment_intent.nothing).", None),
        ("line_items.price", "This property cannot be expanded (line_items.price).", None),
        (
            "a.b.c.d.e",
            "You cannot expand more than 4 levels of a property. Property: a.b.c.d.e",
            "property_expansion_max_depth",
        ),
    ],
)
def test_what_cannot_be_expanded_is_refused_whatever_stands_there(
    world: World, path: str, message: str, code: str | None
) -> None:
    session = world.session()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.read(session, path)
    assert (refused.value.user_message, refused.value.code, refused.value.param) == (message, code, None)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "customer",
            "This property cannot be expanded (customer). You may want to try expanding 'data.customer' instead.",
        ),
        ("bogus", "This property cannot be expanded (bogus). You may want to try expanding 'data.bogus' instead."),
        ("data.bogus", "This property cannot be expanded (data.bogus)."),
        (
            "data.items.data.price.product",
            "You cannot expand more than 4 levels of a property. Property: data.items.data.price.product",
        ),
    ],
)
def test_paths_into_a_list_begin_with_data_even_when_it_is_empty(world: World, path: str, message: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.subscriptions.list({"expand": [path]})
    assert refused.value.user_message == message
    assert world.api.subscriptions.list({"expand": ["data", "data.customer"]}).data == []


def test_paths_into_search_results_begin_with_data_too(world: World) -> None:
    refused = world.raw("GET", "/v1/customers/search?query=x&expand[]=test_clock").json()["error"]["message"]
    assert refused.endswith("You may want to try expanding 'data.test_clock' instead.")


def test_what_was_deleted_and_made_anew_is_there_again(world: World) -> None:
    world.api.products.create({"name": "before", "id": "prod_1"})
    world.api.products.delete("prod_1")
    world.api.products.create({"name": "after", "id": "prod_1"})
    given = {"product": "prod_1", "unit_amount": 100, "currency": "eur", "expand": ["product"]}
    assert world.api.prices.create(given).product.name == "after"


def test_nothing_is_done_when_a_path_is_wrong(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        world.api.products.create({"name": "x", "expand": ["nonsense"]}, {"idempotency_key": "k1"})
    assert world.api.products.list().data == []
    assert world.api.products.create({"name": "x"}, {"idempotency_key": "k1"}).name == "x"


def test_what_is_only_there_when_asked_for_is_found_through_other_objects(world: World) -> None:
    bought = world.subscribed()
    customer = world.api.customers.retrieve(bought.customer, {"expand": ["subscriptions.data.latest_invoice.payments"]})
    payment = customer.subscriptions.data[0].latest_invoice.payments.data[0]
    assert payment.object == "invoice_payment"
    invoices = world.api.invoices.list({"expand": ["data.payments"]})
    assert invoices.data[0].payments.data[0].id == payment.id
    paths = ["items.data.price.product", "latest_invoice.parent.subscription_details.subscription"]
    deep = world.api.subscriptions.retrieve(bought.id, {"expand": paths})
    assert deep["items"].data[0].price.product.object == "product"
    assert deep.latest_invoice.parent.subscription_details.subscription.id == bought.id


def test_an_invoice_tells_by_which_secret_its_payment_is_confirmed(world: World) -> None:
    bought = world.subscribed()
    shown = world.api.subscriptions.retrieve(bought.id, {"expand": ["latest_invoice.confirmation_secret"]})
    payment = world.api.payment_intents.list().data[0]
    secret = {"client_secret": payment.client_secret, "type": "payment_intent"}
    assert shown.latest_invoice.confirmation_secret.to_dict() == secret
    listed = world.api.invoices.list({"expand": ["data.confirmation_secret"]}).data[0]
    assert listed.confirmation_secret.to_dict() == secret
    assert "confirmation_secret" not in world.api.invoices.retrieve(listed.id)
    draft = world.api.invoices.create({"customer": bought.customer})
    asked = world.api.invoices.retrieve(draft.id, {"expand": ["confirmation_secret"]})
    assert asked.to_dict()["confirmation_secret"] is None


def test_what_a_customer_is_owed_is_there_when_asked_for(world: World) -> None:
    customer = world.api.customers.create({"balance": -500})
    asked = {"expand": ["invoice_credit_balance", "cash_balance"]}
    shown = world.api.customers.retrieve(customer.id, asked).to_dict()
    assert (shown["invoice_credit_balance"], shown["cash_balance"]) == ({"eur": 500}, None)
    coupon = world.api.coupons.create({"percent_off": 10})
    assert world.api.coupons.retrieve(coupon.id, {"expand": ["currency_options"]}).id == coupon.id


def test_a_deleted_object_is_still_named_and_says_that_it_is_gone(world: World) -> None:
    bought = world.subscribed()
    assert world.api.customers.delete(bought.customer).deleted
    gone = {"id": bought.customer, "object": "customer", "deleted": True}
    assert world.api.customers.retrieve(bought.customer).to_dict() == gone
    found = world.api.subscriptions.retrieve(bought.id, {"expand": ["customer", "latest_invoice.customer"]})
    assert found.customer.to_dict() == found.latest_invoice.customer.to_dict() == gone
    through = world.api.subscriptions.retrieve(bought.id, {"expand": ["customer.subscriptions", "customer.test_clock"]})
    assert through.customer.to_dict() == gone
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        world.api.customers.update(bought.customer, {"name": "x"})
    assert world.api.customers.list().data == []


def _made_an_hour_apart(world: World, times: int) -> list[Any]:
    made = []
    for n in range(times):
        made.append(world.api.products.create({"name": f"n{n}", "active": n % 2 == 0}))
        world.advance(hours=1)
    return made[::-1]


def test_pages_fit_together_both_ways_within_bounds_of_time(world: World) -> None:
    products = _made_an_hour_apart(world, 8)
    given: dict[str, Any] = {"created": {"gte": products[6].created, "lt": products[0].created}, "limit": 2}
    within = [p.id for p in products[1:7]]
    assert [p.id for p in world.api.products.list(given).auto_paging_iter()] == within
    last = world.api.products.list({**given, "starting_after": within[3]})
    assert ([p.id for p in last.data], last.has_more) == (within[4:], False)
    back = world.api.products.list({**given, "ending_before": within[4]})
    assert ([p.id for p in back.data], back.has_more) == (within[2:4], True)
    first = world.api.products.list({**given, "ending_before": within[2]})
    assert ([p.id for p in first.data], first.has_more) == (within[:2], False)
    assert [p.id for p in back.auto_paging_iter()] == within[3::-1]


def test_a_cursor_is_a_place_whether_or_not_it_passes_the_filter(world: World) -> None:
    products = _made_an_hour_apart(world, 5)
    active = [p.id for p in products if p.active]
    for cursor, after in ((products[1].id, active[1:]), (active[1], active[2:])):
        assert [p.id for p in world.api.products.list({"active": True, "starting_after": cursor}).data] == after
        assert [p.id for p in world.api.products.list({"active": True, "ending_before": cursor}).data] == active[:1]


def test_a_cursor_that_belongs_to_somebody_else_is_a_place_too(world: World) -> None:
    first, middle, last = (world.paid().payment_intent for _ in range(3))
    charges = {c.payment_intent: c.id for c in world.api.charges.list().data}

    def after_the_middle(intent: str) -> list[str]:
        given = {"payment_intent": intent, "starting_after": charges[middle]}
        return [c.id for c in world.api.charges.list(given).data]

    assert after_the_middle(first) == [charges[first]]
    assert after_the_middle(last) == []


def test_a_subscription_that_ended_between_two_pages_does_not_break_the_walk(world: World) -> None:
    bought = [world.subscribed().id for _ in range(3)][::-1]
    assert [s.id for s in world.api.subscriptions.list({"limit": 1}).data] == bought[:1]
    world.api.subscriptions.cancel(bought[0])
    rest = world.api.subscriptions.list({"limit": 5, "starting_after": bought[0]})
    assert [s.id for s in rest.data] == bought[1:]


def test_events_are_paged_backwards_within_bounds_of_time(world: World) -> None:
    for n in range(4):
        world.api.products.create({"name": f"n{n}"})
    events = world.api.events.list().data
    given = {"created": {"gte": events[0].created - 60}, "limit": 2, "ending_before": events[3].id}
    back = world.api.events.list(given)
    assert ([e.id for e in back.data], back.has_more) == ([e.id for e in events[1:3]], True)


@pytest.mark.parametrize("cursor", ["starting_after", "ending_before"])
@pytest.mark.parametrize("kind", ["unknown", "deleted", "another"])
def test_a_cursor_must_name_an_object_of_the_list(world: World, cursor: str, kind: str) -> None:
    id = {"unknown": "prod_x", "another": world.price().id}.get(kind)
    if id is None:
        id = world.api.products.create({"name": "x"}).id
        world.api.products.delete(id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.products.list({cursor: id})
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, "resource_missing", cursor)
    assert refused.value.user_message == f"No such product: '{id}'"


def test_total_count_is_gone_from_lists(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="cannot be included"):
        world.api.products.list({"expand": ["total_count"]})


def test_ten_thousand_events_are_paged_without_a_gap_and_without_waiting() -> None:
    account = Account(Settings(data=":memory:", webhook_url=""), {})
    began = int(time.time())
    for n in range(10_000):
        account.emit("product.created", {"object": "product", "id": f"prod_{n}"})
    seen: list[str] = []
    started = time.perf_counter()
    given: dict[str, Any] = {"limit": 100, "created": {"gte": began}}
    while True:
        found = events.listing(account, _listing(given))
        seen += [event["data"]["object"]["id"] for event in found["data"]]
        if not found["has_more"]:
            break
        given["starting_after"] = found["data"][-1]["id"]
    assert seen == [f"prod_{n}" for n in reversed(range(10_000))]
    assert time.perf_counter() - started < 5


def test_the_bounds_of_created_are_exact(world: World) -> None:
    world.api.products.create({"name": "x"})
    made = world.events()[0].created
    for bound, found in (("gte", 1), ("gt", 0), ("lte", 1), ("lt", 0)):
        assert len(world.api.events.list({"created": {bound: made}}).data) == found


def test_what_a_shop_looks_up_is_found_by_what_it_belongs_to(world: World) -> None:
    sessions = [world.paid() for _ in range(3)]
    for session in sessions:
        intent = session.payment_intent
        assert [s.id for s in world.api.checkout.sessions.list({"payment_intent": intent}).data] == [session.id]
        charge = world.api.charges.list({"payment_intent": intent}).data[0]
        world.api.refunds.create({"charge": charge.id, "amount": 100})
        world.api.refunds.create({"charge": charge.id, "amount": 200})
        listed = world.api.refunds.list({"charge": charge.id, "limit": 1})
        assert [r.amount for r in listed.auto_paging_iter()] == [200, 100]


def _listing(params: dict[str, Any]) -> Call:
    found = spec.match("GET", "/v1/events")
    assert found
    return Call(found[0], "/v1/events", "", params, "req_1")
