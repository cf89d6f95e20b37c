"""Plans: their subscription, its invoices and payments, from the first month to the end."""

from datetime import timedelta
from typing import Any

import pytest

from core.foundation.errors import StripeRefused, StripeUnreachable
from core.orders import subscription_invoices, subscriptions
from core.orders.subscription_invoices import Standing
from core.orders.subscriptions import SubscriptionFacts
from tests import builders
from tests.contract.sides import Side, newest_payment, told


def subscribed(side: Side, *items: str | tuple[str, int]) -> str:
    """A subscription that somebody has just paid for."""
    _, session_id = builders.opened(side.shop, *items or ("plan-month",))
    side.pay(session_id)
    return str(side.stripe.retrieve_checkout(session_id).subscription)


def on_trial(side: Side, days: int = 14) -> str:
    """A subscription that costs nothing yet."""
    builders.let_try(side.shop, days)
    _, session_id = builders.opened(side.shop, "plan-month")
    assert side.stripe.retrieve_checkout(session_id).amount_total == 0
    side.pay(session_id)
    return str(side.stripe.retrieve_checkout(session_id).subscription)


def found(side: Side, name: str) -> dict[str, Any]:
    subscription = side.stripe.find_subscription(name)
    assert subscription
    return subscription


def facts(side: Side, name: str) -> SubscriptionFacts:
    return subscriptions.read_subscription(found(side, name))


def invoice_of(side: Side, payment_intent: str | None) -> dict[str, Any]:
    invoice = side.stripe.find_invoice_of(str(payment_intent))
    assert invoice
    return invoice


def test_a_paid_plan_is_active_for_its_first_month(side: Side) -> None:
    name = subscribed(side, ("plan-month", 3))
    assert name.startswith("sub_")
    plan = facts(side, name)
    assert (plan.status, [item.quantity for item in plan.items], plan.interval) == ("active", [3], "month")
    (item,) = plan.items
    assert (item.sold_as, item.unit_amount, item.interval_count) == ("plan", 900, 1)
    assert (item.id[:3], item.stripe_price_id[:6]) == ("si_", "price_")
    assert plan.created_at == plan.period_start
    assert (plan.amount, plan.currency) == (2700, "eur")
    assert (plan.order_id, plan.shop_id) == (builders.rows(side.shop, builders.Order)[0].id, side.shop.id)
    assert plan.period_start
    assert plan.period_end
    assert abs(plan.period_start - side.clock()) < timedelta(minutes=1)
    assert timedelta(days=28) <= plan.period_end - plan.period_start <= timedelta(days=31)
    assert str(plan.customer).startswith("cus_")
    assert (plan.trial_end, plan.ends_at, plan.ended_at, plan.paused, plan.end_reason) == (None, None, None, False, "")


def test_a_years_plan_lasts_a_year(side: Side) -> None:
    plan = facts(side, subscribed(side, "plan-year"))
    assert plan.period_start
    assert plan.period_end
    assert plan.period_end.replace(year=plan.period_start.year) == plan.period_start


def test_of_a_mixed_cart_the_plan_alone_is_subscribed_to(side: Side) -> None:
    name = subscribed(side, "plan-month", "guide-eur")
    assert facts(side, name).amount == 900
    assert invoice_of(side, newest_payment(side, name))["amount_paid"] == 900 + 2900


def test_two_plans_are_two_items_of_one_subscription(side: Side) -> None:
    name = subscribed(side, ("plan-month", 2), ("plan-month", 3))
    assert [item["quantity"] for item in found(side, name)["items"]["data"]] == [2, 3]


def test_the_payment_leads_to_the_invoice_and_the_invoice_to_the_order(side: Side) -> None:
    name = subscribed(side)
    payment = newest_payment(side, name)
    intent = side.payment(str(payment))
    assert intent
    assert (intent["metadata"], intent["amount"]) == ({}, 900)
    invoice = invoice_of(side, payment)
    assert invoice["id"].startswith("in_")
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", 900)
    assert invoice["billing_reason"] == "subscription_create"
    parent = invoice["parent"]["subscription_details"]
    assert (parent["subscription"], parent["metadata"]) == (name, found(side, name)["metadata"])
    opened = side.stripe.find_checkout_of(subscription=name)
    assert opened
    assert (opened["subscription"], opened["payment_intent"]) == (name, None)
    assert opened["client_reference_id"] == parent["metadata"]["order_id"]


