"""Money: whole minor units of a currency that knows its exponent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.foundation.currencies import exponent
from core.foundation.errors import (
    AmountTooBig,
    AmountTooSmall,
    AmountUnclear,
    AmountUneven,
    CurrencyUnknown,
    Unclear,
)
from core.foundation.money import Money, check_chargeable
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(1900, "eur"), "en", "€19.00"),
        (Money(123456789, "usd"), "en", "$1,234,567.89"),
        (Money(123450, "eur"), "de", "1.234,50€"),
        (Money(12340, "kwd"), "de", "12,340KWD"),
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


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(12340, "kwd"), (12350, "kwd"), (500, "isk"), (3700, "ugx"), (17501, "huf"), (101, "twd"), (99_999_999, "eur"),
     (99_999_990, "kwd"), (99_999_900, "isk"), (0, "kwd")],
)  # fmt: skip
def test_what_stripe_charges_is_let_through(amount: int, currency: str) -> None:
    check_chargeable(Money(amount, currency))


@pytest.mark.parametrize(
    ("amount", "currency", "refusal"),
    [
        (12345, "kwd", AmountUneven(12345, 10, "kwd")), (550, "isk", AmountUneven(550, 100, "isk")),
        (1, "ugx", AmountUneven(1, 100, "ugx")), (100_000_000, "eur", AmountTooBig(100_000_000, 99_999_999, "eur")),
        (100_000_000, "omr", AmountTooBig(100_000_000, 99_999_990, "omr")), (1900, "xau", CurrencyUnknown("xau")),
        (0, "xau", CurrencyUnknown("xau")), (1900, "EUR", CurrencyUnknown("EUR")), (1900, "", CurrencyUnknown("")),
        (1900, "btc", CurrencyUnknown("btc")), (1900, "clf", CurrencyUnknown("clf")),
    ],
)  # fmt: skip
def test_what_stripe_would_refuse_is_refused_here(amount: int, currency: str, refusal: Exception) -> None:
    with pytest.raises(type(refusal)) as found:
        check_chargeable(Money(amount, currency))
    assert vars(found.value) == vars(refusal)


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


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("27", "eur", 2700), ("27.00", "eur", 2700), ("27,00", "eur", 2700), ("27.5", "eur", 2750), ("0,05", "eur", 5),
        ("1234,5", "eur", 123450), ("1000", "eur", 100000), ("0", "eur", 0), ("27", "jpy", 27), ("10000", "jpy", 10000),
        ("27", "kwd", 27000), ("27.5", "kwd", 27500), ("12.340", "kwd", 12340), ("12,34", "kwd", 12340),
        ("0,005", "kwd", 5), ("1234,567", "kwd", 1234567), ("27.00", "isk", 2700), ("999999999999", "huf", 99999999999900),
    ],
)  # fmt: skip
def test_an_amount_is_read_in_the_decimals_of_its_currency(text: str, currency: str, amount: int) -> None:
    assert Money.parse(text, currency) == Money(amount, currency)


UNCLEAR = {
    Unclear.GROUPED: ["1.000,00", "1,000.00", "1,000", "1.000", "27.005", "1.000.000", "1,000,000", "1 000", "1'000", "1_000",
                      "1\u00a0000,00", "1\u202f000", "1\u2019000.00", "27.00,00"],
    Unclear.TOO_FINE: ["0.005", "27.0000", "1234.567", "0,001"],
    Unclear.SIGNED: ["-27", "+27", "-0", "\u221227.00", "-1.000,00"],
    Unclear.TOO_LONG: ["1" * 13, "9" * 5000],
    Unclear.NO_NUMBER: ["", " ", "27 ", " 27", "27\n", "abc", "NaN", "nan", "inf", "-inf", "Infinity", "1e3", "1E3", "0x1b", "027",
                        "00", ".5", "5.", ",5", "27.", "€27", "27€", "27 EUR", "27 .00", "all", "1/2", "\u0662\u0667", "２７",
                        "2\u0667", "27.\u0660\u0660", "\u00b2", "\u2167", "2\u200b7", "\u202e72", "27\u066b00",
                        "27;00", "\x1b[31m27"],
}  # fmt: skip


@pytest.mark.parametrize(("why", "text"), [(why, text) for why, texts in UNCLEAR.items() for text in texts])
def test_whatever_could_mean_something_else_is_no_amount(why: Unclear, text: str) -> None:
    with pytest.raises(AmountUnclear) as refusal:
        Money.parse(text, "eur")
    assert (refusal.value.text, refusal.value.currency, refusal.value.why) == (text, "eur", why)


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("27.50", "jpy", Unclear.TOO_FINE), ("27.0", "jpy", Unclear.TOO_FINE), ("27,00", "jpy", Unclear.TOO_FINE),
        ("1.000", "jpy", Unclear.GROUPED), ("1,000", "jpy", Unclear.GROUPED), ("1,000", "kwd", Unclear.GROUPED),
        ("12.3456", "kwd", Unclear.TOO_FINE),
    ],
)  # fmt: skip
def test_what_is_clear_in_one_currency_may_not_be_in_another(text: str, currency: str, why: Unclear) -> None:
    with pytest.raises(AmountUnclear) as refusal:
        Money.parse(text, currency)
    assert refusal.value.why is why


@given(amount=st.integers(0, 10**11), currency=st.sampled_from(["eur", "jpy", "kwd"]))
def test_what_is_written_with_all_its_decimals_is_read_as_the_very_amount(amount: int, currency: str) -> None:
    text = f"{Money(amount, currency).major:f}"
    assert Money.parse(text, currency) == Money(amount, currency)
    if currency == "eur":
        assert Money.parse(text.replace(".", ","), currency) == Money(amount, currency)


@given(text=st.text(max_size=12), currency=st.sampled_from(["eur", "jpy", "kwd"]))
def test_no_text_is_read_as_anything_but_the_number_that_stands_there(text: str, currency: str) -> None:
    try:
        found = Money.parse(text, currency)
    except AmountUnclear:
        return
    assert text.isascii()
    assert found.major == Decimal(text.replace(",", "."))


@given(st.integers(0, 99_999_999), st.sampled_from(["eur", "jpy", "kwd"]), st.sampled_from(["en", "de"]))
def test_what_stands_in_a_field_is_typed_as_its_reader_does_and_read_as_the_same(
    amount: int, currency: str, locale: str
) -> None:
    money = Money(amount, currency)
    assert Money.parse(money.typed(locale), currency) == money
    assert (Money(123450, "eur").typed("de"), Money(123450, "eur").typed("en")) == ("1234,50", "1234.50")


def test_an_amount_without_its_sign_is_of_the_same_currency() -> None:
    assert [abs(Money(amount, "jpy")) for amount in (-5, 0, 5)] == [Money(5, "jpy"), Money(0, "jpy"), Money(5, "jpy")]
