from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from sandbox.ground.periods import period_end
from tests.sandbox.running import World

FIRST_PAYMENT = [
    "charge.succeeded",
    "payment_method.attached",
    "customer.created",
    "customer.updated",
    "checkout.session.completed",
    "customer.subscription.created",
    "payment_intent.created",
    "payment_intent.succeeded",
    "invoice.created",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_succeeded",
]


def test_paying_for_a_plan_starts_a_subscription_with_a_paid_invoice(world: World) -> None:
    plan, extra = world.plan(9000), world.price(2900)
    before = len(world.kinds())
    lines = [{"price": plan.id, "quantity": 5}, {"price": extra.id, "quantity": 1}]
    session = world.session(mode="subscription", line_items=lines, subscription_data={"metadata": {"order_id": "o1"}})
    assert (session.amount_total, session.subscription, session.customer_creation) == (47900, None, "always")
    assert world.pay(session).status_code == 303
    assert world.kinds()[before : before + 12] == FIRST_PAYMENT
    paid = world.read(session, "subscription", "invoice.payments")
    assert (paid.payment_status, paid.payment_intent) == ("paid", None)
    subscription, invoice = paid.subscription, paid.invoice
    assert (subscription.status, subscription.metadata["order_id"]) == ("active", "o1")
    items = subscription["items"].data
    assert [(item.price.id, item.quantity) for item in items] == [(plan.id, 5)]
    assert items[0].current_period_end > items[0].current_period_start
    assert invoice.parent.subscription_details.metadata["order_id"] == "o1"
    assert (invoice.status, invoice.amount_paid, len(invoice.lines.data)) == ("paid", 47900, 2)
    payment = invoice.payments.data[0].payment.payment_intent
    assert world.api.payment_intents.retrieve(payment).metadata.to_dict() == {}
    listed = world.api.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": payment}})
    assert [p.invoice for p in listed.data] == [invoice.id]
    assert world.api.checkout.sessions.list({"subscription": subscription.id}).data[0].id == session.id


def test_invoices_are_announced_as_they_came_to_be(world: World) -> None:
    session = world.paid(mode="subscription", line_items=[{"price": world.plan().id, "quantity": 1}])
    states = [world.events(f"invoice.{kind}")[0].data.object.status for kind in ("created", "finalized", "paid")]
    assert states == ["draft", "open", "paid"]
    assert session.invoice == world.events("invoice.paid")[0].data.object.id


def test_a_trial_costs_nothing_today(world: World) -> None:
    session = world.session(
        mode="subscription",
        line_items=[{"price": world.plan().id, "quantity": 1}],
        subscription_data={"trial_period_days": 14},
    )
    assert session.amount_total == 0
    assert 'name="cardNumber"' in world.http.get(f"/c/pay/{session.id}").text
    world.pay(session)
    paid = world.read(session, "subscription.latest_invoice")
    assert (paid.payment_status, paid.subscription.status) == ("no_payment_required", "trialing")
    assert paid.subscription.trial_end - paid.subscription.trial_start == 14 * 24 * 3600
    assert paid.subscription.latest_invoice.amount_paid == 0
    assert world.api.payment_intents.list().data == []


def test_a_declined_first_payment_leaves_no_subscription(world: World) -> None:
    session = world.session(mode="subscription", line_items=[{"price": world.plan().id, "quantity": 1}])
    assert world.pay(session, "4000000000000002").status_code == 402
    assert world.api.subscriptions.list().data == []
    assert world.read(session).payment_intent is None
    assert world.pay(session).status_code == 303
    assert len(world.api.customers.list().data) == 1
    assert len(world.api.subscriptions.list({"status": "active"}).data) == 1


@pytest.mark.parametrize(
    ("interval", "count", "start", "end"),
    [
        ("month", 1, "2026-01-31", "2026-02-28"),
        ("month", 1, "2026-12-15", "2027-01-15"),
        ("year", 1, "2028-02-29", "2029-02-28"),
        ("week", 2, "2026-11-23", "2026-12-07"),
        ("day", 3, "2026-02-27", "2026-03-02"),
    ],
)
def test_periods_follow_the_calendar(interval: str, count: int, start: str, end: str) -> None:
    began = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp())
    until = period_end(began, {"interval": interval, "interval_count": count})
    assert f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d}" == end


