"""The whole life of a payment, told in any order and any number of times, asked about at any point: every row is the same."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from core.catalog.products import Product
from core.events import questions, reconciliation
from core.foundation.errors import NeverPaid
from core.foundation.records import metadata
from core.journeys import revocation
from core.kinds.workshops import WorkshopDate
from core.orders.orders import Counter
from core.orders.refunds import Refund, RefundStatus
from core.orders.subscription_changes import Movement, SubscriptionChange
from core.orders.subscriptions import Subscription
from core.shop import Shop
from tests import builders
from tests.builders import AND
from tests.conftest import Clock
from tests.fakes import FakeStripe

# What is sold stays; signals only tell when the last pass was, and heartbeats who is at work.
SHELVES = {
    "products",
    "prices",
    "download_files",
    "file_versions",
    "workshop_dates",
    "shop_texts",
    "counters",
    "signals",
    "heartbeats",
}
# When we did something, how often, and in which words we were told: not what Stripe said of times.
OURS = {
    "created_at",
    "updated_at",
    "entitlements_due",
    "received_at",
    "verified_at",
    "retry_after",
    "fetched_at",
    "ask_after",
    "refresh_at",
    "end_changed_at",
    "billing_changed_at",
    "pause_changed_at",
    "plan_changed_at",
    "in_force",
    "lapses_at",
    "failures",
    "attempts",
    "actor",
    "created",
    "payload",
    # What is kept of a key, which is drawn.
    "key_hash",
    "hint",
    "sealed",
}
# Ids that are drawn.
DRAWN = re.compile(r"\b(ord|ol|gr|lic|rf|tok|cus|at|ca|con)_[0-9a-z]{26}\b")
# What an owner did is noted with its moment.
# The copy of an order is signed with the token of its attempt, which is drawn.
SIGNED = re.compile(r'"copy_signature":"[^"]*"')
STAMP = re.compile(r"(?<=:)(?:\d{4}-\d\d-\d\dT[\d:.]+Z|\d{8}T\d{12})")
SESSION = re.compile(r"\bcs_test_\d+\b")
# What the order passed through is history: whether anybody was told of it in time depends on the order of the telling.
PASSING = ("processing", "canceled", "failed", "blocked")
# What a plan passed through its buyer is told of if it was seen; by when it is written, it may have been overtaken.
PASSING_JOBS = ("ask_stripe:", "renewal_failed:", "plan_ending:", "plan_paused:", "plan_changed:")
# A letter about what was taken back names the lines that it closed: not one that the end of its plan had closed before.
CLOSED = re.compile(r"(?<=:taken_back:)[0-9,]+(?=:)")


class Life:
    """One order as Stripe saw it: its events in order, and its subscription as it was after each of them."""

    def __init__(self, shop: Shop, stripe: FakeStripe) -> None:
        self.shop, self.stripe = shop, stripe
        self.order_id, self.session_id, self.payment, self.subscription = "", "", "", ""
        self.events: list[dict[str, Any]] = []
        # Which of its Sessions fulfilled it first is history, if two were paid.
        self.paid_twice = False
        # What owners do stands among the events, by its number.
        self.acts: dict[int, Callable[[], object]] = {}
        # All subscriptions and invoices as they were after each event.
        self.billing: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def buy(self, *items: str | tuple[str, int], **how: bool) -> None:
        self.order_id, self.session_id = builders.opened(self.shop, *items)
        session = self.stripe.pay(self.session_id, **how)
        self.payment, self.subscription = session["payment_intent"] or "", session["subscription"] or ""

    def tell(self, kind: str, subject: dict[str, Any]) -> dict[str, Any]:
        self.events.append(self.stripe.tell(kind, subject))
        self.billing.append(deepcopy((self.stripe.subscriptions, self.stripe.invoices)))
        return subject

    def act(self, done: Callable[[], object]) -> None:
        self.acts[len(self.events)] = done
        self.events.append({})
        self.billing.append(deepcopy((self.stripe.subscriptions, self.stripe.invoices)))

    def tell_session(self, kind: str) -> None:
        self.tell(f"checkout.session.{kind}", self.stripe.sessions[self.session_id])

    def tell_refund(self, amount: int, payment: str = "") -> dict[str, Any]:
        made = self.stripe.make_refund(payment or self.payment, amount)
        self.tell("refund.created", made)
        self.tell("charge.refunded", self.stripe.charge_of(made["payment_intent"]))
        return made

    def later(self, happen: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What happens a while after what was before, as the next period does."""
        now = self.stripe.now()
        self.stripe.now = lambda: now + timedelta(days=31)
        return happen()

    def tell_dispute(self, verdict: str, name: str = "dp_1") -> None:
        for kind, status in (("created", "needs_response"), ("updated", "under_review"), ("closed", verdict)):
            dispute = {**self.stripe.dispute(self.payment, status=status), "id": name}
            self.tell(f"charge.dispute.{kind}", dispute)


