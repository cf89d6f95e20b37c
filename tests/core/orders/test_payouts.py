"""Whether a payout is the sum of what is known to be in it, and the report that an accountant lays beside the bank's."""

import csv
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.events import reconciliation
from core.foundation.signals.corrections import Correction
from core.orders.balance import entries, payouts
from core.orders.balance.entries import BalanceEntry, Origin
from core.orders.balance.payouts import Gap, Payout, PayoutStatus
from core.owner.accounting import payouts as payout_report
from core.owner.figures.days import Days
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def payout(amount: int = 941, **changes: Any) -> Payout:
    values: dict[str, Any] = {
        "id": "po_1", "livemode": False, "amount": amount, "currency": "eur", "status": PayoutStatus.PAID,
        "automatic": True, "arrival_date": NOON, "listable": True, "listed_at": NOON, "created_at": NOON,
        "told_at": NOON, "ask_after": NOON,
    }  # fmt: skip
    return Payout(**{**values, **changes})


def entry(net: int, *, fee: int = 0, category: str = "charge", **changes: Any) -> BalanceEntry:
    values: dict[str, Any] = {
        "id": f"txn_{category}_{net}", "livemode": False, "source": "ch_1", "category": category,
        "origin": Origin.UNKNOWN, "payout_id": "po_1", "gross": net + fee, "fee": fee, "net": net, "currency": "eur",
        "created_at": NOON, "available_on": NOON, "fetched_at": NOON, "ask_after": NOON,
    }  # fmt: skip
    return BalanceEntry(**{**values, **changes})


ITSELF = entry(-941, category="payout", source="po_1")


@pytest.mark.parametrize(
    ("paid", "listed", "gap", "difference"),
    [
        (payout(), [entry(1000), entry(-59, category="refund"), ITSELF], Gap.NONE, 0),
        (payout(), [entry(1000), ITSELF], Gap.UNEXPLAINED, -59),
        (payout(listed_at=None), [], Gap.NOT_LISTED, 941),
        (payout(listed_at=None), [entry(941)], Gap.NONE, 0),
        (payout(automatic=False, listable=False, listed_at=None), [ITSELF], Gap.BY_HAND, 941),
        (payout(-200), [entry(-200, category="dispute")], Gap.NONE, 0),
        (payout(), [entry(941), entry(50, currency="usd")], Gap.OTHER_CURRENCY, 0),
        # An earlier payout that came back, and one that was asked for in between, are parts like any other.
        (payout(), [entry(941), entry(700, category="payout_reversal", source="po_0"),
                    entry(-700, category="payout", source="po_by_hand"), ITSELF], Gap.NONE, 0),
        # It came back and is in the next one; what was in it stays in it.
        (payout(status=PayoutStatus.FAILED), [entry(941), ITSELF], Gap.NONE, 0),
    ],
)  # fmt: skip
def test_what_of_a_payout_its_entries_do_not_explain_has_a_name(
    paid: Payout, listed: list[BalanceEntry], gap: Gap, difference: int
) -> None:
    found = payouts.state(paid, listed)
    assert (found.gap, found.difference) == (gap, difference)
    assert sum(each.net for each in found.entries) + found.difference == paid.amount
    assert ITSELF not in found.entries
    assert {each.currency for each in found.entries} <= {"eur"}
    assert [each.currency for each in found.apart] == ["usd"] * (gap is Gap.OTHER_CURRENCY)


def test_of_a_movement_listed_twice_the_later_list_counts_and_its_payout_stays(bare_shop: Shop) -> None:
    told = {
        "id": "txn_1", "amount": 1000, "fee": 59, "net": 941, "currency": "eur", "reporting_category": "charge",
        "created": 1_795_000_000, "available_on": 1_795_172_800, "exchange_rate": None,
        "source": {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "customer": "cus_1", "metadata": {}},
    }  # fmt: skip

    def list_at(minutes: int, *, payout_id: str | None = None, **changes: Any) -> None:
        facts = entries.read_entry({**told, **changes}, shop_id="shop_1", payout=payout_id)
        with bare_shop.transaction() as session:
            entries.record(session, [facts, facts], livemode=True, fetched_at=NOON + timedelta(minutes=minutes))

    list_at(5, payout_id="po_1")
    # Days that are over are summed anew with it.
    assert [each.at.timestamp() for each in builders.rows(bare_shop, Correction)] == [1_795_000_000]
    list_at(9, available_on=1_795_259_200)
    list_at(7)
    (row,) = builders.rows(bare_shop, BalanceEntry)
    assert (row.payout_id, row.available_on.timestamp(), row.livemode) == ("po_1", 1_795_259_200, True)
    assert (row.stripe_charge_id, row.stripe_payment_intent_id, row.origin) == ("ch_1", "pi_1", Origin.UNKNOWN)


