"""What the owner of an account does to what is sold, by the panel's forms and buttons or by a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import app
from sandbox.account.settings import Settings, from_environment
from tests.sandbox.running import Endpoint, World, running


def _refused(world: World, name: str, **given: Any) -> str:
    answer = world.http.post(f"/sandbox/act/{name}", json=given)
    assert answer.status_code == 400
    return str(answer.json()["error"])


def _filled(world: World, **form: str) -> str:
    """What the panel says after its form for a code was sent."""
    answer = world.http.post("/panel/promotion-codes", data=form)
    assert (answer.status_code, answer.headers["location"].endswith("#codes")) == (303, True)
    return world.http.get(answer.headers["location"]).text


def _paid_with(world: World, code: str, amount: int = 2900) -> int:
    session = world.session(amount, allow_promotion_codes=True)
    world.changed(session, promotion="apply", promotionCode=code)
    return int(world.read(session).amount_total)


@pytest.mark.parametrize(
    ("form", "coupon", "shown"),
    [
        ({"off": "20", "unit": "percent", "lasting": "once"}, {"percent_off": 20, "duration": "once"}, "20 %"),
        (
            {"off": "12,5", "unit": "percent", "lasting": "forever"},
            {"percent_off": 12.5, "duration": "forever"},
            "12.5 %",
        ),
        ({"off": "5", "unit": "eur", "lasting": "3"}, {"amount_off": 500, "duration_in_months": 3}, "€5.00"),
        ({"off": " 0.50 ", "unit": "gbp", "lasting": "12"}, {"amount_off": 50, "currency": "gbp"}, "£0.50"),
    ],
)
def test_a_promotion_code_is_made_in_the_panel(
    world: World, form: dict[str, str], coupon: dict[str, Any], shown: str
) -> None:
    page = _filled(world, code=" SPRING ", **form)
    assert ("Made the code" in page, ">SPRING<" in page, shown in page) == (True, True, True)
    (made,) = world.api.promotion_codes.list({"code": "spring"}).data
    found = world.api.coupons.retrieve(made.promotion.coupon).to_dict()
    assert {key: found[key] for key in coupon} == coupon
    assert world.kinds() == ["coupon.created", "promotion_code.created"]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"off": "many"}, "must be a number"),
        ({"off": ""}, "must be a number"),
        ({"off": "nan", "unit": "eur"}, "more digits"),
        ({"off": "1.005", "unit": "eur"}, "more digits"),
        ({"off": "0"}, "must be greater than 0"),
        ({"off": "101"}, "at most 100"),
        ({"off": "0", "unit": "eur"}, "greater than or equal to 1"),
        ({"off": "20", "code": "TWO WORDS"}, "may only contain letters"),
        ({"off": "20", "code": "taken"}, "already exists"),
        ({"off": "20", "unit": "shells"}, "Choose from what the form offers."),
        ({"off": "20", "lasting": "2"}, "Choose from what the form offers."),
    ],
)
def test_a_code_that_cannot_be_leaves_nothing_behind(world: World, form: dict[str, str], said: str) -> None:
    world.act("make-code", code="TAKEN", percent_off=10)
    assert said in _filled(world, **form)
    assert (len(world.api.coupons.list().data), len(world.api.promotion_codes.list().data)) == (1, 1)


def test_scripts_make_codes_too_and_buyers_use_them_until_they_are_switched_off(world: World) -> None:
    made = world.act("make-code", code="SPRING", amount_off=500, currency="eur", max_redemptions=9)
    assert (made["code"], made["max_redemptions"], made["active"]) == ("SPRING", 9, True)
    assert _paid_with(world, "SPRING") == 2400
    assert world.act("switch-code", made["id"])["active"] is False
    assert _paid_with(world, "SPRING") == 2900
    assert world.act("switch-code", made["id"])["active"] is True
    assert _paid_with(world, "SPRING") == 2400
    assert world.kinds().count("promotion_code.updated") == 2
    assert len(world.act("make-code", percent_off=10)["code"]) == 8
    for given, said in {
        "Invalid decimal: ten": {"percent_off": "ten"},
        "You must pass either percent_off or amount_off, and not both.": {"code": "X"},
        "This value must be greater than or equal to 1.": {"percent_off": 10, "max_redemptions": 0},
        "make-code does not take colour.": {"percent_off": 10, "colour": "red"},
    }.items():
        assert _refused(world, "make-code", **said) == given


def test_a_code_that_another_has_taken_meanwhile_cannot_be_switched_on_again(world: World) -> None:
    first = world.act("make-code", code="SPRING", percent_off=10)
    world.act("switch-code", first["id"])
    world.act("make-code", code="spring", percent_off=20)
    assert "already exists" in _refused(world, "switch-code", id=first["id"])
    assert "already exists" in world.raw("POST", f"/v1/promotion_codes/{first['id']}", "active=true").text


def test_a_price_that_nobody_has_bought_at_can_be_deleted(world: World, endpoint: Endpoint) -> None:
    price = world.price()
    assert world.act("delete-price", price.id) == {"id": price.id, "object": "price", "deleted": True}
    (told,) = endpoint.wait_for("price.deleted")
    assert (told["data"]["object"]["id"], told["data"]["object"]["unit_amount"]) == (price.id, 2900)
    assert world.raw("GET", f"/v1/prices/{price.id}").status_code == 404
    # Then its product can be deleted as well.
    assert world.api.products.delete(price.product).deleted


def test_a_price_that_is_in_use_stays(world: World) -> None:
    asked, plan, billed = world.price(), world.plan(), world.price()
    world.session(line_items=[{"price": asked.id, "quantity": 1}])
    subscription = world.subscribed(plan)
    item = {"customer": subscription.customer, "pricing": {"price": billed.id}}
    world.api.invoice_items.create(item)
    product = world.api.products.create({"name": "x", "default_price_data": {"currency": "eur", "unit_amount": 900}})
    for used in (asked.id, plan.id, billed.id):
        assert "has been used" in _refused(world, "delete-price", id=used)
    assert "default price" in _refused(world, "delete-price", id=product.default_price)
    assert _refused(world, "delete-price", id="price_x") == "No such price: 'price_x'"
    assert "price.deleted" not in world.kinds()


def test_the_demo_has_a_code_from_the_start_and_nobody_is_told_of_it(endpoint: Endpoint, tmp_path: Path) -> None:
    given = from_environment({}).promotion_codes
    with running(endpoint, promotion_codes=given) as world:
        assert [code.code for code in world.api.promotion_codes.list().data] == ["WELCOME10"]
        assert _paid_with(world, "welcome10") == 2610
        assert world.kinds() == []
        world.api.promotion_codes.update(world.api.promotion_codes.list().data[0].id, {"active": False})
    kept = Settings(data=str(tmp_path / "sandbox.db"), webhook_url="", promotion_codes=given)
    for _ in range(2):
        account = app.make(kept).state.account
        assert account.store.count("promotion_code") == 1
        account.store.close()


@pytest.mark.parametrize("text", ["WELCOME10", "=10", "A B=10", "A=0", "A=101", "A=x"])
def test_a_code_that_cannot_be_read_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="SANDBOX_PROMOTION_CODES"):
        from_environment({"SANDBOX_PROMOTION_CODES": text})


def test_several_codes_or_none_can_be_asked_for() -> None:
    assert from_environment({"SANDBOX_PROMOTION_CODES": "A=5, B-1=100"}).promotion_codes == {"A": 5, "B-1": 100}
    assert from_environment({"SANDBOX_PROMOTION_CODES": ""}).promotion_codes == {}
