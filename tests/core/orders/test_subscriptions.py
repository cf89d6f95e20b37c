"""What is kept of subscriptions: how each stands, its items, what it brings in, and when it is looked at again."""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlmodel import Session, select

from core.catalog.plan_prices import PlanPrice
from core.catalog.products import Price
from core.gateway.discounts import Discount
from core.journeys import checkout
from core.orders import orders, subscription_changes, subscription_items, subscriptions
from core.orders.orders import OrderLine
from core.orders.subscription_invoices import Standing, Unbilled
from core.orders.subscription_items import ItemFacts, SubscriptionItem
from core.orders.subscriptions import Subscription, SubscriptionFacts
from core.shop import Shop
from tests import builders
from tests.builders import a_basket
from tests.core.orders.rows import DAY, line
from tests.core.orders.stored import behind, locking, placed, rest

GRACE = timedelta(days=7)
ITEM = ItemFacts("si_1", "price_1", "plan-month", "", 3, 900, "month", 1, DAY, DAY + timedelta(days=30))
FACTS = SubscriptionFacts(
    id="sub_1", order_id="", shop_id="", status="active", customer="cus_1", items=(ITEM,), amount=2700, discounts=(),
    currency="eur", interval="month", created_at=DAY, period_start=DAY, period_end=DAY + timedelta(days=30),
    trial_end=None, canceled_at=None, ends_at=None, ended_at=None, paused=False, end_reason="",
)  # fmt: skip


def day(number: float) -> datetime:
    return DAY + timedelta(days=number)


def record(session: Session, order_id: Any, *, at: datetime = DAY, **changes: Any) -> tuple[Subscription, bool]:
    """What stands there after this was fetched, and whether that was news."""
    facts = replace(FACTS, **changes)
    news = subscriptions.record(session, order_id, facts, grace=GRACE, fetched_at=at)
    return session.get_one(Subscription, facts.id), news


