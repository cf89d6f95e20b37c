"""Sessions that expired, and the address by which their buyers come back."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.running import World

MONTH = 30 * 24 * 3600
RECOVERABLE = {"after_expiration": {"recovery": {"enabled": True}}}


def _expired(world: World, **more: Any) -> Any:
    return world.api.checkout.sessions.expire(world.session(**{**RECOVERABLE, **more}).id)


def _opened(world: World, expired: Any) -> Any:
    """What somebody is shown who opens the address."""
    return world.http.get(urlsplit(expired.after_expiration.recovery.url).path)


def _recovered(world: World, expired: Any) -> Any:
    """The session that opening the address leads to."""
    answer = _opened(world, expired)
    assert answer.status_code == 303
    return world.api.checkout.sessions.retrieve(urlsplit(answer.headers["location"]).path.rpartition("/")[2])


def test_there_is_no_address_before_a_session_has_expired(world: World) -> None:
    session = world.session(**RECOVERABLE)
    nothing = {"allow_promotion_codes": False, "enabled": True, "expires_at": None, "url": None}
    assert session.after_expiration.recovery.to_dict() == nothing


def test_an_expired_session_says_where_it_can_be_recovered_and_how_long(world: World) -> None:
    expired = _expired(world)
    recovery = expired.after_expiration.recovery
    assert abs(recovery.expires_at - time.time() - MONTH) < 60
    assert recovery.url.startswith(f"{world.settings.base_url}/r/test_")
    told = world.events("checkout.session.expired")[0].data.object
    assert told.after_expiration.to_dict() == expired.after_expiration.to_dict()


@pytest.mark.parametrize("asked", [{"after_expiration": {"recovery": {"enabled": False}}}, {"after_expiration": None}])
def test_a_session_that_is_not_to_be_recovered_has_no_address(world: World, asked: Any) -> None:
    given = {key: value for key, value in asked.items() if value}
    expired = world.api.checkout.sessions.expire(world.session(**given).id)
    assert expired.after_expiration is None or expired.after_expiration.recovery.url is None


def test_opening_the_address_makes_a_copy_that_can_be_paid(world: World) -> None:
    asked = [{"key": "size", "type": "text", "label": {"type": "custom", "custom": "Size"}}]
    expired = _expired(
        world,
        customer_email="nora@example.com",
        metadata={"order": "ord_1"},
        client_reference_id="ref_1",
        payment_intent_data={"metadata": {"order": "ord_1"}},
        custom_fields=asked,
    )
    copy = _recovered(world, expired)
    assert (copy.recovered_from, copy.status) == (expired.id, "open")
    assert copy.url.startswith(f"{world.settings.base_url}/c/pay/{copy.id}#fid")
    own = {
        "id",
        "after_expiration",
        "allow_promotion_codes",
        "created",
        "expires_at",
        "recovered_from",
        "status",
        "url",
    }
    before, after = expired.to_dict(), copy.to_dict()
    assert {key for key in before if before[key] != after[key]} <= own
    assert copy.expires_at - copy.created == expired.expires_at - expired.created
    assert world.pay(copy, **{"customField-size": "M"}).status_code == 303
    paid = world.read(copy, "payment_intent", "line_items")
    assert (paid.payment_status, paid.payment_intent.metadata.to_dict()) == ("paid", {"order": "ord_1"})
    assert [line.description for line in paid.line_items.data] == ["The Quiet Launch"]
    assert world.events("checkout.session.completed")[0].data.object.recovered_from == expired.id
    assert (world.read(expired).status, world.read(expired).payment_intent) == ("expired", None)


def test_lines_of_the_copy_are_its_own(world: World) -> None:
    expired = _expired(world)
    lists = [world.api.checkout.sessions.line_items.list(id).data for id in (expired.id, _recovered(world, expired).id)]
    assert lists[0][0].id != lists[1][0].id
    assert lists[0][0].price.id == lists[1][0].price.id


def test_a_copy_expires_too_and_can_be_recovered_again(world: World) -> None:
    expired = _expired(world)
    copy = _recovered(world, expired)
    world.advance(hours=25)
    assert world.read(copy).status == "expired"
    again = _recovered(world, world.read(copy))
    assert again.recovered_from == copy.id
    world.pay(again)
    # Whoever kept the first letter must not pay twice.
    for session in (expired, world.read(copy)):
        answer = _opened(world, session)
        assert (answer.status_code, "Already paid" in answer.text) == (200, True)


def test_the_address_is_dead_after_a_month(world: World) -> None:
    expired = _expired(world)
    world.advance(days=29.9)
    assert _opened(world, expired).status_code == 303
    known = len(world.api.checkout.sessions.list().data)
    world.advance(days=0.2)
    answer = _opened(world, expired)
    assert (answer.status_code, "This link has expired" in answer.text) == (200, True)
    assert len(world.api.checkout.sessions.list().data) == known


def test_an_address_nobody_was_given_leads_nowhere(world: World) -> None:
    _expired(world, after_expiration={"recovery": {"enabled": False}})
    assert world.http.get("/r/test_AbCdEfGh").status_code == 404


@pytest.mark.parametrize("allowed", [True, False])
def test_codes_can_be_typed_on_the_copy_if_the_shop_wants_that(world: World, allowed: bool) -> None:
    coupon = world.api.coupons.create({"percent_off": 10})
    world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "COMEBACK"})
    asked = {"recovery": {"enabled": True, "allow_promotion_codes": allowed}}
    copy = _recovered(world, _expired(world, after_expiration=asked))
    assert (copy.allow_promotion_codes, copy.after_expiration.recovery.allow_promotion_codes) == (allowed, allowed)
    page = world.http.get(f"/c/pay/{copy.id}").text
    assert ('name="promotionCode"' in page) == allowed
    world.pay(copy, promotionCode="COMEBACK", promotion="apply")
    assert world.read(copy).amount_total == (2610 if allowed else 2900)


def test_a_discount_of_the_shop_stays_and_a_code_that_was_typed_does_not(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 10})
    world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "COMEBACK"})
    given = _recovered(world, _expired(world, discounts=[{"coupon": coupon.id}]))
    assert (given.amount_total, given.total_details.amount_discount) == (2610, 290)
    typed = world.session(**RECOVERABLE, allow_promotion_codes=True)
    world.pay(typed, promotionCode="COMEBACK", promotion="apply")
    assert world.read(typed).amount_total == 2610
    copy = _recovered(world, world.api.checkout.sessions.expire(typed.id))
    assert (copy.amount_total, copy.discounts) == (2900, [])
    assert world.read(typed).amount_total == 2610


def test_a_payment_tried_before_is_not_that_of_the_copy(world: World) -> None:
    session = world.session(**RECOVERABLE)
    world.pay(session, "4000000000000002")
    tried = world.read(session).payment_intent
    copy = _recovered(world, world.api.checkout.sessions.expire(session.id))
    assert copy.payment_intent is None
    world.pay(copy)
    assert world.read(copy).payment_intent not in (None, tried)


def test_a_plan_is_recovered_with_what_it_was_to_be(world: World) -> None:
    lines = [{"price": world.plan(1000, "month").id, "quantity": 2}]
    data = {"metadata": {"order": "ord_1"}}
    copy = _recovered(world, _expired(world, mode="subscription", line_items=lines, subscription_data=data))
    world.pay(copy)
    subscription = world.api.subscriptions.retrieve(world.read(copy).subscription)
    assert (subscription.metadata.to_dict(), subscription["items"].data[0].quantity) == ({"order": "ord_1"}, 2)


def test_scripts_recover_any_session_that_has_expired(world: World) -> None:
    session = world.session(metadata={"order": "ord_1"})
    refused = world.http.post("/sandbox/act/recover", json={"id": session.id})
    assert (refused.status_code, "only an expired one" in refused.json()["error"]) == (400, True)
    expired = world.api.checkout.sessions.expire(session.id)
    copy = world.api.checkout.sessions.retrieve(world.act("recover", expired.id)["id"])
    assert (copy.recovered_from, copy.status, copy.after_expiration) == (expired.id, "open", None)
    world.pay(copy)
    assert world.read(copy).payment_status == "paid"
