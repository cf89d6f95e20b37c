from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

from sandbox import events, spec
from sandbox.account import Account
from sandbox.api import Call
from sandbox.settings import Settings
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
    ("path", "message"),
    [
        ("metadata", "This property cannot be expanded (metadata)."),
        ("nothing.at_all", "This property cannot be expanded (nothing)."),
        ("a.b.c.d.e", "You cannot expand more than 4 levels of a property."),
    ],
)
def test_what_cannot_be_expanded_is_refused(world: World, path: str, message: str) -> None:
    session = world.session()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.read(session, path)
    assert refused.value.user_message.startswith(message)


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
