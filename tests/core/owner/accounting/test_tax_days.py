"""The taxes of days as they are kept: equal to the accountant's file, opened into what they sum, and flat in time."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from core.foundation.signals import corrections
from core.foundation.signals.corrections import Correction
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.owner.accounting import tax, tax_days
from core.owner.accounting.tax import Taxed, Taxes, TaxKey
from core.owner.accounting.tax_days import TaxesOfDays
from core.owner.figures import closing, sums
from core.owner.figures.day_sums import TaxDay
from core.owner.figures.days import Days
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.owner.figures import lives
from tests.core.owner.figures.lives import FIRST
from tests.fakes import FakeStripe


def seen(shop: Shop, days: Days, *, livemode: bool = False) -> TaxesOfDays:
    with shop.reading() as session:
        return tax_days.of_days(session, days, sums.ask(session, days.zone, livemode=livemode))


def in_file(shop: Shop, days: Days, *, livemode: bool = False) -> Taxes:
    with shop.reading() as session:
        return tax.together(tax.by_day(session, days, livemode=livemode).items())


def check(shop: Shop, days: Days) -> None:
    """Each number of the page is the file's, and the rows behind it are what it sums."""
    for livemode in (True, False):
        found = seen(shop, days, livemode=livemode)
        assert found.left_out == ()
        assert found.taxes == in_file(shop, days, livemode=livemode)
        whole: dict[TaxKey, Taxed] = {}
        for (_, key), taxed in found.taxes.items():
            whole[key] = whole.get(key, Taxed()) + taxed
        for key in list(whole)[::29]:
            with shop.reading() as session:
                asked = sums.ask(session, days.zone, livemode=livemode)
                page = tax_days.rows(session, days, asked, key, limit=1000)
            assert (len(page.rows), page.next) == (whole[key].rows, None)
            assert sum(row.net for row in page.rows) == whole[key].net
            assert sum(row.tax for row in page.rows) == whole[key].tax


@pytest.mark.parametrize("seed", range(4))
@builders.on_sqlite
def test_the_taxes_of_days_are_the_accountants_file(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(tax_days, "MOST_COUNTED", 10_000)
    chance = Random(seed)
    here = replace(shop, settings=shop.settings.model_copy(update={"shop_timezone": chance.choice(lives.ZONES)}))
    drawn = lives.lives(chance, here.settings.zone, 25)
    with here.transaction() as session:
        lives.write(session, [row for life in drawn for row in life.rows])
        for payment in builders.rows(here, Payment):
            session.merge(payment).country = chance.choice(("", "DE", "DK"))
    spans = [
        Days(first, first + timedelta(days=count), here.settings.zone)
        for first, count in ((FIRST, 3), (FIRST + timedelta(days=9), 0), (FIRST - timedelta(days=30), 90))
    ]
    for work in (None, closing.keep_all, tax_days.keep):
        if work:
            work(here)
        for days in spans:
            check(here, days)
    assert builders.rows(here, TaxDay)
    # What is corrected is counted anew, before the worker comes to it and after.
    with here.transaction() as session:
        made = builders.rows(here, Refund)
        for refund in made[::3]:
            session.merge(refund).status = RefundStatus.FAILED
            # As whoever records it does: what the others take back depends on it.
            corrections.note(session, [each.created_at for each in made if each.payment_id == refund.payment_id])
    assert builders.rows(here, Correction)
    for work in (None, closing.keep_all, tax_days.keep):
        if work:
            work(here)
        check(here, spans[-1])
    with here.transaction() as session:
        closing.forget(session)
    assert builders.rows(here, TaxDay) == []
    check(here, spans[-1])


@pytest.fixture
def sold(shop: Shop, stripe: FakeStripe, clock: Clock) -> Days:
    """A sale and a refund of a part of it on each of two days that are over; those days."""
    first = clock.time.date()
    for number in range(2):
        order_id = builders.bought(shop, stripe, "kit-eur", cart=f"cart_{number}")
        builders.deliver(
            shop, stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 100))
        )
        clock.pass_(days=1)
    clock.pass_(days=1)
    return Days(first, first + timedelta(days=1), shop.settings.zone)


