"""The accountant's files: they add up to the figures, to the orders and to the balance, and open as they were meant."""

import csv
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from core import fulfillment
from core.events import reconciliation
from core.invoicing import receipts
from core.orders import orders, payments
from core.orders.balance.entries import BalanceEntry
from core.orders.orders import Order
from core.orders.payment_lines import PaymentLine
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.owner.accounting import journal, order_list, payouts, tax
from core.owner.figures import sales, sums
from core.owner.figures.days import Days
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.owner.figures import lives
from tests.core.owner.figures.lives import FIRST, LAST
from tests.core.owner.figures.reckoning import Reckoning, without_zeros
from tests.fakes import FakeStripe


def in_zone(shop: Shop, zone: str) -> Shop:
    return replace(shop, settings=shop.settings.model_copy(update={"shop_timezone": zone}))


def read(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))


def journal_of(shop: Shop, days: Days, *, livemode: bool = False) -> list[dict[str, str]]:
    with shop.reading() as session:
        return read("".join(journal.lines(session, days, livemode=livemode)))


@pytest.mark.parametrize("seed", range(4))
def test_the_journal_is_the_figures_the_payments_and_the_balance_to_the_cent(shop: Shop, seed: int) -> None:
    here = in_zone(shop, "Europe/Copenhagen")
    days = Days(FIRST - timedelta(days=2), LAST + timedelta(days=2), here.settings.zone)
    drawn = lives.lives(Random(seed), here.settings.zone, 150)
    with here.transaction() as session:
        lives.write(session, [row for life in drawn for row in life.rows])
    for livemode in (True, False):
        with here.reading() as session:
            found = list(journal.movements(session, days, livemode=livemode))
            sold = sales.of_days(session, days, sums.ask(session, days.zone, livemode=livemode))
            taxed = read("".join(tax.lines(session, days, livemode=livemode)))
        assert [row.at for row in found] == sorted(row.at for row in found)
        by_kind: dict[tuple[str, str], Counter[str]] = {}
        for row in found:
            amounts = {"net": row.net or 0, "tax": row.tax or 0, "gross": row.gross or 0}
            by_kind.setdefault((row.kind, row.currency), Counter()).update(amounts)
        for currency, each in sold.items():
            of_sales, credit = by_kind[("sale", currency)], by_kind.get(("credit", currency), Counter())
            assert (of_sales["net"], of_sales["tax"]) == (each.gross - each.discounts, each.tax)
            assert of_sales["gross"] + credit["gross"] == each.charged
            back = by_kind.get(("refund", currency), Counter())
            assert (-back["net"], -back["tax"], -back["gross"]) == (each.refunds, each.refunded_tax, each.returned)
            assert -by_kind.get(("dispute", currency), Counter())["gross"] == each.disputed
            assert sum(Decimal(row["tax"]) for row in taxed if row["currency"] == currency) == in_major(
                each.tax - each.refunded_tax, currency
            )
        # Each entry of the balance stands in one row, whatever it is of.
        entries = [row.entry.id for row in found if row.entry]
        assert sorted(entries) == sorted(
            row.id for row in builders.rows(here, BalanceEntry) if row.livemode is livemode
        )
        assert {row.kind for row in found if row.entry} >= {"sale", "refund", "dispute", "reversal", "fee", "payout"}


def in_major(amount: int, currency: str) -> Decimal:
    return Decimal(amount) if currency == "jpy" else Decimal(amount).scaleb(-2)


def test_each_movement_stands_in_the_month_in_which_it_happened(shop: Shop) -> None:
    drawn = lives.lives(Random(7), shop.settings.zone, 60)
    with shop.transaction() as session:
        lives.write(session, [row for life in drawn for row in life.rows])
    zone = shop.settings.zone
    whole = journal_of(shop, Days(FIRST, LAST, zone), livemode=True)
    october = journal_of(shop, Days(FIRST, date(2026, 10, 31), zone), livemode=True)
    november = journal_of(shop, Days(date(2026, 11, 1), LAST, zone), livemode=True)
    assert len(october) + len(november) == len(whole) > 100
    assert {row["date"][:7] for row in october} == {"2026-10"}
    reckoned = Reckoning(shop, livemode=True)
    sold = without_zeros(reckoned.sales(FIRST, date(2026, 10, 31)))["eur"]
    paid = sum(Decimal(row["net"]) for row in october if (row["kind"], row["currency"]) == ("sale", "eur"))
    assert paid == in_major(sold["gross"] - sold["discounts"], "eur")


