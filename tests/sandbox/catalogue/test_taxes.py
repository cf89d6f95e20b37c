"""The table of taxes: what a country, a business and an exemption make of an amount."""

from __future__ import annotations

import pytest

from sandbox.account.account import Account
from sandbox.account.settings import Settings
from sandbox.catalogue import taxes
from sandbox.catalogue.taxes import Buyer

VAT = (("eu_vat", "X123456789"),)


@pytest.fixture
def account() -> Account:
    return Account(Settings(data=":memory:", webhook_url=""), {})


@pytest.mark.parametrize(
    ("buyer", "added", "included", "reason"),
    [
        (Buyer("DE"), 1900, 1597, "standard_rated"),
        (Buyer("AT"), 2000, 1667, "standard_rated"),
        (Buyer("FR"), 2000, 1667, "standard_rated"),
        (Buyer("IE"), 2300, 1870, "standard_rated"),
        (Buyer("GB"), 2000, 1667, "standard_rated"),
        (Buyer("US"), 0, 0, "not_collecting"),
        (Buyer("AT", tax_ids=VAT), 0, 0, "reverse_charge"),
        # At home, and outside of the Union, a number changes nothing.
        (Buyer("DE", tax_ids=VAT), 1900, 1597, "standard_rated"),
        (Buyer("GB", tax_ids=(("gb_vat", "GB123456789"),)), 2000, 1667, "standard_rated"),
        (Buyer("DE", exempt="exempt"), 0, 0, "customer_exempt"),
        (Buyer("DE", exempt="reverse"), 0, 0, "reverse_charge"),
    ],
)
def test_the_rate_is_that_of_the_country(
    account: Account, buyer: Buyer, added: int, included: int, reason: str
) -> None:
    for behavior, amount in (("exclusive", added), ("inclusive", included)):
        price = {"tax_behavior": behavior, "currency": "eur"}
        (tax,) = taxes.levied(account, price, 10_000, buyer)
        assert (tax["amount"], tax["taxability_reason"]) == (amount, reason)
        base = 10_000 - amount if behavior == "inclusive" else 10_000
        assert tax["taxable_amount"] == (0 if reason == "not_collecting" else base)
        assert (tax["rate"]["country"], tax["rate"]["inclusive"]) == (buyer.country, behavior == "inclusive")


def test_what_a_price_does_not_say_its_currency_does() -> None:
    said = {
        currency: taxes.behavior({"tax_behavior": "unspecified", "currency": currency}) for currency in ("eur", "usd")
    }
    assert said == {"eur": "inclusive", "usd": "exclusive"}


def test_a_rate_is_made_once(account: Account) -> None:
    price = {"tax_behavior": "exclusive", "currency": "eur"}
    rates = {taxes.levied(account, price, amount, Buyer("DE"))[0]["rate"]["id"] for amount in (100, 200)}
    assert (len(rates), account.store.count("tax_rate")) == (1, 1)