def refunded_in_parts(life: Life) -> None:
    life.buy("guide-eur", "kit-eur", ("clinic-eur", 2))
    life.tell_session("completed")
    life.tell("refund.updated", life.tell_refund(1000))
    life.tell("refund.failed", life.stripe.fail_refund(life.tell_refund(700)["id"]))


def refunded_wholly_and_in_vain(life: Life) -> None:
    life.buy("kit-eur", ("clinic-eur", 2))
    life.tell_session("completed")
    life.tell("refund.failed", life.stripe.fail_refund(life.tell_refund(7900 + 28000)["id"]))


def disputed_and_won(life: Life) -> None:
    life.buy("kit-eur", "clinic-eur")
    life.tell("payment_intent.succeeded", life.stripe.payment_intents[life.payment])
    life.tell_session("completed")
    life.tell_dispute("won")


def disputed_twice_and_lost_once(life: Life) -> None:
    life.buy("kit-eur", "clinic-eur")
    life.tell_session("completed")
    life.tell_dispute("won")
    life.tell_dispute("lost", "dp_2")


def bounced(life: Life) -> None:
    life.buy("kit-eur", "clinic-eur", slowly=True)
    life.tell_session("completed")
    life.stripe.bounce(life.session_id)
    life.tell("charge.failed", life.stripe.charge_of(life.payment))
    life.tell_session("async_payment_failed")


def settled_and_refunded(life: Life) -> None:
    life.buy("kit-eur", "clinic-eur", slowly=True)
    life.tell_session("completed")
    life.stripe.settle(life.session_id)
    life.tell_session("async_payment_succeeded")
    life.tell_refund(500)


def settled_and_disputed(life: Life) -> None:
    """Told of before the money, a dispute names a payment that is not there yet."""
    life.buy("kit-eur", "clinic-eur", slowly=True)
    life.tell_session("completed")
    life.stripe.settle(life.session_id)
    life.tell_session("async_payment_succeeded")
    life.tell_dispute("won")


def mismatched_and_refunded(life: Life) -> None:
    life.order_id, life.session_id = builders.opened(life.shop, "kit-eur", ("clinic-eur", 2))
    life.stripe.sessions[life.session_id].update(amount_subtotal=100, amount_total=100)
    life.payment = life.stripe.pay(life.session_id)["payment_intent"]
    life.tell_session("completed")
    life.tell_refund(100)


def mismatched_beside_the_right_one(life: Life) -> None:
    life.order_id, first = builders.opened(life.shop, "kit-eur")
    life.stripe.sessions[first].update(amount_subtotal=100, amount_total=100)
    life.session_id = life.stripe.recover(first)["id"]
    life.stripe.sessions[life.session_id].update(amount_subtotal=7900, amount_total=7900)
    wrong = life.stripe.pay(first, email="other@lindqvist.example")
    life.payment = life.stripe.pay(life.session_id)["payment_intent"]
    life.tell("checkout.session.completed", wrong)
    life.tell_session("completed")
    life.tell("refund.updated", life.stripe.make_refund(wrong["payment_intent"], 50))


def a_plan_from_trial_to_its_end(life: Life) -> None:
    builders.let_try(life.shop, days=30)
    life.buy(("plan-month", 2))
    stripe, name = life.stripe, life.subscription
    life.tell_session("completed")
    life.tell("customer.subscription.created", stripe.subscriptions[name])
    life.tell("invoice.paid", next(iter(stripe.invoices.values())))
    life.tell("invoice.payment_failed", stripe.fail_renewal(name))
    life.tell("customer.subscription.updated", stripe.subscriptions[name])
    life.tell("invoice.payment_succeeded", life.tell("invoice.paid", stripe.renew(name)))
    life.tell("customer.subscription.updated", stripe.change_seats(name, 5))
    life.tell("invoice.paid", stripe.renew(name))
    life.tell_refund(300, stripe.payment_of(name) or "")
    stripe.cancel_later(name)
    life.tell("customer.subscription.deleted", stripe.end(name))


