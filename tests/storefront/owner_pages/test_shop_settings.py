"""The page on which owners say what their shop is called and says."""

import pytest
from streamlit.testing.v1 import AppTest

from core.catalog import products
from core.people.audit import AuditEntry
from core.people.staff import Role
from storefront import links
from tests import builders
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words

UNSAVED = "What you typed is not saved yet."


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    """An owner at a browser."""
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor) -> AppTest:
    return visitor.opens("shop_settings", folder="owner_pages/selling")


def save(tab: AppTest, **said: str) -> AppTest:
    for name, text in said.items():
        kind = tab.text_area if name in ("intro", "imprint") else tab.text_input
        kind(key=f"shop-{name}").set_value(text)
    return sound(tab.button(key="shop-save").click().run())


def texts(visitor: Visitor) -> dict[str, str]:
    with visitor.shop.reading() as session:
        return products.texts(session)


def test_what_was_typed_is_kept_and_the_rest_is_left_as_it_is(owner: Visitor, clock: Clock) -> None:
    tab = save(opens(owner), headline="  For makers ", intro="Two sentences. Or one.")
    assert "Everybody sees it now." in words(tab)
    # The second click of a double click finds nothing that has changed since, and does not say so.
    assert "Everybody sees it now." in words(save(tab))
    assert (texts(owner)["headline"], tab.text_input(key="shop-headline").value) == ("For makers", "For makers")
    clock.pass_(seconds=2)
    assert "Nothing was changed." in words(save(tab))
    assert sorted(row.detail for row in builders.rows(owner.shop, AuditEntry)) == [
        "changed headline, intro",
        "changed nothing",
    ]


def test_a_tab_that_was_open_meanwhile_takes_back_nothing_that_a_colleague_has_changed(owner: Visitor) -> None:
    tab = opens(owner)
    save(opens(owner), imprint="By the new law.", headline="Theirs")
    save(tab, headline="Mine", accent="#aa3311")
    assert (texts(owner)["imprint"], texts(owner)["headline"]) == ("By the new law.", "Mine")
    assert tab.text_area(key="shop-imprint").value == "By the new law."


def test_what_is_refused_stands_there_still(owner: Visitor) -> None:
    tab = save(opens(owner), support="nowhere", headline="Mine")
    assert "Everybody sees it now." not in words(tab)
    assert [tab.text_input(key=f"shop-{name}").value for name in ("support", "headline")] == ["nowhere", "Mine"]
    assert texts(owner)["headline"] == "Things to test"
    save(tab, support="hello@shop.example")
    assert texts(owner)["headline"] == "Mine"


def test_what_was_typed_and_not_saved_stands_there_when_one_comes_back_until_it_is_saved_or_let_go_of(
    owner: Visitor,
) -> None:
    tab = opens(owner)
    assert UNSAVED not in words(tab)
    for button, kept in (("discard-shop", "Things to test"), ("shop-save", "Mine")):
        sound(tab.text_input(key="shop-headline").set_value("Mine").run())
        for page in (links.ORDERS, links.SHOP_SETTINGS):
            sound(tab.switch_page(page).run())
            assert ("Shop settings" in labels(tab)) is (page == links.ORDERS)
        assert (tab.text_input(key="shop-headline").value, UNSAVED in words(tab)) == ("Mine", True)
        sound(tab.button(key=button).click().run())
        assert (tab.text_input(key="shop-headline").value, UNSAVED in words(tab)) == (kept, False)
        assert texts(owner)["headline"] == kept
        for page in (links.ORDERS, links.SHOP_SETTINGS):
            sound(tab.switch_page(page).run())
            assert "Shop settings" not in labels(tab)
        assert (tab.text_input(key="shop-headline").value, UNSAVED in words(tab)) == (kept, False)
