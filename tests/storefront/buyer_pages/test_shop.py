"""The shop page: what is sold, for how much, and what is gone."""

from tests.storefront.conftest import Visitor, words


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
