"""Plans that a schedule of Stripe's changes at the end of their period: what is told before, and what follows."""

from datetime import timedelta

import pytest

from core.correspondence import drafts
from core.kinds.grants import Grant
from core.orders import subscriptions
from core.orders.subscription_changes import SubscriptionChange
from core.orders.subscriptions import Subscription
from core.rights import reminders
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.storefront.conftest import Visitor, words


@pytest.fixture
def bigger(shop: Shop, stripe: FakeStripe) -> str:
    """The price at Stripe of another plan, €20 a month."""
    price = stripe.sell(2000, interval="month")
    builders.sell_bigger_plan(shop, stripe_price_id=price)
    return price


def learn(shop: Shop, stripe: FakeStripe, name: str) -> Subscription:
    builders.deliver(shop, stripe.tell("customer.subscription.updated", stripe.subscriptions[name]))
    builders.ask_stripe(shop)
    with shop.reading() as session:
        return session.get_one(Subscription, name)


def test_a_plan_that_is_to_become_another_says_so_and_becomes_it(visitor: Visitor, clock: Clock, bigger: str) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    order_id, name = builders.subscribed(shop, stripe)
    stripe.plan_ahead(name, bigger, 3)
    row = learn(shop, stripe, name)
    assert row.changes_at == row.period_end
    assert (row.amount, row.next_amount, row.monthly_amount) == (900, 6000, 900)
    visitor.signs_in(builders.BUYER)
    said = words(visitor.opens("order", id=order_id))
    assert "€9.00 each month. It renews on **23 December 2026**." in said
    assert "It changes on **23 December 2026**: €60.00 is charged at each payment from then on." in said
    with shop.reading() as session:
        month = {"since": shop.now(), "until": shop.now() + timedelta(days=40)}
        [(count, coming)] = subscriptions.renewing(session, livemode=False, **month)
    assert (count, coming.format()) == (1, "€60.00")
    # The phase begins: the item is another one, and the schedule is done with.
    clock.pass_(days=31)
    plan = stripe.subscriptions[name]
    plan["items"]["data"][0] |= {
        "id": "si_of_the_next_phase",
        "price": stripe.on_sale(stripe.prices[bigger]),
        "quantity": 3,
    }
    plan["schedule"] = None
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    row = learn(shop, stripe, name)
    assert (row.changes_at, row.next_amount, row.amount, row.monthly_amount) == (None, None, 6000, 6000)
    [grant] = builders.rows(shop, Grant)
    assert (grant.product_id, grant.quantity, grant.state) == ("bigger", 3, "active")
    assert [(each.kind, each.monthly_after) for each in builders.rows(shop, SubscriptionChange)] == [
        ("new", 900),
        ("expansion", 6000),
    ]
    assert "It changes on" not in words(visitor.opens("order", id=order_id))
    [letter] = [each for each in builders.jobs(shop) if each.startswith("plan_changed:")]
    draft = drafts.of_id(letter)
    assert draft
    written = drafts.write(shop, draft)
    assert written
    assert "Bigger Plan: 3 seats, €60.00 per month." in written.text


@builders.on_sqlite
def test_where_it_is_not_known_what_it_costs_then_no_sum_is_said(visitor: Visitor, bigger: str) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    order_id, name = builders.subscribed(shop, stripe)
    phase = stripe.plan_ahead(name, bigger)["schedule"]["phases"][1]
    phase["items"][0]["price"] = phase["items"][0]["price"]["id"]
    row = learn(shop, stripe, name)
    assert (row.changes_at, row.next_amount) == (row.period_end, None)
    visitor.signs_in(builders.BUYER)
    assert "It changes on **23 December 2026**." in words(visitor.opens("order", id=order_id))


@builders.on_sqlite
def test_a_schedule_that_cancels_ends_the_plan_with_its_last_phase(shop: Shop, stripe: FakeStripe, bigger: str) -> None:
    _, name = builders.subscribed(shop, stripe)
    schedule = stripe.plan_ahead(name, bigger, ends="cancel")["schedule"]
    row = learn(shop, stripe, name)
    assert row.ends_at
    assert int(row.ends_at.timestamp()) == schedule["phases"][1]["end_date"]
    assert [each.split(":")[0] for each in builders.jobs(shop) if each.startswith("plan_")] == ["plan_ending"]


@builders.on_sqlite
def test_who_is_reminded_of_a_year_reads_what_will_be_charged_for_it(
    shop: Shop, stripe: FakeStripe, clock: Clock, bigger: str
) -> None:
    _, name = builders.subscribed(shop, stripe, "plan-year")
    clock.pass_(days=360)
    stripe.plan_ahead(name, bigger, 5)
    learn(shop, stripe, name)
    reminders.owe(shop)
    [letter] = [each for each in builders.jobs(shop) if each.startswith("plan_reminder:")]
    draft = drafts.of_id(letter)
    assert draft
    written = drafts.write(shop, draft)
    assert written
    assert "€100.00 will be charged" in written.text
