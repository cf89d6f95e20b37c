"""Plans whose money goes back, is disputed, or is not collected; plans that are switched; and several of them in one order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.catalog.products import Price, Product
from core.events import questions, reconciliation
from core.foundation.errors import PlanNotActive, StripeRefused
from core.journeys import refund
from core.journeys.billing import billed_plans, plans
from core.kinds.grants import Grant
from core.messages import contents, wording
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.orders.status import GrantState
from core.orders.subscription_changes import SubscriptionChange
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.webhook.conftest import Tell

DAY_20 = datetime(2026, 12, 13, 10, 24, tzinfo=UTC)
PERIOD_END = datetime(2026, 12, 23, 10, 24, tzinfo=UTC)


def policy(shop: Shop, **settings: str) -> Shop:
    return replace(shop, settings=shop.settings.model_copy(update=settings))


def grant(shop: Shop, order_id: str) -> tuple[str, str, int]:
    """Product, state and seats of the order's only plan."""
    found = [each for each in builders.detail(shop, order_id)["grants"] if each["kind"] == "plan"]
    assert len(found) == 1
    return found[0]["product"], found[0]["state"], found[0]["quantity"]


def states(shop: Shop, order_id: str) -> list[tuple[str, str, int]]:
    """The same of each of its plans."""
    return [(each["product"], each["state"], each["quantity"]) for each in builders.detail(shop, order_id)["grants"]]


def topics(shop: Shop) -> list[tuple[str, str]]:
    return sorted((item.topic, item.detail) for item in attention.items(shop))


def closing(shop: Shop, order_id: str) -> str:
    """Why the order's only plan does not open."""
    [found] = [each.reason for each in builders.rows(shop, Grant) if each.order_id == order_id]
    return found


def cancels(shop: Shop) -> list[str]:
    return [job for job in builders.jobs(shop) if job.startswith("cancel_subscription:")]


def settle_at(shop: Shop, clock: Clock, moment: datetime) -> None:
    """Let the worker make a pass at this moment."""
    clock.time = moment
    reconciliation.sweep(shop)


# -- money that goes back


def test_a_plan_that_is_fully_refunded_is_cancelled_at_once(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    assert (grant(shop, order_id), stripe.subscriptions[name]["status"]) == (("plan", "revoked", 1), "active")
    assert [job.split(":")[1] for job in cancels(shop)] == [name]
    assert ("plan_bills_on", name) in topics(shop)
    builders.end_plans(shop)
    assert stripe.subscriptions[name]["status"] == "canceled"
    assert [row.status for row in builders.rows(shop, Subscription)] == ["canceled"]
    assert topics(shop) == []
    tell("customer.subscription.deleted", stripe.subscriptions[name])
    builders.end_plans(shop)
    assert (stripe.calls.count("cancel_subscription"), len(cancels(shop))) == (1, 1)
    assert (builders.status(shop, order_id), grant(shop, order_id)[1]) == ("refunded", "revoked")


def test_a_refund_made_in_stripes_dashboard_cancels_it_too(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 900))
    builders.end_plans(shop)
    assert stripe.subscriptions[name]["status"] == "canceled"