def test_nothing_leads_to_a_subscription_that_is_not_there(side: Side) -> None:
    assert side.stripe.find_subscription("sub_nobody") is None
    assert side.stripe.find_checkout_of(subscription="sub_nobody") is None
    assert side.stripe.payment_intent_of_invoice("in_nobody") is None
    assert side.stripe.payments_of_invoice("in_nobody") == {}
    assert side.stripe.find_invoice_of("pi_nobody") is None


def test_a_payment_for_no_plan_has_no_invoice(side: Side) -> None:
    _, session_id = builders.opened(side.shop)
    side.pay(session_id)
    assert side.stripe.find_invoice_of(str(side.stripe.retrieve_checkout(session_id).payment_intent)) is None


def test_a_trial_costs_nothing_until_it_is_over(side: Side) -> None:
    name = on_trial(side)
    trial = facts(side, name)
    assert (trial.status, trial.trial_end) == ("trialing", trial.period_end)
    assert newest_payment(side, name) is None
    (first,) = [event["data"]["object"] for event in told(side) if event["type"] == "invoice.paid"]
    assert (first["amount_paid"], first["status"], first["billing_reason"]) == (0, "paid", "subscription_create")
    side.end_period(name)
    plan = facts(side, name)
    assert (plan.status, plan.trial_end, plan.period_start) == ("active", trial.trial_end, trial.trial_end)
    paid = invoice_of(side, newest_payment(side, name))
    assert (paid["amount_paid"], paid["billing_reason"]) == (900, "subscription_cycle")


def test_a_renewal_moves_the_period_and_is_paid_by_a_payment_of_its_own(side: Side) -> None:
    name = subscribed(side)
    first, before = newest_payment(side, name), facts(side, name)
    side.end_period(name)
    after = facts(side, name)
    assert after.period_start == before.period_end
    second = newest_payment(side, name)
    assert second not in (first, None)
    invoice = invoice_of(side, second)
    assert (invoice["billing_reason"], invoice["amount_paid"]) == ("subscription_cycle", 900)
    assert invoice["created"] == int(before.period_end.timestamp()) if before.period_end else None


def test_a_renewal_that_fails_is_past_due_and_recovers_with_the_same_invoice(side: Side) -> None:
    name = subscribed(side)
    first, before = newest_payment(side, name), facts(side, name)
    side.fail_renewal(name)
    late = facts(side, name)
    assert (late.status, late.period_start) == ("past_due", before.period_end)
    assert newest_payment(side, name) == first
    (owed,) = [event["data"]["object"] for event in told(side) if event["type"] == "invoice.payment_failed"]
    assert (owed["status"], owed["amount_due"], owed["amount_paid"]) == ("open", 900, 0)
    (refused,) = [event["data"]["object"] for event in told(side) if event["type"] == "payment_intent.payment_failed"]
    assert invoice_of(side, refused["id"])["id"] == owed["id"]
    side.recover(name)
    well = facts(side, name)
    assert (well.status, well.period_start, well.period_end) == ("active", late.period_start, late.period_end)
    assert newest_payment(side, name) == refused["id"]
    paid = invoice_of(side, refused["id"])
    assert (paid["id"], paid["status"], paid["amount_paid"]) == (owed["id"], "paid", 900)


def test_seats_change_at_once_and_are_paid_for_from_the_next_period(side: Side) -> None:
    name = subscribed(side, ("plan-month", 2))
    side.change_seats(name, 5)
    assert ([item.quantity for item in facts(side, name).items], facts(side, name).amount) == ([5], 4500)
    side.end_period(name)
    assert invoice_of(side, newest_payment(side, name))["amount_paid"] == 4500


def test_what_will_be_billed_next_is_said_before(side: Side) -> None:
    name = subscribed(side, ("plan-month", 2))
    assert side.stripe.next_bill(name) == 1800
    side.change_seats(name, 5)
    said = side.stripe.next_bill(name)
    side.end_period(name)
    assert invoice_of(side, newest_payment(side, name))["amount_paid"] == said == 4500


