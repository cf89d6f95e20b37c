"""The owner's numbers, as somebody at a browser meets them: what core counts, each with its meaning and its rows."""

from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from core.foundation.money import Money
from core.journeys import refund
from core.owner.figures import closing, overview, rows
from core.owner.figures.days import Days, day_of
from core.owner.figures.definitions import DEFINITIONS, Figure
from core.owner.figures.overview import Overview
from core.owner.figures.recurring import Recurring
from core.people.staff import Role
from storefront.amounts import price
from storefront.back_office import figure_cards
from tests import builders
from tests.conftest import Clock
from tests.core.owner.figures import lives
from tests.storefront.conftest import Visitor, sound, words


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, page: str = "overview", **query: str) -> AppTest:
    return visitor.opens(page, folder="owner_pages", **query)


def in_zone(visitor: Visitor, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    settings = visitor.shop.settings.model_copy(update={"shop_timezone": zone})
    visitor.shop = replace(visitor.shop, settings=settings)
    monkeypatch.setattr("storefront.process.shop", lambda: visitor.shop)


def counted(visitor: Visitor, days: int = 30) -> Overview:
    shop, zone = visitor.shop, visitor.shop.settings.zone
    today = day_of(shop.now(), zone)
    first = today.fromordinal(today.toordinal() - days + 1)
    with shop.reading() as session:
        return overview.of_days(session, Days(first, today, zone), livemode=shop.settings.livemode, now=shop.now())


def cards(tab: AppTest) -> dict[str, list[str]]:
    """What each card shows, in the order of the currencies."""
    found: dict[str, list[str]] = {}
    for metric in tab.metric:
        found.setdefault(metric.label, []).append(metric.value)
    return found


def sell(visitor: Visitor, clock: Clock) -> None:
    """Two purchases in euros, of which one went back in part."""
    builders.bought(visitor.shop, visitor.stripe, "guide-eur", cart="cart_1")
    clock.pass_(days=1)
    second = builders.bought(visitor.shop, visitor.stripe, "kit-eur", cart="cart_2")
    refund.request(visitor.shop, second, 500, actor="owner")
    builders.opened(visitor.shop, "guide-eur", cart="cart_3")
    visitor.works_as(Role.OWNER)


def test_the_cards_show_what_core_counts(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    (each,) = counted(owner).currencies
    assert each.sales.net
    assert each.sales.refunds
    shown = cards(opens(owner))
    for figure in (Figure.NET, Figure.GROSS, Figure.DISCOUNTS, Figure.REFUNDS, Figure.ORDERS, Figure.CONVERSION):
        assert shown[figure_cards.LABELS[figure]] == [
            figure_cards.written(figure_cards.of_sales(figure, each.sales))
        ], figure
    assert shown["Gross sales"] == [price(Money(each.sales.gross, "eur"))]
    assert shown["Orders"] == ["2"]
    assert shown["Conversion"] == ["67%"]


def test_figures_are_told_as_they_were_known_on_a_past_day(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    today = day_of(owner.shop.now(), owner.shop.settings.zone)
    yesterday = today.fromordinal(today.toordinal() - 1)
    assert cards(opens(owner))["Orders"] == ["2"]
    tab = opens(owner, known=yesterday.isoformat())
    assert cards(tab)["Orders"] == ["1"]
    assert tab.date_input(key="p-known").value == yesterday
    sound(tab.date_input(key="p-known").set_value(None).run())
    assert cards(tab)["Orders"] == ["2"]
    assert "known" not in tab.query_params
    assert cards(opens(owner, known=today.isoformat()))["Orders"] == ["2"]
    assert "as it was known on a past day" in words(opens(owner, "figure", figure="net", known=yesterday.isoformat()))


def test_days_that_an_earlier_version_counted_are_told_as_such(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    clock.pass_(days=2)
    owner.works_as(Role.OWNER)
    closing.keep_all(owner.shop)
    assert cards(opens(owner))["Orders"] == ["2"]
    assert "told as an earlier version counted them" not in words(opens(owner))
    with owner.shop.transaction() as session:
        session.execute(text("update sales_days set measures = 1"))
    assert "The worker is counting these days anew." in words(opens(owner))
    closing.keep_all(owner.shop)
    assert "told as an earlier version counted them" not in words(opens(owner))


def test_each_card_opens_the_rows_that_add_up_to_it(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    (each,) = counted(owner).currencies
    tab = opens(owner, "figure", figure="net", currency="eur")
    assert tab.title[0].value == "Net sales"
    assert DEFINITIONS[Figure.NET].sentence[:20] in words(tab)
    table = tab.dataframe[0].value
    assert sorted(table["what"]) == ["Payment", "Payment", "Refund"]
    days = counted(owner).days
    with owner.shop.reading() as session:
        page = rows.of_figure(session, Figure.NET, days, livemode=False, now=owner.shop.now(), currency="eur")
    assert sum(row.amount for row in page.rows) == each.sales.net
    assert list(table["id"]) == [row.id for row in page.rows]


def test_rows_are_leafed_by_the_address(owner: Visitor, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rows.of_figure.__kwdefaults__, "limit", 2)
    sell(owner, clock)
    tab = opens(owner, "figure", figure="net", currency="eur")
    seen = list(tab.dataframe[0].value["id"])
    assert tab.button(key="leaf-first").disabled
    sound(tab.button(key="leaf-on").click().run())
    seen += list(tab.dataframe[0].value["id"])
    assert len(seen) == len(set(seen)) == 3
    assert tab.button(key="leaf-on").disabled
    sound(tab.button(key="leaf-first").click().run())
    assert list(tab.dataframe[0].value["id"]) == seen[:2]


def test_two_currencies_stand_beside_each_other(owner: Visitor) -> None:
    builders.bought(owner.shop, owner.stripe, "guide-eur", cart="cart_1")
    builders.bought(owner.shop, owner.stripe, "yen-jpy", cart="cart_2")
    both = cards(opens(owner))["Gross sales"]
    assert len(both) == 2
    assert cards(opens(owner, currency="jpy"))["Gross sales"] == both[1:]
    assert "Gross sales" not in cards(opens(owner, currency="sek"))


def test_a_shop_of_many_lives_is_shown_in_all_its_currencies(owner: Visitor) -> None:
    drawn = lives.lives(Random(3), owner.shop.settings.zone, 120)
    with owner.shop.transaction() as session:
        lives.write(session, [row for life in drawn for row in life.rows])
    seen = counted(owner, 90)
    assert len(seen.currencies) > 1
    assert seen.trials.ended
    assert seen.received
    tab = opens(owner, range="90")
    shown = cards(tab)
    assert len(shown["Net sales"]) == len(seen.currencies)
    assert shown["MRR"] == [
        price(Money(each.recurring.mrr, each.currency))
        for each in seen.currencies
        if each.recurring != Recurring(each.currency)
    ]
    assert len(shown["Trial conversion"]) == 1
    for each in seen.received:
        assert price(Money(each.net, each.currency)) in words(tab)
        assert price(Money(each.change, each.currency)) in words(opens(owner, "money", range="90"))
    for figure in Figure:
        opens(owner, "figure", figure=figure.value, range="90")


def test_an_empty_shop_says_so_and_shows_no_zeros(owner: Visitor) -> None:
    tab = opens(owner)
    assert "**No sales yet.**" in words(tab)
    assert not tab.metric
    assert "**Nothing here.**" in words(opens(owner, "figure", figure="gross"))


NONSENSE = (
    {"range": "1000000"}, {"range": "own", "since": "2026-13-45", "until": "x"}, {"currency": "'; drop"},
    {"range": "own", "since": "2026-11-20", "until": "2026-11-01"}, {"step": "century", "product": "\0"},
    {"range": "own", "since": "2199-01-01", "until": "2199-12-31"}, {"range": "own", "since": "2026-11-20"},
)  # fmt: skip
NO_PLACES = ("", "x", "1.0", "1.0.", "99999999999999999999.0.pay_1", "1.0.\0", "-1.0.a", "١.0.a")


def test_an_address_that_says_nonsense_asks_for_the_usual(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    usual = cards(opens(owner))
    for query in NONSENSE:
        assert cards(opens(owner, **query)) == usual, query


def test_a_place_that_is_none_is_the_beginning(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    for after in NO_PLACES:
        tab = opens(owner, "figure", figure="gross", after=after)
        assert len(tab.dataframe[0].value) == 2, after
    assert opens(owner, "figure", figure="nonsense").title[0].value == "Gross sales"


def test_the_address_says_which_days(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    today = owner.shop.now().date().isoformat()
    assert cards(opens(owner, range="own", since=today, until=today))["Orders"] == ["1"]
    tab = opens(owner)
    sound(tab.button_group(key="p-range").set_value("90 days").run())
    assert tab.query_params["range"] in ("90", ["90"])
    assert cards(tab)["Orders"] == ["2"]


def test_days_end_at_the_shop_s_midnight(owner: Visitor, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    builders.bought(owner.shop, owner.stripe, "guide-eur")
    placed = owner.shop.now()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        in_zone(owner, monkeypatch, zone)
        day = day_of(placed, owner.shop.settings.zone).isoformat()
        tab = opens(owner, range="own", since=day, until=day)
        assert cards(tab)["Orders"] == ["1"]
        assert zone.replace("_", "\\_") in words(tab)
        assert len(opens(owner, "orders", since=day, until=day).dataframe[0].value) == 1
    day = (day_of(placed, owner.shop.settings.zone)).fromordinal(placed.date().toordinal() + 1).isoformat()
    assert "No orders match" in words(opens(owner, "orders", since=day, until=day))


def test_one_product_is_shown_by_itself(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    tab = opens(owner, product="guide")
    sold = next(each for each in counted(owner).products if each.product_id == "guide")
    assert cards(tab)["Sold"] == [price(Money(sold.sold, "eur"))]
    assert cards(tab)["Pieces"] == ["1"]
    assert "Gross sales" not in cards(tab)


def test_the_chart_is_a_table_behind_a_switch(owner: Visitor, clock: Clock) -> None:
    sell(owner, clock)
    tab = opens(owner, range="7")
    assert not tab.dataframe
    sound(tab.toggle(key="table-eur").set_value(True).run())
    table = tab.dataframe[0].value
    (each,) = counted(owner, 7).currencies
    assert len(table) == 7
    assert list(table["Net sales"]) == [price(Money(sold.net, "eur")) for _, sold in each.series]


def test_few_orders_are_compared_by_counts_and_many_in_percent() -> None:
    now, then = Money(300, "eur"), Money(200, "eur")
    assert figure_cards.change(now, then, percent=True) == "+50%"
    assert figure_cards.change(now, then, percent=False) == "+€1.00"
    assert figure_cards.change(then, now, percent=False) == "-€1.00"
    assert figure_cards.change(3, 9, percent=False) == "-6"
    assert figure_cards.change(now, Money(0, "eur"), percent=True) == "+€3.00"
    assert figure_cards.change(now, now, percent=True) is None
    assert figure_cards.change(None, now, percent=True) is None


def test_every_figure_has_a_name() -> None:
    assert set(figure_cards.LABELS) == set(Figure)
