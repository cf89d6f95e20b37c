"""How a plan begins, before it is bought: when and what is charged first, and what an introductory code makes of it."""

from dataclasses import replace

import pytest

from core.catalog.catalog_file import ProductEntry
from core.catalog.products import Product
from core.catalog.promotion_codes import PromotionCode
from core.foundation.errors import StripeRefused
from core.gateway.sessions import CheckoutState
from core.journeys import checkout
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.storefront.conftest import Visitor, left_for, sound, words


def begins_with(shop: Shop, **row: object) -> None:
    """From now on the plan is begun with the code HELLO, which is at Stripe."""
    with shop.transaction() as session:
        session.get_one(Product, "plan").terms = {"introductory_code": "HELLO"}
        named = {"id": "pm_1", "stripe_id": "promo_1", "code": "HELLO", "livemode": False, "created_at": shop.now()}
        session.add(PromotionCode(**{**named, "percent_off": 50, **row}))


@builders.on_sqlite
def test_a_trial_says_when_and_what_is_charged_first_at_the_product_and_in_the_cart(visitor: Visitor) -> None:
    builders.let_try(visitor.shop, 14)
    tab = visitor.opens("product", id="plan")
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
def test_of_two_plans_the_cart_says_that_they_are_free(visitor: Visitor) -> None:
    builders.let_try(visitor.shop, 14)
    builders.sell_bigger_plan(visitor.shop)
    with visitor.shop.transaction() as session:
        session.get_one(Product, "bigger").terms = {"trial_days": 14}
    for price in ("plan-month", "bigger-month"):
        visitor.puts(price)
    assert "Your plans are free for 14 days: cancel before and you pay nothing." in words(visitor.opens("cart"))


@builders.on_sqlite
def test_who_has_had_the_trial_reads_no_more_of_it_and_is_told_before_paying(visitor: Visitor, clock: Clock) -> None:
    builders.let_try(visitor.shop, 14)
    visitor.puts("plan-month")
    tried = visitor.goes_to_payment()
    visitor.stripe.pay(tried)
    builders.deliver(visitor.shop, visitor.stripe.event("completed", tried))
    clock.pass_(minutes=1)
    said = words(visitor.opens("product", id="plan"))
    assert "Free for" not in said
    assert "You have had its free trial: it is charged from the first day." in said
    visitor.puts("plan-month")
    tab = visitor.opens("cart")
    assert "Your plan is free" not in words(tab)
    assert "Then €9.00 every month, until you cancel." in words(tab)
    sound(tab.button(key="pay").click().run())
    assert "You have had your free trial of this plan" in tab.warning[0].value
    assert left_for(tab) == ""
    sound(tab.button(key="pay").click().run())
    assert left_for(tab)
    assert [each["amount_total"] for each in visitor.stripe.sessions.values()] == [0, 900]


@builders.on_sqlite
def test_a_code_that_makes_the_first_payment_less_is_told_before_and_in_the_cart(visitor: Visitor) -> None:
    begins_with(visitor.shop, first_time=True)
    said = "First year **€45.00** instead of €90.00 with the code **HELLO** if it is your first purchase here."
    assert said in words(visitor.opens("product", id="plan"))
    visitor.puts("plan-month", 3)
    said = words(visitor.opens("cart"))
    assert "First month **€13.50** instead of €27.00 with the code **HELLO**" in said
    assert "Promotion codes are entered there" not in said
    visitor.goes_to_payment()
    assert builders.attempts(visitor.shop)[-1].parameters["discounts"] == [{"promotion_code": "promo_1"}]
    # Together with something else it would not be the plan alone that costs less.
    visitor.puts("guide-eur")
    said = words(visitor.opens("cart"))
    assert "HELLO" not in said
    assert "Promotion codes are entered there" in said
    visitor.goes_to_payment()
    assert builders.attempts(visitor.shop)[-1].parameters["allow_promotion_codes"] is True


@builders.on_sqlite
def test_where_stripe_takes_the_code_from_nobody_like_this_buyer_the_plan_is_to_be_had_without(
    shop: Shop, stripe: FakeStripe
) -> None:
    begins_with(shop)
    builders.add_code(shop, "SPRING")
    # Another code that was asked for goes before the plan's own.
    checkout.start(shop, replace(builders.a_basket("plan-month", cart="c2", browser="br_2"), code="SPRING"))
    (other,) = builders.attempts(shop)
    assert other.parameters["discounts"] == [{"promotion_code": "promo_SPRING"}]
    stripe.trouble = [StripeRefused("promotion_code_customer_not_first_time", "This code is for new customers.")]
    _, session_id = builders.opened(shop, "plan-month")
    mine = [row for row in builders.attempts(shop) if row.order_id != other.order_id]
    without, with_it = sorted(mine, key=lambda row: "discounts" in row.parameters)
    assert (without.stripe_checkout_session_id, with_it.state) == (session_id, CheckoutState.EXPIRED)
    assert without.parameters["allow_promotion_codes"] is True
    assert stripe.sessions[session_id]["status"] == "open"


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
    assert "HELLO" not in words(visitor.opens("product", id="plan"))


@pytest.mark.parametrize(
    ("months", "yearly", "monthly"),
    [
        (1, "First year **€45.00** instead of €90.00", "First month **€4.50** instead of €9.00"),
        (12, "First year **€45.00** instead of €90.00", "First 12 months **€4.50** each instead of €9.00"),
        (13, "First 2 years **€45.00** each instead of €90.00", "First 13 months **€4.50** each instead of €9.00"),
    ],
)
@builders.on_sqlite
def test_a_code_that_repeats_says_for_how_long(visitor: Visitor, months: int, yearly: str, monthly: str) -> None:
    begins_with(visitor.shop, months=months)
    assert f"{yearly} with the code **HELLO**" in words(visitor.opens("product", id="plan"))
    visitor.puts("plan-month")
    assert f"{monthly} with the code **HELLO**" in words(visitor.opens("cart"))


@builders.on_sqlite
def test_an_amount_off_each_payment_says_what_is_left_of_it(visitor: Visitor) -> None:
    begins_with(visitor.shop, percent_off=None, amount_off=500, currency="eur", forever=True, max_redemptions=3)
    assert "**€85.00** instead of €90.00 per year with the code **HELLO**" in words(visitor.opens("product", id="plan"))


def test_a_trial_and_a_code_are_not_both_the_beginning() -> None:
    plan = {"id": "plan", "name": "Plan", "kind": "plan", "active": False}
    assert ProductEntry.model_validate({**plan, "plan": {"introductory_code": "HELLO"}})
    for wrong in ({"introductory_code": "HELLO", "trial_days": 7}, {"introductory_code": "50 %"}):
        with pytest.raises(ValueError, match="introductory_code"):
            ProductEntry.model_validate({**plan, "plan": wrong})