def november(shop: Shop) -> Days:
    return Days(date(2026, 11, 1), date(2026, 11, 30), shop.settings.zone)


@pytest.fixture
def a_month(shop: Shop, stripe: FakeStripe, clock: Clock) -> str:
    """An order that was paid, partly paid back, disputed and won, and paid out; its id."""
    order_id = builders.bought(shop, stripe, "kit-eur", "guide-eur")
    payment = builders.payment_of(shop, order_id)
    clock.pass_(hours=1)
    builders.deliver(shop, stripe.tell("refund.created", stripe.make_refund(payment, 1000)))
    (made,) = stripe.pay_out()
    stripe.arrive_payout(made["id"])
    clock.pass_(hours=1)
    reconciliation.sweep(shop, everything=True)
    return order_id


def test_a_renewal_is_told_with_the_tax_id_that_its_buyer_has_by_then(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    """Who names one later is charged no tax from then on: of the sale without any the tax office wants to know to whom it was."""
    order_id, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    renewed = stripe.renew(name)
    untaxed = {
        "amount": 0, "taxable_amount": 900, "tax_behavior": "exclusive", "taxability_reason": "reverse_charge",
    }  # fmt: skip
    renewed["lines"]["data"][0]["taxes"] = [untaxed]
    renewed["customer_tax_ids"] = [{"type": "eu_vat", "value": "DE123456789"}, {"type": "gb_vat", "value": "GB1"}]
    builders.deliver(shop, stripe.tell("invoice.paid", renewed))
    builders.deliver(shop, stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 900)))
    builders.ask_stripe(shop)
    rows = journal_of(shop, Days(date(2026, 11, 1), date(2026, 12, 31), shop.settings.zone))
    said = [(row["kind"], row["note"], row["tax_id"]) for row in rows if row["kind"] in ("sale", "refund")]
    assert said == [
        ("sale", "", ""), ("sale", "reverse charge", "DE123456789"), ("refund", "reverse charge", "DE123456789"),
    ]  # fmt: skip
    with shop.reading() as session:
        assert receipts.of_payment(session, shop, renewed["id"]).tax_id == "DE123456789"


def test_a_sale_stands_beside_what_it_came_to_on_the_balance_and_its_payout(
    shop: Shop, a_month: str, clock: Clock
) -> None:
    with shop.transaction() as session:
        session.get_one(Order, a_month).sqlmodel_update({"country": "DE", "tax_id": "=HYPERLINK(1)"})
    here = in_zone(shop, "Asia/Kolkata")
    rows = journal_of(here, Days(date(2026, 11, 1), date(2026, 11, 30), here.settings.zone))
    sale, other = rows[:2]
    assert (sale["kind"], sale["date"], sale["time"]) == ("sale", "2026-11-23", "2026-11-23T15:54:00+05:30")
    assert (sale["net"], sale["tax"], sale["gross"], sale["currency"]) == ("79.00", "0.00", "79.00", "eur")
    assert (sale["settled_gross"], sale["settled_currency"]) == ("108.00", "eur")
    assert Decimal(sale["settled_gross"]) - Decimal(sale["settled_fee"]) == Decimal(sale["settled_net"])
    assert (other["kind"], other["product_kind"], other["gross"], other["entry_id"]) == (
        "sale",
        "download",
        "29.00",
        "",
    )
    assert (sale["country"], sale["tax_id"], sale["order_id"]) == ("DE", "'=HYPERLINK(1)", a_month)
    assert sale["arrival_date"]
    assert sale["payout_id"]
    assert [(row["kind"], row["product_kind"], row["gross"], row["settled_gross"]) for row in rows[2:4]] == [
        ("refund", "license", "-7.31", "-10.00"), ("refund", "download", "-2.69", ""),
    ]  # fmt: skip
    assert list(sale)[-4:] == ["source_id", "entry_id", "payout_id", "order_id"]
    # What was paid out is what the movements before it came to.
    (paid_out,) = [row for row in rows if row["kind"] == "payout"]
    others = sum(Decimal(row["settled_net"]) for row in rows if row["settled_net"] and row["kind"] != "payout")
    assert -Decimal(paid_out["settled_net"]) == others
    order = builders.order(shop, a_month)
    assert sum(Decimal(row["gross"]) for row in rows if row["kind"] in ("sale", "refund")) == in_major(
        (order.amount_total or 0) - order.amount_refunded, "eur"
    )
    with shop.reading() as session:
        bank = read("".join(payouts.lines(session, november(shop), livemode=False)))
    assert sum(Decimal(row["net"]) for row in bank) == others


