"""How a plan begins, before it is bought: when and what is charged first, and what an introductory code makes of it."""

import pytest

from core.catalog.catalog_file import ProductEntry
from core.catalog.products import Product
from core.catalog.promotion_codes import PromotionCode
from core.shop import Shop
from tests import builders
from tests.storefront.conftest import Visitor, words


def begins_with(shop: Shop, **row: object) -> None:
    """From now on the plan is begun with the code HELLO, which is at Stripe."""
    with shop.transaction() as session:
        session.get_one(Product, "plan").terms = {"introductory_code": "HELLO"}
        named = {"id": "pm_1", "stripe_id": "promo_1", "code": "HELLO", "livemode": False, "created_at": shop.now()}
        session.add(PromotionCode(**{**named, "percent_off": 50, **row}))


@builders.on_sqlite
def test_a_trial_says_when_and_what_is_charged_first_at_the_product_and_in_the_cart(visitor: Visitor) -> None:
    builders.let_try(visitor.shop, 14)
    tab = visitor.opens("product", p="plan")
    assert "Free for 14 days. **€90.00** is charged first on **7 December 2026**, then every year." in words(tab)
    visitor.puts("plan-month", 3)
    visitor.puts("guide-eur")
    tab = visitor.opens("cart")
    # The plan is not charged today, and what is bought with it is.
    assert "**€29.00**" in words(tab)
    assert "**€56.00**" not in words(tab)
    assert "**€29.00** today" in words(tab)
    assert "Your plan is free for 14 days: cancel before and you pay nothing." in words(tab)
    assert "Then €27.00 every month from 7 December 2026 on, until you cancel." in words(tab)
    session_id = visitor.goes_to_payment()
    assert visitor.stripe.sessions[session_id]["amount_total"] == 2900


@builders.on_sqlite
def test_a_code_that_makes_the_first_payment_less_is_told_before_and_in_the_cart(visitor: Visitor) -> None:
    begins_with(visitor.shop, first_time=True)
    said = "First year **€45.00** instead of €90.00 with the code **HELLO** if it is your first purchase here."
    assert said in words(visitor.opens("product", p="plan"))
    visitor.puts("plan-month", 3)
    assert "First month **€13.50** instead of €27.00 with the code **HELLO**" in words(visitor.opens("cart"))
    # Together with something else it would not be the plan alone that costs less.
    visitor.puts("guide-eur")
    assert "HELLO" not in words(visitor.opens("cart"))


@pytest.mark.parametrize(
    "row",
    [
        {"active": False},
        {"stripe_id": None},
        {"livemode": True},
        {"max_redemptions": 3, "times_redeemed": 3},
        {"percent_off": None, "amount_off": 500, "currency": "usd"},
    ],
    ids=["inactive", "not at Stripe yet", "of the other mode", "used up", "in another currency"],
)
@builders.on_sqlite
def test_a_code_that_cannot_be_used_is_not_told_of(visitor: Visitor, row: dict[str, object]) -> None:
    begins_with(visitor.shop, **row)
    assert "HELLO" not in words(visitor.opens("product", p="plan"))


@builders.on_sqlite
def test_an_amount_off_each_payment_says_what_is_left_of_it(visitor: Visitor) -> None:
    begins_with(visitor.shop, percent_off=None, amount_off=500, currency="eur", forever=True, max_redemptions=3)
    assert "**€85.00** instead of €90.00 per year with the code **HELLO**" in words(visitor.opens("product", p="plan"))


def test_a_trial_and_a_code_are_not_both_the_beginning() -> None:
    plan = {"id": "plan", "name": "Plan", "kind": "plan", "active": False}
    assert ProductEntry.model_validate({**plan, "plan": {"introductory_code": "HELLO"}})
    for wrong in ({"introductory_code": "HELLO", "trial_days": 7}, {"introductory_code": "50 %"}):
        with pytest.raises(ValueError, match="introductory_code"):
            ProductEntry.model_validate({**plan, "plan": wrong})
