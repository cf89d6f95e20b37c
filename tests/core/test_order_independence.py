"""Whatever the order in which a purchase's events arrive, and however often: the rows end up the same."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.events import reconciliation
from core.journeys import success_page
from core.kinds.places.attendees import Attendee
from core.kinds.workshops import Reservation, WorkshopDate
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.owner import reports
from core.people.customers import Customer
from core.shop import Shop
from tests import builders
from tests.builders import AND, deliver
from tests.conftest import Clock
from tests.fakes import FakeStripe

GOODS = ("guide-eur", "kit-eur", ("clinic-eur", 2))


class Purchase:
    """One purchase as Stripe saw it: its Sessions, and the events they made, in order."""

    def __init__(self, shop: Shop, stripe: FakeStripe) -> None:
        self.shop, self.stripe = shop, stripe
        self.sessions: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.order_id = ""

    def open(self) -> str:
        self.order_id, session_id = builders.opened(self.shop, *GOODS)
        self.sessions.append(session_id)
        return session_id

    def happen(self, kind: str, session_id: str) -> None:
        self.events.append(self.stripe.event(kind, session_id))

    def paid(self) -> None:
        session_id = self.open()
        self.stripe.pay(session_id)
        self.happen("completed", session_id)

    def paid_slowly(self) -> None:
        session_id = self.open()
        self.stripe.pay(session_id, slowly=True)
        self.happen("completed", session_id)
        self.stripe.settle(session_id)
        self.happen("async_payment_succeeded", session_id)

    def bounced(self) -> None:
        session_id = self.open()
        self.stripe.pay(session_id, slowly=True)
        self.happen("completed", session_id)
        self.happen("async_payment_failed", session_id)

    def bounced_and_told(self) -> None:
        """Only a shop that knows of the bounce lets the buyer try again."""
        self.bounced()
        deliver(self.shop, self.events[-1])

    def paid_though_told_expired(self) -> None:
        """Stripe would not; but an `expired` never takes back what was paid, wherever it comes from."""
        session_id = self.open()
        self.events.append(self.stripe.event("expired", session_id, status="expired", url=None))
        self.stripe.pay(session_id)
        self.happen("completed", session_id)

    def expired(self) -> None:
        session_id = self.open()
        self.stripe.expire_checkout(session_id)
        self.happen("expired", session_id)


Step = Callable[[Purchase], None]
LIVES: Mapping[str, tuple[Step, ...]] = {
    "paid": (Purchase.paid,),
    "paid slowly": (Purchase.paid_slowly,),
    "paid though told expired": (Purchase.paid_though_told_expired,),
    "bounced": (Purchase.bounced,),
    "expired": (Purchase.expired,),
    "expired, then paid": (Purchase.expired, Purchase.paid),
    "expired, then paid slowly": (Purchase.expired, Purchase.paid_slowly),
    "expired, then bounced": (Purchase.expired, Purchase.bounced),
    "bounced, then paid": (Purchase.bounced_and_told, Purchase.paid),
    "bounced, then expired": (Purchase.bounced_and_told, Purchase.expired),
    "bounced twice": (Purchase.bounced_and_told, Purchase.bounced),
}
# What the return page and the worker do in between; the number chooses the Session.
BETWEEN = ("confirm first", "confirm last", "sweep")

PASSING = ("processing", "canceled", "failed")


@st.composite
def disorders(draw: st.DrawFn) -> tuple[str, list[int | str]]:
    """A life, and an order of its events (by number, each at least once), some at once, with other calls in between."""
    name = draw(st.sampled_from(sorted(LIVES)))
    count = sum(1 if step in (Purchase.paid, Purchase.expired) else 2 for step in LIVES[name])
    again = draw(st.lists(st.sampled_from([*range(count), *BETWEEN, AND]), max_size=4))
    return name, draw(st.permutations([*range(count), AND, *again]))


def live(shop: Shop, stripe: FakeStripe, name: str) -> Purchase:
    purchase = Purchase(shop, stripe)
    for step in LIVES[name]:
        step(purchase)
    return purchase


def tell(purchase: Purchase, steps: list[int | str], clock: Clock) -> None:
    for step in builders.joined_up(steps):
        clock.pass_(seconds=1)
        match step:
            case list():
                builders.deliver_at_once(purchase.shop, [purchase.events[number] for number in step])
            case "sweep":
                reconciliation.sweep(purchase.shop, everything=True)
            case _:
                success_page.confirm(purchase.shop, purchase.sessions[0 if step == "confirm first" else -1])


def outcome(purchase: Purchase) -> dict[str, Any]:
    """All rows that matter, without times and with names in place of ids."""
    shop, order_id = purchase.shop, purchase.order_id
    names = {session_id: f"session {number}" for number, session_id in enumerate(purchase.sessions)}
    (order,) = builders.rows(shop, Order)
    told = builders.detail(shop, order_id)
    return {
        "order": (order.status, order.amount_expected, order.amount_total, order.email, order.attention, order.attempts,
                  _customer(shop, order), names.get(order.stripe_checkout_session_id or ""),
                  bool(order.stripe_payment_intent_id), order.fulfilled_at is not None),
        "grants": told["grants"],
        "keys": sum(len(each.licenses) for each in builders.deliveries(shop, order_id)),
        "attempts": [(row.attempt, row.state, row.money, row.amount_total, row.amount_subtotal, row.currency, row.email,
                      names.get(row.stripe_checkout_session_id or ""), bool(row.stripe_payment_intent_id))
                     for row in builders.attempts(shop)],
        "lines": len(builders.rows(shop, OrderLine)),
        "payments": [(row.billing_reason, row.amount, row.amount_refunded, row.lines_known,
                      names.get(row.stripe_checkout_session_id or "")) for row in builders.rows(shop, Payment)],
        "places": sorted((row.places, row.state) for row in builders.rows(shop, Reservation)),
        "attendees": sorted((row.date_id, row.place, row.holds) for row in builders.rows(shop, Attendee)),
        "taken": sorted((row.id, row.taken) for row in builders.rows(shop, WorkshopDate)),
        "jobs": [job.replace(order_id, "the order") for job in builders.jobs(shop)],
        # What the order went through is history: whether anybody was told of it in time depends on the order.
        "log": sorted(each for each in builders.log(shop, order_id) if each.partition(":")[0] not in PASSING),
        "events": sorted((row["type"], row["state"]) for row in _events(shop)),
    }  # fmt: skip


def _customer(shop: Shop, order: Order) -> str | None:
    """Whose the order is, by the address: ids are made by chance."""
    return {row.id: row.email for row in builders.rows(shop, Customer)}.get(order.customer_id or "")


def _events(shop: Shop) -> list[dict[str, Any]]:
    with shop.reading() as session:
        return reports.event_list(session)


def clean(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """Take all purchases away again, also at Stripe, or they would be found there: quicker than a new database."""
    with shop.transaction() as session:
        for table in (
            "consents",
            "balance_entries", "stripe_events", "fulfillment_log", "license_keys", "grants", "attendees", "reservations",
            "payment_lines", "payment_parts", "payments", "order_lines", "checkouts", "orders", "customer_addresses", "customers",
            builders.jobs_table(session),
        ):  # fmt: skip
            session.execute(text(f"delete from {table}"))
        session.execute(text("update workshop_dates set taken = 0 where product_id = 'clinic'"))
    stripe.__init__(clock)  # type: ignore[misc]


def check(shop: Shop, stripe: FakeStripe, clock: Clock, name: str, steps: list[int | str], known: dict) -> None:
    clean(shop, stripe, clock)
    if name not in known:
        in_order = live(shop, stripe, name)
        tell(in_order, list(range(len(in_order.events))), clock)
        known[name] = outcome(in_order)
        clean(shop, stripe, clock)
    purchase = live(shop, stripe, name)
    tell(purchase, steps, clock)
    assert outcome(purchase) == known[name]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_order_of_a_purchases_events_ends_in_the_same_rows_on_sqlite(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    known: dict[str, Any] = {}

    @settings(max_examples=60)
    @given(disorder=disorders())
    def examples(disorder: tuple[str, list[int | str]]) -> None:
        check(shop, stripe, clock, *disorder, known)

    examples()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_any_order_of_a_purchases_events_ends_in_the_same_rows_on_postgres(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    known: dict[str, Any] = {}

    @settings(max_examples=25)
    @given(disorder=disorders())
    def examples(disorder: tuple[str, list[int | str]]) -> None:
        check(shop, stripe, clock, *disorder, known)

    examples()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("paid", "fulfilled"),
        ("bounced", "failed"),
        ("expired", "canceled"),
        ("bounced, then paid", "fulfilled"),
        ("expired, then bounced", "failed"),
    ],
)
@builders.on_sqlite
def test_in_order_each_life_ends_where_it_should(
    shop: Shop, stripe: FakeStripe, clock: Clock, name: str, status: str
) -> None:
    purchase = live(shop, stripe, name)
    tell(purchase, list(range(len(purchase.events))), clock)
    assert outcome(purchase)["order"][0] == status
