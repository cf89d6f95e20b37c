"""The books of some weeks against what happened at Stripe: figures, journal, taxes, customers and codes say the same money."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.catalog.products import Price
from core.events import reconciliation
from core.orders.orders import Order
from core.owner.accounting import journal, tax
from core.owner.figures import closing, received, rows, sales, sums
from core.owner.figures.days import Days
from core.owner.figures.definitions import Figure
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe

PRICES = ("guide-eur", "kit-eur", "clinic-eur")
FIGURES = {
    Figure.GROSS: "gross", Figure.DISCOUNTS: "discounts", Figure.TAX: "tax", Figure.REFUNDS: "refunds",
    Figure.REFUNDED_TAX: "refunded_tax", Figure.NET: "net", Figure.DISPUTED: "lost", Figure.ORDERS: "orders",
}  # fmt: skip


class Weeks:
    """What happens in a shop with taxes, a day after the other, and whenever it likes the worker sums the days."""

    def __init__(self, shop: Shop, stripe: FakeStripe, clock: Clock, chance: Random) -> None:
        self.shop, self.stripe, self.clock, self.chance = shop, stripe, clock, chance
        self.orders: list[str] = []

    def happen(self, days: int) -> None:
        for _ in range(days * 3):
            self.clock.pass_(hours=self.chance.randint(1, 14), minutes=self.chance.randint(0, 59))
            self.chance.choice((self.buy, self.buy, self.pay_back, self.fail, self.dispute, self.decide, self.work))()
        self.work()

    def buy(self) -> None:
        number = len(self.orders)
        chosen = self.chance.sample(PRICES, k=self.chance.randint(1, 3))
        items = [(price, 1 if price == "kit-eur" else self.chance.randint(1, 2)) for price in chosen]
        order_id, session_id = builders.opened(self.shop, *items, cart=f"cart_{number}", browser=f"br_{number}")
        if off := self.chance.choice((0, 0, 10, 33, 100)):
            self.stripe.discount(session_id, off)
        self.stripe.tax(session_id, self.chance.choice((0, 7, 19)))
        self.stripe.pay(session_id)
        self.orders.append(order_id)
        self.tell("checkout.session.completed", self.stripe.sessions[session_id])
        builders.ask_stripe(self.shop)

    def pay_back(self) -> None:
        charge = self._a_charge()
        left = charge and charge["amount"] - charge["amount_refunded"]
        if charge and left and not charge["disputed"]:
            amount = self.chance.choice((left, self.chance.randint(1, left)))
            self.tell("refund.created", self.stripe.make_refund(charge["payment_intent"], amount))

    def fail(self) -> None:
        made = [each for each in self.stripe.refunds.values() if each["status"] == "succeeded"]
        if made:
            refund = self.chance.choice(made)
            if not self.stripe.charges[refund["charge"]]["disputed"]:
                self.tell("refund.failed", self.stripe.fail_refund(refund["id"]))

    def dispute(self) -> None:
        charge = self._a_charge()
        left = charge and charge["amount"] - charge["amount_refunded"]
        if charge and left and not charge["disputed"]:
            amount = self.chance.choice((left, self.chance.randint(1, left)))
            self.tell("charge.dispute.created", self.stripe.dispute(charge["payment_intent"], amount=amount))

    def decide(self) -> None:
        open_ones = [each for each in self.stripe.disputes.values() if each["status"] != "won"]
        if open_ones:
            dispute = self.chance.choice(open_ones)
            verdict = self.chance.choice(("won", "lost"))
            self.tell("charge.dispute.closed", self.stripe.dispute(dispute["payment_intent"], status=verdict))

    def work(self) -> None:
        reconciliation.sweep(self.shop, everything=True)
        closing.keep_all(self.shop)

    def tell(self, kind: str, subject: dict[str, Any]) -> None:
        """Sometimes twice, and sometimes only the worker finds out."""
        event = self.stripe.tell(kind, subject)
        for _ in range(self.chance.choice((1, 1, 2))):
            builders.deliver(self.shop, event)

    def _a_charge(self) -> dict[str, Any] | None:
        return self.chance.choice(list(self.stripe.charges.values())) if self.stripe.charges else None


@pytest.mark.parametrize("seed", range(4))
@builders.on_sqlite
def test_the_books_say_what_happened_at_stripe(shop: Shop, stripe: FakeStripe, clock: Clock, seed: int) -> None:
    chance = Random(seed)
    zone = chance.choice(("Pacific/Auckland", "America/Los_Angeles", "Europe/Copenhagen"))
    here = replace(shop, settings=shop.settings.model_copy(update={"tax": "stripe", "shop_timezone": zone}))
    with here.transaction() as session:
        session.get_one(Price, "guide-eur").tax_behavior = "exclusive"
    builders.change_date(here, "clinic/1", capacity=1000)
    clock.time = datetime(2026, 10, 22, 9, tzinfo=ZoneInfo("UTC"))
    weeks = Weeks(here, stripe, clock, chance)
    weeks.happen(20)
    assert len(weeks.orders) > 10
    first, last = date(2026, 10, 22), clock.time.astimezone(here.settings.zone).date()
    for count in (1, 7, (last - first).days + 1):
        for start in (first, last - timedelta(days=count - 1), first + timedelta(days=3)):
            check(here, stripe, Days(start, start + timedelta(days=count - 1), here.settings.zone))
    check_taxes(here, Days(first, last, here.settings.zone))
    check_balance(here, stripe, Days(first, last, here.settings.zone))
    # The shop moves: from now on its days begin elsewhere, before any of them was summed anew and after.
    moved = replace(here, settings=here.settings.model_copy(update={"shop_timezone": "Asia/Kathmandu"}))
    for _ in range(2):
        for day in (date(2026, 10, 25), date(2026, 11, 1)):
            check(moved, stripe, Days(day, day, moved.settings.zone))
        closing.keep_all(moved)
    for order in builders.rows(here, Order):
        if order.paid_at:
            charge = next(
                (c for c in stripe.charges.values() if c["payment_intent"] == order.stripe_payment_intent_id), None
            )
            assert order.amount_total == (charge["amount"] if charge else 0)
            assert order.amount_refunded == (charge["amount_refunded"] if charge else 0)


def within(days: Days, stamp: int) -> bool:
    return days.start.timestamp() <= stamp < days.end.timestamp()


def check(shop: Shop, stripe: FakeStripe, days: Days) -> None:
    with shop.reading() as session:
        found = sales.of_days(session, days, sums.ask(session, days.zone, livemode=False)).get(
            "eur", sales.Sales("eur")
        )
        moved = list(journal.movements(session, days, livemode=False))
        for figure, name in FIGURES.items():
            page = rows.of_figure(session, figure, days, livemode=False, now=shop.now(), currency="eur", limit=1000)
            assert sum(row.amount for row in page.rows) == getattr(found, name), figure
    sessions = [each for each in stripe.sessions.values() if each["status"] == "complete"]
    paid_at = {row.stripe_checkout_session_id: row.paid_at for row in builders.rows(shop, Order) if row.paid_at}
    sold = [each for each in sessions if within(days, int(paid_at[each["id"]].timestamp()))]
    assert found.charged == sum(each["amount_total"] for each in sold)
    assert found.tax == sum(each["total_details"]["amount_tax"] for each in sold)
    assert found.discounts == sum(discounts(stripe, each["id"]) for each in sold)
    assert found.orders == len(sold)
    gone = [each for each in stripe.refunds.values() if each["status"] == "succeeded" and within(days, each["created"])]
    assert found.returned == sum(each["amount"] for each in gone)
    disputed = [each for each in stripe.disputes.values() if within(days, each["created"])]
    assert found.lost == sum(each["amount"] for each in disputed if each["status"] != "won")
    by_kind = Counter[str]()
    for row in moved:
        by_kind[row.kind] += row.gross or 0
    assert by_kind["sale"] == found.charged
    assert -by_kind["refund"] + by_kind["refund_failure"] >= found.returned


def discounts(stripe: FakeStripe, session_id: str) -> int:
    """What was taken off a Session's prices, without the tax that these include."""
    found = 0
    for line in stripe.line_items_of(session_id):
        off, left = line["amount_discount"], line["amount_subtotal"] - line["amount_discount"]
        included = left + line["amount_tax"] - line["amount_total"]
        found += off - (round(Fraction(off * included, left) + Fraction(1, 10**9)) if left else 0)
    return found


