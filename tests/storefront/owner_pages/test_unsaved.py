"""What an owner typed and did not save: it stands there when they come back, and goes when it is saved or let go of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.people.staff import Role
from storefront import links
from tests import builders
from tests.storefront.conftest import Visitor, joined, labels, sound, words
from tests.storefront.owner_pages.test_customers import NORA, customer_of, sells_to

UNSAVED = "What you typed is not saved yet."


@dataclass(frozen=True)
class Case:
    """A form: where it stands, the field in which somebody types, and the button that saves it."""

    page: str
    id: str
    field: str
    save: str
    title: str
    opened_by: str = ""


def promotion(_: Visitor) -> Case:
    return Case(links.PROMOTION_CODES, "", "promo-code", "promo-do", "New code")


def order_note(visitor: Visitor) -> Case:
    order_id = sells_to(visitor.shop, visitor.stripe, NORA, cart="cart_1")
    number = builders.order(visitor.shop, order_id).number
    return Case(links.ORDER, order_id, f"note-text-{order_id}", "note-do", f"Note on {number}")


def customer_note(visitor: Visitor) -> Case:
    sells_to(visitor.shop, visitor.stripe, NORA, cart="cart_1")
    found = customer_of(visitor.shop, NORA)
    return Case(links.CUSTOMER, found, f"customer-note-text-{found}", "customer-note-do", f"Note on {NORA}")


def letter(visitor: Visitor) -> Case:
    builders.bought(visitor.shop, visitor.stripe, ("clinic-eur", 1))
    return Case(links.WORKSHOP, "clinic/1", "write-subject-clinic/1", "write-do", "Letter to everybody, ", "open-write")


def field(tab: AppTest, key: str) -> Any:
    return next(each for kind in (tab.text_input, tab.text_area) for each in kind if each.key == key)


@pytest.mark.parametrize("begin", [promotion, order_note, customer_note, letter])
def test_what_was_typed_stands_there_until_it_is_saved_or_let_go_of(
    visitor: Visitor, begin: Callable[[Visitor], Case]
) -> None:
    visitor.works_as(Role.OWNER)
    case = begin(visitor)

    def goes_to(page: str, **query: str) -> None:
        tab.query_params.clear()
        for name, value in query.items():
            tab.query_params[name] = value
        sound(tab.switch_page(page).run())

    def comes_back() -> None:
        goes_to(links.MONEY)
        told.append(any(case.title in joined(each) for each in labels(tab)))
        goes_to(case.page, **({"id": case.id} if case.id else {}))
        if case.opened_by:
            sound(tab.button(key=case.opened_by).click().run())

    told: list[bool] = []
    tab = visitor.opens("money", folder="owner_pages")
    comes_back()
    assert (field(tab, case.field).value, UNSAVED in words(tab)) == ("", False)
    for button in ("discard", case.save):
        sound(field(tab, case.field).set_value("TYPED").run())
        comes_back()
        assert (field(tab, case.field).value, UNSAVED in words(tab)) == ("TYPED", True)
        if case.opened_by and button != "discard":
            sound(tab.text_area(key="write-text-clinic/1").set_value("And more.").run())
        named = next(each.key for each in tab.button if each.key and each.key.startswith(button))
        sound(tab.button(key=named).click().run())
        comes_back()
        assert (field(tab, case.field).value, UNSAVED in words(tab)) == ("", False)
    assert told == [False, True, False, True, False]