def a_plan_switched_and_switched_back(life: Life) -> None:
    builders.sell_bigger_plan(life.shop)
    life.buy(("plan-month", 2))
    stripe, name = life.stripe, life.subscription
    life.tell_session("completed")
    life.tell("customer.subscription.created", stripe.subscriptions[name])
    bought = stripe.subscriptions[name]["items"]["data"][0]["price"]
    bigger = stripe.sell(2000, interval="month")
    stripe.prices[bigger]["lookup_key"] = "bigger-month"
    life.tell("customer.subscription.updated", stripe.switch(name, bigger))
    life.tell("invoice.paid", stripe.renew(name))
    stripe.subscriptions[name]["items"]["data"][0]["price"] = bought
    life.tell("customer.subscription.updated", stripe.subscriptions[name])
    life.tell("customer.subscription.updated", stripe.add_item(name, stripe.sell(100, interval="month"), 8))


def a_pause(life: Life) -> None:
    life.buy(("plan-month", 2), "guide-eur")
    stripe, name = life.stripe, life.subscription
    life.tell_session("completed")
    life.tell("customer.subscription.created", stripe.subscriptions[name])
    life.tell("customer.subscription.updated", stripe.pause(name))
    life.tell("invoice.voided", stripe.pass_unbilled(name))
    life.tell("customer.subscription.updated", stripe.unpause(name))
    life.tell("invoice.paid", stripe.renew(name))


def two_subscriptions(life: Life) -> None:
    life.order_id, life.session_id = builders.opened(life.shop, ("plan-month", 2))
    life.paid_twice = True
    stripe = life.stripe
    second = stripe.recover(life.session_id)["id"]
    life.subscription = stripe.pay(life.session_id)["subscription"]
    other = stripe.pay(second)["subscription"]
    life.tell_session("completed")
    life.tell("checkout.session.completed", stripe.sessions[second])
    for name in (other, life.subscription):
        life.tell("customer.subscription.created", stripe.subscriptions[name])
    life.tell("customer.subscription.updated", stripe.change_seats(other, 4))
    life.tell("customer.subscription.deleted", stripe.end(life.subscription))


def a_renewal_disputed_beside_a_file(life: Life) -> None:
    life.buy("plan-month", "guide-eur")
    stripe, name = life.stripe, life.subscription
    life.tell_session("completed")
    life.tell("customer.subscription.created", stripe.subscriptions[name])
    life.tell("invoice.paid", stripe.invoices_of(name)[0])
    life.tell("invoice.paid", life.later(lambda: stripe.renew(name)))
    life.payment = stripe.payment_of(name) or ""
    life.tell_dispute("lost")


def three_renewals_refunded_in_parts(life: Life) -> None:
    life.buy(("plan-month", 2))
    stripe, name = life.stripe, life.subscription
    life.tell_session("completed")
    life.tell("invoice.paid", stripe.invoices_of(name)[0])
    life.payment = stripe.payment_of(name) or ""
    for _ in range(3):
        life.tell("invoice.paid", life.later(lambda: stripe.renew(name)))
    newest = stripe.payment_of(name) or ""
    life.tell_refund(1800, newest)
    life.tell("refund.failed", stripe.fail_refund(life.tell_refund(1800)["id"]))
    life.tell("refund.created", stripe.make_refund(life.payment, 300))


def two_sessions_paid(life: Life) -> None:
    life.paid_twice = True
    life.order_id, first = builders.opened(life.shop, "guide-eur", "kit-eur")
    life.stripe.discount(first, 50)
    life.session_id = life.stripe.recover(first)["id"]
    # Stripe makes an event when what it tells of happens: by it the payment has the same moment as by its charge.
    paid = life.tell("checkout.session.completed", life.stripe.pay(first))
    life.payment = life.later(lambda: life.stripe.pay(life.session_id))["payment_intent"]
    life.tell_session("completed")
    life.tell("refund.created", life.stripe.make_refund(life.payment, 5400))
    life.tell("refund.created", life.stripe.make_refund(paid["payment_intent"], 100))


def free_and_withdrawn(life: Life) -> None:
    life.order_id, life.session_id = builders.opened(life.shop, ("plan-month", 2), "kit-eur", ("clinic-eur", 2))
    stripe = life.stripe
    stripe.discount(life.session_id, 100)
    name = stripe.pay(life.session_id)["subscription"]
    life.tell_session("completed")
    life.tell("customer.subscription.created", stripe.subscriptions[name])
    life.tell("invoice.paid", stripe.invoices_of(name)[0])
    life.act(lambda: revocation.revoke(life.shop, life.order_id, reason="withdrawn in time", actor="owner"))
    life.tell("customer.subscription.deleted", stripe.end(name))