def test_another_number_of_seats_is_billed_at_once_by_what_was_said_before(side: Side) -> None:
    name = subscribed(side, ("plan-month", 2))
    [item] = facts(side, name).items
    assert item.period_start
    at = int(item.period_start.timestamp())
    said = side.stripe.preview_item(name, item.id, {"quantity": 4}, at=at)
    assert (said, [each.quantity for each in facts(side, name).items]) == (1800, [2])
    for _ in range(2):  # the same question twice is one change
        side.stripe.change_item(name, item.id, {"quantity": 4}, at=at, key="seats:1")
    assert [each.quantity for each in facts(side, name).items] == [4]
    assert invoice_of(side, newest_payment(side, name))["amount_paid"] == said
    assert side.stripe.preview_item(name, item.id, {"quantity": 1}, at=at) == -2700


def test_another_interval_begins_a_period_at_once_and_costs_what_was_said_before(side: Side) -> None:
    name = subscribed(side, ("plan-month", 2))
    [item] = facts(side, name).items
    assert item.period_start
    at = int(item.period_start.timestamp())
    yearly = {"price": side.sell(9000, interval="year"), "quantity": 2}
    said = side.stripe.preview_item(name, item.id, yearly, at=at)
    assert (said, [each.interval for each in facts(side, name).items]) == (18000 - 1800, ["month"])
    side.stripe.change_item(name, item.id, yearly, at=at, key="interval:1")
    [after] = facts(side, name).items
    assert (after.id, after.interval, after.quantity) == (item.id, "year", 2)
    assert after.period_start
    assert after.period_end
    # Seconds later, by a clock that goes on.
    assert after.period_start - item.period_start < timedelta(minutes=1)
    assert (after.period_end - after.period_start).days in (365, 366)
    assert side.stripe.invoices_of_subscription(name)[0]["amount_paid"] == said


def test_another_interval_in_a_trial_costs_nothing_and_leaves_its_end(side: Side) -> None:
    builders.let_try(side.shop, 14)
    name = subscribed(side)
    before = facts(side, name)
    [item] = before.items
    assert item.period_start
    price, at = {"price": side.sell(9000, interval="year"), "quantity": 1}, int(item.period_start.timestamp())
    side.stripe.change_item(name, item.id, price, at=at, key="interval:2")
    after = facts(side, name)
    assert (after.status, after.period_end, after.interval) == ("trialing", before.trial_end, "year")
    side.end_period(name)
    assert invoice_of(side, newest_payment(side, name))["amount_paid"] == 9000


def test_cancelled_in_the_portal_it_names_the_moment_and_ends_then(side: Side) -> None:
    name = subscribed(side)
    side.cancel_later(name)
    going, raw = facts(side, name), found(side, name)
    assert (going.status, going.ends_at, going.ended_at) == ("active", going.period_end, None)
    assert (raw["cancel_at_period_end"], raw["canceled_at"] is not None) == (False, True)
    side.end_period(name)
    gone = facts(side, name)
    assert (gone.status, gone.ended_at, gone.end_reason) == ("canceled", going.period_end, "cancellation_requested")


def test_told_by_the_shop_to_end_later_it_ends_with_its_period_and_stays_ended(side: Side) -> None:
    name = subscribed(side)
    side.stripe.end_later(name)
    going = facts(side, name)
    assert (going.status, going.ends_at) == ("active", going.period_end)
    side.end_period(name)
    assert facts(side, name).status == "canceled"
    assert side.stripe.end_later(name)["status"] == "canceled"
    with pytest.raises(StripeRefused):
        side.stripe.end_later("sub_nobody")


def test_cancelled_at_once_it_ends_now(side: Side) -> None:
    name = subscribed(side)
    side.cancel(name)
    gone = facts(side, name)
    assert (gone.status, gone.ends_at, gone.end_reason) == ("canceled", None, "cancellation_requested")
    assert gone.ended_at
    assert abs(gone.ended_at - side.clock()) < timedelta(minutes=1)
    assert newest_payment(side, name) is not None


