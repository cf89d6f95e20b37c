"""The season of sales: what it makes adds up, owes nobody anything, and goes as if it had never been there."""

import subprocess
import sys
from collections import Counter as Count
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from core import fulfillment, tables
from core.catalog import promotion_codes
from core.catalog.products import Kind, Product
from core.events import reconciliation
from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation.errors import (
    DoneAlready,
    MadeUp,
    NoSeason,
    NotPermitted,
    NotTheDemo,
    PlanNotActive,
    SeasonThere,
    SeasonUnderWay,
    UnknownPrice,
)
from core.foundation.money import Money
from core.foundation.records import metadata
from core.foundation.signals import heartbeats
from core.journeys import refund
from core.journeys.billing import plans, seat_quantity
from core.kinds.grants import Grant
from core.kinds.workshops import WorkshopDate
from core.orders.balance.entries import BalanceEntry, Origin
from core.orders.balance.payouts import Gap, Payout, PayoutStatus, statements
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import Status
from core.orders.subscription_changes import SubscriptionChange
from core.orders.subscriptions import Subscription
from core.outgoing import endpoints
from core.owner import publishing, setting_up
from core.owner.figures import closing, overview
from core.owner.figures.days import Days
from core.owner.needs import attention, set_aside
from core.owner.needs.set_aside import SetAside
from core.owner.season import making, plot, removal, seasons
from core.owner.season.seasons import Offer, Season
from core.owner.shelves import applied, entries, promotions
from core.people.audit import AuditEntry
from core.people.customers import Customer
from core.people.deeds import Deed
from core.people.staff import Role
from core.seats import seat_desk
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.machine import is_within

# Everybody's log, which is only ever added to.
# What anybody tries is counted for some minutes, the declines of a season as well.
KEPT = {"audit_log", "rate_limits"}
SECONDS = 30


@pytest.fixture
def demo(bare_shop: Shop) -> Shop:
    """A shop that sells the demo's goods, whose worker is at work, and of which another program wants to know everything."""
    publishing.fill_demo(bare_shop)
    with bare_shop.transaction() as session:
        now = heartbeats.database_time(session)
        heartbeats.begin(session, heartbeats.Kind.WORKER, host="tests", pid=1, now=now)
        endpoints.add(session, "http://127.0.0.1:1/told", livemode=False, now=now)
    return bare_shop


def quietly(_done: int, _of: int) -> None:
    """Somebody who does not care how far it is."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A season of some orders only, where it does not matter how many they are."""
    acts = [replace(act, number=number) for number, act in enumerate(plot.acts()[::20], 1)]
    monkeypatch.setattr(plot, "acts", lambda: acts)


def everything(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all of the shop's tables, but for those that are kept."""
    with shop.reading() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(table.select())), key=repr)
            for table in metadata.sorted_tables
            if table.name not in KEPT
        }


def test_a_whole_season_adds_up_and_goes_without_a_trace(demo: Shop, stripe: FakeStripe) -> None:
    before, begun, told = everything(demo), monotonic(), list[tuple[int, int]]()
    assert making.fill(demo, progress=lambda done, of: told.append((done, of))) == 400
    # What it takes by itself is a third of that; machines that test are busy.
    assert is_within(monotonic() - begun, 4 * SECONDS)
    assert told[0] == (0, 400)
    assert told[-1] == (400, 400)
    assert told == sorted(told)
    assert stripe.calls == []
    assert builders.jobs(demo) == []
    of_its_kinds(demo)
    adds_up(demo)
    has_a_promotion_code(demo)
    needs_little(demo)
    is_asked_about_by_nobody(demo, stripe)
    again_it_is_refused(demo)
    some_is_set_aside(demo)
    is_summed(demo)
    assert removal.remove(demo) == 400
    assert everything(demo) == before
    is_summed(demo, sold=False)


def is_summed(shop: Shop, *, sold: bool = True) -> None:
    """The figures tell of the season while it is there, whether or not its days were summed already."""
    days = Days(shop.now().date() - timedelta(days=119), shop.now().date(), shop.settings.zone)
    for _ in ("from the facts", "from the sums"):
        with shop.reading() as session:
            seen = overview.of_days(session, days, livemode=False, now=shop.now())
        assert (sum(each.sales.orders for each in seen.currencies) > 300) is sold
        if sold:
            closing.keep_all(shop)