def _created(world: World, **more: Any) -> Any:
    customer = world.api.customers.create({"email": "nora@example.com", "payment_method": "pm_card_visa"}).id
    items = [{"price": world.plan(1000, "month").id}]
    return world.api.subscriptions.create({"customer": customer, "items": items, **more})


def test_invoices_can_be_sent_and_the_plan_is_past_due_when_nobody_pays(world: World) -> None:
    subscription = _created(world, collection_method="send_invoice", days_until_due=7)
    assert (subscription.status, subscription.days_until_due) == ("active", 7)
    invoice = world.api.invoices.retrieve(subscription.latest_invoice)
    assert (invoice.status, invoice.collection_method) == ("open", "send_invoice")
    assert invoice.due_date == invoice.created + 7 * 24 * 3600
    assert world.last_kind() == "invoice.sent"
    world.advance(days=8)
    assert world.api.subscriptions.retrieve(subscription.id).status == "past_due"
    assert "invoice.overdue" in world.kinds()
    world.api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert world.api.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize("given", [{"collection_method": "send_invoice"}, {"days_until_due": 7}])
def test_days_until_due_go_with_invoices_that_are_sent(world: World, given: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _created(world, **given)
    assert refused.value.param == "days_until_due"


def test_a_plan_may_end_at_a_named_moment_from_the_start(world: World) -> None:
    until = int(datetime.now(UTC).timestamp()) + 40 * 24 * 3600
    subscription = _created(world, cancel_at=until)
    assert (subscription.cancel_at, subscription.cancel_at_period_end) == (until, False)
    world.advance(days=41)
    assert world.api.subscriptions.retrieve(subscription.id).status == "canceled"


def test_a_trial_may_come_with_the_price(world: World) -> None:
    price = world.price(1000, recurring={"interval": "month", "trial_period_days": 14})
    assert _created(world, items=[{"price": price.id}]).status == "active"
    trial = _created(world, items=[{"price": price.id}], trial_from_plan=True)
    assert (trial.status, trial.trial_end - trial.trial_start) == ("trialing", 14 * 24 * 3600)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _created(world, items=[{"price": price.id}], trial_from_plan=True, trial_period_days=3)
    assert refused.value.param == "trial_from_plan"


def test_what_the_first_invoice_is_paid_with_pays_the_next_if_that_is_wanted(world: World) -> None:
    wanted = {"save_default_payment_method": "on_subscription", "payment_method_types": ["card"]}
    subscription = _created(world, payment_behavior="default_incomplete", payment_settings=wanted)
    assert (subscription.status, subscription.default_payment_method) == ("incomplete", None)
    payments = world.api.invoice_payments.list({"invoice": subscription.latest_invoice}).data
    paid = world.api.payment_intents.confirm(payments[0].payment.payment_intent, {"payment_method": "pm_card_visa"})
    now = world.api.subscriptions.retrieve(subscription.id)
    assert (now.status, now.default_payment_method) == ("active", paid.payment_method)
    assert now.payment_settings.save_default_payment_method == "on_subscription"


@pytest.mark.parametrize(("off_session", "code"), [(False, "requires_action"), (True, "requires_payment_method")])
def test_whether_the_buyer_is_there_decides_what_their_bank_does(world: World, off_session: bool, code: str) -> None:
    asking = world.api.payment_methods.attach(
        "pm_card_threeDSecure2Required", {"customer": world.api.customers.create({"email": "nora@example.com"}).id}
    )
    given = {"customer": asking.customer, "default_payment_method": asking.id, "off_session": off_session}
    subscription = _created(world, **given)
    payment = world.api.invoice_payments.list({"invoice": subscription.latest_invoice}).data[0]
    intent = world.api.payment_intents.retrieve(payment.payment.payment_intent)
    assert (subscription.status, intent.status) == ("incomplete", code)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"payment_behavior": "error_if_incomplete"}, "payment_behavior"),
        ({"cancel_at": 1_700_000_000}, "cancel_at"),
        ({"currency": "usd"}, "currency"),
        ({"automatic_tax": {"enabled": True}}, "automatic_tax[enabled]"),
        ({"payment_settings": {"payment_method_types": ["sepa_debit"]}}, "payment_settings[payment_method_types]"),
    ],
)
def test_a_plan_that_cannot_be_started_so_is_not_started(world: World, given: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _created(world, **given)
    assert refused.value.param == param
    assert world.api.subscriptions.list({"status": "all"}).data == []


def test_subscriptions_are_found_by_whether_taxes_are_reckoned(world: World) -> None:
    subscription = _created(world)
    without = world.api.subscriptions.list({"automatic_tax": {"enabled": False}}).data
    assert [each.id for each in without] == [subscription.id]


def test_with_its_customer_a_subscription_ends_at_once(world: World) -> None:
    begun, over = world.subscribed(), world.subscribed()
    world.api.subscriptions.cancel(over.id)
    mark = len(world.kinds())
    for each in (begun, over):
        world.api.customers.delete(each.customer)
    assert world.api.subscriptions.retrieve(begun.id).status == "canceled"
    about_customers = [kind for kind in world.since(mark) if kind.startswith("customer.")]
    assert about_customers == ["customer.subscription.deleted", "customer.deleted", "customer.deleted"]


def _ordered(world: World, **customer: Any) -> dict[str, Any]:
    """A plan for somebody who has not said how they pay, unless `customer` does."""
    bare = world.api.customers.create({"email": "nora@example.com", **customer})
    return {"customer": bare.id, "items": [{"price": world.plan(1000, "month").id}]}


def test_a_plan_that_nobody_can_pay_for_is_not_started(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.subscriptions.create(_ordered(world))
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, "resource_missing", None)
    assert refused.value.user_message == (
        "This customer has no attached payment source or default payment method. Please consider adding a default "
        "payment method. For more information, visit "
        "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority."
    )
    assert world.api.subscriptions.list({"status": "all"}).data == []
    assert world.api.invoices.list().data == []


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"payment_behavior": "default_incomplete"}, "incomplete"),
        ({"collection_method": "send_invoice", "days_until_due": 7}, "active"),
        ({"trial_period_days": 7}, "trialing"),
    ],
)
def test_a_plan_that_is_not_charged_at_once_needs_no_card(world: World, given: dict[str, Any], status: str) -> None:
    assert world.api.subscriptions.create({**_ordered(world), **given}).status == status


