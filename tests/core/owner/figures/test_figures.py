"""Every figure is the sum of its facts: over thousands of lives of orders it is what plain Python makes of their rows."""

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlmodel import SQLModel, select

from core.foundation.signals.corrections import Correction
from core.orders.subscription_changes import Movement
from core.owner.figures import closing, counting, products, received, recurring, sales, sums
from core.owner.figures.day_sums import HourSum, SummedDays
from core.owner.figures.days import Days, Step
from core.owner.figures.sales import MEASURES, Sales
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.owner.figures import lives
from tests.core.owner.figures.lives import FIRST, LAST, ZONES, Life
from tests.core.owner.figures.reckoning import Reckoning, end_of, without_zeros
from tests.core.test_order_independence_of_a_life import LIVES, clean, live
from tests.fakes import FakeStripe

TODAY = date(2026, 11, 20)
SPANS = ((FIRST, LAST), (date(2026, 10, 24), date(2026, 10, 26)), (TODAY, LAST))


def in_zone(shop: Shop, zone: str) -> Shop:
    """The same shop, whose days begin elsewhere."""
    return replace(shop, settings=shop.settings.model_copy(update={"shop_timezone": zone}))


def compare(shop: Shop) -> None:
    """All figures of both modes against those that are reckoned from the rows."""
    for livemode in (True, False):
        reckoned = Reckoning(shop, livemode=livemode)
        for first, last in SPANS:
            _compare(shop, reckoned, Days(first, last, shop.settings.zone), livemode=livemode)
        _compare_elapsed(shop, reckoned, livemode=livemode)


def _compare(shop: Shop, reckoned: Reckoning, days: Days, *, livemode: bool) -> None:
    span = (days.first, days.last)
    with shop.reading() as session:
        asked = sums.ask(session, days.zone, livemode=livemode)
        sold, each_day = sales.of_days(session, days, asked), sales.day_by_day(session, days, asked)
        of_products = sums.of_all(session, counting.PRODUCTS, days, asked)
        best = products.top(session, days, asked, limit=1000)
        moved = received.of_days(session, days, asked)
        monthly = recurring.of_days(session, days, asked)
        tried = recurring.trials(session, days, livemode=livemode, now=shop.now())

    wanted = without_zeros(reckoned.sales(*span))
    assert {name: _sales(each) for name, each in sold.items() if _sales(each)} == wanted
    # The days add up to the whole, and so do the weeks and months of a chart.
    assert {name: _sales(each) for name, each in sales.total(each_day).items()} == {
        name: _sales(each) for name, each in sold.items()
    }
    for step in Step:
        for currency, whole in sold.items():
            points = [point for _, point in sales.series(each_day, days, step, currency)]
            assert sum(points, Sales(currency)) == whole
    for day in days.each() if days.count > 3 else ():
        assert {name: _sales(each) for name, each in each_day.get(day, {}).items() if _sales(each)} == without_zeros(
            reckoned.sales(day, day)
        )

    wanted_products = without_zeros(reckoned.products(*span))
    assert without_zeros({key: Counter(each) for key, each in of_products.items()}) == wanted_products
    listed = {(each.currency, each.product_id): each.sold for each in best}
    assert {key: amount for key, amount in listed.items() if amount} == {
        key: amount
        for key, each in wanted_products.items()
        if (amount := each.get("gross", 0) - each.get("discounts", 0))
    }
    assert [(each.currency, -each.sold) for each in best] == sorted((each.currency, -each.sold) for each in best)

    parts = {
        name: Counter({**{part: value for part, value in vars(each).items() if part != "currency"}, "change": each.change})
        for name, each in moved.items()
    }  # fmt: skip
    assert without_zeros(parts) == without_zeros(reckoned.received(*span))

    worth_before, active_before = reckoned.monthly(days.start)
    worth, active = reckoned.monthly(days.end)
    for currency, each in monthly.items():
        assert (each.before, each.active_before) == (worth_before[currency], active_before[currency])
        # Movements add up to the difference.
        assert (each.mrr, each.active) == (worth[currency], active[currency])
        assert each.mrr - each.before == sum(movement.amount for movement in each.movements.values())
    assert set(+worth) <= set(monthly)
    assert without_zeros(
        {(name, kind): Counter(vars(moved)) for name, each in monthly.items() for kind, moved in each.movements.items()}
    ) == without_zeros(reckoned.movements(*span))
    assert (tried.ended, tried.converted) == reckoned.trials(end_of(days.last, days.zone), shop.now())


def _compare_elapsed(shop: Shop, reckoned: Reckoning, *, livemode: bool) -> None:
    """As much of the days before as has elapsed of these."""
    now, zone = shop.now(), shop.settings.zone
    today = now.astimezone(zone).date()
    for count in (1, 3):
        before = Days(today - timedelta(days=count - 1), today, zone).before(now=now)
        assert (before.last, before.end.astimezone(zone).time()) == (
            today - timedelta(days=count), now.astimezone(zone).time(),
        )  # fmt: skip
        with shop.reading() as session:
            asked = sums.ask(session, zone, livemode=livemode)
            found = sales.of_days(session, before, asked)
            together = sales.total(sales.day_by_day(session, before, asked))
        reckoned.cut = before.end
        wanted = without_zeros(reckoned.sales(before.first, before.last))
        reckoned.cut = None
        for each in (found, together):
            assert {name: _sales(one) for name, one in each.items() if _sales(one)} == wanted


