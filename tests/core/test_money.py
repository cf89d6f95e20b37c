"""Money: whole minor units of a currency that knows its exponent."""

from decimal import Decimal

import pytest

from core.errors import AmountTooSmall
from core.money import Money, check_chargeable, exponent
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(1900, "eur"), "en", "€19.00"),
        (Money(123456789, "usd"), "en", "$1,234,567.89"),
        (Money(1900, "eur"), "de", "€19,00"),
        (Money(500, "jpy"), "en", "¥500"),
        (Money(12340, "kwd"), "en", "KWD12.340"),
        (Money(0, "eur"), "en", "€0.00"),
        (Money(5, "usd"), "en", "$0.05"),
        (Money(-250, "dkk"), "en", "-DKK2.50"),
    ],
)
def test_each_currency_is_written_with_its_own_decimals(money: Money, locale: str, text: str) -> None:
    assert money.format(locale).replace("\xa0", "") == text


@pytest.mark.parametrize(
    ("money", "text"), [(Money(1900, "eur"), "€19"), (Money(1950, "eur"), "€19.50"), (Money(500, "jpy"), "¥500")]
)
def test_short_leaves_out_decimals_that_are_all_zero(money: Money, text: str) -> None:
    assert money.format(short=True) == text


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("eur", 2), ("jpy", 0), ("krw", 0), ("vnd", 0), ("kwd", 3), ("bhd", 3), ("isk", 2), ("ugx", 2), ("huf", 2)],
)
def test_exponents_are_those_that_stripe_counts_in(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


def test_major_units_are_exact() -> None:
    assert Money(1, "eur").major == Decimal("0.01")
    assert Money(500, "jpy").major == Decimal(500)
    assert Money(12345, "kwd").major == Decimal("12.345")


def test_sums_stay_in_one_currency() -> None:
    assert Money(1900, "eur") + Money(100, "eur") * 2 - Money(50, "eur") == Money(2050, "eur")
    with pytest.raises(ValueError, match="cannot combine eur with usd"):
        Money(1, "eur") + Money(1, "usd")
    with pytest.raises(ValueError, match="cannot combine"):
        Money(1, "eur") - Money(1, "usd")


def test_only_nothing_is_false() -> None:
    assert not Money(0, "eur")
    assert Money(-1, "eur")


@pytest.mark.parametrize(("currency", "least"), [("eur", 50), ("gbp", 30), ("jpy", 50), ("huf", 17500), ("dkk", 250)])
def test_the_least_charge_is_checked_to_the_unit(currency: str, least: int) -> None:
    check_chargeable(Money(least, currency))
    check_chargeable(Money(0, currency))
    with pytest.raises(AmountTooSmall) as refusal:
        check_chargeable(Money(least - 1, currency))
    assert (refusal.value.amount, refusal.value.least) == (least - 1, least)


@pytest.mark.parametrize(("price", "amount", "currency"), [("yen-jpy", 500, "jpy"), ("dinar-kwd", 12340, "kwd")])
def test_yen_and_dinars_reach_stripe_and_come_back_in_minor_units(
    shop: Shop, stripe: FakeStripe, price: str, amount: int, currency: str
) -> None:
    order_id = builders.bought(shop, stripe, price)
    ((parameters, _),) = stripe.by_key.values()
    data = parameters["line_items"][0]["price_data"]
    assert (data["unit_amount"], data["currency"]) == (amount, currency)
    order = builders.detail(shop, order_id)
    assert (order["status"], order["amount_total"], order["currency"]) == ("fulfilled", amount, currency)