def check_balance(shop: Shop, stripe: FakeStripe, days: Days) -> None:
    """Each movement of the balance stands in one row, and beside the orders' money their fees and disputes are all there is."""
    with shop.reading() as session:
        beside = [row.entry for row in journal.movements(session, days, livemode=False) if row.entry]
        got = received.of_days(session, days, sums.ask(session, days.zone, livemode=False))["eur"]
    assert sorted(each.id for each in beside) == sorted(stripe.transactions)
    moved = stripe.transactions.values()
    assert got.change == got.net == sum(each["net"] for each in moved)
    assert got.fees == sum(each["fee"] for each in moved)
    of_disputes = [each for each in moved if each["reporting_category"].startswith("dispute")]
    assert (got.disputed, got.dispute_fees) == (
        -sum(each["amount"] for each in of_disputes), sum(each["fee"] for each in of_disputes),
    )  # fmt: skip


def check_taxes(shop: Shop, days: Days) -> None:
    """All of a payment's tax went back with all of its money, rate by rate and kind by kind, and never more than there was."""
    with shop.reading() as session:
        moved = list(journal.movements(session, days, livemode=False))
        taxed = tax.of_days(session, days, livemode=False)
        found = sales.of_days(session, days, sums.ask(session, days.zone, livemode=False))["eur"]
    assert sum(each["sales_tax"] for each in taxed) == found.tax
    assert -sum(each["refunds_tax"] for each in taxed) == found.refunded_tax
    assert sum(each["net"] for each in taxed) == found.net
    left: dict[tuple[str, str, Decimal | None], list[int]] = {}
    for row in moved:
        if row.kind in ("sale", "refund") and row.rate is not None and row.order:
            of = left.setdefault((row.order.id, row.product_kind, row.rate), [0, 0])
            of[0] += row.gross or 0
            of[1] += row.tax or 0
    for gross, rest in left.values():
        assert 0 <= rest <= gross
