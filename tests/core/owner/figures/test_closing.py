"""When sums are made anew: a fact that is told late is noted, one that is told at once costs nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel import select

from core.events import reconciliation
from core.foundation.signals.corrections import Correction
from core.orders.balance.entries import BalanceEntry
from core.orders.disputes import Dispute
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.owner.figures import closing, day_sums, sales, sums
from core.owner.figures.day_sums import HourSum, SalesDay, SummedDays
from core.owner.figures.days import Days
from core.owner.figures.sales import Sales
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.test_statements import statements
from tests.fakes import FakeStripe


def eur(shop: Shop, day: date, *, known_on: date | None = None) -> Sales:
    with shop.reading() as session:
        asked = sums.ask(session, shop.settings.zone, livemode=False, known_on=known_on)
        found = sales.of_days(session, Days(day, day, shop.settings.zone), asked)
    return found.get("eur", Sales("eur"))


def corrected(shop: Shop) -> list[datetime]:
    return sorted(row.at for row in builders.rows(shop, Correction))


def test_a_purchase_that_is_told_at_once_notes_nothing(shop: Shop, stripe: FakeStripe) -> None:
    builders.bought(shop, stripe)
    builders.subscribed(shop, stripe, cart="other", browser="br_2")
    assert corrected(shop) == []


def test_a_refund_that_fails_later_is_taken_out_of_the_day_it_was_made(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    payment, today = builders.payment_of(shop, order_id), clock.time.date()
    made = stripe.make_refund(payment, 1000)
    builders.deliver(shop, stripe.tell("refund.created", made))
    clock.pass_(days=2)
    assert closing.keep_all(shop) > 0
    assert (eur(shop, today).refunds, eur(shop, today).net) == (1000, 6900)
    builders.deliver(shop, stripe.tell("refund.failed", stripe.fail_refund(made["id"])))
    (refund,) = builders.rows(shop, Refund)
    assert corrected(shop) == [refund.created_at]
    # Before the worker has come to it, and after.
    assert eur(shop, today).net == 7900
    closing.keep_all(shop)
    assert corrected(shop) == []
    assert eur(shop, today).net == 7900
    # As it was known before.
    assert eur(shop, today, known_on=today + timedelta(days=1)).net == 6900
    assert eur(shop, today, known_on=today + timedelta(days=2)).net == 7900


def test_what_happened_after_the_day_was_not_known_on_it(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    first = clock.time.date()
    builders.bought(shop, stripe, "kit-eur")
    clock.pass_(days=1)
    builders.bought(shop, stripe, "kit-eur", cart="cart_2")
    for _ in range(2):  # counted from the facts, and once they are summed
        assert eur(shop, first, known_on=first).gross == 7900
        assert eur(shop, first + timedelta(days=1), known_on=first).gross == 0
        assert eur(shop, first + timedelta(days=1), known_on=first + timedelta(days=1)).gross == 7900
        clock.pass_(days=2)
        closing.keep_all(shop)


def test_what_is_written_without_a_session_noticing_is_noted_too(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe, "kit-eur")
    clock.pass_(hours=3)
    reconciliation.sweep(shop, everything=True)
    (entry,) = builders.rows(shop, BalanceEntry)
    assert entry.created_at in corrected(shop)
    closing.keep_all(shop)
    with shop.transaction() as session:
        session.get_one(BalanceEntry, entry.id).sqlmodel_update({"origin": "unknown", "order_id": None})
    clock.pass_(days=2)
    closing.keep_all(shop)
    reconciliation.sweep(shop, everything=True)
    assert entry.created_at in corrected(shop)


def test_only_what_is_summed_is_noted(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe, "kit-eur")
    clock.pass_(days=3)
    changes: dict[str, Any] = {"stripe_charge_id": "ch_other", "amount_refunded": 5}
    with shop.transaction() as session:
        payment = session.exec(select(Payment)).one()
        payment.sqlmodel_update(changes)
    assert corrected(shop) == []
    with shop.transaction() as session:
        payment = session.exec(select(Payment)).one()
        was, payment.paid_at = payment.paid_at, datetime(2026, 11, 1, 9, tzinfo=UTC)
    assert corrected(shop) == [payment.paid_at, was]


def test_a_transaction_that_is_taken_back_notes_nothing(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    clock.pass_(days=3)
    with shop.reading() as session:
        session.add(
            Dispute(
                id="dp_1", order_id=order_id, amount=1, currency="eur", reason="", status="lost",
                created_at=datetime(2026, 11, 1, tzinfo=UTC),
            )
        )  # fmt: skip
        session.flush()
    assert corrected(shop) == []


def test_another_time_zone_has_sums_of_its_own_days(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe, "kit-eur")
    bought_on = clock.time.date()
    clock.pass_(days=2)
    closing.keep_all(shop)
    there = replace(shop, settings=shop.settings.model_copy(update={"shop_timezone": "Pacific/Kiritimati"}))
    assert eur(there, bought_on + timedelta(days=1)).gross == 7900
    closing.keep_all(there)
    assert {row.zone for row in builders.rows(shop, SalesDay)} == {"Pacific/Kiritimati"}
    assert {row.zone for row in builders.rows(shop, SummedDays)} == {"Pacific/Kiritimati"}
    assert eur(there, bought_on + timedelta(days=1)).gross == 7900
    assert eur(there, bought_on).gross == 0
    assert eur(shop, bought_on).gross == 7900


def test_nothing_is_written_when_there_is_nothing_to_sum(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe, "kit-eur")
    clock.pass_(days=2)
    closing.keep_all(shop)
    before = [row.model_dump() for row in (*builders.rows(shop, SalesDay), *builders.rows(shop, HourSum))]
    with statements(shop.engine) as heard:
        assert closing.keep_all(shop) == 0
    assert not [each for each in heard if each.lower().startswith(("insert", "update"))]
    assert [row.model_dump() for row in (*builders.rows(shop, SalesDay), *builders.rows(shop, HourSum))] == before


def test_two_workers_at_once_sum_each_day_once(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe, "kit-eur")
    bought_on = clock.time.date()
    clock.pass_(days=9)
    done = builders.at_once(*[lambda: closing.keep_all(shop)] * 3)
    assert not [each for each in done if isinstance(each, Exception)]
    assert [(row.day, row.gross) for row in builders.rows(shop, SalesDay)] == [(bought_on, 7900)]


def outdated(shop: Shop, day: date, *, known_on: date | None = None) -> bool:
    with shop.reading() as session:
        asked = sums.ask(session, shop.settings.zone, livemode=False, known_on=known_on)
        return sums.is_outdated(session, Days(day, day, shop.settings.zone), asked)


def test_what_an_earlier_version_summed_is_told_as_such_until_it_is_summed_anew(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    days = []
    for number in range(10):
        builders.bought(shop, stripe, "kit-eur", cart=f"cart_{number}")
        days.append(clock.time.date())
        clock.pass_(days=1)
    builders.bought(shop, stripe, "kit-eur", cart="today")
    clock.pass_(hours=4)
    closing.keep_all(shop)
    assert not outdated(shop, days[0])
    with shop.transaction() as session:
        # As the earlier version has it: half of them come to something else by what figures mean now.
        for row in session.exec(select(SalesDay)).all():
            row.measures = 1
            if row.day in days[::2]:
                row.gross, row.discounts = row.gross + 100, row.discounts + 100
        for hour in session.exec(select(HourSum)).all():
            hour.measures = 1
            hour.sums = [[key, {**measures, "gross": 1}] for key, measures in hour.sums]
    yesterday = clock.time.date() - timedelta(days=1)
    assert outdated(shop, days[0])
    assert eur(shop, days[0]).gross == 8000
    closing.keep_all(shop)
    for day in days:
        assert not outdated(shop, day)
        assert (eur(shop, day).gross, eur(shop, day).discounts) == (7900, 0)
    assert eur(shop, clock.time.date()).gross == 7900
    assert {row.measures for row in builders.rows(shop, HourSum)} == {day_sums.MEASURES}
    # A report can be made again as it was then, and says that it is one of that time.
    assert eur(shop, days[0], known_on=yesterday).gross == 8000
    assert outdated(shop, days[0], known_on=yesterday)
    assert closing.keep_all(shop) == 0


def test_what_an_earlier_versions_process_goes_on_to_sum_is_summed_anew(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    day = clock.time.date()
    builders.bought(shop, stripe, "kit-eur")
    clock.pass_(days=2)
    closing.keep_all(shop)
    names = [column.name for column in SalesDay.__table__.columns if column.name != "measures"]  # type: ignore[attr-defined]
    with shop.transaction() as session:
        # It knows nothing of the column.
        session.execute(text("create table kept as select * from sales_days"))
        session.execute(text("delete from sales_days"))
        said = ", ".join(names)
        session.execute(text(f"insert into sales_days ({said}) select {said} from kept"))
        session.execute(text("drop table kept"))
    assert outdated(shop, day)
    assert closing.keep_all(shop) == 1
    assert not outdated(shop, day)
    assert [(row.day, row.gross) for row in builders.rows(shop, SalesDay)] == [(day, 7900)]
