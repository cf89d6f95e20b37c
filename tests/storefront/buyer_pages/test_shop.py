"""The shop page: what is sold, for how much, and what is gone."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core.catalog.products import Price, Product
from core.kinds import offers, shelf_pages
from core.shop import Shop
from tests import builders
from tests.storefront.conftest import PAGES, Visitor, sound, words


def test_everything_for_sale_stands_on_the_shelf(visitor: Visitor) -> None:
    names = [each.value for each in visitor.opens("shop").header]
    assert "Field Guide" in names
    assert "Clinic" in names
    assert "Withdrawn Guide" not in names


def test_sold_out_and_scarce_products_say_so(visitor: Visitor) -> None:
    text = words(visitor.opens("shop"))
    assert "**€140** :gray-badge[Sold out]" in text
    assert "**€140** :orange-badge[5 places left]" in text


def test_prices_follow_their_currency(visitor: Visitor) -> None:
    text = words(visitor.opens("shop"))
    assert "**¥500**" in text
    assert "12.340**" in text
    assert "**€9** per seat, monthly" in text


def test_the_seller_s_own_words_head_the_page(visitor: Visitor) -> None:
    assert visitor.opens("shop").title[0].value == "Things to test"


def test_a_shelf_is_called_what_the_seller_calls_it(visitor: Visitor) -> None:
    with visitor.shop.transaction() as session:
        session.get_one(Product, "guide").shelf = ":red[x] **x**"
        session.get_one(Product, "kit").shelf = "Kits"
    tab = visitor.opens("shop")
    (shelves,) = tab.button_group
    assert shelves.options == ["All", "\\:red\\[x\\] \\*\\*x\\*\\*", "Kits"]
    shelves.set_value(":red[x] **x**")
    assert [each.value for each in sound(tab.run()).header] == ["Field Guide"]


# -- a shop with many products


def many(shop: Shop, count: int) -> None:
    """So many more products: Product 1 and so on, the last one with an accent."""
    with shop.transaction() as session:
        first = session.get_one(Product, "guide").model_dump()
        for number in range(1, count + 1):
            name = "Product" if number < count else "Résumé"
            session.add(Product(**first | {"id": f"p{number}", "name": f"{name} {number}", "position": 100 + number}))
            session.flush()
            session.add(
                Price(id=f"p{number}-eur", product_id=f"p{number}", amount=100, currency="eur", lookup_key=f"p{number}")
            )


def names_on(tab: AppTest) -> list[str]:
    return [each.value for each in tab.header]


def arrived(**query: str) -> AppTest:
    """The shop as it opens at an address that asks for this."""
    tab = AppTest.from_file(PAGES, default_timeout=30)
    for name, value in query.items():
        tab.query_params[name] = value
    return sound(tab.run())


@builders.on_sqlite
def test_a_small_shop_is_neither_searched_nor_parted_into_pages(visitor: Visitor) -> None:
    tab = visitor.opens("shop")
    assert not tab.text_input
    assert not tab.get("pagination")


@builders.on_sqlite
def test_a_large_shop_shows_so_many_at_once_and_finds_the_rest(visitor: Visitor) -> None:
    many(visitor.shop, 30)
    tab = visitor.opens("shop")
    assert len(names_on(tab)) == shelf_pages.MOST
    tab.text_input(key="q").set_value("resume").run()
    assert names_on(tab) == ["Résumé 30"]
    assert "1 product matches." in words(tab)
    tab.text_input(key="q").set_value("no such thing").run()
    assert names_on(tab) == []
    assert "Nothing here is called so." in words(tab)
    sound(tab.button(key="show-everything").click().run())
    assert len(names_on(tab)) == shelf_pages.MOST


@builders.on_sqlite
def test_the_address_says_what_is_looked_for_and_which_page(visitor: Visitor) -> None:
    many(visitor.shop, 30)
    assert names_on(arrived(q="RÉSUMÉ")) == ["Résumé 30"]
    second = names_on(arrived(page="2"))
    assert second[-1] == "Résumé 30"
    assert len(second) < shelf_pages.MOST


@pytest.mark.parametrize(
    ("text", "found"), [("Cafe", True), ("CAFÉ", True), ("smorrebrod cafe", True), ("cafe tea", False)]
)
@builders.on_sqlite
def test_case_and_accents_make_no_difference(shop: Shop, text: str, found: bool) -> None:
    with shop.reading() as session:
        offer = replace(offers.shelf(session, now=shop.now())[0], name="Le Café", summary="Smørrebrød")
    assert bool(shelf_pages.searched([offer], text)) is found