def of_its_kinds(shop: Shop) -> None:
    orders = builders.rows(shop, Order)
    statuses = Count(order.status for order in orders)
    assert statuses[Status.FULFILLED] > 300
    assert statuses[Status.CANCELED] >= 40
    assert {
        Status.REFUNDED, Status.PARTIALLY_REFUNDED, Status.DISPUTED, Status.CHARGED_BACK, Status.FAILED,
    } <= set(statuses)  # fmt: skip
    assert not {Status.PENDING, Status.PROCESSING, Status.PAID} & set(statuses)
    kinds = Count(line.kind for line in builders.rows(shop, OrderLine))
    assert min(kinds[kind] for kind in ("download", "license", "plan", "workshop")) > 50
    assert {each.status for each in builders.rows(shop, Subscription)} == {"active", "past_due", "canceled"}
    assert {change.kind for change in builders.rows(shop, SubscriptionChange)} == {"new", "expansion", "churned"}
    assert Count(payment.billing_reason for payment in builders.rows(shop, Payment))["subscription_cycle"] > 50
    assert {event.state for event in builders.rows(shop, StripeEvent)} == {EventState.APPLIED}
    end = shop.now()
    assert all(end - timedelta(days=seasons.DAYS + 1) < order.created_at < end for order in orders)
    # Two may be of the same moment, and no database says which of them it gives first.
    assert [order.number for order in sorted(orders, key=lambda each: (each.created_at, each.number))] == [
        f"PL-{number}" for number in range(1001, 1401)
    ]
    assert all(order.email.endswith(seasons.DOMAIN) for order in orders if order.email)
    assert all(0 < date.taken <= date.capacity for date in builders.rows(shop, WorkshopDate) if "season" in date.id)


def has_a_promotion_code(shop: Shop) -> None:
    """The owners' list has it, with all that it took off; it is over, and nobody can use it."""
    with shop.reading() as session:
        [code] = promotions.listed(session, livemode=False, now=shop.now())
        assert promotion_codes.usable(session, code.code, livemode=False, now=shop.now()) is None
    less = [payment.amount_discount for payment in builders.rows(shop, Payment) if payment.amount_discount]
    assert len(less) > 10
    assert [(each.uses, each.amount) for each in code.taken] == [(len(less), Money(sum(less), "eur"))]
    assert (code.percent, code.usable, code.told, code.made_here) == (20, False, True, True)


def adds_up(shop: Shop) -> None:
    """Order by order: what its payments say, what its refunds say, and what moved on the balance for it."""
    payments, gone, moved = Count[str](), Count[str](), Count[str]()
    for payment in builders.rows(shop, Payment):
        payments[payment.order_id] += payment.amount
        assert payment.lines_known
        assert payment.amount == payment.amount_subtotal - payment.amount_discount + payment.amount_tax
    for each in builders.rows(shop, Refund):
        gone[each.order_id] += each.amount if each.status is RefundStatus.SUCCEEDED else 0
    for entry in builders.rows(shop, BalanceEntry):
        assert entry.origin in (Origin.ORDER, Origin.ACCOUNT)
        assert entry.net == entry.gross - entry.fee
        if entry.order_id and not entry.category.startswith("dispute"):
            moved[entry.order_id] += entry.gross
    for order in builders.rows(shop, Order):
        assert (order.amount_total or 0, order.amount_refunded) == (payments[order.id], gone[order.id])
        assert moved[order.id] == payments[order.id] - gone[order.id]
    with shop.reading() as session:
        found = list(statements(session, livemode=False, since=shop.now() - timedelta(days=130), before=shop.now()))
    assert len(found) == len(builders.rows(shop, Payout)) > 10
    assert {statement.gap for statement in found} == {Gap.NONE}
    assert Count(statement.payout.status for statement in found)[PayoutStatus.FAILED] == 1


def needs_little(shop: Shop) -> None:
    """What the bad week leaves, and nothing of the machinery."""
    found = [item for item in attention.items(shop) if item.topic not in ("sweep_overdue", "worker_absent")]
    assert Count(item.topic for item in found) == {"dispute": 2, "refund_failed": 1, "fraud_warning": 1}
    assert all(item.due_by > shop.now() for item in found if item.due_by)
    steps = {step.name: step.done for step in setting_up.steps(shop)}
    assert not steps["webhook"]
    assert not steps["mail"]
    assert not steps["sale"]


