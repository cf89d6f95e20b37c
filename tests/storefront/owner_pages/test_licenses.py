"""The pages of licences: the list and one licence, as somebody of the staff meets them."""

import pytest
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from core.kinds.licenses import LicenseKey
from core.people.audit import AuditEntry
from core.people.staff import Role
from tests import builders
from tests.conftest import Clock
from tests.core.licensing.asking import App, sold
from tests.storefront.conftest import Visitor, labels, sound, words
from webhook.app import create_app


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def app_of(visitor: Visitor) -> App:
    return App(TestClient(create_app(visitor.shop)), sold(visitor.shop, visitor.stripe)[1])


def only(visitor: Visitor) -> LicenseKey:
    [row] = builders.rows(visitor.shop, LicenseKey)
    return row


def listed(visitor: Visitor, **query: str) -> AppTest:
    return visitor.opens("selling/licenses", folder="owner_pages", **query)


def opened(visitor: Visitor) -> AppTest:
    return visitor.opens("selling/license", folder="owner_pages", id=only(visitor).id)


def press(tab: AppTest, *keys: str) -> AppTest:
    for key in keys:
        sound(tab.button(key=key).click().run())
    return tab


def test_licences_are_listed_and_no_key_is_shown_whole(owner: Visitor) -> None:
    assert "No licence was sold yet" in words(listed(owner))
    app = app_of(owner)
    app.ask("activate", fingerprint="fp")
    tab = listed(owner)
    said = words(tab) + "".join(labels(tab))
    assert "1 of 3 computers in use" in said
    assert f"Key ending **{only(owner).hint}**" in said
    assert app._known["key"] not in said
    assert "No licence like that" in words(listed(owner, text="nothing"))
    sound(tab.text_input(key="f-license").set_value("nothing").run())
    assert "No licence like that" in words(tab)
    sound(tab.text_input(key="f-license").set_value(app._known["key"]).run())
    assert "1 of 3 computers" in words(tab)
    # An address is kept in histories and logs: no key stands in it.
    assert app._known["key"] not in str(tab.query_params)


def test_what_is_looked_for_stands_in_no_address_and_narrows_what_was_chosen(owner: Visitor) -> None:
    tab = listed(owner, only="timed", after="lic_x")
    sound(tab.text_input(key="f-license").set_value("nora").run())
    assert (tab.session_state["f-only"], sorted(tab.query_params)) == ("timed", ["only"])


def test_a_licence_is_cared_for(owner: Visitor, clock: Clock) -> None:
    app = app_of(owner)
    app.ask("activate", fingerprint="fp", label="Nora's <b>laptop</b>")
    tab = opened(owner)
    assert "Nora's \\<b\\>laptop" in words(tab)
    press(tab, "open-disable", "disable-do")
    assert "It is off" in words(tab)
    assert app.code("validate") == "DISABLED"
    press(tab, "open-enable", "enable-do")
    assert app.code("validate") == "VALID"
    sound(tab.button(key="open-terms").click().run())
    sound(tab.number_input(key="terms-machines").set_value(9).run())
    press(tab, "terms-do")
    assert only(owner).machines == 9
    machine = app.ask("validate", fingerprint="fp")["activation"]["id"]
    tab = press(opened(owner), f"open-release-{machine}", "release-do")
    assert app.code("validate", fingerprint="fp") == "NOT_ACTIVATED"
    press(tab, "open-replace", "replace-do")
    assert app.code("validate") == "NOT_FOUND"
    assert "its buyer finds in their purchases" in words(tab)
    assert len(builders.rows(owner.shop, AuditEntry)) == 5


def test_the_same_click_twice_is_one_key(owner: Visitor) -> None:
    app_of(owner)
    tab, stale = (sound(opened(owner).button(key="open-replace").click().run()) for _ in range(2))
    stale.session_state["deeds"] = tab.session_state["deeds"]
    press(tab, "replace-do")
    hint = only(owner).hint
    sound(stale.button(key="replace-do").click().run())
    assert "done by an earlier click" in stale.warning[0].value
    assert only(owner).hint == hint


def test_a_key_is_given(owner: Visitor) -> None:
    tab = press(listed(owner), "open-give")
    sound(tab.text_input(key="give-holder").set_value("eve@berg.example").run())
    press(tab, "give-do")
    assert "Copy it now" in words(tab)
    key = words(tab).split("The key is `")[1].split("`")[0]
    assert App(TestClient(create_app(owner.shop)), key).code("validate") == "VALID"
    assert "eve@berg.example" in words(listed(owner)).replace("\\", "")
    owner.signs_in("eve@berg.example")
    tab = owner.opens("purchases")
    assert [each.value for each in tab.header] == ["Given to you"]
    assert key in words(tab)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
@pytest.mark.parametrize("name", ["disable", "replace", "terms", "give"])
def test_a_forged_dialog_does_what_the_role_may_and_no_more(visitor: Visitor, role: Role, name: str) -> None:
    app_of(visitor)
    visitor.works_as(role)
    before = only(visitor).model_dump()
    tab = listed(visitor) if name == "give" else opened(visitor)
    allowed = role is Role.SUPPORT and name in ("disable", "replace")
    assert (f"open-{name}" in {each.key for each in tab.button}) is allowed
    tab.session_state["dialog"] = name
    sound(tab.run())
    sound(tab.button(key=f"{name}-do").click().run())
    if allowed:
        assert only(visitor).model_dump() != before
    else:
        assert "your role doesn't allow this" in tab.warning[0].value
        assert [row.model_dump() for row in builders.rows(visitor.shop, LicenseKey)] == [before]