def test_ended_by_the_shop_it_is_over_however_often_it_is_told(side: Side) -> None:
    name = subscribed(side)
    first = side.stripe.cancel_subscription(name)
    assert (first["id"], first["status"]) == (name, "canceled")
    again = side.stripe.cancel_subscription(name)
    assert (again["status"], again["ended_at"]) == ("canceled", first["ended_at"])
    assert facts(side, name).end_reason == "cancellation_requested"
    with pytest.raises(StripeRefused) as refusal:
        side.stripe.cancel_subscription("sub_nobody")
    assert refusal.value.code == "resource_missing"


def test_whether_the_end_was_answered_or_not_it_is_over(side: Side) -> None:
    name = subscribed(side)
    side.lose_next_answer()
    with pytest.raises(StripeUnreachable):
        side.stripe.cancel_subscription(name)
    assert side.stripe.cancel_subscription(name)["status"] == "canceled"


def test_invoices_say_until_when_a_plan_is_paid_for(side: Side) -> None:
    name = subscribed(side, ("plan-month", 2), "guide-eur")
    before = facts(side, name)
    (first,) = side.stripe.invoices_of_subscription(name)
    assert subscription_invoices.read_standing([first]) == Standing(paid_until=before.period_end)
    side.fail_renewal(name)
    newest, oldest = side.stripe.invoices_of_subscription(name)
    assert (oldest["id"], newest["status"]) == (first["id"], "open")
    assert subscription_invoices.needed(found(side, name))
    standing = subscription_invoices.read_standing([newest, oldest])
    assert standing == Standing(
        paid_until=before.period_end, unpaid_since=before.period_end, unpaid_amount=newest["amount_due"],
        payment_url=newest.get("hosted_invoice_url") or ""
    )  # fmt: skip
    side.recover(name)
    standing = subscription_invoices.read_standing(side.stripe.invoices_of_subscription(name))
    assert standing == Standing(paid_until=facts(side, name).period_end)
    assert not subscription_invoices.needed(found(side, name))
    assert side.stripe.invoices_of_subscription("sub_nobody") == []


def test_seats_raised_and_not_paid_for_say_what_was_paid_for(side: Side) -> None:
    name = subscribed(side, ("plan-month", 2))
    before = facts(side, name)
    side.pass_(days=10)
    side.raise_seats_unpaid(name, 5)
    after = facts(side, name)
    assert (after.status, [item.quantity for item in after.items]) == ("past_due", [5])
    standing = subscription_invoices.read_standing(side.stripe.invoices_of_subscription(name))
    assert standing.paid_until == before.period_end == after.period_end
    assert standing.unpaid_since
    assert abs(standing.unpaid_since - side.clock()) < timedelta(minutes=1)
    assert standing.paid_quantities == {after.items[0].stripe_price_id: 2}


def test_a_plan_that_was_added_and_not_paid_for_was_never_paid_for(side: Side) -> None:
    name = subscribed(side, ("plan-month", 2))
    side.pass_(days=10)
    price = side.sell(2000, interval="month")
    side.add_item_unpaid(name, price, 3)
    first, added = facts(side, name).items
    assert (added.stripe_price_id, added.quantity) == (price, 3)
    standing = subscription_invoices.read_standing(side.stripe.invoices_of_subscription(name))
    assert standing.unpaid_since
    assert standing.paid_quantities == {price: 0}
    assert first.id in standing.paid_before
    assert not {added.id, price} & standing.paid_before


def test_the_portal_opens_for_a_customer_and_for_nobody_else(side: Side) -> None:
    name = subscribed(side)
    customer, back = str(facts(side, name).customer), "http://localhost:8501/purchases"
    asked = {"features": {"invoice_history": {"enabled": True}}, "metadata": {"shop_id": "shop_1"}}
    made = side.stripe.make_portal(asked, key="portal")["id"]
    assert "/p/session/" in side.stripe.open_portal(customer, configuration=made, return_url=back)
    assert "/p/session/" in side.stripe.open_portal(customer, configuration=made, return_url=back, cancel=name)
    for whose, configuration, cancel in (
        (customer, made, "sub_nobody"), ("cus_nobody", made, ""), (customer, "bpc_nobody", ""),
    ):  # fmt: skip
        with pytest.raises(StripeRefused) as refusal:
            side.stripe.open_portal(whose, configuration=configuration, return_url=back, cancel=cancel)
        assert refusal.value.code == "resource_missing"
