"""Beside the list of orders: views that are kept, and an order that is given by hand."""

import pytest
from streamlit.testing.v1 import AppTest

from core.orders.orders import Order
from core.owner.order_book import filters, views
from core.owner.order_book.views import SavedView
from core.people.audit import AuditEntry
from core.people.staff import Role
from tests import builders, colleagues
from tests.builders import bought
from tests.storefront.conftest import Visitor, labels, sound, words

FIELDS = {"given-email": "ida@berg.example", "given-reason": "For the talk", "given-name": "Ida Berg"}


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, page: str = "orders", **query: str) -> AppTest:
    return visitor.opens(page, folder="owner_pages", **query)


def keep(tab: AppTest, name: str) -> AppTest:
    sound(tab.text_input(key="view-name").set_value(name).run())
    return sound(tab.button(key="view-keep").click().run())


def test_a_view_is_kept_for_whoever_keeps_it_and_leads_back(owner: Visitor) -> None:
    bought(owner.shop, owner.stripe)
    tab = keep(opens(owner, status="fulfilled", text="nora", sort="oldest"), "  Noras   orders ")
    assert "Noras orders" in labels(tab)
    (row,) = builders.rows(owner.shop, SavedView)
    assert (row.folded, row.name) == (colleagues.OWNER, "Noras orders")
    assert row.query == {"status": "fulfilled", "text": "nora", "sort": "oldest"}
    tab = sound(opens(owner, country="DK").button(key=f"view-{row.id}").click().run())
    assert sorted(tab.query_params) == ["sort", "status", "text"]
    assert (tab.text_input(key="f-text").value, tab.session_state["f-status"]) == ("nora", ["fulfilled"])
    assert tab.text_input(key="f-country").value == ""
    owner.works_as(Role.SUPPORT)
    assert "Noras orders" not in labels(opens(owner))


def test_a_view_of_the_same_name_is_replaced_and_one_is_forgotten(owner: Visitor) -> None:
    keep(opens(owner, status="refunded"), "Mine")
    tab = keep(opens(owner, country="DK"), "Mine")
    (row,) = builders.rows(owner.shop, SavedView)
    assert row.query == {"country": "DK"}
    sound(tab.button(key=f"forget-{row.id}").click().run())
    assert builders.rows(owner.shop, SavedView) == []


def test_a_view_without_a_name_and_one_too_many_are_refused(owner: Visitor) -> None:
    tab = opens(owner, country="DK")
    sound(tab.button(key="view-keep").click().run())
    assert "It needs a name" in tab.warning[0].value
    sign_in = colleagues.works_as(owner.shop, Role.OWNER)
    for number in range(views.MOST):
        views.save(owner.shop, f"View {number}", filters.read({"country": "SE"}), sign_in_id=sign_in)
    keep(tab, "One more")
    assert len(builders.rows(owner.shop, SavedView)) == views.MOST


def test_somebody_else_s_view_is_not_forgotten(owner: Visitor) -> None:
    keep(opens(owner, country="DK"), "Mine")
    (row,) = builders.rows(owner.shop, SavedView)
    views.remove(owner.shop, row.id, sign_in_id=colleagues.works_as(owner.shop, Role.SUPPORT))
    assert builders.rows(owner.shop, SavedView) == [row]


def test_an_order_is_given_from_the_list_and_says_so_on_its_page(owner: Visitor) -> None:
    tab = sound(opens(owner).button(key="open-new-order").click().run())
    for key, value in FIELDS.items():
        sound(tab.text_input(key=key).set_value(value).run())
    sound(tab.multiselect(key="given-prices").select("kit-eur").run())
    assert not [each for each in tab.multiselect(key="given-prices").options if "Plan" in each]
    sound(tab.number_input(key="given-many-kit-eur").set_value(2).run())
    sound(tab.button(key="given-do").click().run())
    assert "Given to ida" in tab.success[0].value
    (order,) = builders.rows(owner.shop, Order)
    assert (order.status, order.email, order.name) == ("fulfilled", "ida@berg.example", "Ida Berg")
    assert [(row.action, row.subject) for row in builders.rows(owner.shop, AuditEntry)] == [("give", order.id)]
    said = words(opens(owner, "order", id=order.id))
    for text in (
        "Complimentary",
        "For the talk",
        colleagues.OWNER,
        "nothing was received by Stripe",
        "Given by the shop",
    ):
        assert text in said + "".join(each.label for each in opens(owner, "order", id=order.id).expander), text


def test_what_was_paid_elsewhere_needs_its_amount(owner: Visitor) -> None:
    tab = sound(opens(owner).button(key="open-new-order").click().run())
    for key, value in FIELDS.items():
        sound(tab.text_input(key=key).set_value(value).run())
    sound(tab.multiselect(key="given-prices").select("kit-eur").run())
    sound(tab.segmented_control(key="given-kind").set_value("outside").run())
    sound(tab.button(key="given-do").click().run())
    assert [each.value for each in tab.warning] == ["Say what was paid for it."]
    sound(tab.text_input(key="given-paid").set_value("nonsense").run())
    assert "not clearly an amount" in tab.warning[0].value
    sound(tab.text_input(key="given-paid").set_value("79.00").run())
    sound(tab.button(key="given-do").click().run())
    (order,) = builders.rows(owner.shop, Order)
    assert "Paid elsewhere: €79.00" in words(opens(owner, "order", id=order.id))


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_a_forged_dialog_of_somebody_else_gives_nothing(visitor: Visitor, role: Role) -> None:
    visitor.works_as(role)
    tab = opens(visitor)
    assert "New order" not in labels(tab)
    tab.session_state["dialog"] = "new-order"
    sound(tab.run())
    for key, value in FIELDS.items():
        sound(tab.text_input(key=key).set_value(value).run())
    sound(tab.multiselect(key="given-prices").select("kit-eur").run())
    sound(tab.button(key="given-do").click().run())
    assert "your role doesn't allow this" in tab.warning[0].value
    assert builders.rows(visitor.shop, Order) == []


def test_only_owners_send_a_receipt_to_another_address(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    tab = sound(opens(owner, "order", id=order_id).button(key="open-resend").click().run())
    sound(tab.text_input(key="resend-to").set_value("ida@berg.example").run())
    sound(tab.button(key="resend-do").click().run())
    assert "goes to ida" in tab.success[0].value
    owner.works_as(Role.SUPPORT)
    tab = sound(opens(owner, "order", id=order_id).button(key="open-resend").click().run())
    assert "resend-to" not in {field.key for field in tab.text_input}