def is_asked_about_by_nobody(shop: Shop, stripe: FakeStripe) -> None:
    """A pass of the worker asks for what has happened at Stripe, and about nothing of the season."""
    with shop.reading() as session:
        signals = list(session.execute(metadata.tables["signals"].select()))
    for everything_of_it in (False, True):
        report = reconciliation.sweep(shop, everything=everything_of_it)
        assert (report.healed, report.failed) == ([], [])
    assert set(stripe.calls) == {"events", "undelivered_events"}
    assert builders.jobs(shop) == []
    with shop.transaction() as session:  # what the pass has noted of itself is none of the season's
        assert signals == []
        session.execute(metadata.tables["signals"].delete())


def some_is_set_aside(shop: Shop) -> None:
    found = [item for item in attention.items(shop) if item.order_id]
    with shop.transaction() as session:
        for item in found:
            session.add(SetAside(item=set_aside.name(item), since=item.since, note="seen", who="sam@berg.example"))
    assert len(builders.rows(shop, SetAside)) == 4


def again_it_is_refused(shop: Shop) -> None:
    with pytest.raises(SeasonThere):
        making.fill(shop, progress=quietly)


def test_what_others_have_stays_as_it_is(few: None, demo: Shop, stripe: FakeStripe) -> None:
    builders.bought(demo, stripe, "quiet-launch-eur", cart="before")
    jobs = builders.jobs(demo)
    before, shelves = everything(demo), on_the_shelves(demo)
    made = making.fill(demo, progress=quietly)
    assert builders.jobs(demo) == jobs
    # Its dates stand in no file, and are no difference from the one that was applied.
    assert on_the_shelves(demo) == shelves
    assert removal.remove(demo) == made
    assert everything(demo) == before
    making.fill(demo, progress=quietly)
    order_id = builders.bought(demo, stripe, "proposal-kit-eur", cart="after")
    own = order_rows(demo, order_id)
    removal.remove(demo)
    assert order_rows(demo, order_id) == own
    assert builders.order(demo, builders.opened(demo, "contract-shelf-eur", cart="next")[0]).number == "PL-1023"


def on_the_shelves(shop: Shop) -> tuple[Any, ...]:
    with shop.reading() as session:
        drift = applied.drift(session, [product.id for product in builders.rows(shop, Product)])
        return entries.catalogue(session), [each.differences for each in drift.values()]


def order_rows(shop: Shop, order_id: str) -> dict[str, Any]:
    return builders.detail(shop, order_id)


def test_a_buyer_of_the_season_who_really_buys_stays_a_customer(few: None, demo: Shop, stripe: FakeStripe) -> None:
    making.fill(demo, progress=quietly)
    email = next(order.email for order in builders.rows(demo, Order) if order.customer_id)
    order_id, paid = builders.opened(demo, "quiet-launch-eur", cart="real")
    stripe.pay(paid, email=email)
    builders.deliver(demo, stripe.event("completed", paid))
    assert f"receipt:{order_id}" in builders.jobs(demo)
    removal.remove(demo)
    assert [customer.email for customer in builders.rows(demo, Customer)] == [email]


def test_what_was_interrupted_is_made_to_its_end_or_removed(few: None, demo: Shop) -> None:
    before = everything(demo)

    def breaks_off(done: int, _of: int) -> None:
        if done:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            making.fill(demo, progress=breaks_off)
        assert len(builders.rows(demo, Order)) == 10
    assert offered(demo) is Offer.GO_ON
    assert removal.remove(demo) == 10
    assert everything(demo) == before
    with pytest.raises(KeyboardInterrupt):
        making.fill(demo, progress=breaks_off)
    making.fill(demo, progress=quietly)
    in_two = [
        (order.number, order.status, order.created_at, order.amount_total) for order in builders.rows(demo, Order)
    ]
    removal.remove(demo)
    making.fill(demo, progress=quietly)
    at_once = [
        (order.number, order.status, order.created_at, order.amount_total) for order in builders.rows(demo, Order)
    ]
    assert sorted(in_two) == sorted(at_once)


def test_nobody_else_goes_on_while_somebody_is_at_it(few: None, demo: Shop, clock: Clock) -> None:
    seen: list[str] = []

    def meddles(done: int, of: int) -> None:
        if done == 10:
            for act in (lambda: making.fill(demo, progress=quietly), lambda: removal.remove(demo)):
                with pytest.raises(SeasonUnderWay) as refused:
                    act()
                seen.append(f"{refused.value.done} of {refused.value.of}")

    made = making.fill(demo, progress=meddles)
    assert seen == [f"10 of {made}"] * 2