def test_an_owner_may_say_that_a_refunded_plan_goes_on(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    plan = refund.preview(shop, order_id, end_subscription=False)
    assert (plan.ends, plan.bills_on) == ((), (name,))
    refund.request(shop, order_id, actor="owner", end_subscription=False, agreed=plan)
    assert cancels(shop) == []
    assert (grant(shop, order_id)[1], topics(shop)) == ("revoked", [("plan_bills_on", name)])
    tell("invoice.paid", stripe.renew(name))
    assert (grant(shop, order_id)[1], topics(shop)) == ("active", [])


def test_where_the_policy_is_to_ask_the_owners_are_told_and_nothing_is_cancelled(
    shop: Shop, stripe: FakeStripe
) -> None:
    asking = policy(shop, plan_after_refund="ask", plan_after_dispute="ask")
    order_id, name = builders.subscribed(asking, stripe)
    assert refund.preview(asking, order_id).bills_on == (name,)
    assert refund.preview(asking, order_id, end_subscription=True).ends == (name,)
    refund.request(asking, order_id, actor="owner")
    builders.end_plans(asking)
    assert stripe.subscriptions[name]["status"] == "active"
    assert topics(asking) == [("plan_bills_on", name)]
    [gone] = builders.rows(asking, Refund)
    assert f"owner_notice:{order_id}:plan_bills_on:{name}:{gone.request}" in builders.jobs(asking)


def test_owners_are_told_that_a_plan_bills_on_each_time_that_it_comes_to_that_and_once(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    asking = policy(shop, plan_after_refund="ask", plan_after_dispute="ask")
    order_id, name = builders.subscribed(asking, stripe)

    def told() -> int:
        builders.end_plans(asking)
        return len([job for job in builders.jobs(asking) if f":plan_bills_on:{name}" in job])

    clock.time = PERIOD_END
    builders.deliver(asking, stripe.tell("invoice.paid", stripe.renew(name)))
    refund.request(asking, order_id, actor="owner")
    assert len(builders.rows(asking, Refund)) == 2
    assert (topics(asking), told()) == ([("plan_bills_on", name)], 1)
    clock.pass_(days=31)
    builders.deliver(asking, stripe.tell("invoice.paid", stripe.renew(name)))
    builders.ask_stripe(asking)
    assert (topics(asking), told()) == ([], 1)
    refund.request(asking, order_id, actor="owner")
    assert (topics(asking), told()) == ([("plan_bills_on", name)], 2)
    assert told() == 2


def test_a_plan_told_to_end_bills_nobody_on(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    tell("customer.subscription.updated", stripe.cancel_later(name))
    refund.request(shop, order_id, actor="owner", end_subscription=False)
    assert topics(shop) == []


def test_a_refund_that_failed_meanwhile_cancels_nothing(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    made = stripe.make_refund(builders.payment_of(shop, order_id), 900)
    tell("refund.created", made)
    tell("refund.failed", stripe.fail_refund(made["id"]))
    assert len(cancels(shop)) == 1
    builders.end_plans(shop)
    assert (stripe.subscriptions[name]["status"], grant(shop, order_id)[1]) == ("active", "active")
    assert "cancel_subscription" not in stripe.calls


def test_a_refund_that_fails_opens_a_plan_whose_subscription_it_ended_for_as_long_as_it_was_paid_for(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    builders.end_plans(shop)
    (made,) = stripe.refunds
    tell("refund.failed", stripe.fail_refund(made))
    assert (grant(shop, order_id)[1], builders.status(shop, order_id)) == ("active", "fulfilled")
    (item,) = attention.items(shop)
    assert item.topic == "refund_failed"
    assert "a plan whose subscription it cancelled" in item.advice
    [failed] = builders.rows(shop, Refund)
    letter = contents.to_owners(shop, order_id, f"refund_failed:{failed.id}")
    assert letter is not None
    assert "a plan whose subscription it cancelled" in wording.owner_notice(shop.settings, letter).text.replace(
        "\n", " "
    )
    settle_at(shop, clock, PERIOD_END - timedelta(minutes=1))
    assert grant(shop, order_id)[1] == "active"
    settle_at(shop, clock, PERIOD_END)
    assert (grant(shop, order_id)[1], builders.status(shop, order_id)) == ("revoked", "canceled")
    assert closing(shop, order_id) == "ended"


def test_a_plan_is_given_back_once_and_no_more_of_it_than_was_paid_for(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    """Paid back a second time it ends again, and what was owed for when it ended is not given back."""
    order_id, name = builders.subscribed(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    builders.end_plans(shop)
    tell("refund.failed", stripe.fail_refund(*stripe.refunds))
    refund.request(shop, order_id, actor="owner")
    assert (grant(shop, order_id)[1], closing(shop, order_id)) == ("revoked", "refunded")

    order_id, name = builders.subscribed(shop, stripe, cart="cart_2")
    clock.time = PERIOD_END + timedelta(days=1)
    tell("invoice.payment_failed", stripe.fail_renewal(name))
    builders.ask_stripe(shop)
    refund.request(shop, order_id, actor="owner")
    builders.end_plans(shop)
    tell("refund.failed", stripe.fail_refund(list(stripe.refunds)[-1]))
    assert stripe.subscriptions[name]["status"] == "canceled"
    assert grant(shop, order_id)[1] == "revoked"


def test_a_plan_that_was_ended_after_its_refund_had_failed_stays_ended(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    tell("refund.failed", stripe.fail_refund(*stripe.refunds))
    builders.end_plans(shop)
    clock.pass_(days=1)
    tell("customer.subscription.deleted", stripe.end(name))
    builders.ask_stripe(shop)
    assert grant(shop, order_id)[1] == "revoked"


def test_a_part_that_goes_back_cancels_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 2))
    refund.request(shop, order_id, 900, actor="owner")
    assert cancels(shop) == []
    refund.request(shop, order_id, 100, actor="owner", take_back=True)
    assert len(cancels(shop)) > 0


def test_of_a_subscription_for_two_plans_one_refunded_leaves_the_other(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2), ("plan-month", 3))
    refund.request(shop, order_id, actor="owner", lines=[1])
    assert [state for _, state in builders.grants(shop, order_id)] == ["revoked", "active"]
    assert (cancels(shop), topics(shop)) == ([], [("plan_bills_on", name)])


def test_a_product_that_is_kept_after_a_refund_keeps_its_subscription(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    with shop.transaction() as session:
        session.get_one(Product, "plan").terms = {"on_refund": "keep"}
    refund.request(shop, order_id, actor="owner")
    assert (grant(shop, order_id)[1], cancels(shop), topics(shop)) == ("active", [], [])


@pytest.mark.parametrize("rule", ["cancel", "ask"])
def test_a_plan_whose_dispute_is_lost_is_cancelled_or_for_the_owner_at_once(
    shop: Shop, stripe: FakeStripe, tell: Tell, rule: str
) -> None:
    shop = policy(shop, plan_after_dispute=rule)
    order_id, name = builders.subscribed(shop, stripe)
    payment = builders.payment_of(shop, order_id)
    tell("charge.dispute.created", stripe.dispute(payment))
    assert (grant(shop, order_id)[1], cancels(shop)) == ("suspended", [])
    tell("charge.dispute.closed", stripe.dispute(payment, status="lost"))
    assert grant(shop, order_id)[1] == "revoked"
    assert [topic for topic, _ in topics(shop)] == ["plan_bills_on"]
    builders.end_plans(shop)
    status = {"cancel": "canceled", "ask": "active"}[rule]
    assert stripe.subscriptions[name]["status"] == status
    assert [topic for topic, _ in topics(shop)] == {"cancel": [], "ask": ["plan_bills_on"]}[rule]


# -- money that is not collected


def test_seats_raised_and_not_paid_for_have_their_grace_and_then_what_was_paid_for_stays(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    clock.time = DAY_20
    tell("invoice.payment_failed", stripe.raise_seats(name, 5, declined=True))
    (row,) = builders.rows(shop, Subscription)
    assert (row.status, row.paid_until) == ("past_due", PERIOD_END)
    assert row.unpaid_since
    assert row.unpaid_since - DAY_20 < timedelta(minutes=1)
    assert grant(shop, order_id) == ("plan", "active", 5)
    settle_at(shop, clock, DAY_20 + timedelta(days=6, hours=23))
    assert grant(shop, order_id) == ("plan", "active", 5)
    settle_at(shop, clock, DAY_20 + timedelta(days=7, minutes=1))
    assert grant(shop, order_id) == ("plan", "active", 2)
    settle_at(shop, clock, PERIOD_END - timedelta(minutes=1))
    assert grant(shop, order_id) == ("plan", "active", 2)
    settle_at(shop, clock, PERIOD_END)
    assert grant(shop, order_id) == ("plan", "suspended", 2)
    (owed,) = [each for each in stripe.invoices_of(name) if each["status"] == "open"]
    tell("invoice.paid", stripe.renew(name))
    assert (owed["status"], grant(shop, order_id)) == ("paid", ("plan", "active", 5))


def test_a_plan_switched_and_not_paid_for_has_its_grace_and_then_what_was_paid_for_stays(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    bigger = stripe.sell(2000, interval="month")
    builders.sell_bigger_plan(shop, stripe_price_id=bigger)
    clock.time = DAY_20
    tell("invoice.payment_failed", stripe.raise_seats(name, 5, price=bigger, declined=True))
    assert grant(shop, order_id) == ("bigger", "active", 5)
    settle_at(shop, clock, DAY_20 + timedelta(days=7, minutes=1))
    assert grant(shop, order_id) == ("plan", "active", 2)
    settle_at(shop, clock, PERIOD_END)
    assert grant(shop, order_id)[1] == "suspended"
    tell("invoice.paid", stripe.renew(name))
    assert grant(shop, order_id) == ("bigger", "active", 5)


def test_a_plan_that_was_added_and_never_paid_for_has_its_grace_and_is_put_on_hold_then(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    bigger = stripe.sell(2000, interval="month")
    builders.sell_bigger_plan(shop, stripe_price_id=bigger)
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2), "bigger-month")
    clock.time = DAY_20
    taken_out = stripe.subscriptions[name]["items"]["data"].pop()
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert states(shop, order_id) == [("plan", "active", 2), ("bigger", "revoked", 1)]
    owed = stripe.add_unpaid(name, taken_out["price"]["id"], 3)
    tell("invoice.payment_failed", owed)
    assert states(shop, order_id) == [("plan", "active", 2), ("bigger", "active", 3)]
    settle_at(shop, clock, DAY_20 + timedelta(days=7, minutes=1))
    assert states(shop, order_id) == [("plan", "active", 2), ("bigger", "suspended", 0)]
    tell("invoice.paid", stripe.renew(name))
    assert states(shop, order_id) == [("plan", "active", 2), ("bigger", "active", 3)]


def test_to_pay_back_a_change_within_a_period_ends_no_plan_and_to_pay_back_the_period_does(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    clock.time = DAY_20
    change = stripe.raise_seats(name, 5)
    tell("invoice.paid", change)
    refund.request(shop, order_id, payment=change["id"], actor="owner")
    assert grant(shop, order_id) == ("plan", "active", 5)
    assert (cancels(shop), topics(shop)) == ([], [])
    refund.request(shop, order_id, actor="owner")
    assert grant(shop, order_id)[1] == "revoked"
    assert {job.split(":")[1] for job in cancels(shop)} == {name}


def test_a_credit_for_fewer_seats_keeps_no_plan_whose_period_was_paid_back(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 5))
    clock.time = DAY_20
    credited = stripe.raise_seats(name, 3)
    tell("invoice.paid", credited)
    assert grant(shop, order_id) == ("plan", "active", 3)
    refund.request(shop, order_id, actor="owner")
    assert grant(shop, order_id)[1] == "revoked"
    assert {job.split(":")[1] for job in cancels(shop)} == {name}


def test_grace_counts_from_the_first_of_several_unpaid_invoices(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    clock.time = PERIOD_END
    tell("invoice.payment_failed", stripe.fail_renewal(name))
    settle_at(shop, clock, PERIOD_END + timedelta(days=5))
    tell("invoice.payment_failed", stripe.raise_seats(name, 4, declined=True))
    assert grant(shop, order_id) == ("plan", "active", 4)
    settle_at(shop, clock, PERIOD_END + timedelta(days=7))
    assert grant(shop, order_id)[1] == "suspended"


@pytest.mark.parametrize(("status", "state"), [("void", "active"), ("uncollectible", "suspended")])
def test_an_invoice_that_is_voided_is_owed_no_more_and_one_given_up_is(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock, status: str, state: str
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.time = PERIOD_END
    invoice = stripe.fail_renewal(name)
    tell("invoice.payment_failed", invoice)
    kind = {"void": "invoice.voided", "uncollectible": "invoice.marked_uncollectible"}[status]
    tell(kind, stripe.give_up_invoice(invoice["id"], status))
    settle_at(shop, clock, PERIOD_END + timedelta(days=8))
    assert grant(shop, order_id) == ("plan", state, 1)


def test_a_debt_given_up_long_ago_shortens_no_later_grace(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.time = PERIOD_END
    stripe.give_up_invoice(stripe.fail_renewal(name)["id"], "uncollectible")
    clock.pass_(days=31)
    tell("invoice.paid", stripe.renew(name))
    clock.pass_(days=31)
    tell("invoice.payment_failed", stripe.fail_renewal(name))
    assert grant(shop, order_id) == ("plan", "active", 1)


def test_paused_collection_keeps_what_is_paid_for_until_its_end(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    tell("customer.subscription.updated", stripe.pause(name))
    settle_at(shop, clock, PERIOD_END - timedelta(minutes=1))
    assert grant(shop, order_id) == ("plan", "active", 1)
    clock.time = PERIOD_END
    tell("invoice.voided", stripe.pass_unbilled(name))
    assert grant(shop, order_id) == ("plan", "suspended", 1)
    stripe.unpause(name)
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert grant(shop, order_id) == ("plan", "active", 1)


# -- what a subscription is made of


def test_only_the_plans_own_item_counts_as_seats(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 3))
    tell("customer.subscription.updated", stripe.add_item(name, stripe.sell(100, interval="month"), 8))
    assert grant(shop, order_id) == ("plan", "active", 3)
    items = builders.rows(shop, SubscriptionItem)
    assert sorted((row.quantity, row.order_line_id is None) for row in items) == [(3, False), (8, True)]
    assert topics(shop) == []
    stripe.subscriptions[name]["items"]["data"][1]["quantity"] = 0
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert grant(shop, order_id) == ("plan", "active", 3)


def test_a_plan_of_ours_that_is_billed_and_that_the_order_never_bought_is_for_the_owner(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 3))
    bigger = stripe.sell(2000, interval="month")
    builders.sell_bigger_plan(shop, stripe_price_id=bigger)
    tell("customer.subscription.updated", stripe.add_item(name, bigger, 2))
    assert grant(shop, order_id) == ("plan", "active", 3)
    assert topics(shop) == [("plan_beside", f"{name} {bigger}")]
    stripe.subscriptions[name]["items"]["data"][1]["quantity"] = 0
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert topics(shop) == []


def test_zero_is_zero(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 3))
    tell("customer.subscription.updated", stripe.change_seats(name, 0))
    assert grant(shop, order_id) == ("plan", "active", 0)


@pytest.mark.parametrize("known_by", ["stripe_price_id", "lookup_key"])
def test_a_plan_that_is_switched_becomes_the_other_one_and_back(
    shop: Shop, stripe: FakeStripe, tell: Tell, known_by: str
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    bigger = stripe.sell(2000, interval="month")
    builders.sell_bigger_plan(shop, stripe_price_id=bigger if known_by == "stripe_price_id" else None)
    if known_by == "lookup_key":
        stripe.prices[bigger]["lookup_key"] = "bigger-month"
    before = stripe.subscriptions[name]["items"]["data"][0]["price"]
    tell("customer.subscription.updated", stripe.switch(name, bigger))
    assert grant(shop, order_id) == ("bigger", "active", 2)
    assert [each.product for each in builders.deliveries(shop, order_id)] == ["Bigger Plan"]
    stripe.subscriptions[name]["items"]["data"][0]["price"] = before
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert grant(shop, order_id) == ("plan", "active", 2)
    assert [each.product for each in builders.deliveries(shop, order_id)] == ["Plan"]
    assert topics(shop) == []


def test_a_foreign_price_is_for_the_owner_and_access_stays_as_paid_for(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    foreign = stripe.sell(5000, interval="month")
    stripe.change_seats(name, 7)
    tell("customer.subscription.updated", stripe.switch(name, foreign))
    assert grant(shop, order_id) == ("plan", "active", 2)
    assert topics(shop) == [("foreign_price", f"{name} {foreign}")]
    builders.sell_bigger_plan(shop, stripe_price_id=foreign)
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert (grant(shop, order_id), topics(shop)) == (("bigger", "active", 7), [])
    tell("customer.subscription.deleted", stripe.end(name))
    assert grant(shop, order_id)[1] == "revoked"


def test_a_plan_that_is_added_takes_no_line_from_the_item_whose_price_became_foreign(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 3))
    foreign, bigger = stripe.sell(5000, interval="month"), stripe.sell(2000, interval="month")
    builders.sell_bigger_plan(shop, stripe_price_id=bigger)
    tell("customer.subscription.updated", stripe.switch(name, foreign))
    invoice = stripe.add_unpaid(name, bigger, 2)
    tell("invoice.payment_failed", invoice)
    clock.pass_(days=20)
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert grant(shop, order_id) == ("plan", "active", 3)
    assert topics(shop) == [("foreign_price", f"{name} {foreign}"), ("plan_beside", f"{name} {bigger}")]
    with pytest.raises(PlanNotActive):
        billed_plans.of_grant(shop, builders.deliveries(shop, order_id)[0].grant_id)


@pytest.mark.parametrize("heard", [True, False])
def test_a_renewal_whose_invoice_cannot_be_made_out_is_for_the_owner_until_it_is_billed(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock, heard: bool
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.time = PERIOD_END + timedelta(minutes=6)
    draft = stripe.fail_to_bill(name)
    if heard:
        for _ in range(2):
            assert tell("invoice.finalization_failed", draft) == "applied"
    else:
        reconciliation.sweep(shop)
    # Stripe lets the plan go on, and so does the shop: its buyer has done nothing wrong, and nobody asked them for money.
    assert grant(shop, order_id) == ("plan", "active", 1)
    assert topics(shop) == [("not_billed", f"{name} {draft['id']}, customer_tax_location_invalid")]
    told = f"not_billed:{draft['id']}"
    assert [job for job in builders.jobs(shop) if "not_billed" in job] == [f"owner_notice:{order_id}:{told}"]
    letter = contents.to_owners(shop, order_id, told)
    assert letter
    assert (letter.topic, letter.amount.amount, letter.detail) == ("not_billed", 900, "customer_tax_location_invalid")
    # The next one is paid: of the one before nothing was.
    clock.time = PERIOD_END + timedelta(days=32)
    tell("invoice.paid", stripe.renew(name))
    assert [topic for topic, _ in topics(shop)] == ["not_billed"]
    tell("invoice.paid", stripe.pay_invoice(draft["id"]))
    assert (topics(shop), contents.to_owners(shop, order_id, told)) == ([], None)


@pytest.mark.parametrize("end", ["voided", "deleted", "ended"])
def test_what_was_not_billed_is_nobodys_any_more_when_the_owner_gave_it_up(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock, end: str
) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.time = PERIOD_END + timedelta(minutes=6)
    draft = stripe.fail_to_bill(name)
    tell("invoice.finalization_failed", draft)
    assert [topic for topic, _ in topics(shop)] == ["not_billed"]
    match end:
        case "voided":
            tell("invoice.voided", stripe.give_up_invoice(draft["id"], "void"))
        case "deleted":
            del stripe.invoices[draft["id"]]
            settle_at(shop, clock, clock.time + timedelta(days=2))
        case _:
            tell("customer.subscription.deleted", stripe.end(name))
    assert topics(shop) == []


def test_a_renewal_that_is_still_a_draft_is_waited_for(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.time = PERIOD_END + timedelta(minutes=6)
    stripe.fail_to_bill(name)["last_finalization_error"] = None
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert topics(shop) == []


def test_a_price_of_ours_for_something_else_is_no_plan(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    odd = stripe.sell(2900, interval="month")
    with shop.transaction() as session:
        session.get_one(Price, "guide-eur").stripe_price_id = odd
    tell("customer.subscription.updated", stripe.switch(name, odd))
    assert grant(shop, order_id) == ("plan", "active", 1)
    assert [topic for topic, _ in topics(shop)] == ["foreign_price"]


def test_a_plan_taken_out_of_its_subscription_ends_alone(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2), ("plan-month", 3))
    del stripe.subscriptions[name]["items"]["data"][0]
    tell("customer.subscription.updated", stripe.subscriptions[name])
    found = builders.detail(shop, order_id)
    assert [(each["state"], each["quantity"]) for each in found["grants"]] == [("revoked", 2), ("active", 3)]
    assert found["status"] == "fulfilled"


# -- two subscriptions of one order


def twice(shop: Shop, stripe: FakeStripe, tell: Tell, *, email: str = "nora@lindqvist.example") -> tuple[str, str, str]:
    """An order whose two Sessions were both paid, the second by `email`: its id, and those of its two subscriptions."""
    order_id, session_id = builders.opened(shop, ("plan-month", 2))
    second_id = stripe.recover(session_id)["id"]
    first = stripe.pay(session_id)
    second = stripe.pay(second_id, email=email)
    for each in (second, first):
        tell("checkout.session.completed", each)
        tell("customer.subscription.created", stripe.subscriptions[each["subscription"]])
    return order_id, first["subscription"], second["subscription"]


@pytest.mark.parametrize("ended", [0, 1])
def test_of_two_subscriptions_whichever_lives_keeps_the_order_alive(
    shop: Shop, stripe: FakeStripe, tell: Tell, ended: int
) -> None:
    order_id, *names = twice(shop, stripe, tell)
    assert grant(shop, order_id) == ("plan", "active", 2)
    tell("customer.subscription.deleted", stripe.end(names[ended]))
    assert (builders.status(shop, order_id), grant(shop, order_id)) == ("fulfilled", ("plan", "active", 2))
    tell("customer.subscription.deleted", stripe.end(names[1 - ended]))
    assert (builders.status(shop, order_id), grant(shop, order_id)) == ("canceled", ("plan", "revoked", 2))


def test_of_two_peoples_subscriptions_the_first_ones_alone_opens_the_order(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    order_id, first, second = twice(shop, stripe, tell, email="ida@example.com")
    stripe.change_seats(second, 9)
    tell("customer.subscription.updated", stripe.subscriptions[second])
    assert grant(shop, order_id) == ("plan", "active", 2)
    tell("customer.subscription.deleted", stripe.end(first))
    assert grant(shop, order_id)[1] == "revoked"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Nora@Berg.example", "nora@berg.example", True),
        ("nora@bücher.example", "nora@xn--bcher-kva.example", True),
        ("strasse@berg.example", "straße@berg.example", False),
    ],
)
@builders.on_sqlite
def test_a_second_session_is_the_buyers_by_the_mailbox_it_was_paid_under(
    shop: Shop, stripe: FakeStripe, first: str, second: str, same: bool
) -> None:
    order_id, names = builders.begun_twice(shop, stripe, emails=(first, second))
    stripe.change_seats(names[1], 9)
    questions.ask(shop, names[1])
    assert grant(shop, order_id) == ("plan", "active", 9 if same else 1)


def test_of_a_plan_bought_twice_the_one_that_is_paid_back_is_cancelled(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    order_id, first, second = twice(shop, stripe, tell)
    tell("invoice.paid", stripe.invoices_of(first)[0])
    tell("invoice.paid", stripe.invoices_of(second)[0])
    paid_again = stripe.payment_of(second)
    assert paid_again
    tell("refund.created", stripe.make_refund(paid_again, 1800))
    builders.end_plans(shop)
    assert [stripe.subscriptions[name]["status"] for name in (first, second)] == ["active", "canceled"]
    assert (builders.status(shop, order_id), grant(shop, order_id)) == ("partially_refunded", ("plan", "active", 2))


def test_a_plan_that_somebody_else_pays_for_is_told_of_also_where_the_buyers_own_went_back(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id, (own, others) = builders.begun_twice(shop, stripe, emails=(builders.BUYER, "ole@berg.example"))
    paid = {row.stripe_subscription_id: row.id for row in builders.rows(shop, Payment)}
    foreseen = refund.preview(shop, order_id, payment=paid[own])
    assert (foreseen.ends, [each.after for each in foreseen.deliveries]) == ((own,), [GrantState.REVOKED])
    refund.request(shop, order_id, payment=paid[own], actor="owner")
    builders.end_plans(shop)
    assert [stripe.subscriptions[name]["status"] for name in (own, others)] == ["canceled", "active"]
    assert grant(shop, order_id)[1] == "revoked"
    assert [(item.topic, item.detail) for item in attention.items(shop)] == [("paid_twice", paid[others])]
    refund.request(shop, order_id, payment=paid[others], actor="owner")
    builders.end_plans(shop)
    assert (stripe.subscriptions[others]["status"], attention.items(shop)) == ("canceled", [])


# -- what it brings in


def changes(shop: Shop) -> list[tuple[str, int, int]]:
    rows = sorted(builders.rows(shop, SubscriptionChange), key=lambda row: (row.subscription_id, row.number))
    return [(row.kind.value, row.monthly_before, row.monthly_after) for row in rows]


def test_every_change_of_what_a_plan_brings_in_is_written_once(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    for seats in (5, 5, 3):
        tell("customer.subscription.updated", stripe.change_seats(name, seats))
    stripe.subscriptions[name]["status"] = "unpaid"
    tell("customer.subscription.updated", stripe.subscriptions[name])
    stripe.subscriptions[name]["status"] = "active"
    tell("customer.subscription.updated", stripe.subscriptions[name])
    clock.pass_(days=1)
    ended = stripe.end(name, reason="payment_failed")
    tell("customer.subscription.deleted", ended)
    builders.ask_stripe(shop)
    assert changes(shop) == [
        ("new", 0, 1800), ("expansion", 1800, 4500), ("contraction", 4500, 2700), ("churned", 2700, 0),
        ("reactivation", 0, 2700), ("churned", 2700, 0),
    ]  # fmt: skip
    *_, last = builders.rows(shop, SubscriptionChange)
    assert (last.reason, last.at) == ("payment_failed", datetime.fromtimestamp(ended["ended_at"], UTC))


def test_a_trial_brings_in_nothing_until_it_is_paid_for(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    builders.let_try(shop, days=30)
    _, name = builders.subscribed(shop, stripe, "plan-year")
    assert changes(shop) == []
    clock.pass_(days=30)
    tell("invoice.paid", stripe.renew(name))
    assert changes(shop) == [("new", 0, 750)]
    (row,) = builders.rows(shop, SubscriptionChange)
    assert row.at == builders.rows(shop, Subscription)[0].trial_end


def test_one_that_lived_and_died_unheard_of_has_both_ends(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    _, session_id = builders.opened(shop, "plan-month")
    name = stripe.pay(session_id)["subscription"]
    tell("checkout.session.completed", stripe.sessions[session_id])
    born = datetime.fromtimestamp(stripe.subscriptions[name]["created"], UTC)
    clock.pass_(days=3)
    stripe.end(name)
    died = clock.time
    reconciliation.sweep(shop)
    assert [(row.kind.value, row.at) for row in builders.rows(shop, SubscriptionChange)] == [
        ("new", born), ("churned", died),
    ]  # fmt: skip


def test_discounts_that_stay_count_and_those_that_end_do_not(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    _, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    stripe.give_discount(name, duration="repeating", percent=50)
    stripe.give_discount(name, duration="once", amount=500)
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert changes(shop) == [("new", 0, 1800)]
    stripe.give_discount(name, duration="forever", percent=12.5)
    stripe.give_discount(name, duration="forever", amount=100)
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert changes(shop) == [("new", 0, 1800), ("contraction", 1800, 1475)]


def test_discounts_of_single_items_that_stay_count_and_those_that_end_do_not(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    _, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    stripe.give_discount(name, duration="once", percent=50, item=0)
    stripe.give_discount(name, duration="repeating", amount=500, item=0)
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert changes(shop) == [("new", 0, 1800)]
    stripe.give_discount(name, duration="forever", percent=10, item=0)
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert changes(shop) == [("new", 0, 1800), ("contraction", 1800, 1620)]


def test_discounts_for_certain_products_lower_what_those_bring_in_alone(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    _, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    product = stripe.subscriptions[name]["items"]["data"][0]["price"]["product"]
    stripe.give_discount(name, duration="forever", percent=50, products=["prod_of_another_plan"])
    stripe.give_discount(name, duration="forever", amount=100, item=0, products=["prod_of_another_plan"])
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert changes(shop) == [("new", 0, 1800)]
    stripe.give_discount(name, duration="forever", percent=50, products=["prod_of_another_plan", product])
    tell("customer.subscription.updated", stripe.subscriptions[name])
    assert changes(shop) == [("new", 0, 1800), ("contraction", 1800, 900)]


# -- ending one at Stripe


def test_stripe_refusing_to_end_one_is_for_a_person(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    (job,) = cancels(shop)
    stripe.trouble = [StripeRefused("permission_error", "This key may not")]
    with pytest.raises(StripeRefused):
        plans.end(shop, name, job.split(":")[2])
    assert topics(shop) == [("plan_bills_on", name)]
