"""Every figure opens into the very rows that it sums, page by page."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.subscriptions import Subscription
from core.owner.figures import received, recurring, rows, sales, sums
from core.owner.figures.days import Days
from core.owner.figures.definitions import DEFINITIONS, Figure
from core.owner.figures.received import Received
from core.owner.figures.recurring import Recurring
from core.owner.figures.rows import FigureRow
from core.owner.figures.sales import Sales
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.owner.figures import lives
from tests.core.owner.figures.lives import FIRST


@pytest.fixture
def days(shop: Shop) -> Days:
    drawn = lives.lives(Random(11), shop.settings.zone, 120)
    with shop.transaction() as session:
        lives.write(session, [row for life in drawn for row in life.rows])
    return Days(FIRST, date(2026, 11, 15), shop.settings.zone)


def listed(shop: Shop, figure: Figure, days: Days, currency: str) -> list[FigureRow]:
    """All rows, read in pages of seven."""
    found: list[FigureRow] = []
    after = None
    with shop.reading() as session:
        while True:
            page = rows.of_figure(
                session, figure, days, livemode=True, now=shop.now(), currency=currency, after=after, limit=7
            )
            found += page.rows
            assert len(page.rows) == 7 or page.next is None
            if (after := page.next) is None:
                return found


def test_the_rows_of_each_figure_add_up_to_it(shop: Shop, days: Days) -> None:
    with shop.reading() as session:
        asked = sums.ask(session, days.zone, livemode=True)
        sold = sales.of_days(session, days, asked).get("eur", Sales("eur"))
        moved = received.of_days(session, days, asked).get("eur", Received("eur"))
        monthly = recurring.of_days(session, days, asked).get("eur", Recurring("eur"))
    expected = {
        Figure.GROSS: sold.gross, Figure.DISCOUNTS: sold.discounts, Figure.REFUNDS: sold.refunds,
        Figure.REFUNDED_TAX: sold.refunded_tax, Figure.NET: sold.net, Figure.TAX: sold.tax, Figure.ORDERS: sold.orders,
        Figure.AVERAGE_ORDER: sold.spent, Figure.CONVERSION: sold.opened, Figure.DISPUTED: sold.lost,
        Figure.TOP_PRODUCTS: sold.gross - sold.discounts, Figure.RECEIVED: moved.net, Figure.FEES: moved.fees,
        Figure.DISPUTE_FEES: moved.dispute_fees, Figure.MRR: monthly.mrr, Figure.ARPU: monthly.mrr,
        Figure.CHURN: monthly.ended, **{Figure(kind): each.amount for kind, each in monthly.movements.items()},
    }  # fmt: skip
    assert set(expected) == set(Figure) - {Figure.TRIAL_CONVERSION}
    for figure, amount in expected.items():
        found = listed(shop, figure, days, "eur")
        assert sum(row.amount for row in found) == amount, figure
        assert len({(row.what, row.id) for row in found}) == len(found)
        assert [row.at for row in found] == sorted((row.at for row in found), reverse=True)
        assert all(row.number.startswith("PL-") for row in found if row.order_id)
    assert sum(1 for amount in expected.values() if amount) > 18


@pytest.mark.parametrize("count", [1, 7, 30, 90])
def test_trials_open_into_those_that_ended_in_thirty_days_whatever_days_are_asked_for(
    shop: Shop, days: Days, count: int
) -> None:
    last = date(2026, 11, 15)
    asked = Days(last - timedelta(days=count - 1), last, days.zone)
    with shop.reading() as session:
        ended = recurring.trials(session, asked, livemode=True, now=shop.now()).ended
    found = [
        row for currency in ("eur", "usd", "jpy") for row in listed(shop, Figure.TRIAL_CONVERSION, asked, currency)
    ]
    assert sum(row.amount for row in found) == ended > 0
    assert {row.at.date() for row in found} <= {last - timedelta(days=past) for past in range(30)}


def test_a_trial_that_ends_later_today_has_not_ended(shop: Shop, clock: Clock) -> None:
    today = Days(clock.time.date(), clock.time.date(), ZoneInfo("UTC"))
    with shop.transaction() as session:
        drawn = lives.lives(Random(1), today.zone, 30)
        everything = [row for life in drawn for row in life.rows]
        plans = [row for row in everything if isinstance(row, Subscription)]
        for plan in plans:
            plan.trial_end = clock.time + timedelta(hours=1)
        lives.write(session, everything)
        count = sum(order.livemode for plan in plans for order in [session.get_one(Order, plan.order_id)])

    def seen() -> tuple[int, int]:
        found = [each for each in ("eur", "usd", "jpy") for each in listed(shop, Figure.TRIAL_CONVERSION, today, each)]
        with shop.reading() as session:
            return recurring.trials(session, today, livemode=True, now=shop.now()).ended, len(found)

    assert seen() == (0, 0)
    clock.pass_(hours=2)
    assert seen() == (count, count)
    assert count > 3


def test_rows_of_one_moment_are_neither_lost_nor_told_twice(shop: Shop) -> None:
    at = datetime(2026, 11, 3, 12, tzinfo=UTC)
    drawn = lives.lives(Random(3), shop.settings.zone, 60)
    with shop.transaction() as session:
        everything = [row for life in drawn for row in life.rows]
        for row in everything:
            for name in ("paid_at", "created_at"):
                if getattr(row, name, None):
                    setattr(row, name, at)
        lives.write(session, everything)
    days = Days(date(2026, 11, 3), date(2026, 11, 3), shop.settings.zone)
    with shop.reading() as session:
        net = sales.of_days(session, days, sums.ask(session, days.zone, livemode=True))["eur"].net
    assert sum(row.amount for row in listed(shop, Figure.NET, days, "eur")) == net != 0


@builders.on_sqlite
def test_gross_sales_and_discounts_are_what_is_said_of_them_where_prices_include_tax(shop: Shop) -> None:
    at = datetime(2026, 11, 3, 12, tzinfo=UTC)
    with shop.transaction() as session:
        drawn = lives.lives(Random(3), shop.settings.zone, 20)
        order = next(row for life in drawn for row in life.rows if isinstance(row, Order) and row.livemode)
        # 119.00 with 19 % in it, less a tenth: 107.10, of which 17.10 are tax.
        payment = Payment(
            id="pi_1", order_id=order.id, billing_reason="checkout", amount=10_710, amount_subtotal=11_900,
            amount_discount=1190, amount_tax=1710, tax_included=1710, currency="eur", paid_at=at, lines_known=True,
        )  # fmt: skip
        lives.write(session, [order, payment])
    days = Days(date(2026, 11, 3), date(2026, 11, 3), shop.settings.zone)
    with shop.reading() as session:
        sold = sales.of_days(session, days, sums.ask(session, days.zone, livemode=True))["eur"]
    assert (sold.gross, sold.discounts, sold.net, sold.tax, sold.charged) == (10_000, 1000, 9000, 1710, 10_710)
    assert "by the day it was paid, without tax" in DEFINITIONS[Figure.GROSS].sentence
    assert "took off these prices, without tax" in DEFINITIONS[Figure.DISCOUNTS].sentence


@pytest.mark.parametrize(
    ("charged", "costs", "average"), [(2900, 2900, 2900), (900, 2900, 2900), (0, 2900, 2900), (0, 0, 5000)]
)
@builders.on_sqlite
def test_the_average_order_is_what_orders_cost_whether_charged_or_paid_from_credit(
    shop: Shop, charged: int, costs: int, average: int
) -> None:
    """Beside one that was charged as much as the average tells: what cost nothing is no order that it counts."""
    at = datetime(2026, 11, 3, 12, tzinfo=UTC)
    with shop.transaction() as session:
        drawn = lives.lives(Random(3), shop.settings.zone, 20)
        order = next(row for life in drawn for row in life.rows if isinstance(row, Order) and row.livemode)
        said = {
            "order_id": order.id,
            "billing_reason": "checkout",
            "amount_discount": 0,
            "amount_tax": 0,
            "currency": "eur",
        }
        lives.write(
            session,
            [
                order,
                Payment(id="pi_1", amount=average, amount_subtotal=average, paid_at=at, lines_known=True, **said),
                Payment(id="pi_2", amount=charged, amount_subtotal=costs, paid_at=at, lines_known=True, **said),
            ],
        )
    days = Days(date(2026, 11, 3), date(2026, 11, 3), shop.settings.zone)
    with shop.reading() as session:
        sold = sales.of_days(session, days, sums.ask(session, days.zone, livemode=True))["eur"]
    assert sold.average_order == average
    assert sold.charged == average + charged


def test_every_figure_is_defined_in_one_sentence() -> None:
    assert set(DEFINITIONS) == set(Figure)
    for definition in DEFINITIONS.values():
        assert definition.sentence.endswith(".")
        assert definition.sentence.count(". ") == 0
        assert definition.parts