def test_what_is_removed_meanwhile_is_made_no_further(few: None, demo: Shop, clock: Clock) -> None:
    before = everything(demo)

    def removes(done: int, _of: int) -> None:
        if done == 10:
            clock.pass_(minutes=2)
            removal.remove(demo)

    with pytest.raises(NoSeason):
        making.fill(demo, progress=removes)
    assert everything(demo) == before


def test_only_an_owner_fills_and_removes_once_for_each_click(few: None, demo: Shop) -> None:
    for role in (Role.SUPPORT, Role.VIEWER):
        with pytest.raises(NotPermitted):
            making.fill(demo, progress=quietly, deed=Deed(colleagues.works_as(demo, role), "t1"))
    deed = Deed(colleagues.works_as(demo, Role.OWNER), "t2")
    making.fill(demo, progress=quietly, deed=deed)
    with pytest.raises(DoneAlready):
        making.fill(demo, progress=quietly, deed=deed)
    with pytest.raises(NotPermitted):
        removal.remove(demo, deed=Deed(colleagues.works_as(demo, Role.VIEWER), "t3"))
    removal.remove(demo, deed=replace(deed, token="t4"))
    assert sorted((each.action, each.detail, each.role) for each in builders.rows(demo, AuditEntry)) == [
        ("season", "filled", "owner"), ("season", "removed", "owner"),
    ]  # fmt: skip


@pytest.mark.parametrize("key", [builders.OWN_KEY, SecretStr("sk_live_1")], ids=["test", "live"])
def test_it_is_made_in_the_demo_alone_and_removed_anywhere(few: None, demo: Shop, key: SecretStr) -> None:
    before = everything(demo)
    own = replace(demo, settings=demo.settings.model_copy(update={"stripe_secret_key": key}))
    with pytest.raises(NotTheDemo):
        making.fill(own, progress=quietly)
    assert (offered(own), offered(demo)) == (Offer.NOTHING, Offer.FILL)
    assert everything(demo) == before
    making.fill(demo, progress=quietly)
    assert (offered(own), offered(demo)) == (Offer.REMOVE, Offer.REMOVE)
    removal.remove(own)
    assert everything(demo) == before
    assert len(builders.rows(demo, AuditEntry)) == 2


def offered(shop: Shop) -> Offer:
    with shop.reading() as session:
        return seasons.offer(session, shop.settings)


def test_without_the_demos_goods_nothing_is_begun(shop: Shop) -> None:
    with pytest.raises(UnknownPrice):
        making.fill(shop, progress=quietly)
    with pytest.raises(NoSeason):
        removal.remove(shop)
    assert builders.rows(shop, Season) == []


def test_later_acts_on_it_owe_nobody_anything_and_send_nothing_back(few: None, demo: Shop, stripe: FakeStripe) -> None:
    making.fill(demo, progress=quietly)
    order = next(each for each in builders.rows(demo, Order) if each.status is Status.FULFILLED)
    with pytest.raises(MadeUp):
        refund.request(demo, order.id, actor="owner")
    me = colleagues.works_as(demo, Role.OWNER)
    with demo.reading() as session:
        plan = select(Grant).join(Order, col(Order.id) == Grant.order_id).where(Grant.kind == Kind.PLAN)
        grant = session.exec(plan.where(Order.status == Status.FULFILLED)).first()
    assert grant
    subscription = builders.order(demo, grant.order_id).stripe_subscription_id or ""
    for later in (True, False):
        with pytest.raises(MadeUp):
            plans.end_by_staff(demo, subscription, later=later, deed=colleagues.deed(me))
    with pytest.raises(MadeUp):
        seat_desk.give(demo, grant.id, "somebody@berg.example", deed=colleagues.deed(me))
    with pytest.raises(PlanNotActive):
        seat_quantity.preview_for_staff(demo, grant.id, grant.quantity + 1)
    for each in builders.rows(demo, Order):
        with demo.transaction() as session:
            fulfillment.resettle(session, each.id, actor="owner", now=demo.now())
    assert builders.jobs(demo) == []
    assert stripe.calls == []


def test_removing_knows_every_table_that_leads_to_an_order() -> None:
    """Also in a process that has imported nothing else."""
    script = "from core.owner.season import removal; print(*removal.of_orders())"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == {table.name for table in removal.of_orders()}
    assert {"orders", "letters", "order_notes", "license_activations"} <= set(found.stdout.split())
    assert tables.orders is not None