def test_a_number_that_an_order_brought_along_is_no_formula_in_any_file(shop: Shop, a_month: str) -> None:
    with shop.transaction() as session:
        session.get_one(Order, a_month).number = "=1-7"
    with shop.reading() as session:
        bank = read("".join(payouts.lines(session, november(shop), livemode=False)))
        listed = read("".join(order_list.lines(session, november(shop), livemode=False)))
    for found in (bank, listed, journal_of(shop, november(shop))):
        assert {row["order"] for row in found if row["order_id"]} == {"'=1-7"}


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata"])
def test_a_movement_has_the_same_day_and_time_in_the_journal_and_beside_its_payout(
    shop: Shop, a_month: str, zone: str
) -> None:
    here = in_zone(shop, zone)
    with here.reading() as session:
        bank = read("".join(payouts.lines(session, november(here), livemode=False)))
    known = {row["entry_id"]: row for row in journal_of(here, november(here)) if row["entry_id"]}
    columns = ("date", "time", "zone")
    assert bank
    for row in bank:
        assert tuple(row[name] for name in columns) == tuple(known[row["entry_id"]][name] for name in columns)
    assert {row["arrival_date"] for row in bank} == {"2026-11-24"}


def test_taxes_stand_by_quarter_country_rate_and_kind(shop: Shop, a_month: str) -> None:
    with shop.transaction() as session:
        (payment,) = [session.merge(row) for row in builders.rows(shop, Payment)]
        payment.sqlmodel_update({"amount_tax": 1724, "tax_included": 1724})
        session.get_one(Order, a_month).country = "DE"
    with shop.reading() as session:
        days = Days(date(2026, 10, 1), date(2026, 12, 31), shop.settings.zone)
        taxed = read("".join(tax.lines(session, days, livemode=False)))
    assert [
        (row["quarter"], row["country"], row["tax_rate"], row["product_kind"], row["sales_tax"]) for row in taxed
    ] == [
        ("2026-Q4", "DE", "19.0", "download", "4.63"), ("2026-Q4", "DE", "19.0", "license", "12.61"),
    ]  # fmt: skip
    assert sum(Decimal(row["refunds_net"]) + Decimal(row["refunds_tax"]) for row in taxed) == Decimal("-10.00")


@pytest.fixture
def two_rates(shop: Shop, stripe: FakeStripe) -> Payment:
    """A payment of a kit at 19 % and a guide at 7 %, each 100 euros before its tax."""
    order_id = builders.bought(shop, stripe, "kit-eur", "guide-eur")
    with shop.transaction() as session:
        kit, guide = orders.lines(session, order_id)
        (payment,) = payments.of_order(session, order_id)
        for place, (line, rate) in enumerate(((kit, 19), (guide, 7))):
            session.add(
                PaymentLine(
                    payment_id=payment.id, position=place, order_line_id=line.id, quantity=1, amount_subtotal=10_000,
                    amount_discount=0, amount_tax=rate * 100, amount=10_000 + rate * 100, tax_rate=str(rate),
                )
            )  # fmt: skip
        payment.sqlmodel_update({"amount": 22_600, "amount_subtotal": 20_000, "amount_tax": 2600})
        session.get_one(Order, order_id).country = "DE"
    return payment


def pay_back(shop: Shop, name: str, payment: Payment, amount: int, **of_products: int) -> None:
    """A refund of so much, of which so much is for these products."""
    with shop.transaction() as session:
        of = {line.product_id: line.id for line in orders.lines(session, payment.order_id)}
        session.add(
            Refund(
                id=name, stripe_refund_id=name, order_id=payment.order_id, payment_id=payment.id, amount=amount,
                currency="eur", status=RefundStatus.SUCCEEDED, lines={of[name]: part for name, part in of_products.items()},
                created_at=shop.now(), updated_at=shop.now(),
            )
        )  # fmt: skip
        session.get_one(Order, payment.order_id).eventful = True
    with shop.transaction() as session:
        fulfillment.resettle(session, payment.order_id, actor="owner", now=shop.now())


