"""Bots at the till: how often somebody may begin a checkout, by which door ever, and how many places they hold unpaid."""

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.catalog.products import Product
from core.foundation import signing
from core.foundation.errors import TooManyTries
from core.journeys import checkout_limits
from core.kinds.workshops import WorkshopDate
from core.orders.orders import Order
from core.owner.doctor import house
from core.owner.doctor.findings import Level
from core.owner.needs import attention
from core.shop import Shop
from core.traffic import counting
from core.traffic.counting import Count, Sender
from core.traffic.rate_limits import Limit, RateLimit
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.machine import free_port
from webhook.app import create_app


def browser(shop: Shop, address: str) -> TestClient:
    return TestClient(create_app(shop), client=(address, 1), follow_redirects=False)


def basket(number: int, price: str = "guide-eur", **more: object) -> dict[str, object]:
    return {"cart_id": f"cart_{number}", "items": [{"price": price, **more}]}


DOORS: dict[str, Callable[[TestClient, int], int]] = {
    "/checkout": lambda client, number: client.post("/checkout", json=basket(number)).status_code,
    "/checkout/form": lambda client, number: client.post(
        "/checkout/form", content=f"product=guide&price=guide-eur&quantity={1 + number % 2}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ).status_code,
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@builders.on_sqlite
def test_sixty_checkouts_of_one_address_are_not_all_begun(shop: Shop, clock: Clock, door: str) -> None:
    def ask(address: str, number: int) -> int:
        # Without cookies, as a script: a new browser each time.
        return DOORS[door](browser(shop, address), number)

    answers = [ask("203.0.113.7", number) for number in range(60)]
    assert answers == [answers[0]] * 30 + [429] * 30
    assert ask("192.0.2.1", 60) == answers[0]
    clock.pass_(seconds=61)
    assert ask("203.0.113.7", 61) == answers[0]
    assert len(builders.rows(shop, Order)) == 32


@builders.on_sqlite
def test_a_browser_and_an_email_are_counted_wherever_they_come_from(shop: Shop) -> None:
    def begin(number: int, browser: str, email: str = "") -> None:
        asked = builders.a_basket(cart=f"cart_{number}", email=email)
        checkout_limits.admit(shop, asked, Sender(f"192.0.2.{number}", browser))

    for number in range(10):
        begin(number, "br_1")
    with pytest.raises(TooManyTries):
        begin(11, "br_1")
    for number in range(10):
        begin(number, f"br_{number + 20}", "nora@lindqvist.example")
    with pytest.raises(TooManyTries):
        begin(12, "br_99", "nora@LINDQVIST.example")


def test_seven_who_do_not_pay_do_not_sell_out_a_workshop(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.change_date(shop, "clinic/1", capacity=7)
    answers = [
        browser(shop, "203.0.113.7").post("/checkout", json=basket(number, "clinic-eur", date="clinic/1")).status_code
        for number in range(7)
    ]
    most = max(4, _most(shop))
    assert answers == [200] * most + [429] * (7 - most)
    assert _taken(shop) == most < 7
    # The same cart again is the same place.
    again = browser(shop, "203.0.113.7").post("/checkout", json=basket(0, "clinic-eur", date="clinic/1"))
    assert (again.status_code, _taken(shop)) == (200, most)
    # Somebody else finds one, and so does this one when what was held unpaid is free again.
    assert browser(shop, "192.0.2.1").post("/checkout", json=basket(8, "clinic-eur", date="clinic/1")).is_success
    clock.pass_(minutes=36)
    assert browser(shop, "203.0.113.7").post("/checkout", json=basket(9, "clinic-eur", date="clinic/1")).is_success


@builders.on_sqlite
def test_colleagues_behind_one_address_get_half_of_a_date_and_a_browser_no_more_than_one_order(shop: Shop) -> None:
    builders.change_date(shop, "clinic/1", capacity=24)
    most = max(4, _most(shop))
    office = [browser(shop, "203.0.113.7") for _ in range(13)]
    begun = [
        each.post("/checkout", json=basket(number, "clinic-eur", date="clinic/1")) for number, each in enumerate(office)
    ]
    assert [each.status_code for each in begun] == [200] * 12 + [429]
    one = browser(shop, "192.0.2.1")
    one.cookies.set(signing.BROWSER_COOKIE, signing.sign(shop.signing_key, signing.BROWSER, "br_one"))
    alone = [one.post("/checkout", json=basket(20 + n, "clinic-eur", date="clinic/1")) for n in range(most + 1)]
    assert [each.status_code for each in alone] == [200] * most + [429]


def test_whoever_is_refused_may_have_what_there_is(shop: Shop, stripe: FakeStripe) -> None:
    builders.change_date(shop, "clinic/1", capacity=2)
    one = browser(shop, "203.0.113.7")
    one.cookies.set(signing.BROWSER_COOKIE, signing.sign(shop.signing_key, signing.BROWSER, "br_one"))

    def ask(places: int, number: int = 0) -> int:
        return one.post("/checkout", json=basket(number, "clinic-eur", date="clinic/1", quantity=places)).status_code

    most = _most(shop)
    assert [ask(most), ask(most), ask(most + 1), ask(1)] == [409, 409, 400, 200]
    # One that is held by now stays counted, whatever becomes of the rest.
    assert [ask(most), _taken(shop)] == [409, 1]
    builders.change_date(shop, "clinic/1", capacity=40)
    assert [ask(1, 1), ask(most, 2), ask(most, 3), ask(max(most, 4) - 2, 4), ask(1, 5)] == [200, 429, 429, 200, 429]


def _most(shop: Shop) -> int:
    with shop.reading() as session:
        return session.get_one(Product, "clinic").max_quantity


def _taken(shop: Shop) -> int:
    return next(row.taken for row in builders.rows(shop, WorkshopDate) if row.id == "clinic/1")


@builders.on_sqlite
def test_at_once_no_more_are_let_in_than_one_after_the_other(shop: Shop) -> None:
    limit = Limit("a limit", 5)
    results = builders.at_once(*[lambda: counting.admit(shop, [Count(limit, "one")])] * 16)
    assert len([each for each in results if each is None]) == 5
    assert {type(each) for each in results} == {type(None), TooManyTries}


@builders.on_sqlite
def test_a_field_that_nobody_sees_is_filled_in_by_no_person(shop: Shop) -> None:
    client, said = browser(shop, "192.0.2.1"), {"Content-Type": "application/x-www-form-urlencoded"}
    form = "product=guide&price=guide-eur&website="
    assert client.post("/checkout/form", content=form, headers=said).status_code == 303
    assert client.post("/checkout/form", content=form + "http://spam.example", headers=said).status_code == 400
    assert len(builders.rows(shop, Order)) == 1


@builders.on_sqlite
def test_redis_counts_in_the_databases_place_and_the_database_while_it_is_away(shop: Shop) -> None:
    limit = Limit("another limit", 2)
    kept = replace(shop, settings=shop.settings.model_copy(update={"redis_url": "memory://"}))
    for _ in range(2):
        counting.admit(kept, [Count(limit, "one")])
    with pytest.raises(TooManyTries, match=r"again in \d+ seconds"):
        counting.admit(kept, [Count(limit, "one")])
    assert builders.rows(shop, RateLimit) == []
    gone = replace(shop, settings=shop.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}"}))
    for _ in range(2):
        counting.admit(gone, [Count(limit, "one")])
    with pytest.raises(TooManyTries):
        counting.admit(gone, [Count(limit, "one")])
    assert [row.hits for row in builders.rows(shop, RateLimit)] == [3]
    said = [[(each.level, each.what) for each in house.redis(one)] for one in (shop, kept, gone)]
    assert said[:2] == [[], [(Level.FINE, "Redis counts who comes.")]]
    [(level, what)] = said[2]
    assert (level, "Connection refused" in what) == (Level.WRONG, True)


@builders.on_sqlite
def test_a_redis_that_says_nothing_is_not_waited_for(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        counting.admit(
            replace(shop, settings=shop.settings.model_copy(update={"redis_url": url})),
            [Count(Limit("a third limit", 2), "one")],
        )
    assert [row.hits for row in builders.rows(shop, RateLimit)] == [1]
    asked: Any = counting._limiter(url).storage
    kept = asked.storage.connection_pool.connection_kwargs
    assert (kept["socket_timeout"], kept["socket_connect_timeout"]) == (0.5, 0.5)


def test_many_declined_cards_are_said_to_the_owner_and_few_are_not(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    payment = stripe.sessions[session_id]["payment_intent"]

    def decline(number: int) -> None:
        failed = {
            **stripe.payment_intents[payment],
            "last_payment_error": {"code": "card_declined", "charge": f"ch_{number}"},
        }
        builders.deliver(shop, stripe.tell("payment_intent.payment_failed", failed))

    builders.deliver(shop, stripe.event("completed", session_id))
    for number in range(20):
        decline(number)
    assert "card_testing" not in {item.topic for item in attention.items(shop)}
    decline(20)
    [item] = [item for item in attention.items(shop) if item.topic == "card_testing"]
    assert item.detail == "21 payments were declined within an hour"
    clock.pass_(minutes=61)
    assert "card_testing" not in {item.topic for item in attention.items(shop)}
    assert order_id