def test_all_that_was_fetched_is_kept(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        row, news = record(
            session,
            order_id,
            trial_end=day(1),
            canceled_at=day(2),
            ends_at=day(3),
            ended_at=day(4),
            end_reason="too dear",
            end_feedback="unused",
            end_comment="Sorry.",
            unbilled=Unbilled("in_1", "api_error"),
        )
        assert row.model_dump() == {
            "id": "sub_1", "order_id": order_id, "status": "active", "stripe_customer_id": "cus_1", "amount": 2700,
            "monthly_amount": 2700, "currency": "eur", "interval": "month", "created_at": DAY, "period_end": day(30),
            "trial_end": day(1), "paid_until": day(30), "unpaid_since": None, "grace_until": None, "access_until": None,
            "canceled_at": day(2), "ends_at": day(3), "ended_at": day(4), "paused": False, "end_reason": "too dear",
            "end_feedback": "unused", "end_comment": "Sorry.",
            "unpaid_amount": 0, "payment_url": "", "end_changed_at": None, "billing_changed_at": None,
            "pause_changed_at": None, "plan_changed_at": None, "in_force": None, "changes_at": None,
            "next_amount": None, "resumes_at": None, "unbilled_invoice": "in_1", "unbilled_reason": "api_error",
                "fetched_at": DAY, "lapses_at": None, "refresh_at": day(1), "failures": 0,
        }  # fmt: skip
        assert news
        assert subscriptions.of_orders(session, [order_id]) == [row]
        assert [item.quantity for item in subscription_items.of_subscriptions(session, ["sub_1"])] == [3]


@pytest.mark.parametrize(
    ("status", "paused", "standing", "paid_until", "grace", "access", "counts"),
    [
        ("active", False, Standing(day(9)), 30, None, None, True),
        ("active", False, Standing(day(9), day(5)), 30, None, None, True),
        ("trialing", False, Standing(day(9)), 30, None, None, False),
        ("active", True, Standing(day(9)), 9, None, 9, True),
        ("paused", True, Standing(), None, None, 0, False),
        ("past_due", False, Standing(day(9), day(5)), 9, 12, 12, True),
        ("past_due", False, Standing(day(19), day(5)), 19, 12, 19, True),
        ("past_due", False, Standing(None, day(5)), None, 12, 12, True),
        # What could not be collected was given up.
        ("past_due", False, Standing(day(9)), 9, None, None, True),
        ("past_due", True, Standing(day(9)), 9, None, 9, True),
        ("past_due", True, Standing(day(9), day(5)), 9, 12, 12, True),
        ("unpaid", False, Standing(day(9), day(5)), 9, None, 9, False),
        ("incomplete", False, Standing(None, day(5)), None, None, 0, False),
        ("canceled", False, Standing(day(9)), 9, None, None, False),
        ("incomplete_expired", False, Standing(), None, None, None, False),
    ],
)
@builders.on_sqlite
def test_how_long_a_plan_may_be_used_follows_from_its_status_and_what_is_owed(
    shop: Shop, status: str, paused: bool, standing: Standing, paid_until: float | None, grace: float | None,
    access: float | None, counts: bool,
) -> None:  # fmt: skip
    order_id = placed(shop)
    with shop.transaction() as session:
        row, _ = record(session, order_id, status=status, paused=paused, standing=standing)
        expected = [None if each is None else day(each) for each in (paid_until, grace, access)]
        assert [row.paid_until, row.grace_until, row.access_until] == expected
        assert (row.unpaid_since, row.monthly_amount) == (standing.unpaid_since, 2700 if counts else 0)
        assert row.paused is paused


def test_what_was_fetched_later_stands_and_that_it_was_asked_again_is_no_news(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        subscriptions.expect(session, order_id, "sub_1", now=day(-1))
        row, news = record(session, order_id, at=day(2))
        assert (row.created_at, news) == (DAY, True)
        row, news = record(session, order_id, at=day(1), status="past_due")
        assert (row.status, row.fetched_at, news) == ("active", day(2), False)
        row.failures = 3
        row, news = record(session, order_id, at=day(2))
        assert (row.failures, news) == (0, False)
        row, news = record(session, order_id, at=day(2), status="past_due", standing=Standing(day(3), day(1)))
        assert (row.status, row.lapses_at, news) == ("past_due", day(8), True)
        row.failures = 3
        row, news = record(session, order_id, at=day(9), status="past_due", standing=Standing(day(3), day(1)))
        assert (row.lapses_at, row.fetched_at, row.failures, news) == (None, day(9), 0, False)


def test_a_subscription_is_locked_as_long_as_it_is_written(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for write in (
            lambda: record(session, order_id),
            lambda: subscriptions.put_off(session, "sub_1", now=DAY),
        ):
            with locking(session) as locked:
                write()
            assert locked == ["subscriptions"]


def test_one_that_a_session_made_is_asked_about_before_long_and_only_made_known_once(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for now in (DAY, day(1)):
            subscriptions.expect(session, order_id, "sub_1", now=now)
            rows = session.exec(select(Subscription.id, Subscription.created_at, Subscription.refresh_at)).all()
            assert rows == [("sub_1", DAY, DAY + timedelta(minutes=2))]
        assert session.get_one(Subscription, "sub_1").fetched_at is None


@pytest.mark.parametrize(
    ("facts", "changes"),
    [
        ({}, [("new", 0, 0, 2700, "")]),
        ({"status": "trialing", "trial_end": day(14)}, []),
        ({"trial_end": day(14)}, [("new", 14, 0, 2700, "")]),
        # Of one that had ended when it was first heard of, both ends are known.
        (
            {"status": "canceled", "ended_at": day(5), "end_reason": "too dear"},
            [("new", 0, 0, 2700, ""), ("churned", 5, 2700, 0, "too dear")],
        ),
        (
            {"status": "canceled", "ended_at": day(20), "trial_end": day(14), "end_reason": "too dear"},
            [("new", 14, 0, 2700, ""), ("churned", 20, 2700, 0, "too dear")],
        ),
        ({"status": "canceled", "ended_at": day(5), "trial_end": day(14)}, []),
        ({"status": "canceled", "ended_at": day(14), "trial_end": day(14)}, []),
        ({"status": "incomplete_expired", "ended_at": day(1)}, []),
        ({"status": "incomplete"}, []),
        ({"status": "canceled"}, []),
    ],
)
@builders.on_sqlite
def test_what_it_brings_in_counts_from_the_end_of_its_trial_to_its_own(
    shop: Shop, facts: dict[str, Any], changes: list[tuple[Any, ...]]
) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        record(session, order_id, at=day(40), **facts)
        found = subscription_changes.of_subscription(session, "sub_1")
        assert [(row.kind, row.at, row.monthly_before, row.monthly_after, row.reason) for row in found] == [
            (kind, day(at), before, after, reason) for kind, at, before, after, reason in changes
        ]
        assert {row.currency for row in found} <= {"eur"}


FREE = (Discount(Fraction(100), 0),)


@pytest.mark.parametrize(
    ("idle", "later", "changes"),
    [
        # Its trial ended without a card, and it was taken up again three weeks later.
        ({"status": "paused", "paused": True, "trial_end": day(14)}, {"trial_end": day(14)}, [("new", 35, 2700)]),
        ({"discounts": FREE}, {}, [("new", 35, 2700)]),
        ({"status": "past_due", "discounts": FREE}, {}, [("new", 35, 2700)]),
        # What never brought in anything does not churn.
        ({"status": "paused", "paused": True, "trial_end": day(14)},
         {"status": "canceled", "trial_end": day(14), "ended_at": day(30)}, []),
        ({"discounts": FREE}, {"status": "canceled", "ended_at": day(30)}, []),
        # Of what was still tried, or not paid for yet, it is known when it began.
        ({"status": "trialing", "trial_end": day(21)}, {"trial_end": day(21)}, [("new", 21, 2700)]),
        ({"status": "incomplete"}, {}, [("new", 0, 2700)]),
        ({"status": "incomplete"}, {"status": "canceled", "ended_at": day(30)}, [("new", 0, 2700), ("churned", 30, 0)]),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_was_seen_to_bring_in_nothing_brings_in_something_from_when_that_is_seen(
    shop: Shop, idle: dict[str, Any], later: dict[str, Any], changes: list[tuple[Any, ...]]
) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        record(session, order_id, at=day(20), **idle)
        assert subscription_changes.of_subscription(session, "sub_1") == []
        record(session, order_id, at=day(35), **later)
        found = subscription_changes.of_subscription(session, "sub_1")
        assert [(row.kind, row.at, row.monthly_after) for row in found] == [
            (kind, day(at), after) for kind, at, after in changes
        ]


def test_each_change_of_what_it_brings_in_is_written_once_and_after_the_last(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for name in ("sub_1", "sub_2"):
            subscriptions.expect(session, order_id, name, now=DAY)
        told: list[tuple[int, float | None, float]] = [
            (900, None, 1), (900, None, 2), (2700, None, 3), (1800, None, 3), (0, 2, 5), (0, 2, 6), (900, None, 7), (0, 9, 12),
        ]  # fmt: skip
        for amount, ended, now in told:
            subscription_changes.note(
                session, "sub_1", amount, currency="eur", began=DAY, ended=None if ended is None else day(ended),
                lived_at=700, reason="too dear", now=day(now),
            )  # fmt: skip
        subscription_changes.note(
            session, "sub_2", 100, currency="usd", began=DAY, ended=None, lived_at=100, reason="", now=DAY
        )
        tick = timedelta(microseconds=1)
        found = subscription_changes.of_subscription(session, "sub_1")
        assert [row.model_dump(exclude={"subscription_id", "currency"}) for row in found] == [
            {"number": number, "at": at, "kind": kind, "monthly_before": before, "monthly_after": after, "reason": reason}
            for number, (at, kind, before, after, reason) in enumerate(
                [
                    (DAY, "new", 0, 900, ""), (day(3), "expansion", 900, 2700, ""),
                    (day(3) + tick, "contraction", 2700, 1800, ""), (day(3) + 2 * tick, "churned", 1800, 0, "too dear"),
                    (day(7), "reactivation", 0, 900, ""), (day(9), "churned", 900, 0, "too dear"),
                ],
                start=1,
            )
        ]  # fmt: skip
        (other,) = subscription_changes.of_subscription(session, "sub_2")
        assert (other.currency, other.number) == ("usd", 1)


def kept(session: Session, order_id: Any, *names: str, **columns: Any) -> None:
    session.add_all(Subscription(id=name, order_id=order_id, created_at=DAY, **columns) for name in names)
    session.flush()


def test_the_subscriptions_of_an_order_stand_oldest_first(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        kept(session, order_id, "sub_3", "sub_1", "sub_2")
        kept(session, another, "sub_4")
        session.get_one(Subscription, "sub_1").created_at = day(1)
        session.flush()
        rows = subscriptions.of_orders(session, [order_id])
        assert [row.id for row in rows] == ["sub_2", "sub_3", "sub_1"]
        behind(session, Subscription, status="canceled")
        subscriptions.of_orders(session, [order_id])
        assert {row.status for row in rows} == {"canceled"}


def test_those_are_asked_about_that_have_waited_longest_and_do_not_rest(shop: Shop) -> None:
    order_id, live = placed(shop), placed(shop, "cart_2", livemode=True)
    with shop.transaction() as session:
        kept(session, order_id, "sub_5", "sub_3", "sub_4", refresh_at=day(0))
        kept(session, order_id, "sub_6", refresh_at=day(-1))
        kept(session, order_id, "sub_7", refresh_at=DAY + timedelta(microseconds=1))
        kept(session, order_id, "sub_8")
        kept(session, live, "sub_9", refresh_at=DAY)
        rest(session, "sub_4", until=day(1))

        def due(limit: int = 9, *, livemode: bool = False) -> list[tuple[str, str]]:
            return subscriptions.due(session, livemode=livemode, now=DAY, limit=limit)

        assert due() == [(name, order_id) for name in ("sub_6", "sub_3", "sub_5")]
        assert due(2) == due()[:2]
        assert due(livemode=True) == [("sub_9", live)]


def test_those_have_lapsed_whose_moment_has_come(shop: Shop) -> None:
    order_id, resting = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        kept(session, order_id, "sub_5", "sub_3", lapses_at=day(0))
        kept(session, order_id, "sub_6", lapses_at=day(-1))
        kept(session, order_id, "sub_7", lapses_at=DAY + timedelta(microseconds=1))
        kept(session, order_id, "sub_8")
        kept(session, resting, "sub_9", lapses_at=DAY)
        rest(session, resting, until=day(1))
        expected = [(name, order_id) for name in ("sub_6", "sub_3", "sub_5")]
        assert subscriptions.lapsed(session, now=DAY, limit=9) == expected
        assert subscriptions.lapsed(session, now=DAY, limit=2) == expected[:2]


def test_one_that_stripe_does_not_know_is_asked_about_ever_more_rarely(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        subscriptions.put_off(session, "sub_1", now=DAY)
        kept(session, order_id, "sub_1")
        row = session.get_one(Subscription, "sub_1")
        waited = []
        for number in range(1, 15):
            subscriptions.put_off(session, "sub_1", now=DAY)
            assert row.failures == number
            assert row.refresh_at
            waited.append((row.refresh_at - DAY) / timedelta(minutes=1))
        assert waited == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440, 1440, 1440, 1440]


@pytest.mark.parametrize(
    ("facts", "now", "asked_at"),
    [
        # Stripe moves a period on within minutes; asked at least once a day.
        ({"period_end": day(0.5)}, 0, day(0.5) + timedelta(minutes=5)),
        ({"period_end": day(30)}, 0, day(1)),
        ({"period_end": day(30), "ends_at": day(0.5)}, 0, day(0.5) + timedelta(minutes=5)),
        ({"period_end": day(0.5), "ends_at": day(0.25)}, 0, day(0.25) + timedelta(minutes=5)),
        ({"period_end": day(30), "paused": True, "resumes_at": day(0.5)}, 0, day(0.5) + timedelta(minutes=5)),
        ({"period_end": None}, 0, day(1)),
        # It is late: ever more rarely.
        ({"period_end": day(0) - timedelta(minutes=5)}, 0, DAY + timedelta(minutes=5)),
        ({"period_end": day(0) - timedelta(minutes=7)}, 0, DAY + timedelta(minutes=5)),
        ({"period_end": day(0) - timedelta(minutes=25)}, 0, DAY + timedelta(minutes=20)),
        ({"period_end": day(-9)}, 0, day(1)),
        ({"period_end": day(-0.25), "ends_at": day(0.125)}, 0, day(0.125) + timedelta(minutes=5)),
        ({"period_end": day(0.5), "status": "canceled"}, 0, None),
    ],
)
@builders.on_sqlite
def test_it_is_asked_about_when_stripe_is_to_have_changed_it(
    shop: Shop, facts: dict[str, Any], now: float, asked_at: datetime | None
) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        row, _ = record(session, order_id, at=day(now), **facts)
        assert row.refresh_at == asked_at


@builders.on_sqlite
def test_it_is_kept_since_when_it_is_to_end_at_another_moment_than_before(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:

        def changed(ends_at: datetime | None, now: float) -> datetime | None:
            row, _ = record(session, order_id, at=day(now), ends_at=ends_at)
            return row.end_changed_at

        # What was so from the beginning was told by whoever told it to end.
        assert changed(day(9), 0) is None
        assert changed(day(9), 1) is None
        assert changed(None, 2) == changed(None, 3) == day(2)
        assert changed(day(9), 4) == changed(day(9), 5) == day(4)
        assert changed(day(8), 6) == day(6)
        assert changed(day(9), 7) == day(7)


# -- its items


def item(name: str, price: str, **more: Any) -> ItemFacts:
    return replace(ITEM, id=name, stripe_price_id=price, **{"lookup_key": "", **more})


def test_the_items_of_a_subscription_are_those_that_were_fetched_last(shop: Shop) -> None:
    order_id = checkout.start(shop, a_basket("guide-eur", "plan-month")).order_id
    builders.sell_bigger_plan(shop, stripe_price_id="price_3")
    with shop.transaction() as session:
        subscriptions.expect(session, order_id, "sub_1", now=DAY)
        _, plan = orders.lines(session, order_id)

        def write(*items: ItemFacts, **paid: int) -> list[SubscriptionItem]:
            subscription_items.write(session, order_id, "sub_1", items, currency="eur", paid_quantities=paid)
            return subscription_items.of_subscriptions(session, ["sub_1"])

        first, second = item("si_2", "price_1", lookup_key="plan-month"), item("si_1", "price_9", interval="year")
        rows = write(first, second, price_1=2)
        assert [row.model_dump() for row in rows] == [
            {
                "id": "si_2", "subscription_id": "sub_1", "position": 0, "order_line_id": plan.id,
                "stripe_price_id": "price_1", "product_id": "plan", "price_id": "plan-month", "quantity": 3,
                "paid_quantity": 2, "paid_product_id": None, "unit_amount": 900, "interval": "month",
            },
            {
                "id": "si_1", "subscription_id": "sub_1", "position": 1, "order_line_id": None,
                "stripe_price_id": "price_9", "product_id": None, "price_id": None, "quantity": 3, "paid_quantity": None,
                "paid_product_id": None, "unit_amount": 900, "interval": "year",
            },
        ]  # fmt: skip
        assert write(second, replace(first, quantity=5)) == [rows[1], rows[0]]
        assert (rows[0].quantity, rows[0].paid_quantity, rows[0].position) == (5, None, 1)
        # Another price of the item is owed for: what was credited for it had been paid for, as the plan that was bought.
        [switched, _] = write(replace(first, stripe_price_id="price_2", quantity=5), second, price_1=2, price_2=0)
        assert (switched.paid_quantity, switched.paid_product_id) == (2, "plan")
        # And where that is in the catalogue by Stripe's own id, as that plan, whichever was bought.
        [switched, _] = write(replace(first, stripe_price_id="price_2", quantity=5), second, price_3=4, price_2=0)
        assert (switched.paid_quantity, switched.paid_product_id) == (4, "bigger")
        [added, _] = write(replace(first, quantity=5), second, price_1=0)
        assert (added.paid_quantity, added.paid_product_id) == (None, None)

        def owed(*before: str, **paid: int) -> list[int | None]:
            subscription_items.write(
                session, order_id, "sub_1", [first, second], currency="eur", paid_quantities=paid, paid_before=before
            )
            rows = subscription_items.of_subscriptions(session, ["sub_1"])
            return [row.paid_quantity for row in rows]

        # Of what was never paid for nothing is kept, but what it came in place of.
        assert owed("si_1", price_1=0) == [0, None]
        assert owed("si_2", price_1=0) == owed("price_1", price_1=0) == [None, None]
        assert owed("si_1", price_1=0, price_3=4) == [4, None]
        assert owed("si_1", price_1=0, price_9=0, price_3=4) == [0, 4]
        assert owed("si_2", price_1=0, price_9=0, price_3=4) == [4, 0]
        assert write(second) == [rows[1]]
        behind(session, SubscriptionItem, quantity=8)
        assert [row.quantity for row in subscription_items.of_subscriptions(session, ["sub_1"])] == [8]
        assert rows[1].quantity == 8
        # There is one line for a plan, and what was bought beside it is none.
        rows = write(first, replace(second, lookup_key="plan-year"))
        assert [(row.order_line_id, row.price_id) for row in rows] == [(plan.id, "plan-month"), (None, "plan-year")]


def test_items_stand_subscription_by_subscription_as_stripe_has_them(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for name in ("sub_2", "sub_1", "sub_3"):
            subscriptions.expect(session, order_id, name, now=DAY)
            items = [item(f"si_{number}_{name}", "price_9") for number in (2, 1)]
            subscription_items.write(session, order_id, name, items, currency="eur", paid_quantities={})
        found = subscription_items.of_subscriptions(session, ["sub_2", "sub_1"])
        assert [row.id for row in found] == ["si_2_sub_1", "si_1_sub_1", "si_2_sub_2", "si_1_sub_2"]
        behind(session, SubscriptionItem, position=0)
        session.get_one(SubscriptionItem, "si_2_sub_1").position = 5
        session.flush()
        assert [row.id for row in subscription_items.of_subscriptions(session, ["sub_1"])] == [
            "si_1_sub_1",
            "si_2_sub_1",
        ]


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"stripe_price_id": "price_month"}, "plan-month"),
        ({"lookup_key": "plan-year"}, "plan-year"),
        ({"stripe_price_id": "price_month", "lookup_key": "plan-year"}, "plan-month"),
        # A price that was made at Stripe for one that the catalogue does not name there.
        ({"stripe_price_id": "price_made"}, "plan-year"),
        # No plan of ours, whatever it is called.
        ({"lookup_key": "kit-eur"}, None),
        ({"stripe_price_id": "price_kit"}, None),
        ({}, None),
        # The price that a line was sold at, or one that Checkout made because it was described.
        ({"stripe_price_id": "price_sold"}, "sold"),
        ({"sold_as": "described", "unit_amount": 500, "interval": "year"}, "described"),
        ({"sold_as": "described", "unit_amount": 500, "interval": "month"}, None),
        ({"sold_as": "described", "unit_amount": 501, "interval": "year"}, None),
        ({"sold_as": "other", "unit_amount": 500, "interval": "year"}, None),
        ({"sold_as": "sold", "unit_amount": 500, "interval": "year"}, None),
    ],
)
@builders.on_sqlite
def test_an_item_is_what_its_price_sells(shop: Shop, said: dict[str, Any], known: str | None) -> None:
    lines: list[OrderLine] = [
        line("sold", 500, interval="year", stripe_price_id="price_sold"), line("described", 500, interval="year"),
    ]  # fmt: skip
    with shop.transaction() as session:
        for price, name in (("plan-month", "price_month"), ("kit-eur", "price_kit")):
            session.get_one(Price, price).stripe_price_id = name
        made = {"stripe_price_id": "price_made", "stripe_product_id": "prod_made"}
        session.add(PlanPrice(price_id="plan-year", mode="sandbox", **made))
        session.flush()
        asked = item("si_1", **{"price": said.pop("stripe_price_id", "price_9"), **said})

        def found(currency: str) -> str | None:
            what = subscription_items.identify(session, [asked], lines, currency=currency).get("si_1")
            return what.price_id if what else None

        assert found("eur") == known
        # What was described was so in a currency.
        assert found("usd") == (None if known == "described" else known)


RENEWALS: list[tuple[str, dict[str, Any]]] = [
    ("counts", {}),
    ("counts", {"period_end": day(0), "amount": 100}),
    ("counts", {"status": "past_due", "currency": "dkk", "amount": 70}),
    ("too early", {"period_end": day(0) - timedelta(seconds=1)}),
    ("too late", {"period_end": day(7)}),
    ("of the other mode", {"order": "other"}),
    ("is over", {"status": "canceled"}),
    ("was told to end", {"ends_at": day(3)}),
    ("is paused", {"paused": True}),
    ("is not known yet", {"currency": ""}),
]


def test_what_is_billed_again_is_counted_for_each_currency(shop: Shop) -> None:
    orders_of = {"ours": placed(shop), "other": placed(shop, "cart_2", livemode=True)}
    with shop.transaction() as session:
        for number, (_, facts) in enumerate(RENEWALS):
            known = {
                "status": "active",
                "currency": "eur",
                "amount": 900,
                "period_end": day(3),
                "order": "ours",
                **facts,
            }
            order_id = orders_of[known.pop("order")]
            session.add(Subscription(id=f"sub_{number}", order_id=order_id, created_at=DAY, fetched_at=DAY, **known))
    with shop.reading() as session:
        found = subscriptions.renewing(session, livemode=False, since=day(0), until=day(7))
    assert [(count, money.amount, money.currency) for count, money in found] == [(1, 70, "dkk"), (2, 1000, "eur")]
