"""Stripe's answers that come at once are recorded together, and none is another's trouble."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core import fulfillment
from core.foundation import database
from core.foundation.errors import StripeUnreachable
from core.gateway.sessions import SessionFacts
from core.journeys import checkout
from core.journeys.checkout import PaymentLink
from core.journeys.checkout_sessions import answers
from core.orders.checkouts import Checkout
from core.shop import Shop
from tests import builders
from tests.builders import a_basket, session_id
from tests.core.test_statements import statements
from tests.fakes import FakeStripe
from tests.machine import eventually

CARTS = ("one", "two", "three", "four")


def started_together(
    shop: Shop, carts: Sequence[str] = CARTS, released: Callable[[], Any] = lambda: None
) -> list["Future[PaymentLink]"]:
    """Checkouts that Stripe has answered while somebody else's answer was being recorded, in their order; how each ended."""
    desk = answers._DESKS.setdefault(shop.engine, answers._Desk())
    started: list[Future[PaymentLink]] = []
    with ThreadPoolExecutor(len(carts)) as pool, desk.turn:
        for cart in carts:
            started.append(pool.submit(checkout.start, shop, a_basket("guide-eur", cart=cart)))
            eventually(lambda: len(desk.waiting) == len(started))
        released()
    assert (list(desk.waiting), desk.done) == ([], {})
    return started


def known(shop: Shop) -> list[str]:
    return sorted(row.stripe_checkout_session_id or "" for row in builders.rows(shop, Checkout))


def refused(shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the second Session that it opens, Stripe answers with another order's."""
    opening = stripe.open_checkout

    def open_checkout(parameters: dict[str, Any], *, key: str) -> SessionFacts:
        facts = opening(parameters, key=key)
        return replace(facts, metadata={**facts.metadata, "token": "tok_else"}) if len(stripe.sessions) == 2 else facts

    monkeypatch.setattr(stripe, "open_checkout", open_checkout)


def unwritable(shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Stripe answers of the second Session cannot be written."""
    record = fulfillment.record_session

    def record_session(session: Any, admitted: Any, **more: Any) -> Checkout:
        if admitted.facts.id == list(stripe.sessions)[1]:
            raise StripeUnreachable("unsettled", "cannot be written")
        return record(session, admitted, **more)

    monkeypatch.setattr(fulfillment, "record_session", record_session)


def test_those_that_came_meanwhile_are_recorded_in_one_transaction(shop: Shop, stripe: FakeStripe) -> None:
    with statements(shop.engine) as heard:
        links = [each.result() for each in started_together(shop, released=heard.clear)]
    assert len([each for each in heard if each == "COMMIT"]) == 1, heard
    assert known(shop) == sorted(map(session_id, links)) == sorted(stripe.sessions)
    assert [builders.status(shop, link.order_id) for link in links] == ["pending"] * len(CARTS)
    for link in links:
        assert builders.log(shop, link.order_id) == ["checkout:1"]


@pytest.mark.parametrize("trouble", [refused, unwritable])
def test_one_that_cannot_be_recorded_fails_alone(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, trouble: Callable[..., None]
) -> None:
    trouble(shop, stripe, monkeypatch)
    found = started_together(shop)
    assert [type(each.exception()) for each in found] == [type(None), StripeUnreachable, type(None), type(None)]
    links = [each.result() for each in found if not each.exception()]
    assert known(shop) == sorted(["", *map(session_id, links)])
    monkeypatch.undo()
    assert session_id(checkout.start(shop, a_basket("guide-eur", cart=CARTS[1]))) in known(shop)


def test_two_of_one_order_lead_to_the_same_page(shop: Shop, stripe: FakeStripe) -> None:
    links = [each.result() for each in started_together(shop, ("one", "one", "two"))]
    assert links[0] == links[1] != links[2]
    assert known(shop) == sorted({session_id(link) for link in links}) == sorted(stripe.sessions)


def test_whoever_is_broken_off_loses_nobody_elses(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = answers._recorded
    tries: list[int] = []

    def breaks_off_once(shop: Shop, waiting: Sequence[Any], **how: Any) -> Any:
        tries.append(len(waiting))
        if len(tries) == 1:
            raise KeyboardInterrupt
        return recorded(shop, waiting, **how)

    monkeypatch.setattr(answers, "_recorded", breaks_off_once)
    desk = answers._DESKS.setdefault(shop.engine, answers._Desk())
    with ThreadPoolExecutor(3) as pool, desk.turn:
        started = [pool.submit(checkout.start, shop, a_basket("guide-eur", cart=cart)) for cart in CARTS[:3]]
        eventually(lambda: len(desk.waiting) == 3)
    ended = [type(each.exception()) for each in started]
    assert sorted(map(str, ended)) == sorted(map(str, [KeyboardInterrupt, type(None), type(None)]))
    assert known(shop) == sorted(stripe.sessions)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_while_somebody_else_holds_an_order_only_its_own_answer_waits(shop: Shop, stripe: FakeStripe) -> None:
    desk = answers._DESKS.setdefault(shop.engine, answers._Desk())
    with ThreadPoolExecutor(len(CARTS)) as pool, shop.engine.begin() as connection:
        with desk.turn:
            started = [pool.submit(checkout.start, shop, a_basket("guide-eur", cart=cart)) for cart in CARTS]
            eventually(lambda: len(desk.waiting) == len(CARTS))
            query = text("select id from orders where cart_id = :cart for update")
            assert connection.execute(query, {"cart": CARTS[1]}).all()
        links = [started[number].result(30) for number in (0, 2, 3)]
        assert session_id(checkout.start(shop, a_basket("guide-eur", cart="five"))) in known(shop)
        assert not started[1].done()
        connection.rollback()
        links.append(started[1].result(30))
    assert {*map(session_id, links)} < {*known(shop)}


@builders.on_sqlite
def test_when_the_database_is_away_nothing_is_tried_in_parts(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tries = []
    recorded = answers._recorded
    away = replace(shop, engine=database.connect(f"sqlite:///{tmp_path}"))  # there is a folder where the file is to be

    def counted(_shop: Shop, waiting: Sequence[Any], **how: Any) -> Any:
        tries.append(len(waiting))
        return recorded(away, waiting, **how)

    monkeypatch.setattr(answers, "_recorded", counted)
    errors = [each.exception() for each in started_together(shop)]
    assert tries == [len(CARTS)]
    assert all(isinstance(each, Exception) and database.is_away(each) for each in errors)
    monkeypatch.undo()
    assert session_id(checkout.start(shop, a_basket("guide-eur", cart=CARTS[0]))) in known(shop)
