"""The page that imports: a file is looked at first, and only a click brings it in."""

import pytest
from streamlit.testing.v1 import AppTest

from core.people import customers
from core.people.past import PastCustomer, PastOrder
from core.people.staff import Role
from tests import builders
from tests.storefront.conftest import Visitor, labels, sound, words

CUSTOMERS = b"email,name,note,Shoe size\nnora@lindqvist.example,Nora,Likes *stars*,41\nnobody,Nobody,,\n"
ORDERS = (
    b"external_id,date,product,amount,currency,email,with_access\n"
    b"s1,2024-03-05,Field Guide,29.00,eur,nora@lindqvist.example,yes\n"
    b"s2,2024-03-06,Old Course,12,eur,nora@lindqvist.example,no\n"
)


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, **query: str) -> AppTest:
    return visitor.opens("import_files", folder="owner_pages/selling", **query)


def with_file(visitor: Visitor, data: bytes, **query: str) -> AppTest:
    tab = opens(visitor, **query)
    return sound(tab.file_uploader[0].set_value(("file.csv", data, "text/csv")).run())


def test_a_file_is_only_looked_at_before_the_click(owner: Visitor) -> None:
    tab = with_file(owner, CUSTOMERS)
    assert "**1 new, 0 there already, 1 wrong.**" in words(tab)
    assert "Line 3: “nobody” is no address that mail can be sent to." in words(tab)
    assert "These columns say nothing here: Shoe size." in words(tab)
    assert builders.rows(owner.shop, PastCustomer) == []
    sound(tab.button(key="import-do").click().run())
    assert "1 line was imported. 0 were there already, 1 are wrong and were left out." in tab.success[0].value
    [row] = builders.rows(owner.shop, PastCustomer)
    assert (row.name, row.note) == ("Nora", "Likes *stars*")
    assert "**0 new, 1 there already, 1 wrong.**" in words(tab)
    assert "import-do" not in {button.key for button in tab.button}


def test_past_orders_stand_on_the_page_and_with_their_customer_as_imported(owner: Visitor) -> None:
    tab = with_file(owner, ORDERS, what="orders")
    assert "1 line opens something in this shop" in words(tab)
    sound(tab.button(key="import-do").click().run())
    assert "2 lines were imported." in tab.success[0].value
    assert len(builders.rows(owner.shop, PastOrder)) == 2
    assert "**Old Course** €12.00 :gray-badge[Imported]" in words(tab)
    assert "What it opens here" in labels(tab)
    with owner.shop.reading() as session:
        customer = customers.whose(session, "nora@lindqvist.example")
    seen = words(owner.opens("customer", folder="owner_pages", id=str(customer)))
    assert "From another shop" in seen
    assert "Old Course, €12.00 :gray-badge[Imported]" in seen


def test_a_file_that_is_none_is_refused_in_words(owner: Visitor) -> None:
    tab = with_file(owner, b"name\nAda\n")
    assert "its first line must name these columns, which are missing: email" in tab.warning[0].value


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_others_than_owners_have_nothing_to_import_with(visitor: Visitor, role: Role) -> None:
    visitor.works_as(role)
    tab = opens(visitor)
    assert "Only owners import." in words(tab)
    assert not tab.file_uploader


def test_an_owner_who_was_removed_meanwhile_imports_nothing(owner: Visitor) -> None:
    tab = with_file(owner, CUSTOMERS)
    owner.works_as(Role.VIEWER)
    sound(tab.button(key="import-do").click().run())
    assert builders.rows(owner.shop, PastCustomer) == []