LIVES: Mapping[str, tuple[Callable[[Life], None], int, str]] = {
    "refunded in parts": (refunded_in_parts, 7, "partially_refunded"),
    "refunded wholly and in vain": (refunded_wholly_and_in_vain, 4, "fulfilled"),
    "disputed and won": (disputed_and_won, 5, "fulfilled"),
    "disputed twice and lost once": (disputed_twice_and_lost_once, 7, "charged_back"),
    "bounced": (bounced, 3, "failed"),
    "settled and disputed": (settled_and_disputed, 5, "fulfilled"),
    "settled and refunded": (settled_and_refunded, 4, "partially_refunded"),
    "mismatched and refunded": (mismatched_and_refunded, 3, "refunded"),
    "mismatched beside the right one": (mismatched_beside_the_right_one, 3, "partially_refunded"),
    "a plan from trial to its end": (a_plan_from_trial_to_its_end, 12, "canceled"),
    "a plan switched and switched back": (a_plan_switched_and_switched_back, 6, "fulfilled"),
    "a pause": (a_pause, 6, "fulfilled"),
    "two subscriptions": (two_subscriptions, 6, "fulfilled"),
    "a renewal disputed beside a file": (a_renewal_disputed_beside_a_file, 7, "partially_refunded"),
    "three renewals refunded in parts": (three_renewals_refunded_in_parts, 11, "partially_refunded"),
    "two Sessions paid": (two_sessions_paid, 4, "partially_refunded"),
    "free and withdrawn": (free_and_withdrawn, 5, "canceled"),
}
ASK, SWEEP = "ask", "sweep"


@st.composite
def disorders(draw: st.DrawFn) -> tuple[str, list[int | str]]:
    """A life, and an order of its events (by number, each at least once), some at once, with the worker in between."""
    name = draw(st.sampled_from(sorted(LIVES)))
    events = range(LIVES[name][1])
    again = draw(st.lists(st.sampled_from([*events, ASK, ASK, ASK, SWEEP, AND]), max_size=6))
    return name, draw(st.permutations([*events, AND, AND, *again]))


def live(shop: Shop, stripe: FakeStripe, clock: Clock, name: str, steps: list[int | str] | None) -> Life:
    """Let the life happen at Stripe, and tell of it: in its order, with each question answered at once, or in `steps`."""
    clean(shop, stripe, clock)
    life = Life(shop, stripe)
    happen, events, _ = LIVES[name]
    happen(life)
    clock.time = stripe.now()  # nobody asks about what has not happened yet
    assert len(life.events) == events
    final, told = deepcopy((stripe.subscriptions, stripe.invoices)), 0
    one_by_one: list[int | str] = [step for number in range(events) for step in (number, ASK)]
    for step in builders.joined_up(steps if steps is not None else one_by_one):
        clock.pass_(seconds=1)
        if isinstance(step, list):
            told = max(told, *step)
            for each in step:
                act(life, each)
            builders.deliver_at_once(shop, [life.events[each] for each in step if life.events[each]])
            continue
        stripe.subscriptions, stripe.invoices = deepcopy(life.billing[told])
        if step == SWEEP:
            reconciliation.sweep(shop, everything=True)
        else:
            answer_all(shop)
    stripe.subscriptions, stripe.invoices = final
    clock.pass_(seconds=1)
    answer_all(shop)
    for step in [*life.acts]:
        act(life, step)
    answer_all(shop)
    add_up(shop)
    return life


def act(life: Life, step: int) -> None:
    """Do once what owners do as soon as they can: nothing is to be ended of an order that is not paid yet."""
    if step in life.acts:
        with suppress(NeverPaid):
            life.acts[step]()
            del life.acts[step]


def add_up(shop: Shop) -> None:
    """Which changes of a plan were seen depends on when it was asked about: they add up to how it stands all the same."""
    for subscription in builders.rows(shop, Subscription):
        seen = [row for row in builders.rows(shop, SubscriptionChange) if row.subscription_id == subscription.id]
        seen.sort(key=lambda row: row.number)
        befores, afters = [row.monthly_before for row in seen], [row.monthly_after for row in seen]
        assert [0, *afters] == [*befores, subscription.monthly_amount]
        assert [row.at for row in seen] == sorted(row.at for row in seen)
        assert all(row.monthly_before != row.monthly_after for row in seen)
        begins = max(filter(None, (subscription.created_at, subscription.trial_end)))
        assert [(row.kind, row.at) for row in seen[:1]] == [(Movement.NEW, begins)]
        if subscription.ended_at:
            assert (seen[-1].kind, seen[-1].monthly_after) == (Movement.CHURNED, 0)


