"""The owner's promotion codes: made and ended by a click, and looked at without waiting for Stripe."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.foundation.errors import StripeUnreachable
from core.owner.shelves import promotions
from core.owner.shelves.promotions import Promotion
from core.people.staff import Role
from tests import builders, colleagues
from tests.storefront.conftest import Visitor, sound, words


def opens(visitor: Visitor) -> AppTest:
    return visitor.opens("promotion_codes", folder="owner_pages/selling")


def test_a_code_is_made_and_ended_by_clicks(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    tab = opens(visitor)
    assert "No code yet" in words(tab)
    sound(tab.text_input(key="promo-code").set_value("SPRING").run())
    sound(tab.text_input(key="promo-percent").set_value("12,5 %").run())
    sound(tab.number_input(key="promo-limit").set_value(50).run())
    sound(tab.button(key="promo-do").click().run())
    assert "**SPRING** &nbsp; :green-badge[:material/check: Works]" in words(tab)
    assert "12.5% off the first payment" in words(tab)
    assert tab.text_input(key="promo-code").value == ""
    assert "used 0 times of 50" in words(tab)
    (made,) = visitor.stripe.promotion_codes.values()
    ends = next(button for button in tab.button if button.key and button.key.startswith("open-end-"))
    sound(ends.click().run())
    sound(tab.button(key="end-do").click().run())
    assert ":gray-badge[:material/block: Ended]" in words(tab)
    assert made["active"] is False


def test_a_mistake_is_told_and_what_was_typed_stays(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    tab = opens(visitor)
    sound(tab.text_input(key="promo-code").set_value("not good").run())
    sound(tab.button(key="promo-do").click().run())
    assert [each.value for each in tab.warning] == ["**The code** has letters, digits and hyphens only."]
    assert tab.text_input(key="promo-code").value == "not good"
    sound(tab.text_input(key="promo-percent").set_value("a tenth").run())
    sound(tab.button(key="promo-do").click().run())
    assert [each.value for each in tab.warning] == ["**The percentage** is a number such as 10 or 12.5."]
    sound(tab.text_input(key="promo-percent").set_value("10").run())
    sound(tab.text_input(key="promo-code").set_value("GOOD").run())
    sound(tab.button(key="promo-do").click().run())
    assert [each["code"] for each in visitor.stripe.promotion_codes.values()] == ["GOOD"]


def test_a_code_that_stripe_has_not_heard_of_says_so(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    visitor.stripe.trouble.append(StripeUnreachable("down"))
    tab = opens(visitor)
    sound(tab.text_input(key="promo-code").set_value("LATER").run())
    sound(tab.button(key="promo-do").click().run())
    assert "What you asked for is remembered" in words(tab)
    assert "Stripe is being told" in words(opens(visitor))


@pytest.mark.parametrize(
    ("lasts", "said"),
    [
        ({"duration": "once"}, "25% off the first payment"),
        ({"duration": "repeating", "duration_in_months": 1}, "25% off every payment of the first month"),
        ({"duration": "repeating", "duration_in_months": 3}, "25% off every payment of the first 3 months"),
        ({"duration": "forever"}, "25% off every payment"),
    ],
)
def test_a_code_that_was_made_at_stripe_says_how_long_it_takes_off(
    visitor: Visitor, lasts: dict[str, Any], said: str
) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    coupon = stripe.create_coupon({"percent_off": 25.0, **lasts}, key="a")
    promotion = {"type": "coupon", "coupon": coupon["id"]}
    code = stripe.create_promotion_code({"code": "THEIRS", "promotion": promotion}, key="b")["id"]
    _, session_id = builders.opened(shop)
    stripe.discount(session_id, 25)["discounts"] = [{"coupon": None, "promotion_code": code}]
    stripe.pay(session_id)
    builders.deliver(shop, stripe.event("completed", session_id))
    promotions.look(shop)
    visitor.works_as(Role.OWNER)
    assert f"{said} · made at Stripe" in words(opens(visitor))


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_others_see_the_codes_and_make_none(visitor: Visitor, role: Role) -> None:
    owner = colleagues.works_as(visitor.shop, Role.OWNER)
    promotions.create(visitor.shop, Promotion("SPRING", percent=25.0), deed=colleagues.deed(owner))
    visitor.works_as(role)
    visitor.stripe.calls.clear()
    tab = opens(visitor)
    assert "SPRING" in words(tab)
    keys = {button.key for button in tab.button}
    assert not {key for key in keys if key and key.startswith(("promo-", "open-end"))}
    assert visitor.stripe.calls == []