def taxes_by_rate(shop: Shop) -> dict[str, tuple[str, ...]]:
    with shop.reading() as session:
        days = Days(date(2026, 10, 1), date(2026, 12, 31), shop.settings.zone)
        taxed = read("".join(tax.lines(session, days, livemode=False)))
    columns = ("sales_net", "sales_tax", "refunds_net", "refunds_tax", "net", "tax")
    return {row["tax_rate"]: tuple(row[name] for name in columns) for row in taxed}


def test_a_refund_pays_back_the_tax_of_each_rate_by_itself(shop: Shop, two_rates: Payment) -> None:
    pay_back(shop, "re_1", two_rates, 11_300)
    half = taxes_by_rate(shop)
    assert half["19.0"][2:4] == ("-50.00", "-9.50")
    assert half["7.0"][2:4] == ("-50.00", "-3.50")
    pay_back(shop, "re_2", two_rates, 11_300)
    assert taxes_by_rate(shop) == {
        "19.0": ("100.00", "19.00", "-100.00", "-19.00", "0.00", "0.00"),
        "7.0": ("100.00", "7.00", "-100.00", "-7.00", "0.00", "0.00"),
    }


def test_what_is_left_after_a_refund_of_one_line_goes_back_for_the_others(
    shop: Shop, two_rates: Payment, clock: Clock
) -> None:
    pay_back(shop, "re_1", two_rates, 10_700, guide=10_700)
    assert taxes_by_rate(shop)["7.0"][2:] == ("-100.00", "-7.00", "0.00", "0.00")
    assert taxes_by_rate(shop)["19.0"][2:4] == ("0.00", "0.00")
    clock.pass_(hours=1)
    pay_back(shop, "re_2", two_rates, 11_900)
    assert {rate: row[4:] for rate, row in taxes_by_rate(shop).items()} == {
        "19.0": ("0.00", "0.00"), "7.0": ("0.00", "0.00"),
    }  # fmt: skip


def test_the_list_of_orders_has_a_row_for_each_and_no_formula(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", cart="first")
    clock.pass_(hours=30)
    builders.opened(shop, ("clinic-eur", 2), cart="second")
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        order.name, order.email = "+1 Ada", " =1@lindqvist.example"
    with shop.reading() as session:
        days = Days(date(2026, 11, 1), date(2026, 11, 30), shop.settings.zone)
        first, second = read("".join(order_list.lines(session, days, livemode=None)))
        one_day = Days(date(2026, 11, 23), date(2026, 11, 23), shop.settings.zone)
        assert len(read("".join(order_list.lines(session, one_day, livemode=False)))) == 1
        assert read("".join(order_list.lines(session, days, livemode=True))) == []
    assert (first["status"], first["total"], first["mode"], first["name"]) == ("fulfilled", "29.00", "test", "'+1 Ada")
    assert first["email"] == "' =1@lindqvist.example"
    assert (first["deliveries"], first["order_id"]) == ("guide active", order_id)
    assert (second["status"], second["total"], second["products"][:2]) == ("pending", "", "2 ")


def test_lists_are_read_piece_by_piece_without_losing_rows_of_one_moment(shop: Shop) -> None:
    at = datetime(2026, 11, 3, 12, tzinfo=UTC)
    with shop.transaction() as session:
        session.add_all(an_entry(f"txn_{number:04}", at) for number in range(1203))
    days = Days(date(2026, 11, 3), date(2026, 11, 3), shop.settings.zone)
    rows = journal_of(shop, days)
    assert [row["entry_id"] for row in rows] == [f"txn_{number:04}" for number in range(1203)]


def an_entry(name: str, at: datetime, **more: Any) -> BalanceEntry:
    known = {"category": "fee", "origin": "account", "gross": -5, "fee": 0, "net": -5, "currency": "eur", **more}
    return BalanceEntry(id=name, livemode=False, created_at=at, available_on=at, fetched_at=at, ask_after=at, **known)