def test_what_is_too_much_to_count_for_a_page_is_named_until_it_is_kept(
    shop: Shop, sold: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tax_days, "MOST_COUNTED", 3)
    closing.keep_all(shop)
    assert [(each.first, each.last) for each in seen(shop, sold).left_out] == [(sold.first, sold.last)]
    assert tax_days.keep(shop) == 2
    assert tax_days.keep(shop) == 0
    assert seen(shop, sold) == TaxesOfDays(in_file(shop, sold), ())
    # A day that is corrected stands as it was counted, for as long as it takes to count it again.
    with shop.transaction() as session:
        session.add(Correction(id="cor_1", at=sold.start))
        session.add(Correction(id="cor_2", at=sold.start + timedelta(days=1)))
    assert seen(shop, sold) == TaxesOfDays(in_file(shop, sold), ())
    closing.keep_all(shop)
    assert builders.rows(shop, TaxDay) == []
    assert tax_days.keep(shop) == 2


def test_a_day_that_is_summed_anew_while_it_is_counted_is_counted_again(
    shop: Shop, sold: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing.keep_all(shop)
    by_day = tax.by_day

    def corrected_meanwhile(*asked: object, **how: object) -> object:
        found = by_day(*asked, **how)  # type: ignore[arg-type]
        monkeypatch.setattr(tax, "by_day", by_day)
        with shop.transaction() as session:
            session.get_one(Payment, builders.rows(shop, Payment)[-1].id).country = "DK"
        closing.keep_all(shop)
        return found

    monkeypatch.setattr(tax, "by_day", corrected_meanwhile)
    tax_days.keep(shop)
    assert {key.country for _, key in seen(shop, sold).taxes} == {"DE", "DK"}
    assert all(row.counted_at for row in builders.rows(shop, TaxDay))
    assert seen(shop, sold) == TaxesOfDays(in_file(shop, sold), ())


def test_workers_at_once_count_each_day(shop: Shop, sold: Days) -> None:
    closing.keep_all(shop)
    done = builders.at_once(*[lambda: tax_days.keep(shop)] * 3)
    assert not [each for each in done if isinstance(each, Exception)]
    assert seen(shop, sold) == TaxesOfDays(in_file(shop, sold), ())
    assert {row.day for row in builders.rows(shop, TaxDay) if row.counted_at} == {sold.first, sold.last}


@pytest.mark.parametrize("many", [True, False], ids=["hour by hour", "day by day"])
def test_the_rows_behind_are_leafed(shop: Shop, sold: Days, monkeypatch: pytest.MonkeyPatch, *, many: bool) -> None:
    if many:
        monkeypatch.setattr(tax_days, "MOST_COUNTED", 1)
    closing.keep_all(shop)
    tax_days.keep(shop)
    ((_, key), taxed), = seen(shop, sold).taxes.items()  # fmt: skip
    found, after = [], None
    for _ in range(taxed.rows):
        with shop.reading() as session:
            asked = sums.ask(session, sold.zone, livemode=False)
            page = tax_days.rows(session, sold, asked, key, after=after, limit=1)
        found += page.rows
        after = page.next
    assert after is None
    assert [row.what for row in found] == ["refund", "sale", "refund", "sale"]
    assert [row.at for row in found] == sorted((row.at for row in found), reverse=True)
    assert sum(row.net for row in found) == taxed.net == 2 * (7900 - 100)


def test_a_refund_that_fails_has_the_days_of_the_others_counted_again(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur", "guide-eur")
    payment, days = builders.payment_of(shop, order_id), []
    for _ in range(2):
        clock.pass_(days=1)
        days.append(clock.time.date())
        made = stripe.make_refund(payment, 1000)
        builders.deliver(shop, stripe.tell("refund.created", made))
    clock.pass_(days=2)
    closing.keep_all(shop)
    first = min(builders.rows(shop, Refund), key=lambda row: row.created_at)
    assert first.stripe_refund_id
    builders.deliver(shop, stripe.tell("refund.failed", stripe.fail_refund(first.stripe_refund_id)))
    assert {row.at.date() for row in builders.rows(shop, Correction)} == set(days)


def test_days_before_the_first_sale_have_no_taxes(shop: Shop, sold: Days) -> None:
    closing.keep_all(shop)
    assert seen(shop, Days(date(2020, 1, 1), date(2025, 1, 1), sold.zone)) == TaxesOfDays({}, ())


@pytest.mark.parametrize(
    ("quarter", "first", "last"),
    [
        ("2026-Q3", date(2026, 9, 20), date(2026, 9, 30)), ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2027-Q1", date(2027, 1, 1), date(2027, 2, 3)),
    ],
)  # fmt: skip
def test_the_rows_of_a_quarter_are_those_of_its_days(quarter: str, first: date, last: date) -> None:
    days = Days(date(2026, 9, 20), date(2027, 2, 3), ZoneInfo("UTC"))
    assert tax.days_of(quarter, days) == Days(first, last, days.zone)