def answer_all(shop: Shop) -> None:
    """Ask Stripe as often as there are questions, and answers raise new ones."""
    asked: set[str] = set()
    while owed := {job for job in builders.jobs(shop) if job.startswith("ask_stripe:")} - asked:
        for subject in sorted({job.split(":")[1] for job in owed}):
            questions.ask(shop, subject)
        asked |= owed


def clean(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """Start anew: quicker than a new database."""
    with shop.transaction() as session:
        for table in reversed(metadata.sorted_tables):
            if table.name not in SHELVES:
                session.execute(table.delete())
        session.execute(text(f"delete from {builders.jobs_table(session)}"))
        session.execute(update(WorkshopDate).where(WorkshopDate.product_id == "clinic").values(taken=0))
        session.execute(update(Counter).values(value=1000))
        session.execute(update(Product).where(Product.id == "plan").values(terms={}))  # no trial of another life
    stripe.__init__(clock)  # type: ignore[misc]
    # What is asked about the balance tells of payments too, and has a test of its own.
    stripe.forbidden = {"balance_transactions", "payouts"}
    clock.time = Clock().time


def every_row(life: Life) -> dict[str, list[str]]:
    """All rows of all tables but for times of ours, and with one name for all drawn ids of a kind."""
    with life.shop.reading() as session:
        found = {
            table.name: sorted(_words(dict(row)) for row in session.execute(select(table)).mappings())
            for table in metadata.sorted_tables
            if table.name not in SHELVES - {"workshop_dates"}
        }
    # A refund that failed is none for which a plan ends: whether it seemed to be depends on when that was told, and whoever
    # carries it out looks again.
    failed = {row.id for row in builders.rows(life.shop, Refund) if row.status is RefundStatus.FAILED}
    owed = [
        job
        for job in builders.jobs(life.shop)
        if not job.startswith(PASSING_JOBS)
        and not (job.startswith("cancel_subscription:") and job.rpartition(":")[2] in failed)
    ]
    found["jobs"] = [_drawn(CLOSED.sub("lines", job)) for job in owed]
    found["fulfillment_log"] = [row for row in found["fulfillment_log"] if not _passing(row)]
    if life.paid_twice:  # by which of its Sessions an order came to be fulfilled is history too
        found["fulfillment_log"] = sorted(SESSION.sub("a Session", row) for row in found["fulfillment_log"])
    # Which of its changes were seen depends on when Stripe was asked: `add_up` holds what must hold of them.
    del found["subscription_changes"]
    # What was told late depends on it too: whatever is corrected is summed anew.
    del found["corrections"]
    return found


def _words(row: dict[str, Any]) -> str:
    kept = {name: value for name, value in row.items() if name not in OURS}
    for name in ("fulfilled_at", "granted_at", "taken_back_at"):
        if isinstance(kept.get(name), datetime):
            kept[name] = "once"
    return _drawn(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode())


def _drawn(words: str) -> str:
    return STAMP.sub("then", DRAWN.sub(lambda found: found.group(1), SIGNED.sub("signed", words)))


def _passing(row: str) -> bool:
    return orjson.loads(row)["event"].partition(":")[0] in PASSING


def check_examples(shop: Shop, stripe: FakeStripe, clock: Clock, *, examples: int) -> None:
    in_order: dict[str, dict[str, list[str]]] = {}

    @settings(max_examples=examples)
    @given(disorder=disorders())
    @example(disorder=("three renewals refunded in parts", [*range(11), SWEEP]))
    def check(disorder: tuple[str, list[int | str]]) -> None:
        name, steps = disorder
        if name not in in_order:
            in_order[name] = every_row(live(shop, stripe, clock, name, None))
        rows = every_row(live(shop, stripe, clock, name, steps))
        for table, wanted in in_order[name].items():
            assert rows[table] == wanted, table

    check()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_telling_of_a_life_ends_in_the_same_rows_on_sqlite(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    check_examples(shop, stripe, clock, examples=60)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_any_telling_of_a_life_ends_in_the_same_rows_on_postgres(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    check_examples(shop, stripe, clock, examples=20)


@pytest.mark.parametrize("name", LIVES)
@builders.on_sqlite
def test_told_in_order_each_life_ends_where_it_should(shop: Shop, stripe: FakeStripe, clock: Clock, name: str) -> None:
    life = live(shop, stripe, clock, name, None)
    assert builders.status(shop, life.order_id) == LIVES[name][2]
    assert {row.state for row in builders.rows(shop, builders.StripeEvent)} == {"applied"}
