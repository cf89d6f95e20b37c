"""Who sees the owner's pages: by direct address, with a stale tab, with a forged state of a widget. Asked each time."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

import pytest
from sqlalchemy import event
from streamlit.testing.v1 import AppTest

from core.foundation import signing
from core.foundation.errors import NotPermitted
from core.foundation.signing import SIGN_IN_COOKIE
from core.people import deeds, second_factor, staff
from core.people.audit import AuditEntry
from core.people.staff import MAY, Action, Role
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import bought
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, left_for, sound, words

PAGES = (
    "overview",
    "orders",
    "order",
    "figure",
    "money",
    "taxed",
    "staff",
    "health",
    "refunds",
    "customers",
    "customer",
    "letters",
    "subscriptions",
    "selling/licenses",
    "selling/license",
    "selling/products",
    "selling/product",
    "selling/file",
    "selling/promotion_codes",
    "selling/import_files",
    "withdrawals",
    "programs/webhooks",
    "selling/workshops",
    "selling/workshop",
    "selling/check_in",
)
TITLES = {
    "Overview", "Orders", "SH-1001", "Gross sales", "Money", "Tax", "Staff", "Health", "Refunds and disputes", "Customers",
    "No such customer", "Letters", "Subscriptions", "Licences", "No such licence", "Products", "No such product",
    "No such file",
    "Promotion codes", "Import", "Withdrawals", "Webhooks", "Workshops", "No such date",
}  # fmt: skip
STRANGERS = ("anonymous", "forged", "buyer", "removed", "yesterday", "without factor", "to set up")
# What these meet in place of the field for their address.
LACKING = {"without factor": "factor-code", "to set up": "factor-digits"}
# By the key of the button that opens an action's dialog, or begins it.
BUTTONS = {
    "open-refund": Action.REFUND, "open-resend": Action.RESEND, "open-readdress": Action.READDRESS,
    "open-take_back": Action.TAKE_BACK,
}  # fmt: skip


@pytest.fixture
def said(shop: Shop) -> Iterator[list[str]]:
    """The statements that reach the database."""
    found: list[str] = []

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement.lower())

    event.listen(shop.engine, "before_cursor_execute", executed)
    yield found
    event.remove(shop.engine, "before_cursor_execute", executed)


def come_as(visitor: Visitor, stranger: str, clock: Clock) -> None:
    match stranger:
        case "forged":
            visitor.cookies[SIGN_IN_COOKIE] = signing.sign("x" * 16, signing.SIGN_IN, "in_1")
        case "buyer":
            visitor.comes_with(colleagues.signed_in(visitor.shop, "nora@lindqvist.example"))
        case "removed":
            visitor.works_as(Role.SUPPORT)
            remove_everybody(visitor.shop)
        case "yesterday":
            visitor.works_as(Role.OWNER)
            clock.pass_(hours=13)
        case "without factor":
            colleagues.with_device(visitor.shop, Role.OWNER)
            visitor.works_as(Role.OWNER)
        case "to set up":
            visitor.works_as(Role.SUPPORT)
            with visitor.shop.transaction() as session:
                second_factor.require(session, who="x", now=visitor.shop.now())


def remove_everybody(shop: Shop) -> None:
    with shop.transaction() as session:
        for member in staff.listed(session, owners=()):
            staff.remove(session, member.id, now=shop.now())


def opens(visitor: Visitor, page: str, **query: str) -> AppTest:
    return visitor.opens(page, folder="owner_pages", **query)


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_sees_a_form_and_causes_no_look_at_the_shop(
    visitor: Visitor, clock: Clock, said: list[str], stranger: str
) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    come_as(visitor, stranger, clock)
    for page in PAGES:
        tab = visitor.begins_at(page, folder="owner_pages", id=order_id)
        said.clear()
        # A session of the owner's side from its first run on, as that of a browser with this address.
        tab.session_state["in_office"] = True
        sound(tab.run())
        assert [title.value for title in tab.title] == ["Back office"], page
        assert [each.key for each in tab.text_input] == [LACKING.get(stranger, "email")], page
        assert not tab.text_input[0].value, page
        seen = words(tab)
        assert "nora" not in seen.replace("nora@lindqvist.example", "" if stranger == "buyer" else "nora"), page
        assert not tab.sidebar.button, page
        # Nothing of the shop but what the sign-in itself needs.
        tables = {name for each in said for name in re.findall(r"from (\w+)", each)}
        # A second factor bears the shop's name.
        factor = {"second_factors", "staff_rules", "shop_texts"} if stranger in LACKING else set()
        assert tables <= {"sign_ins", "sign_in_codes", "staff", "customer_addresses"} | factor, page
        # Whether this browser waits for a code.
        assert stranger not in ("anonymous", "forged") or tables <= {"sign_in_codes"}, page


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_each_page_as_far_as_it_may(visitor: Visitor, role: Role) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.works_as(role)
    for page in PAGES:
        tab = opens(visitor, page, id=order_id)
        assert tab.title[0].value in TITLES, page
        if page == "order":
            shown = {key for key in BUTTONS if key in {button.key for button in tab.button}}
            assert shown == {key for key, action in BUTTONS.items() if action in MAY[role]}
        if page == "orders":
            assert ("Export as CSV" in words(tab)) is (Action.EXPORT in MAY[role])
        if page == "staff":
            assert ("Only owners see" in words(tab)) is (role is not Role.OWNER)


@pytest.mark.parametrize("name", ["refund", "take_back", "give_back", "readdress", "resend", "payment_link"])
def test_a_forged_dialog_of_a_viewer_does_nothing(visitor: Visitor, name: str) -> None:
    """The state of the session says that a dialog is open which the viewer has no button for, and its button is pressed."""
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.works_as(Role.VIEWER)
    before, jobs = builders.detail(visitor.shop, order_id), builders.jobs(visitor.shop)
    tab = opens(visitor, "order", id=order_id)
    tab.session_state["dialog"] = name
    sound(tab.run())
    if name == "readdress":
        sound(tab.text_input(key="new-address").set_value("eve@example.com").run())
    if name == "take_back":
        sound(tab.text_input(key="take-back-reason").set_value("mine").run())
    key = "refund-do" if name == "refund" else f"{name.replace('_', '-') if name == 'payment_link' else name}-do"
    sound(tab.button(key=key).click().run())
    assert "your role doesn't allow this" in "".join(each.value for each in tab.warning)
    assert builders.detail(visitor.shop, order_id) == before
    assert builders.jobs(visitor.shop) == jobs
    assert builders.rows(visitor.shop, AuditEntry) == []


def test_a_tab_that_was_open_when_its_owner_was_removed_does_nothing_and_shows_the_form(visitor: Visitor) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.works_as(Role.SUPPORT)
    tab = sound(opens(visitor, "order", id=order_id).button(key="open-resend").click().run())
    jobs = builders.jobs(visitor.shop)
    remove_everybody(visitor.shop)
    sound(tab.button(key="resend-do").click().run())
    assert [title.value for title in tab.title] == ["Back office"]
    assert "What you clicked just now was not done" in words(tab)
    assert builders.jobs(visitor.shop) == jobs
    assert builders.rows(visitor.shop, AuditEntry) == []


def test_whoever_worked_here_when_their_day_was_over_is_told_that_a_click_did_nothing(
    visitor: Visitor, clock: Clock
) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.works_as(Role.OWNER)
    tab = opens(visitor, "order", id=order_id)
    tab.text_area[0].set_value("She called.")
    clock.pass_(hours=13)
    sound(tab.button(key="note-do").click().run())
    assert "What you clicked just now was not done" in words(tab)
    # Nobody else is told so.
    assert "was not done" not in words(opens(visitor, "order", id=order_id))


def test_a_tab_that_was_open_when_a_factor_was_asked_of_everybody_does_nothing(visitor: Visitor) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.works_as(Role.SUPPORT)
    tab = sound(opens(visitor, "order", id=order_id).button(key="open-resend").click().run())
    jobs = builders.jobs(visitor.shop)
    with visitor.shop.transaction() as session:
        second_factor.require(session, who="x", now=visitor.shop.now())
    sound(tab.button(key="resend-do").click().run())
    assert [each.key for each in tab.text_input] == ["factor-digits"]
    assert "What you clicked just now was not done" in words(tab)
    assert "You were signed out" not in words(tab)
    assert builders.jobs(visitor.shop) == jobs
    assert builders.rows(visitor.shop, AuditEntry) == []


@pytest.mark.parametrize("action", Action)
def test_no_action_is_allowed_without_the_second_factor(visitor: Visitor, action: Action) -> None:
    shop = visitor.shop
    colleagues.with_device(shop, Role.OWNER)
    lacking = colleagues.works_as(shop, Role.OWNER)
    with pytest.raises(NotPermitted), shop.transaction() as session:
        deeds.begin(session, shop.settings, colleagues.deed(lacking), action, subject="x", now=shop.now())


def test_a_role_that_was_lowered_counts_from_the_next_click(visitor: Visitor) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.works_as(Role.SUPPORT)
    tab = sound(opens(visitor, "order", id=order_id).button(key="open-resend").click().run())
    with visitor.shop.transaction() as session:
        staff.invite(session, colleagues.ADDRESSES[Role.SUPPORT], Role.VIEWER, by="x", now=visitor.shop.now())
    sound(tab.button(key="resend-do").click().run())
    assert "your role doesn't allow this" in tab.warning[0].value
    assert builders.rows(visitor.shop, AuditEntry) == []


def test_whoever_comes_by_a_letter_is_led_on_to_what_it_names(visitor: Visitor) -> None:
    tab = opens(visitor, "order", id="SH-1001&x=/")
    tab.text_input(key="email").set_value(colleagues.OWNER)
    sound(tab.form_submit_button[0].click().run())
    tab.text_input[0].set_value(visitor.newest_code(colleagues.OWNER))
    sound(tab.form_submit_button[0].click().run())
    [_, ways_on] = left_for(tab).split("?next=")
    assert unquote(ways_on).startswith("/owner-order?id=SH-1001%26x%3D%2F")


def test_the_form_sends_a_code_that_leads_to_the_owner_s_side(visitor: Visitor) -> None:
    tab = opens(visitor, "overview")
    tab.text_input(key="email").set_value(colleagues.OWNER)
    sound(tab.form_submit_button[0].click().run())
    tab.text_input[0].set_value(visitor.newest_code(colleagues.OWNER))
    sound(tab.form_submit_button[0].click().run())
    assert "/api/sign-in/" in left_for(tab)
    assert "?next=/owner" in left_for(tab)


def test_the_demo_has_a_button_and_a_shop_of_somebody_s_own_has_none(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = visitor.opens("shop")
    sound(tab.button(key="as-owner").click().run())
    assert "?next=/owner" in left_for(tab)
    own = replace(
        visitor.shop, settings=visitor.shop.settings.model_copy(update={"stripe_secret_key": builders.OWN_KEY})
    )
    monkeypatch.setattr("storefront.process.shop", lambda: own)
    assert "See it as the owner" not in labels(visitor.opens("shop"))
    assert "See it as the owner" not in labels(opens(visitor, "overview"))