@pytest.mark.parametrize(("off", "started"), [(100, True), (50, False)])
def test_a_plan_that_costs_nothing_needs_no_card(world: World, off: int, started: bool) -> None:
    coupon = world.api.coupons.create({"percent_off": off, "duration": "forever"})
    order = _ordered(world, balance=-400)
    body = f"customer={order['customer']}&items[0][price]={order['items'][0]['price']}&coupon={coupon.id}"
    made = world.raw("POST", "/v1/subscriptions", body)
    assert (made.status_code == 200, made.json().get("status")) == (started, "active" if started else None)
    # Half of it is left, of which four fifths had been credited to the customer; now all of it is.
    world.api.customers.update(order["customer"], {"balance": -500})
    assert world.raw("POST", "/v1/subscriptions", body).json()["status"] == "active"


def test_a_plan_is_canceled_only_once(world: World) -> None:
    subscription = world.subscribed()
    assert world.api.subscriptions.cancel(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.subscriptions.cancel(subscription.id)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert refused.value.user_message == f"No such subscription: '{subscription.id}'"


def test_a_price_stands_in_a_plan_only_once(world: World) -> None:
    price, other = world.plan(1000, "month").id, world.plan(2000, "month").id
    text = f"Cannot add multiple subscription items with the same plan: {price}"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _created(world, items=[{"price": price}, {"price": other}, {"price": price}])
    assert (refused.value.http_status, refused.value.user_message) == (400, text)
    subscription = _created(world, items=[{"price": price}, {"price": other}])
    for call, given in (
        (world.api.subscription_items.create, ({"subscription": subscription.id, "price": price},)),
        (world.api.subscriptions.update, (subscription.id, {"items": [{"price": price}]})),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call(*given)
        assert refused.value.user_message == text
    assert len(world.api.subscription_items.list({"subscription": subscription.id}).data) == 2


def test_a_plan_has_twenty_items_at_most(world: World) -> None:
    items = [{"price": world.plan(1000, "month").id} for _ in range(21)]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _created(world, items=items)
    assert (refused.value.http_status, refused.value.param) == (400, "items")
    assert len(_created(world, items=items[:20])["items"].data) == 20
