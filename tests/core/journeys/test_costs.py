"""What a price comes to: sales that end by the shop's clock, amounts that buyers say themselves, and nobody charged what they did
not see."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import update

from core.catalog.products import Price
from core.foundation.errors import AmountTooSmall, BelowMinimum, CatalogInvalid, PriceChanged
from core.foundation.money import Money
from core.journeys import carts, checkout
from core.journeys.checkout import Item
from core.kinds import offers
from core.orders.orders import OrderLine
from core.owner import publishing
from core.owner.shelves import entries
from core.shop import Shop
from tests import builders
from tests.builders import a_basket
from tests.conftest import Clock
from tests.fakes import FakeStripe


def priced(shop: Shop, price_id: str, **changes: Any) -> None:
    with shop.transaction() as session:
        session.exec(update(Price).where(Price.id == price_id).values(**changes))


def on_sale(shop: Shop) -> None:
    priced(shop, "guide-eur", sale_amount=1900, sale_until=shop.now() + timedelta(hours=1))


def start(shop: Shop, price_id: str, amount: int | None, cart: str = "cart_1") -> int:
    """Go to pay for one at this amount; what it costs then."""
    basket = replace(
        a_basket(cart=cart), items=(Item(price_id, 1, amount=amount),), pageless=True, email="ann@buyer.example"
    )
    order_id = checkout.start(shop, basket).order_id
    return next(line.unit_amount for line in builders.rows(shop, OrderLine) if line.order_id == order_id)


def test_a_sale_ends_by_the_shop_s_clock_and_nobody_pays_what_they_did_not_see(shop: Shop, clock: Clock) -> None:
    on_sale(shop)
    assert start(shop, "guide-eur", 1900) == start(shop, "guide-eur", None, "cart_2") == 1900
    clock.pass_(hours=1)
    with pytest.raises(PriceChanged) as refused:
        start(shop, "guide-eur", 1900, "cart_3")
    assert refused.value.amount == 2900
    assert start(shop, "guide-eur", 2900, "cart_3") == 2900


def test_a_page_that_was_opened_in_the_sale_is_not_opened_again_after_it(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    on_sale(shop)
    start(shop, "guide-eur", 1900)
    clock.pass_(hours=1)
    start(shop, "guide-eur", 2900)
    assert [(each["status"], each["amount_total"]) for each in stripe.sessions.values()] == [
        ("expired", 1900), ("open", 2900),
    ]  # fmt: skip


def test_a_cart_filled_in_the_sale_says_that_it_costs_more_now(shop: Shop, clock: Clock) -> None:
    on_sale(shop)
    with shop.transaction() as session:
        carts.put(session, "br_1", "guide-eur", 2, amount=1900, now=shop.now())
    clock.pass_(hours=1)
    with shop.reading() as session:
        (line,) = carts.view(session, "br_1", now=shop.now()).lines
    assert (line.total, line.shown) == (Money(5800, "eur"), Money(1900, "eur"))


@builders.on_sqlite
def test_an_offer_says_what_it_costs_after_the_sale(shop: Shop) -> None:
    on_sale(shop)
    with shop.reading() as session:
        offer = offers.of_product(session, "guide", now=shop.now())
    assert offer
    (tag,) = offer.prices
    assert (tag.amount, tag.before) == (Money(1900, "eur"), Money(2900, "eur"))
    assert tag.until == shop.now() + timedelta(hours=1)


def test_buyers_pay_what_they_say_but_no_less_than_the_minimum(shop: Shop) -> None:
    priced(shop, "guide-eur", minimum=500)
    assert start(shop, "guide-eur", 500) == 500
    assert start(shop, "guide-eur", 123_45, "cart_2") == 123_45
    assert start(shop, "guide-eur", None, "cart_3") == 2900
    with pytest.raises(BelowMinimum) as refused:
        start(shop, "guide-eur", 499, "cart_4")
    assert refused.value.least == 500


def test_nothing_is_enough_where_the_minimum_is_nothing_and_stripe_s_least_holds(
    shop: Shop, stripe: FakeStripe
) -> None:
    priced(shop, "guide-eur", minimum=0)
    assert start(shop, "guide-eur", 0) == 0
    assert stripe.calls == []
    with pytest.raises(AmountTooSmall):
        start(shop, "guide-eur", 49, "cart_2")


@pytest.mark.parametrize(("price", "amount"), [("yen-jpy", 500), ("dinar-kwd", 12340)])
@builders.on_sqlite
def test_amounts_are_of_their_currency(shop: Shop, price: str, amount: int) -> None:
    priced(shop, price, minimum=10)
    assert start(shop, price, amount) == amount


@builders.on_sqlite
def test_what_was_chosen_stays_in_the_cart(shop: Shop) -> None:
    priced(shop, "guide-eur", minimum=500)
    with shop.transaction() as session:
        carts.put(session, "br_1", "guide-eur", 1, amount=700, now=shop.now())
    with shop.reading() as session:
        (line,) = carts.view(session, "br_1", now=shop.now()).lines
    assert (line.price.amount, line.shown) == (Money(700, "eur"), None)


# -- in the catalogue file

SOLD = (
    builders.GUIDE.replace("currency = \"eur\" }", "currency = \"eur\", minimum = 500 }")
    .replace("[[products]]", "[[products]]\nmax_quantity = 2", 1)
)  # fmt: skip
SALE = "sale = { amount = 1900, until = 2027-01-31T23:59:00+01:00 }"


def applied(shop: Shop, folder: Path, text: str) -> dict[str, Any]:
    (folder / "guide.txt").write_text("Read me.")
    (folder / "catalogue.toml").write_text(text)
    publishing.apply(shop, folder / "catalogue.toml")
    with shop.reading() as session:
        return entries.of_products(session, ["guide"])["guide"]


@builders.on_sqlite
def test_a_catalogue_says_sales_minimums_and_drafts(shop: Shop, tmp_path: Path) -> None:
    assert applied(shop, tmp_path, SOLD)["prices"][0]["minimum"] == 500
    in_sale = applied(shop, tmp_path, SOLD.replace("minimum = 500", SALE))
    assert in_sale["prices"][0]["sale"]["amount"] == 1900
    assert "minimum" not in in_sale["prices"][0]
    for_days = applied(shop, tmp_path, SOLD.replace("minimum = 500", "sale = { amount = 1900, in_days = 3 }"))
    left = for_days["prices"][0]["sale"]["until"] - shop.now()
    assert timedelta(days=3) <= left < timedelta(days=4), "it ends with a day"
    draft = applied(shop, tmp_path, SOLD.replace("[[products]]", "[[products]]\ndraft = true", 1))
    assert (draft["draft"], draft["active"]) == (True, False)
    with shop.reading() as session:
        assert [offer.id for offer in offers.drafts(session, now=shop.now())] == ["guide"]
        assert "guide" not in {offer.id for offer in offers.shelf(session, now=shop.now())}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (f"{SALE}, minimum = 500", "a sale or a minimum"),
        ("minimum = 3000", "no less than the minimum"),
        (SALE.replace("1900", "2900"), "a sale costs less"),
        (SALE.replace("+01:00", ""), "needs an offset"),
        ("minimum = 20", "no less than €0.50"),
        (SALE.replace(" }", ", in_days = 3 }"), "give either until or in_days"),
        ("sale = { amount = 1900 }", "give either until or in_days"),
    ],
)
@builders.on_sqlite
def test_what_makes_no_price_is_refused_in_words(shop: Shop, tmp_path: Path, said: str, why: str) -> None:
    with pytest.raises(CatalogInvalid) as refused:
        applied(shop, tmp_path, SOLD.replace("minimum = 500", said))
    assert why in str(refused.value.problems)