def stocked(shop: Shop, stripe: FakeStripe) -> str:
    """A payout of an order that was partly refunded and of another app's payment, and one by hand. Returns the order."""
    clock = shop.now
    assert isinstance(clock, Clock)
    order_id = builders.bought(shop, stripe, "kit-eur")
    clock.pass_(seconds=1)
    stripe.make_refund(builders.payment_of(shop, order_id), 1000)
    clock.pass_(seconds=1)
    stripe.exchange["jpy"] = ("eur", 0.5)
    theirs = stripe.bill(3000, "jpy", customer="cus_theirs")
    stripe.charge(theirs)
    (made,) = stripe.pay_out()
    stripe.arrive_payout(made["id"])
    clock.pass_(days=1)
    stripe.move(stripe.charge_of(theirs["id"]), 900, "charge", fee=0)
    stripe.arrive_payout(stripe.pay_out_by_hand(500)["id"])
    clock.pass_(minutes=20)
    for _ in range(2):
        assert reconciliation.sweep(shop, everything=True).failed == []
    return order_id


def report(shop: Shop, start: date, end: date, *, livemode: bool = False) -> list[dict[str, Any]]:
    with shop.reading() as session:
        return payout_report.of_days(session, start, end, livemode=livemode)


def written(shop: Shop, start: date, end: date) -> str:
    """The same as a file."""
    with shop.reading() as session:
        return "".join(payout_report.lines(session, Days(start, end, ZoneInfo("UTC")), livemode=False))


def test_the_report_names_the_payouts_of_its_days_both_included(shop: Shop, stripe: FakeStripe) -> None:
    stocked(shop, stripe)
    first, second = date(2026, 11, 24), date(2026, 11, 25)
    assert [each["arrival_date"] for each in report(shop, first, second)] == ["2026-11-24", "2026-11-25"]
    assert [each["gap"] for each in report(shop, first, first)] == [""]
    assert [each["gap"] for each in report(shop, second, second)] == ["paid_out_by_hand"]
    assert report(shop, date(2026, 11, 1), date(2026, 11, 23)) == []
    assert report(shop, first, second, livemode=True) == []


def test_the_report_tells_of_each_entry_whose_it_is_and_what_was_paid(shop: Shop, stripe: FakeStripe) -> None:
    order_id = stocked(shop, stripe)
    paid, by_hand = report(shop, date(2026, 11, 1), date(2026, 11, 30))
    number = builders.order(shop, order_id).number
    assert [(e["kind"], e["origin"], e["order"], e["gross"], e["fee"], e["net"]) for e in paid["entries"]] == [
        ("charge", "order", number, 7900, 259, 7641), ("refund", "order", number, -1000, 0, -1000),
        ("charge", "foreign", "", 1500, 74, 1426),
    ]  # fmt: skip
    assert [(e["original_amount"], e["original_currency"], e["exchange_rate"]) for e in paid["entries"]][1:] == [
        (-1000, "eur", None), (3000, "jpy", 0.5),
    ]  # fmt: skip
    assert (paid["gross"], paid["fee"], paid["net"], paid["amount"]) == (8400, 333, 8067, 8067)
    assert (by_hand["amount"], by_hand["entries"], by_hand["difference"]) == (500, [], 500)


def test_the_rows_for_a_spreadsheet_add_up_to_the_bank(shop: Shop, stripe: FakeStripe) -> None:
    order_id = stocked(shop, stripe)
    text = written(shop, date(2026, 11, 1), date(2026, 11, 30))
    assert text.startswith("\ufeffarrival_date,")
    rows = list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))
    assert [(row["kind"], row["net"], row["reason"]) for row in rows] == [
        ("charge", "76.41", ""), ("refund", "-10.00", ""), ("charge", "14.26", ""),
        ("difference", "5.00", "paid_out_by_hand"),
    ]  # fmt: skip
    assert (rows[2]["original_amount"], rows[2]["original_currency"], rows[2]["exchange_rate"]) == (
        "3000",
        "jpy",
        "0.5",
    )
    assert (rows[0]["order_id"], rows[0]["date"]) == (order_id, "2026-11-23")
    assert {row["currency"] for row in rows} == {"eur"}


@builders.on_sqlite
def test_no_cell_of_words_is_taken_for_a_formula(shop: Shop, stripe: FakeStripe) -> None:
    stripe.move({"id": "po_0", "currency": "eur"}, 100, "=cmd|' /C calc'!A0", fee=0)
    stripe.payouts_made["po_0"] = {"object": "fee", "id": "po_0", "created": 0}
    stocked(shop, stripe)
    assert "'=cmd" in written(shop, date(2026, 11, 1), date(2026, 11, 30))