def _sales(each: Sales) -> dict[str, int]:
    amounts = {name: amount for name in MEASURES if name != "credit" and (amount := getattr(each, name))}
    return {**amounts, **({"charged": each.charged} if each.charged else {})}


def kept_rows(shop: Shop) -> list[dict[str, Any]]:
    """All sums that hold, without when they became known."""
    found = []
    with shop.reading() as session:
        for kept in counting.ALL:
            for row in session.exec(select(kept.table).where(kept.table.superseded_at.is_(None))):  # type: ignore[union-attr]
                found.append({"table": kept.table.__name__, **row.model_dump(exclude={"known_at", "superseded_at"})})
    return sorted(found, key=repr)


def forget(shop: Shop) -> None:
    """Have no sums of any day."""
    with shop.transaction() as session:
        for kept in counting.ALL:
            session.execute(delete(kept.table))
        session.execute(delete(HourSum))
        session.execute(delete(SummedDays))


# To make several hundred rows fewer takes minutes and shows little: what differs is printed.
PHASES = (Phase.generate,)


def check_lives(shop: Shop, stripe: FakeStripe, clock: Clock, *, examples: int) -> int:
    """Let lives be told in two parts, the later of which also changes what was told, and compare at each turn."""
    seen = 0

    @settings(max_examples=examples, phases=PHASES)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        nonlocal seen
        clean(shop, stripe, clock)
        here = in_zone(shop, data.draw(st.sampled_from(ZONES)))
        drawn = lives.lives(Random(data.draw(st.integers())), here.settings.zone, data.draw(st.integers(350, 450)))
        seen += len(drawn)
        early, late = _parts(drawn, data)
        clock.time = datetime(2026, 11, 20, 14, tzinfo=UTC)
        with here.transaction() as session:
            lives.write(session, early)
        compare(here)
        closing.keep_all(here)
        with here.reading() as session:
            over = (clock.time - timedelta(hours=1)).astimezone(here.settings.zone).date()
            assert session.exec(select(SummedDays)).one().until == over
        compare(here)
        before = _known(here)
        clock.pass_(hours=24)
        changes = data.draw(lives.changes())
        with here.transaction() as session:
            lives.write(session, late)
            for table, values in changes.items():
                for row in list(session.exec(select(table)))[::3]:
                    row.sqlmodel_update(values)
        compare(here)
        closing.keep_all(here)
        assert builders.rows(here, Correction) == []
        compare(here)
        # What was known on that day is told as it was.
        assert _known(here, clock.time.astimezone(here.settings.zone).date() - timedelta(days=1)) == before
        kept = kept_rows(here)
        forget(here)
        closing.keep_all(here)
        assert kept_rows(here) == kept

    check()
    return seen


def _parts(drawn: list[Life], data: st.DataObject) -> tuple[list[SQLModel], list[SQLModel]]:
    """Whole lives that are told of early, and others of which nothing is known until later."""
    last = data.draw(st.integers(1, len(drawn)))
    return [row for life in drawn[:last] for row in life.rows], [row for life in drawn[last:] for row in life.rows]


def _known(shop: Shop, on: date | None = None) -> list[Any]:
    """The sums of the days before that one, as they are now or as they were known when that day had ended."""
    days = Days(FIRST, TODAY - timedelta(days=1), shop.settings.zone)
    with shop.reading() as session:
        asked = [sums.ask(session, days.zone, livemode=mode, known_on=on) for mode in (True, False)]
        return [
            without_zeros({key: Counter(each) for key, each in sums.of_all(session, kept, days, mode).items()})
            for kept in counting.ALL
            for mode in asked
        ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_figure_is_what_its_facts_come_to_on_sqlite(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    assert check_lives(shop, stripe, clock, examples=5) >= 1600


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_every_figure_is_what_its_facts_come_to_on_postgres(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    assert check_lives(shop, stripe, clock, examples=3) >= 900


@pytest.mark.parametrize("name", LIVES)
@builders.on_sqlite
def test_figures_of_a_real_life_are_its_orders_totals(shop: Shop, stripe: FakeStripe, clock: Clock, name: str) -> None:
    life = live(shop, stripe, clock, name, None)
    order = builders.order(shop, life.order_id)
    compare(shop)
    with shop.reading() as session:
        days = Days(date(2026, 1, 1), date(2027, 12, 31), ZoneInfo("UTC"))
        found = sales.of_days(session, days, sums.ask(session, days.zone, livemode=False))
    figures = found.get(order.currency, Sales(order.currency))
    assert (figures.charged, figures.returned) == (order.amount_total or 0, order.amount_refunded)
    assert (figures.tax, figures.discounts) == (order.amount_tax or 0, order.amount_discount or 0)
    assert figures.orders == (1 if order.paid_at else 0)


def test_sales_of_two_currencies_are_never_added() -> None:
    with pytest.raises(ValueError, match="cannot add usd to eur"):
        Sales("eur", gross=1) + Sales("usd", gross=1)


def test_every_measure_of_sales_is_kept() -> None:
    assert {each.name for each in fields(Sales)} - {"currency"} == set(counting.SALES.measures)
    kept = {name for name in counting.SALES.table.model_fields if name in MEASURES}
    assert kept == set(MEASURES)
    assert set(recurring.Recurring("eur").movements) >= set(map(str, Movement))
