"""Whatever the order in which the account's money is listed and its payouts are told of, and however often: the same rows."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.events import balance_questions
from core.orders.balance import entries, payouts
from core.orders.balance.entries import BalanceEntry, Origin
from core.orders.balance.payouts import Payout, PayoutFacts, PayoutStatus
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.core.test_order_independence_of_a_life import clean
from tests.fakes import FakeStripe

# When we did something; `told_at` is when Stripe said it, by its own clock or by ours.
OURS = {"fetched_at", "ask_after", "listed_at", "told_at", "failed_at"}


class Account:
    """A Stripe account of several months: what it listed after each step, and the events that told of it."""

    def __init__(self, shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
        self.shop, self.stripe, self.clock = shop, stripe, clock
        self.events: list[dict[str, Any]] = []
        self.listed: list[tuple[datetime, list[dict[str, Any]]]] = []
        self.inside: dict[str, list[dict[str, Any]]] = {}

    def tell(self, kind: str, subject: dict[str, Any]) -> None:
        self.clock.pass_(seconds=1)
        self.events.append(self.stripe.tell(kind, subject))

    def look(self) -> None:
        """What a list shows at this moment."""
        self.listed.append((self.clock.time, list(self.stripe.balance_transactions(since=Clock().time))))

    def live(self) -> None:
        shop, stripe, clock = self.shop, self.stripe, self.clock
        stripe.exchange["usd"] = ("eur", 0.875)
        order_id, session_id = builders.opened(shop, "kit-eur")
        stripe.pay(session_id)
        self.tell("checkout.session.completed", stripe.sessions[session_id])
        _, plan_session = builders.opened(shop, "plan-month", cart="cart_2")
        plan = stripe.pay(plan_session)["subscription"]
        self.tell("checkout.session.completed", stripe.sessions[plan_session])
        theirs = stripe.bill(7000, "usd", customer="cus_theirs")
        stripe.charge(theirs)
        self.look()
        first = self.paid_out()
        stripe.renew(plan)
        payment = stripe.sessions[session_id]["payment_intent"]
        refund = stripe.make_refund(payment, 500)
        stripe.make_refund(theirs["id"], 700)
        stripe.dispute(payment)
        clock.pass_(days=3)
        self.look()
        self.tell("payout.failed", stripe.fail_payout(first))
        stripe.dispute(payment, status="won")
        stripe.fail_refund(refund["id"])
        self.paid_out()
        clock.pass_(days=1)
        self.look()
        assert order_id

    def paid_out(self) -> str:
        stripe, clock = self.stripe, self.clock
        clock.pass_(days=3)
        (made,) = stripe.pay_out()
        self.tell("payout.created", made)
        self.tell("payout.updated", stripe.send_payout(made["id"]))
        made["arrival_date"] += 2 * 86400
        self.tell("payout.updated", made)
        self.inside[made["id"]] = list(stripe.transactions_of_payout(made["id"]))
        self.tell("payout.paid", stripe.arrive_payout(made["id"]))
        return str(made["id"])


def step_count() -> int:
    return 2 + 4 + 1 + 4 + 3 + 2


@st.composite
def disorders(draw: st.DrawFn) -> list[int | str]:
    """Everything that was ever told or listed, each at least once, with passes of the worker in between."""
    steps = range(step_count())
    again = draw(st.lists(st.sampled_from([*steps, "pass", "pass", "read"]), max_size=8))
    return draw(st.permutations([*steps, *again]))


def tell(account: Account, steps: list[int | str]) -> None:
    shop, clock = account.shop, account.clock
    acts = (
        [lambda event=event: deliver(shop, event) for event in account.events]
        + [lambda shown=shown: record(shop, *shown) for shown in account.listed]
        + [lambda name=name: record(shop, clock.time, account.inside[name], name) for name in account.inside]
    )  # fmt: skip
    assert len(acts) == step_count()
    for step in steps:
        clock.pass_(seconds=1)
        if isinstance(step, int):
            acts[step]()
        else:
            work(shop, everything=step == "read")
    # In the end the worker has come by a few times.
    for _ in range(3):
        clock.pass_(days=2)
        work(shop, everything=True)


def record(shop: Shop, at: datetime, listed: list[dict[str, Any]], payout: str | None = None) -> None:
    """Part of what a list showed, in two pages that are mixed up."""
    found = [entries.read_entry(each, shop_id=shop.id, payout=payout) for each in listed]
    for page in (found[1::2], found[::2]):
        with shop.transaction() as session:
            entries.record(session, page, livemode=False, fetched_at=at)


def work(shop: Shop, *, everything: bool) -> None:
    for _, ask in balance_questions.due(shop, everything=everything):
        ask()


def rows(shop: Shop) -> dict[str, list[str]]:
    numbers = {order.id: order.number for order in builders.rows(shop, builders.Order)}
    found: dict[str, list[str]] = {}
    for table in (BalanceEntry, Payout):
        kept = [row.model_dump(exclude=OURS) for row in builders.rows(shop, table)]
        found[table.__tablename__] = sorted(str({**row, "order_id": numbers.get(row.get("order_id"))}) for row in kept)
    return found


def lived(shop: Shop, stripe: FakeStripe, clock: Clock, steps: list[int | str]) -> dict[str, list[str]]:
    clean(shop, stripe, clock)
    with shop.transaction() as session:
        session.execute(text("delete from signals"))
    stripe.forbidden = set()
    account = Account(shop, stripe, clock)
    account.live()
    tell(account, steps)
    return rows(shop)


def check(shop: Shop, stripe: FakeStripe, clock: Clock, examples: int) -> None:
    wanted = lived(shop, stripe, clock, list(range(step_count())))

    @settings(max_examples=examples)
    @given(steps=disorders())
    def any_order(steps: list[int | str]) -> None:
        assert lived(shop, stripe, clock, steps) == wanted

    any_order()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_telling_of_the_accounts_money_ends_in_the_same_rows_on_sqlite(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    check(shop, stripe, clock, examples=40)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_any_telling_of_the_accounts_money_ends_in_the_same_rows_on_postgres(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    check(shop, stripe, clock, examples=15)


@builders.on_sqlite
def test_told_in_order_every_payout_adds_up_and_every_movement_is_somebodys(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    lived(shop, stripe, clock, list(range(step_count())))
    kept = builders.rows(shop, BalanceEntry)
    assert len(kept) == len(stripe.transactions) == 12
    assert {row.origin for row in kept} == {Origin.ORDER, Origin.FOREIGN, Origin.ACCOUNT}
    assert {bool(row.order_id) for row in kept if row.origin is Origin.ORDER} == {True}
    assert {row.order_id for row in kept if row.origin is not Origin.ORDER} == {None}
    with shop.reading() as session:
        found = list(payouts.statements(session, livemode=False, since=Clock().time, before=clock.time))
    assert [(each.payout.status, each.difference, each.gap) for each in found] == [("failed", 0, ""), ("paid", 0, "")]
    assert all(each.entries for each in found)


Report = tuple[PayoutStatus, int, int]
REPORTS = st.lists(
    st.tuples(st.sampled_from(PayoutStatus), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=6
)


@builders.on_sqlite
def test_any_reports_of_a_payout_in_any_order_merge_to_the_same_row(shop: Shop) -> None:
    def told(reports: list[Report]) -> dict[str, Any]:
        with shop.transaction() as session:
            session.execute(text("delete from payouts"))
            for status, told_after, arrives_after in reports:
                payouts.record(session, reported(status, arrives_after), told_at=at(told_after))
        (row,) = builders.rows(shop, Payout)
        return row.model_dump(exclude={"ask_after"})

    @settings(max_examples=60)
    @given(reports=REPORTS, data=st.data())
    def any_order(reports: list[Report], data: st.DataObject) -> None:
        again = data.draw(st.lists(st.sampled_from(reports), max_size=3))
        assert told(data.draw(st.permutations([*reports, *again]))) == told(sorted(reports))

    any_order()


def at(minutes: int) -> datetime:
    return Clock().time + timedelta(minutes=minutes)


def reported(status: PayoutStatus, arrives_after: int) -> PayoutFacts:
    failed = status is PayoutStatus.FAILED
    return PayoutFacts(
        id="po_1", livemode=False, amount=900, currency="eur", status=status, automatic=True,
        arrival_date=at(arrives_after), failure_code="account_closed" if failed else "",
        failure_message="Closed." if failed else "", listable=status not in ("pending", "canceled"), created_at=at(0),
    )  # fmt: skip
