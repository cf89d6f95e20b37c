"""Events rendered in another API version than ours, and half-empty ones: understood or asked about, never a crash."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from core.events.handlers import HANDLERS
from core.events.inbox import StripeEvent
from core.foundation.records import new_id
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.orders.subscriptions import Subscription
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe, event_about
from tests.webhook.test_stripe_events import post

OLD = "2022-11-15"


def tell(shop: Shop, client: TestClient, stripe: FakeStripe, kind: str, subject: dict[str, Any]) -> str:
    answer = post(client, {**stripe.tell(kind, subject), "api_version": OLD})
    assert answer.status_code == 200, answer.text
    builders.ask_stripe(shop)
    return str(answer.json()["state"])


def old_invoice(invoice: dict[str, Any], **details: Any) -> dict[str, Any]:
    """Before 2025-03-31: the subscription on the invoice itself, no parent."""
    name = invoice["parent"]["subscription_details"]["subscription"]
    return {**{key: value for key, value in invoice.items() if key != "parent"}, "subscription": name, **details}


@pytest.mark.parametrize(
    "details",
    [{}, {"subscription_details": {"metadata": {}}}, {"paid": True, "charge": "ch_1", "payment_intent": "pi_1"}],
)
def test_an_invoice_with_the_subscription_on_itself_counts(
    shop: Shop, stripe: FakeStripe, client: TestClient, details: dict[str, Any]
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    assert tell(shop, client, stripe, "invoice.paid", old_invoice(stripe.renew(name), **details)) == "applied"
    assert builders.detail(shop, order_id)["amount_total"] == 1800
    assert [row.stripe_subscription_id for row in builders.rows(shop, Payment)] == [name, name]


def test_an_old_invoice_that_comes_first_is_traced_through_its_subscription(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month")
    stripe.pay(session_id)
    (first,) = stripe.invoices.values()
    expanded = {
        **old_invoice(first),
        "subscription": {"id": old_invoice(first)["subscription"], "object": "subscription"},
    }
    assert tell(shop, client, stripe, "invoice.paid", expanded) == "parked"
    assert [row.order_id for row in builders.rows(shop, Payment)] == [order_id]
    post(client, stripe.event("completed", session_id))
    assert builders.detail(shop, order_id)["amount_total"] == 900


def test_a_period_on_the_subscription_itself_is_understood(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    subscription = stripe.subscriptions[name]
    stripe.fail_renewal(name)
    item = subscription["items"]["data"][0]
    subscription.update(
        cancel_at_period_end=True,
        current_period_start=item.pop("current_period_start"), current_period_end=item.pop("current_period_end"),
    )  # fmt: skip
    assert tell(shop, client, stripe, "customer.subscription.updated", subscription) == "applied"
    (row,) = builders.rows(shop, Subscription)
    assert row.period_end
    assert int(row.period_end.timestamp()) == subscription["current_period_end"]
    assert (row.ends_at, row.grace_until is not None) == (row.period_end, True)
    assert builders.grants(shop, order_id) == [("plan", "active")]


def test_a_charge_that_lists_its_refunds_is_asked_about_all_the_same(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id = builders.bought(shop, stripe)
    payment = builders.payment_of(shop, order_id)
    made = stripe.make_refund(payment, 400)
    listed = {
        **stripe.charge_of(payment),
        "invoice": None,
        "refunds": {"data": [made]},
        "refunded": False,
    }
    assert tell(shop, client, stripe, "charge.refunded", listed) == "applied"
    assert [(row.id, row.amount) for row in builders.rows(shop, Refund)] == [(made["id"], 400)]


def test_a_refund_with_expanded_objects_in_place_of_ids_is_understood(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id = builders.bought(shop, stripe)
    payment = builders.payment_of(shop, order_id)
    made = {**stripe.make_refund(payment, 2900), "payment_intent": stripe.payment_intents[payment], "metadata": None}
    assert tell(shop, client, stripe, "charge.refund.updated", made) == "applied"
    assert builders.status(shop, order_id) == "refunded"


@builders.on_sqlite
def test_an_object_with_nothing_in_it_crashes_nothing(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("metadata", "parent", "subscription", "subscription_details", "payment_intent", "charge", "status", "items",
         "client_reference_id", "customer_details", "evidence_details", "cancellation_details", "last_payment_error")
    )  # fmt: skip
    for kind in HANDLERS:
        name = kind.rpartition(".")[0].rpartition(".")[2]
        for subject in ({"id": "x_1"}, {"id": "x_2", "object": name, **nothing}):
            answer = post(client, event_about(subject, kind, number=new_id("")))
            assert answer.status_code == 200, (kind, subject)
    builders.ask_stripe(shop)
    assert {row.state for row in builders.rows(shop, StripeEvent)} == {"ignored"}


@builders.on_sqlite
def test_an_object_that_says_nothing_but_whose_it_is_crashes_nothing(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    for number, kind in enumerate(HANDLERS):
        for status in ("complete", "of_the_future"):
            subject = {"id": f"x_{number}", "metadata": {"order_id": order_id}, "subscription": name, "status": status}
            event = event_about(subject, kind, number=new_id(""))
            answer = post(client, event)
            assert answer.status_code == 200, (kind, builders.event_row(shop, event["id"]).error)
            assert answer.json()["state"] in ("applied", "ignored"), kind
