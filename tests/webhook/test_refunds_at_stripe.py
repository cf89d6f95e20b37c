"""Refunds that Stripe tells of: made in its dashboard, failed at the bank, told late, or told of by the charge alone."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from core.journeys import refund
from core.orders.refunds import Refund, RefundStatus
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe
from tests.webhook.test_stripe_events import post

TOTAL = 2900 + 7900


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe) -> str:
    """A file and a key, paid and delivered."""
    return builders.bought(shop, stripe, "guide-eur", "kit-eur")


@pytest.fixture
def tell(client: TestClient, stripe: FakeStripe) -> Callable[..., str]:
    """Have Stripe tell of an object; what became of the event."""

    def telling(kind: str, subject: dict) -> str:
        answer = post(client, stripe.tell(kind, subject))
        assert answer.status_code == 200
        return str(answer.json()["state"])

    return telling


Tell = Callable[[str, dict], str]


def links(shop: Shop, order_id: str) -> list[str]:
    return [f"/downloads/{file.token}" for each in builders.deliveries(shop, order_id) for file in each.files]


def key(shop: Shop, order_id: str) -> str:
    return builders.license_key(shop, order_id)


def test_a_full_refund_stops_the_links_handed_out_before(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell, order_id: str
) -> None:
    handed_out = links(shop, order_id)
    assert [client.get(link).status_code for link in handed_out] == [200, 200]
    made = stripe.make_refund(builders.payment_of(shop, order_id), TOTAL)
    assert tell("refund.created", made) == "applied"
    assert builders.status(shop, order_id) == "refunded"
    assert [client.get(link).status_code for link in handed_out] == [403, 403]
    assert builders.grants(shop, order_id) == [("guide", "revoked"), ("kit", "revoked")]


def test_a_refund_of_the_dashboard_names_its_order_by_the_payment_alone(
    shop: Shop, stripe: FakeStripe, tell: Tell, order_id: str
) -> None:
    made = stripe.make_refund(builders.payment_of(shop, order_id), 500)
    assert made["metadata"] == {}
    for kind in ("refund.created", "charge.refund.updated", "refund.updated"):
        assert tell(kind, made) == "applied"
    (row,) = builders.rows(shop, Refund)
    assert (row.id, row.amount, row.status, row.actor) == (made["id"], 500, RefundStatus.SUCCEEDED, "stripe")
    assert row.payment_id == made["payment_intent"]
    assert builders.detail(shop, order_id)["refunds"] == [{"id": made["id"], "amount": 500, "status": "succeeded"}]
    assert builders.status(shop, order_id) == "partially_refunded"


def test_the_charge_alone_makes_the_worker_ask_which_refunds_there_are(
    shop: Shop, stripe: FakeStripe, tell: Tell, order_id: str
) -> None:
    payment = builders.payment_of(shop, order_id)
    for amount in (500, 700):
        stripe.make_refund(payment, amount)
    charge = stripe.charge_of(payment)
    stripe.calls.clear()
    assert tell("charge.refunded", charge) == "applied"
    assert stripe.calls == []
    assert [job for job in builders.jobs(shop) if job.startswith(f"ask_stripe:{charge['id']}:")]
    builders.ask_stripe(shop)
    builders.ask_stripe(shop)
    assert sorted(row.amount for row in builders.rows(shop, Refund)) == [500, 700]
    assert builders.detail(shop, order_id)["amount_refunded"] == 1200


def test_money_that_comes_back_restores_the_order_with_the_same_key(
    shop: Shop, stripe: FakeStripe, tell: Tell, order_id: str
) -> None:
    before = key(shop, order_id)
    done = refund.request(shop, order_id, actor="owner")
    assert builders.status(shop, order_id) == "refunded"
    (made,) = stripe.refunds
    assert tell("refund.failed", stripe.fail_refund(made)) == "applied"
    found = builders.detail(shop, order_id)
    assert (found["status"], found["amount_refunded"]) == ("fulfilled", 0)
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "active")]
    assert key(shop, order_id) == before
    assert f"owner_notice:{order_id}:refund_failed:{done.id}" in builders.jobs(shop)
    (item,) = attention.items(shop)
    assert (item.topic, item.order_id, item.detail) == ("refund_failed", order_id, "expired_or_canceled_card")


def test_a_late_success_does_not_hide_a_failure(shop: Shop, stripe: FakeStripe, tell: Tell, order_id: str) -> None:
    made = stripe.make_refund(builders.payment_of(shop, order_id), TOTAL)
    succeeded = dict(made)
    tell("refund.failed", stripe.fail_refund(made["id"]))
    tell("refund.created", succeeded)
    assert builders.status(shop, order_id) == "fulfilled"


@pytest.mark.parametrize("status", ["pending", "requires_action", "of_the_future"])
def test_money_on_its_way_back_counts_as_gone(
    shop: Shop, stripe: FakeStripe, tell: Tell, order_id: str, status: str
) -> None:
    tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), TOTAL, status=status))
    assert builders.status(shop, order_id) == "refunded"


def test_a_refund_told_before_its_payment_is_parked_and_then_counted(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell
) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    payment = stripe.pay(session_id)["payment_intent"]
    assert tell("refund.created", stripe.make_refund(payment, 7900)) == "parked"
    builders.ask_stripe(shop)
    assert builders.status(shop, order_id) == "refunded"
    assert post(client, stripe.event("completed", session_id)).json()["state"] == "applied"
    assert builders.status(shop, order_id) == "refunded"
    assert builders.grants(shop, order_id) == [("kit", "revoked")]


def test_a_refund_of_somebody_elses_payment_is_ignored_after_asking_once(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    theirs = stripe.bill(100, metadata={"order_id": "their-7"})
    stripe.charge(theirs)
    assert tell("refund.created", stripe.make_refund(theirs["id"], 100)) == "parked"
    builders.ask_stripe(shop)
    (event,) = stripe.happened
    row = builders.event_row(shop, event["id"])
    assert (row.state, row.error) == ("ignored", "not an order of this shop")
    assert builders.rows(shop, Refund) == []
