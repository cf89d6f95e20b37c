"""The page to withdraw by: for strangers and for buyers, and what it shows to whom."""

from dataclasses import replace

import pytest

from core.rights import declarations
from core.rights.declarations import Declaration
from core.rights.withdrawals import Proof, Withdrawal
from tests import builders
from tests.builders import bought
from tests.storefront.conftest import Visitor, labels, sound, words

NORA = "nora@lindqvist.example"
pytestmark = builders.on_sqlite


def test_a_stranger_declares_without_signing_in_and_is_shown_nothing_of_the_order(visitor: Visitor) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    number = builders.order(visitor.shop, order_id).number
    tab = visitor.opens("withdraw")
    assert tab.title[0].value == "Withdraw from contract"
    assert "Withdraw from contract here" in labels(tab)
    sound(tab.button[0].click().run())
    assert "Type the number of your order" in words(tab)
    tab.text_input(key="withdraw-which").set_value(number)
    sound(tab.button[0].click().run())
    assert tab.text_input(key="withdraw-number").value == number
    tab.text_input(key="withdraw-email").set_value("nobody")
    sound(next(each for each in tab.button if each.label == "Confirm withdrawal").click().run())
    assert "Type your full email" in words(tab)
    tab.text_input(key="withdraw-email").set_value("eve@example.com")
    tab.text_area(key="withdraw-words").set_value("*all* of it")
    sound(next(each for each in tab.button if each.label == "Confirm withdrawal").click().run())
    seen = words(tab)
    assert "We have received your withdrawal" in seen
    assert number in seen
    assert r"\*all\* of it" in seen
    assert "Field Guide" not in seen
    assert "lindqvist" not in seen
    [row] = builders.rows(visitor.shop, Withdrawal)
    assert row.proof is Proof.UNVERIFIED
    sound(tab.button(key="withdraw-again").click().run())
    assert tab.text_input(key="withdraw-which").value == ""


def test_an_email_typed_first_is_where_the_acknowledgement_goes(visitor: Visitor) -> None:
    tab = visitor.opens("withdraw")
    tab.text_input(key="withdraw-which").set_value(NORA)
    sound(tab.button[0].click().run())
    assert tab.text_input(key="withdraw-email").value == NORA
    assert tab.text_input(key="withdraw-number").value == ""
    sound(tab.button(key="withdraw-back").click().run())
    assert [each.key for each in tab.text_input] == ["withdraw-which"]
    tab.text_input(key="withdraw-which").set_value(NORA)
    sound(tab.button[0].click().run())
    sound(next(each for each in tab.button if each.label == "Confirm withdrawal").click().run())
    assert "We have received your withdrawal" in words(tab)


def test_the_link_of_the_acknowledgement_asks_which_order_is_meant_and_says_nothing_of_what_was_bought(
    visitor: Visitor,
) -> None:
    shop = visitor.shop
    first, second = bought(shop, visitor.stripe), bought(shop, visitor.stripe, "kit-eur", cart="cart_2")
    declarations.declare(shop, Declaration("do_1", NORA), declarations.Visitor())
    [row] = builders.rows(shop, Withdrawal)
    with shop.reading() as session:
        token = declarations.choice_link(shop, session, row).partition("which=")[2]
    tab = visitor.opens("withdraw", which=token)
    assert set(tab.radio[0].options) == {
        f"{builders.order(shop, each).number}, 23 November 2026" for each in (first, second)
    }
    assert "Field Guide" not in words(tab)
    sound(tab.button[0].click().run())
    assert "Choose an order." in words(tab)
    tab.radio[0].set_value(second)
    sound(tab.button[0].click().run())
    assert "We know which order you mean" in words(tab)
    [row] = builders.rows(shop, Withdrawal)
    assert (row.order_id, row.proof) == (second, Proof.PROVEN)
    assert "This link doesn't work." in words(visitor.opens("withdraw", which="x"))


def test_whoever_came_by_a_letter_finds_the_order_named_and_no_address(visitor: Visitor) -> None:
    number = builders.order(visitor.shop, bought(visitor.shop, visitor.stripe)).number
    tab = visitor.opens("withdraw", order=number)
    assert tab.text_input(key="withdraw-number").value == number
    assert tab.text_input(key="withdraw-email").value == ""
    assert not tab.checkbox
    assert "lindqvist" not in words(tab)
    sound(tab.button(key="withdraw-back").click().run())
    assert [each.key for each in tab.text_input] == ["withdraw-which"]


def test_whoever_is_signed_in_chooses_what_of_their_order(visitor: Visitor) -> None:
    order_id = bought(visitor.shop, visitor.stripe, "guide-eur", "kit-eur")
    visitor.signs_in(NORA)
    tab = visitor.opens("withdraw")
    assert [each.label for each in tab.checkbox] == ["Field Guide", "Template Kit"]
    sound(next(each for each in tab.button if each.label == "Confirm withdrawal").click().run())
    assert "Choose at least one thing" in words(tab)
    tab.checkbox[1].check()
    sound(next(each for each in tab.button if each.label == "Confirm withdrawal").click().run())
    assert "Template Kit" in words(tab)
    [row] = builders.rows(visitor.shop, Withdrawal)
    assert (row.order_id, row.lines, row.proof) == (order_id, [2], Proof.PROVEN)


def test_whoever_is_signed_in_may_also_mean_another_order(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("withdraw")
    assert [each.value for each in tab.checkbox] == [True]
    sound(tab.button(key="withdraw-other").click().run())
    assert [each.key for each in tab.text_input] == ["withdraw-which"]


def test_whoever_sends_too_many_is_told_what_counts_as_well(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    limited = replace(visitor.shop, settings=visitor.shop.settings.model_copy(update={"rate_limits": "on"}))
    monkeypatch.setattr("storefront.process.shop", lambda: limited)
    for number in range(declarations.BY_ADDRESS.most):
        declarations.declare(limited, Declaration(f"do_{number}", NORA, words="all"), declarations.Visitor())
    tab = visitor.opens("withdraw")
    tab.text_input(key="withdraw-which").set_value(NORA)
    sound(tab.button[0].click().run())
    tab.text_area(key="withdraw-words").set_value("all")
    sound(next(each for each in tab.button if each.label == "Confirm withdrawal").click().run())
    assert "Or write to hello" in tab.warning[0].value
