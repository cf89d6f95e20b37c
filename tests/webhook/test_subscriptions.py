"""Plans, month after month: what Stripe tells, what it is asked, and what their buyers may use meanwhile."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from starlette.testclient import TestClient

from core.events import reconciliation
from core.events.inbox import StripeEvent
from core.foundation.errors import AccessDenied, StripeRefused
from core.journeys.billing import plans, portal
from core.kinds.seats import Seat, SeatState
from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.subscriptions import Subscription
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.webhook.conftest import Tell
from tests.webhook.test_stripe_events import post

NORA = "nora@lindqvist.example"


def plan(shop: Shop, order_id: str) -> tuple[str, str, int]:
    """The order's status, and its only grant's state and seats."""
    found = builders.detail(shop, order_id)
    (grant,) = found["grants"]
    return found["status"], grant["state"], grant["quantity"]


def subscription(shop: Shop) -> Subscription:
    (row,) = builders.rows(shop, Subscription)
    return row


def test_a_plan_is_delivered_when_its_first_month_is_paid(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 3))
    assert plan(shop, order_id) == ("fulfilled", "active", 3)
    row = subscription(shop)
    assert (row.status, row.amount, row.currency, row.interval) == ("active", 2700, "eur", "month")
    assert builders.detail(shop, order_id)["amount_total"] == 2700


def test_an_event_never_tells_a_subscriptions_state(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    stripe.calls.clear()
    claimed = {**stripe.subscriptions[name], "status": "canceled"}
    assert post(client, stripe.tell("customer.subscription.updated", claimed)).json()["state"] == "applied"
    assert (plan(shop, order_id), stripe.calls) == (("fulfilled", "active", 1), [])
    builders.ask_stripe(shop)
    assert plan(shop, order_id) == ("fulfilled", "active", 1)


def test_a_trial_is_delivered_and_its_first_bill_counts(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    builders.let_try(shop, days=30)
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    assert plan(shop, order_id) == ("fulfilled", "active", 2)
    assert (subscription(shop).status, builders.detail(shop, order_id)["amount_total"]) == ("trialing", 0)
    assert subscription(shop).trial_end is not None
    tell("customer.subscription.trial_will_end", stripe.subscriptions[name])
    tell("invoice.paid", stripe.renew(name))
    assert (subscription(shop).status, builders.detail(shop, order_id)["amount_total"]) == ("active", 1800)


def test_a_renewal_moves_the_period_and_counts_once(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    assert subscription(shop).period_end == datetime(2026, 12, 23, 10, 24, tzinfo=UTC)
    invoice = stripe.renew(name)
    for kind in ("invoice.paid", "invoice.payment_succeeded", "invoice.paid"):
        assert tell(kind, invoice) == "applied"
    assert subscription(shop).period_end == datetime(2027, 1, 23, 10, 24, tzinfo=UTC)
    assert builders.detail(shop, order_id)["amount_total"] == 1800
    assert {row.billing_reason for row in builders.rows(shop, Payment)} == {"subscription_create", "subscription_cycle"}
    assert len(builders.rows(shop, Payment)) == 2


def test_a_failed_renewal_keeps_access_for_the_days_of_grace(
    shop: Shop, stripe: FakeStripe, clock: Clock, tell: Tell
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    seat(shop, "ida@example.com")
    due = subscription(shop).period_end
    assert due
    clock.time = due
    tell("invoice.payment_failed", stripe.fail_renewal(name))
    assert (subscription(shop).status, subscription(shop).grace_until) == ("past_due", due + timedelta(days=7))
    clock.time = due + timedelta(days=6, hours=23)
    reconciliation.sweep(shop)
    assert plan(shop, order_id) == ("fulfilled", "active", 2)
    clock.time = due + timedelta(days=7)
    assert order_id in reconciliation.sweep(shop).healed
    assert plan(shop, order_id) == ("fulfilled", "suspended", 2)
    assert order_id not in reconciliation.sweep(shop).healed

    tell("invoice.paid", stripe.renew(name))
    assert plan(shop, order_id) == ("fulfilled", "active", 2)
    assert subscription(shop).grace_until is None
    assert builders.deliveries(shop, order_id)[0].seats == ("ida@example.com",)


def seat(shop: Shop, *people: str) -> None:
    (delivery,) = [each for order in builders.rows(shop, Order) for each in builders.deliveries(shop, order.id)]
    with shop.transaction() as session:
        for email in people:
            given = {"state": SeatState.ACCEPTED, "since": shop.now(), "created_at": shop.now()}
            session.add(Seat(id=email, grant_id=delivery.grant_id, email=email, **given))


def test_seats_follow_the_subscription_and_nobody_is_cut(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    tell("customer.subscription.updated", stripe.change_seats(name, 5))
    assert plan(shop, order_id) == ("fulfilled", "active", 5)
    people = ("a@example.com", "b@example.com", "c@example.com")
    seat(shop, *people)
    tell("customer.subscription.updated", stripe.change_seats(name, 1))
    assert plan(shop, order_id) == ("fulfilled", "active", 1)
    assert sorted(builders.deliveries(shop, order_id)[0].seats) == list(people)


def test_each_of_two_plans_in_one_subscription_keeps_its_own_seats(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2), ("plan-month", 3))
    assert [grant["quantity"] for grant in builders.detail(shop, order_id)["grants"]] == [2, 3]
    stripe.change_seats(name, 5)
    builders.ask_stripe(shop)
    assert [grant["quantity"] for grant in builders.detail(shop, order_id)["grants"]] == [5, 3]


@pytest.mark.parametrize("told_by", ["cancel_at_period_end", "cancel_at"])
def test_cancelled_at_the_periods_end_keeps_access_until_then(
    shop: Shop, stripe: FakeStripe, tell: Tell, told_by: str
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    end = stripe.subscriptions[name]["items"]["data"][0]["current_period_end"]
    stripe.subscriptions[name][told_by] = True if told_by == "cancel_at_period_end" else end
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert plan(shop, order_id) == ("fulfilled", "active", 1)
    assert subscription(shop).ends_at == subscription(shop).period_end
    tell("customer.subscription.deleted", stripe.end(name))
    assert plan(shop, order_id) == ("canceled", "revoked", 1)
    assert (subscription(shop).end_reason, subscription(shop).ended_at) == (
        "cancellation_requested", subscription(shop).period_end,
    )  # fmt: skip


def test_a_late_word_of_life_revives_nothing(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    alive = dict(stripe.subscriptions[name])
    tell("customer.subscription.deleted", stripe.end(name))
    assert tell("customer.subscription.updated", alive) == "applied"
    assert plan(shop, order_id) == ("canceled", "revoked", 1)


def test_an_answer_that_was_overtaken_is_not_believed(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    asked_before = clock.time
    clock.pass_(minutes=1)
    alive, _ = stripe.find_subscription(name), stripe.end(name)
    plans.refresh(shop, name)
    clock.time, stripe.subscriptions[name] = asked_before, alive or {}
    stripe.find_subscription = lambda subscription: alive  # type: ignore[method-assign]
    plans.refresh(shop, name)
    assert plan(shop, order_id) == ("canceled", "revoked", 1)


@pytest.mark.parametrize(
    ("status", "paused", "access", "afterwards"),
    [
        ("unpaid", None, "active", "suspended"),
        ("paused", None, "active", "suspended"),
        ("of_the_future", None, "active", "suspended"),
        ("active", {"behavior": "void"}, "active", "suspended"),
        ("trialing", {"behavior": "void"}, "active", "suspended"),
        ("canceled", None, "revoked", "revoked"),
        ("incomplete_expired", None, "revoked", "revoked"),
        ("active", None, "active", "active"),
    ],
)
@builders.on_sqlite
def test_in_every_state_that_stripe_knows_what_is_paid_for_stays_until_its_end(
    shop: Shop,
    stripe: FakeStripe,
    tell: Tell,
    clock: Clock,
    status: str,
    paused: dict | None,
    access: str,
    afterwards: str,
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    stripe.subscriptions[name].update(status=status, pause_collection=paused)
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert plan(shop, order_id)[1] == access
    end = datetime(2026, 12, 23, 10, 24, tzinfo=UTC)
    assert subscription(shop).lapses_at == (end if afterwards != access else None)
    clock.time = end
    reconciliation.sweep(shop)
    assert plan(shop, order_id)[1] == afterwards


@builders.on_sqlite
def test_what_was_never_paid_for_gives_nothing(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    stripe.subscriptions[name]["status"] = "incomplete"
    stripe.invoices_of(name)[0]["status"] = "open"
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert plan(shop, order_id)[1] == "suspended"


def test_of_a_mixed_cart_the_file_outlives_the_plan(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe, "plan-month", "guide-eur")
    assert builders.detail(shop, order_id)["amount_total"] == 900 + 2900
    tell("customer.subscription.deleted", stripe.end(name))
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.grants(shop, order_id) == [("plan", "revoked"), ("guide", "active")]


def test_the_portal_opens_for_a_plans_own_buyer_alone(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    file = builders.bought(shop, stripe, cart="cart_2")
    assert portal.open_page(shop, NORA.upper(), order_id).endswith(stripe.subscriptions[name]["customer"])
    for email, order in (("ida@example.com", order_id), ("", order_id), (NORA, file), (NORA, "ord_nobody")):
        with pytest.raises(AccessDenied):
            portal.open_page(shop, email, order)


def test_a_subscription_gone_at_stripe_is_asked_about_once_and_never_retried(
    shop: Shop, stripe: FakeStripe, clock: Clock, client: TestClient
) -> None:
    gone = {"id": "sub_gone", "object": "subscription", "metadata": {}, "status": "active"}
    event = stripe.tell("customer.subscription.updated", gone)
    assert post(client, event).json()["state"] == "parked"
    builders.ask_stripe(shop)
    assert builders.event_row(shop, event["id"]).state == "ignored"
    stripe.calls.clear()
    clock.pass_(days=1)
    assert post(client, event).json()["state"] == "ignored"
    reconciliation.sweep(shop)
    assert [call for call in stripe.calls if call.startswith("find")] == []


def test_a_plan_whose_subscription_is_gone_at_stripe_stays_as_it_was(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    known = stripe.subscriptions.pop(name)
    assert tell("customer.subscription.updated", known) == "applied"
    assert plan(shop, order_id) == ("fulfilled", "active", 1)


def test_a_living_plan_of_which_nothing_is_heard_is_asked_about_every_day(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    stripe.end(name)
    clock.pass_(hours=23, minutes=59)
    assert name not in reconciliation.sweep(shop).healed
    clock.pass_(minutes=1)
    assert name in reconciliation.sweep(shop).healed
    assert plan(shop, order_id) == ("canceled", "revoked", 1)
    clock.pass_(days=100)
    assert asked_by_a_pass(shop, stripe) == []


def asked_by_a_pass(shop: Shop, stripe: FakeStripe) -> list[str]:
    """What the next pass of the worker asks about subscriptions."""
    stripe.calls.clear()
    reconciliation.sweep(shop)
    return [call for call in stripe.calls if call == "find_subscription"]


def test_a_plan_is_asked_about_minutes_after_its_period_ends(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    stripe.cancel_later(name)
    builders.ask_stripe(shop)
    end = subscription(shop).period_end
    assert end
    clock.time = end - timedelta(minutes=1)
    assert len(asked_by_a_pass(shop, stripe)) == 1
    stripe.end(name)
    clock.time = end + timedelta(minutes=4)
    assert asked_by_a_pass(shop, stripe) == []
    clock.time = end + timedelta(minutes=5)
    assert len(asked_by_a_pass(shop, stripe)) == 1
    assert plan(shop, order_id) == ("canceled", "revoked", 1)


def test_while_stripe_is_late_with_a_renewal_it_is_asked_ever_more_rarely(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.subscribed(shop, stripe)
    end = subscription(shop).period_end
    assert end
    asked_at: list[datetime] = []
    clock.time = end
    assert len(asked_by_a_pass(shop, stripe)) == 1
    while clock.time < end + timedelta(days=4):
        turn = subscription(shop).refresh_at
        assert turn
        clock.time = turn
        asked_at.append(turn)
        assert len(asked_by_a_pass(shop, stripe)) == 1
    waits = [after - before for before, after in pairwise(asked_at[1:])]
    assert (waits[0], waits[-1]) == (timedelta(minutes=5), timedelta(days=1))
    assert waits == sorted(waits)


@pytest.mark.parametrize("told", [False, True])
def test_a_plan_whose_only_question_was_lost_is_asked_about_all_the_same(
    shop: Shop, stripe: FakeStripe, clock: Clock, client: TestClient, told: bool
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month")
    name = stripe.pay(session_id)["subscription"]
    assert post(client, stripe.event("completed", session_id)).json()["state"] == "applied"
    if told:  # the job that this owes is never carried out
        post(client, stripe.tell("customer.subscription.created", stripe.subscriptions[name]))
    assert (subscription(shop).status, subscription(shop).fetched_at) == ("", None)
    assert plan(shop, order_id) == ("fulfilled", "active", 1)
    stripe.end(name)
    clock.pass_(minutes=2)
    assert name in reconciliation.sweep(shop).healed
    assert plan(shop, order_id) == ("canceled", "revoked", 1)


def test_one_that_always_fails_holds_up_no_other(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, bad = builders.subscribed(shop, stripe, cart="cart_1")
    order_id, good = builders.subscribed(shop, stripe, cart="cart_2", browser="br_2")
    find, asked = stripe.find_subscription, []

    def finding(name: str) -> dict | None:
        asked.append(name)
        if name == bad:
            raise StripeRefused("api_error", "An unknown error occurred")
        return find(name)

    stripe.find_subscription = finding  # type: ignore[method-assign]
    stripe.end(good)
    clock.pass_(days=1)
    report = reconciliation.sweep(shop)
    assert (good in report.healed, bad in dict(report.failed)) == (True, True)
    assert plan(shop, order_id) == ("canceled", "revoked", 1)
    asked.clear()
    for _ in range(20):
        clock.pass_(minutes=3)
        reconciliation.sweep(shop)
    # It rests twice as long each time, up to a quarter of an hour: of twenty passes it is asked about in seven.
    assert asked == [bad] * 7
    (item,) = attention.items(shop)
    assert (item.topic, item.subject) == ("keeps_failing", bad)


def test_the_events_of_a_plan_may_come_before_its_purchase(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month")
    name = stripe.pay(session_id)["subscription"]
    first = next(iter(stripe.invoices.values()))
    assert tell("invoice.paid", first) == "parked"
    assert tell("customer.subscription.created", stripe.subscriptions[name]) == "applied"
    assert {row.state for row in builders.rows(shop, StripeEvent)} == {"applied"}
    post(client, stripe.event("completed", session_id))
    assert plan(shop, order_id) == ("fulfilled", "active", 1)
    assert builders.detail(shop, order_id)["amount_total"] == 900
