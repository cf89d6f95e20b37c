"""Quantities that buyers change on the payment page."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World

ADJUSTABLE = {"enabled": True, "minimum": 1, "maximum": 5}


def _line(amount: int = 1000, quantity: int = 2, adjustable: Any = ADJUSTABLE, **more: Any) -> dict[str, Any]:
    described = {"currency": "eur", "unit_amount": amount, "product_data": {"name": f"Card {amount}"}, **more}
    return {"price_data": described, "quantity": quantity, "adjustable_quantity": adjustable}


def _lines(world: World, session: Any) -> list[Any]:
    return list(world.api.checkout.sessions.line_items.list(session.id).data)


def _typing(world: World, session: Any, quantity: str, which: int = 0) -> dict[str, str]:
    return {f"quantity-{_lines(world, session)[which].id}": quantity}


def test_a_line_shows_its_bounds(world: World) -> None:
    session = world.session(
        line_items=[
            _line(),
            _line(adjustable={"enabled": True}),
            {**_line(), "adjustable_quantity": {"enabled": False}},
        ]
    )
    shown = [line.adjustable_quantity.to_dict() for line in _lines(world, session)]
    assert shown == [
        ADJUSTABLE,
        {"enabled": True, "maximum": None, "minimum": None},
        {"enabled": False, "maximum": None, "minimum": None},
    ]
    page = world.http.get(f"/c/pay/{session.id}").text
    assert page.count('type="number"') == 2
    assert ('min="1" max="5"' in page, 'min="0" max="99"' in page) == (True, True)


def test_nobody_pays_a_total_they_have_not_seen(world: World) -> None:
    session = world.session(line_items=[_line(), _line(500, 1, {"enabled": False})])
    typed = _typing(world, session, "4")
    shown = world.changed(
        session, email="nora@example.com", cardNumber="4242424242424242", billingName="Nora L", **typed
    )
    assert (shown.status_code, "The total is now €45.00." in shown.text, 'value="Nora L"' in shown.text) == (
        200,
        True,
        True,
    )
    now = world.read(session)
    assert (now.status, now.amount_subtotal, now.amount_total, world.kinds()) == ("open", 4500, 4500, [])
    assert world.pay(session, **typed).status_code == 303
    assert world.read(session, "payment_intent").payment_intent.amount == 4500
    assert [(line.quantity, line.amount_total) for line in _lines(world, session)] == [(4, 4000), (1, 500)]


def test_changing_a_quantity_and_changing_it_back_pays_nothing(world: World) -> None:
    session = world.session(line_items=[_line()])
    world.changed(session, quantities="change", **_typing(world, session, "2"))
    assert world.read(session).status == "open"


def test_a_page_that_one_comes_back_to_shows_the_cart_as_it_is_now(world: World) -> None:
    session = world.session(line_items=[_line()])
    first = world.pay(session, quantities="change", **_typing(world, session, "4")).headers["location"]
    world.changed(session, quantities="change", **_typing(world, session, "3"))
    page = world.http.get(first).text
    assert ('value="3"' in page, 'value="4"' in page, "€30.00" in page) == (True, False, True)


@pytest.mark.parametrize("typed", ["0", "6", "", "two", "1.5", "-1", "9" * 5000])
def test_a_quantity_out_of_bounds_is_refused_and_kept_in_its_field(world: World, typed: str) -> None:
    session = world.session(line_items=[_line()])
    answer = world.pay(session, **_typing(world, session, typed))
    assert (answer.status_code, "Choose a number from 1 to 5." in answer.text) == (402, True)
    assert f'value="{typed}"' in answer.text
    assert (world.read(session).amount_total, world.read(session).status) == (2000, "open")


def test_a_line_that_is_not_adjustable_stays_whatever_a_form_says(world: World) -> None:
    session = world.session(line_items=[_line(adjustable={"enabled": False})])
    assert world.pay(session, **_typing(world, session, "5")).status_code == 303
    assert world.read(session).amount_total == 2000


def test_a_line_of_which_none_is_left_is_gone_but_for_the_last(world: World) -> None:
    session = world.session(line_items=[_line(1000, 1, {"enabled": True}), _line(500, 1, {"enabled": True})])
    world.pay(session, quantities="change", **_typing(world, session, "0"))
    assert [line.description for line in _lines(world, session)] == ["Card 500"]
    assert world.read(session).amount_total == 500
    answer = world.pay(session, **_typing(world, session, "0"))
    assert (answer.status_code, "The only item cannot be removed." in answer.text) == (402, True)
    assert len(_lines(world, session)) == 1


def test_the_only_plan_cannot_be_removed(world: World) -> None:
    plan = {"price": world.plan(1000, "month").id, "quantity": 1, "adjustable_quantity": {"enabled": True}}
    session = world.session(mode="subscription", line_items=[plan, _line()])
    answer = world.pay(session, **_typing(world, session, "0"))
    assert (answer.status_code, "The only plan cannot be removed." in answer.text) == (402, True)


def test_a_plan_is_started_for_as_many_as_were_chosen(world: World) -> None:
    plan = {"price": world.plan(1000, "month").id, "quantity": 1, "adjustable_quantity": {"enabled": True}}
    session = world.session(mode="subscription", line_items=[plan], subscription_data={"trial_period_days": 7})
    shown = world.changed(session, **_typing(world, session, "3"))
    assert ("Then €30.00" in shown.text, world.read(session).amount_total) == (True, 0)
    world.pay(session)
    subscription = world.api.subscriptions.retrieve(world.read(session).subscription)
    assert subscription["items"].data[0].quantity == 3


def test_a_total_that_cannot_be_charged_is_refused_and_changes_nothing(world: World) -> None:
    session = world.session(line_items=[_line(30, 2)])
    answer = world.pay(session, **_typing(world, session, "1"))
    assert (answer.status_code, "must add up to at least €0.50" in answer.text) == (402, True)
    now = world.read(session)
    assert (now.amount_total, now.amount_subtotal, _lines(world, session)[0].quantity) == (60, 60, 2)


def test_a_discount_follows_the_quantity(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 10})
    session = world.session(line_items=[_line()], discounts=[{"coupon": coupon.id}])
    world.pay(session, **_typing(world, session, "5"))
    now = world.read(session)
    assert (now.amount_subtotal, now.amount_total, now.total_details.amount_discount) == (5000, 4500, 500)


def test_a_code_that_asks_for_more_than_is_left_is_taken_off(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 10})
    limits = {"minimum_amount": 2000, "minimum_amount_currency": "eur"}
    promotion = {"type": "coupon", "coupon": coupon.id}
    world.api.promotion_codes.create({"promotion": promotion, "code": "MORE", "restrictions": limits})
    session = world.session(line_items=[_line()], allow_promotion_codes=True)
    world.pay(session, promotion="apply", promotionCode="MORE")
    assert world.read(session).amount_total == 1800
    world.pay(session, **_typing(world, session, "1"))
    assert (world.read(session).amount_total, world.read(session).discounts) == (1000, [])


@pytest.mark.parametrize(
    ("quantity", "adjustable", "bound"),
    [
        (6, ADJUSTABLE, "maximum"),
        (100, {"enabled": True}, "maximum"),
        (1, {"enabled": True, "minimum": 2}, "minimum"),
        (1, {"enabled": True, "maximum": 1_000_000}, "maximum"),
        (1, {"enabled": True, "minimum": -1}, "minimum"),
    ],
)
def test_bounds_that_the_quantity_does_not_keep_are_refused(
    world: World, quantity: int, adjustable: Any, bound: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.session(line_items=[_line(100, quantity, adjustable)])
    assert refused.value.param == f"line_items[0][adjustable_quantity][{bound}]"


def test_the_bank_cannot_approve_a_total_that_is_no_longer_asked_for(world: World) -> None:
    session = world.session(line_items=[_line()])
    where = world.pay(session, "4000002760003184").headers["location"]
    world.pay(session, quantities="change", **_typing(world, session, "3"))
    assert world.http.post(where, data={"result": "complete"}).status_code == 400
    assert (world.read(session).status, world.api.charges.list().data) == ("open", [])
    again = world.pay(session, "4000002760003184").headers["location"]
    world.http.post(again, data={"result": "complete"})
    paid = world.read(session, "payment_intent")
    assert (paid.status, paid.payment_intent.amount_received, paid.amount_total) == ("complete", 3000, 3000)
