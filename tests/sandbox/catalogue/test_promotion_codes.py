from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World


def _code(world: World, code: str = "SPRING", coupon: dict[str, Any] | None = None, **more: Any) -> Any:
    made = world.api.coupons.create(coupon or {"percent_off": 25, "duration": "once"})
    given = {"promotion": {"type": "coupon", "coupon": made.id}, "code": code, **more}
    return world.api.promotion_codes.create(given)


def _type(world: World, session: Any, code: str) -> str:
    form = {"promotion": "apply", "promotionCode": code, "email": "nora@example.com", "billingName": "Nora L"}
    return world.changed(session, **form).text


def test_a_code_takes_its_part_off_and_can_be_removed_again(world: World) -> None:
    _code(world)
    session = world.session(1000, allow_promotion_codes=True)
    page = _type(world, session, "spring")
    assert "Pay</span> €7.50 of" in page
    assert "SPRING takes €2.50 off" in page
    assert 'value="Nora L"' in page
    assert world.read(session).total_details.amount_discount == 250
    again = world.changed(session, promotion="remove").text
    assert "Pay</span> €10.00 of" in again
    assert world.read(session).discounts == []


def test_pressing_enter_pays_unless_a_code_was_typed(world: World) -> None:
    _code(world)
    session = world.session(1000, allow_promotion_codes=True)
    world.pay(session, promotion="apply", promotionCode="SPRING")
    assert (world.read(session).amount_total, world.read(session).status) == (750, "open")
    world.pay(session, promotion="apply", promotionCode="")
    assert world.read(session).status == "complete"


def test_what_was_typed_beside_a_code_stays_however_often_the_page_is_looked_at(world: World) -> None:
    _code(world)
    session = world.session(1000, allow_promotion_codes=True)
    form = {"promotion": "apply", "promotionCode": "SPRNG", "email": "nora@example.com", "cardNumber": "4242"}
    where = world.http.post(f"/c/pay/{session.id}", data=form).headers["location"]
    assert "4242" not in where
    for _ in range(2):
        page = world.http.get(where).text
        assert ("SPRNG isn't valid" in page, 'value="4242"' in page, 'value="nora@example.com"' in page) == (True,) * 3
    other = world.session(1000, allow_promotion_codes=True)
    assert '4242"' not in world.http.get(where.replace(session.id, other.id)).text
    assert "SPRNG" not in world.http.get(f"/c/pay/{session.id}?form=unknown").text


def test_what_is_paid_is_the_reduced_amount_and_the_use_is_counted(world: World) -> None:
    promotion = _code(world)
    session = world.session(1000, allow_promotion_codes=True)
    _type(world, session, "SPRING")
    world.pay(session)
    paid = world.read(session, "payment_intent")
    assert (paid.amount_subtotal, paid.amount_total, paid.payment_intent.amount_received) == (1000, 750, 750)
    assert paid.discounts[0].promotion_code == promotion.id
    assert world.api.promotion_codes.retrieve(promotion.id).times_redeemed == 1


@pytest.mark.parametrize(
    "limits",
    [
        {"active": False},
        {"expires_at": 1},
        {"restrictions": {"minimum_amount": 5000, "minimum_amount_currency": "eur"}},
        {"restrictions": {"minimum_amount": 500, "minimum_amount_currency": "usd"}},
        {"coupon": {"amount_off": 100, "currency": "usd"}},
        {"coupon": {"percent_off": 10, "redeem_by": 1}},
    ],
)
def test_a_code_that_may_not_be_used_reads_like_one_that_does_not_exist(world: World, limits: dict[str, Any]) -> None:
    _code(world, **limits)
    session = world.session(1000, allow_promotion_codes=True)
    for code in ("SPRING", "AUTUMN"):
        page = _type(world, session, code)
        assert f"{code} isn't valid. Check for typing mistakes, or pay without it." in page
        assert f'value="{code}"' in page
    assert world.read(session).amount_total == 1000


def test_a_code_can_be_used_up(world: World) -> None:
    _code(world, max_redemptions=1)
    first = world.session(1000, allow_promotion_codes=True)
    _type(world, first, "SPRING")
    world.pay(first)
    assert "isn't valid" in _type(world, world.session(1000, allow_promotion_codes=True), "SPRING")


def test_a_session_without_codes_ignores_them(world: World) -> None:
    _code(world)
    session = world.session(1000)
    _type(world, session, "SPRING")
    assert world.read(session).amount_total == 1000


def test_a_discount_is_spread_over_the_lines_to_the_cent(world: World) -> None:
    coupon = world.api.coupons.create({"amount_off": 100, "currency": "eur", "duration": "once"})
    lines = [{"price": world.price(amount).id, "quantity": 1} for amount in (333, 333, 334)]
    session = world.session(line_items=lines, discounts=[{"coupon": coupon.id}])
    found = world.api.checkout.sessions.line_items.list(session.id).data
    assert sum(line.amount_discount for line in found) == 100
    assert sum(line.amount_total for line in found) == session.amount_total == 900


def test_a_coupon_may_apply_to_some_products_only(world: World) -> None:
    cheap, dear = world.price(1000), world.price(9000)
    coupon = world.api.coupons.create(
        {"percent_off": 50, "duration": "once", "applies_to": {"products": [dear.product]}}
    )
    lines = [{"price": p.id, "quantity": 1} for p in (cheap, dear)]
    assert world.session(line_items=lines, discounts=[{"coupon": coupon.id}]).amount_total == 5500
    expanded = world.api.coupons.retrieve(coupon.id, {"expand": ["applies_to"]})
    assert expanded.applies_to.products == [dear.product]


def test_an_older_request_names_the_coupon_directly(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 10, "duration": "once"})
    made = world.raw("POST", "/v1/promotion_codes", f"coupon={coupon.id}&code=OLD").json()
    assert made["promotion"] == {"type": "coupon", "coupon": coupon.id}
    newest = {"Stripe-Version": "2026-10-28.endive"}
    assert world.raw("POST", "/v1/promotion_codes", f"coupon={coupon.id}", **newest).status_code == 400


def test_a_code_is_unique_while_it_is_active(world: World) -> None:
    first = _code(world)
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        _code(world, "spring")
    world.api.promotion_codes.update(first.id, {"active": False})
    assert _code(world).active


def test_coupons_need_one_kind_of_discount(world: World) -> None:
    for given in ({}, {"percent_off": 10, "amount_off": 5}, {"percent_off": 101}, {"amount_off": 5}):
        with pytest.raises(stripe.InvalidRequestError):
            world.api.coupons.create(given)
    deleted = world.api.coupons.create({"id": "TEN", "percent_off": 10})
    assert world.api.coupons.delete(deleted.id).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such coupon: 'TEN'"):
        world.session(discounts=[{"coupon": "TEN"}])
