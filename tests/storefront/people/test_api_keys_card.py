"""API keys on the staff page: made and shown once, ended, and by nobody but owners."""

import pytest
from streamlit.testing.v1 import AppTest

from core.people import api_keys
from core.people.api_keys import ApiKey, Scope
from core.people.staff import Role
from tests import builders
from tests.storefront.conftest import Visitor, sound, words


def opens(visitor: Visitor) -> AppTest:
    return visitor.opens("staff", folder="owner_pages")


def press(tab: AppTest, label: str) -> AppTest:
    return sound(next(button for button in tab.button if button.label == label).click().run())


def test_a_key_is_made_and_shown_until_it_was_kept(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    tab = opens(visitor)
    tab.text_input(key="key-name").set_value("The app")
    tab.multiselect(key="key-scopes").set_value([Scope.SEATS])
    press(tab, "Create key")
    key = tab.code[0].value
    assert (tab.text_input(key="key-name").value, tab.multiselect(key="key-scopes").value) == ("", [])
    with visitor.shop.reading() as session:
        assert api_keys.check(session, key, Scope.SEATS).name == "The app"
    # The second click of a double click comes with what the browser still shows.
    tab.text_input(key="key-name").set_value("The app")
    tab.multiselect(key="key-scopes").set_value([Scope.SEATS])
    press(tab, "Create key")
    assert (tab.code[0].value, len(builders.rows(visitor.shop, ApiKey))) == (key, 1)
    press(tab, "I have kept it")
    assert len(tab.code) == 0
    assert key not in words(tab)
    assert key not in words(opens(visitor))
    assert "never used" in words(tab)


def test_one_without_a_name_or_without_a_purpose_is_not_made(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    tab = press(opens(visitor), "Create key")
    assert tab.warning[0].value == "Choose what it is to be for."
    tab.multiselect(key="key-scopes").set_value([Scope.SEATS])
    assert press(tab, "Create key").warning[0].value.startswith("Give it a name")
    assert builders.rows(visitor.shop, ApiKey) == []


def test_a_key_is_ended(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    with visitor.shop.transaction() as session:
        made = api_keys.make(session, "The app", [Scope.SEATS], by="terminal", now=visitor.shop.now())
    tab = sound(opens(visitor).button(key=f"open-end-key-{made.id}").click().run())
    sound(tab.button(key="end-key-do").click().run())
    assert "The app was ended" in words(tab)
    assert builders.rows(visitor.shop, ApiKey)[0].ended_at is not None
    assert f"open-end-key-{made.id}" not in {button.key for button in tab.button}


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_nobody_else_sees_keys(visitor: Visitor, role: Role) -> None:
    with visitor.shop.transaction() as session:
        made = api_keys.make(session, "The app", [Scope.SEATS], by="terminal", now=visitor.shop.now())
    visitor.works_as(role)
    tab = opens(visitor)
    tab.session_state["dialog"] = f"end-key-{made.id}"
    sound(tab.run())
    assert "The app" not in words(tab)
    assert "end-key-do" not in {button.key for button in tab.button}
