"""Decimals as people write them."""

from decimal import Decimal

import pytest

from core.languages import decimals


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", "12"),
        ("12,5", "12.5"),
        (" 12.5 ", "12.5"),
        ("0", "0"),
        ("0.125", "0.125"),
        ("33,33", "33.33"),
        ("007", "7"),
    ],
)
def test_a_comma_is_as_good_as_a_point(text: str, number: str) -> None:
    assert decimals.parse(text) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1,500", "1.500", "1.2.3", "1e3", "nan", "٣", "12,", ",5", "1 000", "½"]
)
def test_what_could_mean_something_else_is_no_number(text: str) -> None:
    assert decimals.parse(text) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(2.0, "2"), (0.25, "0.25"), (100.0, "100"), (0.75, "0.75"), (2.125, "2.1250"), (1 / 3, "0.333333")],
)
def test_what_stands_in_a_field_is_read_again(number: float, text: str) -> None:
    assert decimals.typed(number) == text
    assert decimals.parse(text) == Decimal(text)
