"""Disputes and early warnings: access waits while the bank decides, and follows its verdict, in whatever order it is told."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.foundation.errors import RefundTooBig
from core.journeys import refund, revocation
from core.kinds.workshops import WorkshopDate
from core.messages import contents, wording
from core.orders.disputes import Dispute
from core.orders.refunds import Refund
from core.owner.figures import sales, sums
from core.owner.figures.days import Days
from core.owner.figures.sales import Sales
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe
from tests.webhook.test_stripe_events import post

OPEN, WON, LOST = ("needs_response", "won", "lost")


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe) -> str:
    """A key and two places, paid and delivered."""
    return builders.bought(shop, stripe, "kit-eur", ("clinic-eur", 2))


Tell = Callable[..., str]


@pytest.fixture
def tell(client: TestClient, stripe: FakeStripe) -> Tell:
    """Have Stripe tell of a payment's dispute in this status; what became of the event."""

    def telling(kind: str, payment: str, status: str) -> str:
        answer = post(client, stripe.tell(f"charge.dispute.{kind}", stripe.dispute(payment, status=status)))
        assert answer.status_code == 200
        return str(answer.json()["state"])

    return telling


def told(shop: Shop) -> list[str]:
    """What the owners hear of, each once."""
    return [job.split(":", 2)[2] for job in builders.jobs(shop) if job.startswith("owner_notice:")]


def news(shop: Shop, order_id: str) -> list[str]:
    """Of these, what is worth a letter if it is written now."""
    letters_now = [(topic, contents.to_owners(shop, order_id, topic)) for topic in told(shop)]
    return [topic.partition(":")[0] for topic, letter in letters_now if letter]


def standing(shop: Shop, order_id: str) -> tuple[str, set[str]]:
    return builders.status(shop, order_id), {state for _, state in builders.grants(shop, order_id)}


def test_a_dispute_suspends_and_the_owners_are_told_once(shop: Shop, tell: Tell, order_id: str) -> None:
    payment = builders.payment_of(shop, order_id)
    for kind in ("created", "funds_withdrawn", "updated"):
        assert tell(kind, payment, OPEN) == "applied"
    assert standing(shop, order_id) == ("disputed", {"suspended"})
    (dispute,) = builders.rows(shop, Dispute)
    assert told(shop) == [f"disputed:{dispute.id}"]
    letter = contents.to_owners(shop, order_id, f"disputed:{dispute.id}")
    assert letter
    assert (letter.withdrawn, letter.escalated) == (True, False)
    (item,) = attention.items(shop)
    assert (item.topic, item.subject, item.due_by) == ("dispute", dispute.id, dispute.due_by)


def test_a_dispute_won_restores_with_the_same_key(shop: Shop, tell: Tell, order_id: str) -> None:
    payment, key = builders.payment_of(shop, order_id), builders.license_key(shop, order_id)
    tell("created", payment, OPEN)
    tell("closed", payment, WON)
    tell("funds_reinstated", payment, WON)
    assert standing(shop, order_id) == ("fulfilled", {"active"})
    assert builders.license_key(shop, order_id) == key
    assert attention.items(shop) == []


def test_a_dispute_lost_revokes_and_frees_the_places(shop: Shop, tell: Tell, order_id: str) -> None:
    payment = builders.payment_of(shop, order_id)
    tell("created", payment, OPEN)
    tell("closed", payment, LOST)
    assert standing(shop, order_id) == ("charged_back", {"revoked"})
    (clinic,) = [date for date in builders.rows(shop, WorkshopDate) if date.product_id == "clinic"]
    assert clinic.taken == 0
    assert attention.items(shop) == []


def test_of_a_dispute_about_a_part_that_is_lost_the_rest_is_ours(
    shop: Shop, stripe: FakeStripe, tell: Tell, order_id: str
) -> None:
    payment = builders.payment_of(shop, order_id)
    stripe.dispute(payment, amount=5900)
    tell("created", payment, OPEN)
    assert standing(shop, order_id) == ("disputed", {"suspended"})
    tell("closed", payment, LOST)
    assert standing(shop, order_id) == ("partially_refunded", {"active"})
    (letter,) = [found for topic in told(shop) if (found := contents.to_owners(shop, order_id, topic))]
    assert (letter.topic, letter.amount.amount, letter.in_part) == ("dispute_lost", 5900, True)
    with pytest.raises(RefundTooBig) as refused:
        refund.request(shop, order_id, 30001, actor="owner")
    assert refused.value.left == 30000
    (item,) = attention.items(shop)
    assert (item.topic, item.order_id, item.detail) == ("partly_lost", order_id, payment)
    revocation.revoke(shop, order_id, reason="misused", actor="owner")
    assert attention.items(shop) == []
    refund.request(shop, order_id, 30000, actor="owner")
    (back,) = builders.rows(shop, Refund)
    tell_refund = stripe.tell("refund.updated", stripe.refunds[back.stripe_refund_id or ""])
    builders.deliver(shop, tell_refund)
    assert standing(shop, order_id) == ("charged_back", {"revoked"})


def test_a_part_of_a_plans_payment_that_is_lost_leaves_the_plan_and_is_told(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    order_id, _subscription = builders.subscribed(shop, stripe)
    payment = builders.payment_of(shop, order_id)
    stripe.dispute(payment, amount=300)
    tell("closed", payment, LOST)
    builders.ask_stripe(shop)
    assert standing(shop, order_id) == ("partially_refunded", {"active"})
    assert [item.topic for item in attention.items(shop)] == ["partly_lost"]
    assert not [job for job in builders.jobs(shop) if job.startswith("cancel_subscription")]


@pytest.mark.parametrize(("verdict", "then"), [(WON, "fulfilled"), (LOST, "charged_back")])
def test_what_comes_late_after_the_verdict_changes_nothing(
    shop: Shop, tell: Tell, order_id: str, verdict: str, then: str
) -> None:
    payment = builders.payment_of(shop, order_id)
    tell("closed", payment, verdict)
    for kind, status in (("created", OPEN), ("updated", "under_review"), ("funds_withdrawn", OPEN)):
        assert tell(kind, payment, status) == "applied"
    assert builders.status(shop, order_id) == then


def test_an_appeal_that_is_won_restores_after_all(shop: Shop, tell: Tell, order_id: str) -> None:
    payment = builders.payment_of(shop, order_id)
    for status in (OPEN, LOST, "appeal_under_review"):
        tell("updated", payment, status)
    assert standing(shop, order_id) == ("charged_back", {"revoked"})
    tell("closed", payment, WON)
    assert standing(shop, order_id) == ("fulfilled", {"active"})


def test_a_banks_mere_question_leaves_access(shop: Shop, tell: Tell, order_id: str) -> None:
    payment = builders.payment_of(shop, order_id)
    tell("created", payment, "warning_needs_response")
    assert standing(shop, order_id) == ("fulfilled", {"active"})
    assert news(shop, order_id) == ["inquiry"]
    assert [item.topic for item in attention.items(shop)] == ["dispute"]
    tell("updated", payment, "warning_under_review")
    assert news(shop, order_id) == ["inquiry"]
    tell("closed", payment, "warning_closed")
    assert standing(shop, order_id) == ("fulfilled", {"active"})
    assert news(shop, order_id) == ["inquiry_closed"]
    assert [topic.partition(":")[0] for topic in told(shop)] == ["inquiry", "inquiry_closed"]
    assert attention.items(shop) == []


def test_a_question_that_becomes_a_dispute_suspends(shop: Shop, tell: Tell, order_id: str) -> None:
    payment = builders.payment_of(shop, order_id)
    tell("created", payment, "warning_needs_response")
    tell("updated", payment, OPEN)
    assert standing(shop, order_id) == ("disputed", {"suspended"})
    assert news(shop, order_id) == ["disputed"]
    (dispute,) = builders.rows(shop, Dispute)
    letter = contents.to_owners(shop, order_id, f"disputed:{dispute.id}")
    assert letter
    assert (letter.escalated, letter.due_by, letter.amount.amount) == (True, dispute.due_by, 35900)
    tell("funds_withdrawn", payment, OPEN)
    assert told(shop) == [f"disputed:{dispute.id}", f"inquiry:{dispute.id}"]


def test_money_that_is_taken_only_later_is_told_by_itself(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell, order_id: str
) -> None:
    payment = builders.payment_of(shop, order_id)
    dispute = {**stripe.dispute(payment), "balance_transactions": []}
    post(client, stripe.tell("charge.dispute.created", dispute))
    (row,) = builders.rows(shop, Dispute)
    letter = contents.to_owners(shop, order_id, f"disputed:{row.id}")
    assert letter
    assert not letter.withdrawn
    for _ in range(2):
        post(client, stripe.tell("charge.dispute.funds_withdrawn", dispute))
    assert news(shop, order_id) == ["disputed", "funds_withdrawn"]
    tell("closed", payment, LOST)
    assert news(shop, order_id) == ["dispute_lost"]


@pytest.mark.parametrize(
    ("verdict", "stage"), [(WON, "dispute_won"), (LOST, "dispute_lost"), ("prevented", "dispute_prevented")]
)
def test_how_a_dispute_ended_is_told_once_and_what_it_overtook_no_more(
    shop: Shop, tell: Tell, order_id: str, verdict: str, stage: str
) -> None:
    payment = builders.payment_of(shop, order_id)
    for kind, status in (("created", OPEN), ("funds_withdrawn", OPEN), ("closed", verdict), ("closed", verdict)):
        tell(kind, payment, status)
    assert sorted(topic.partition(":")[0] for topic in told(shop)) == sorted(["disputed", stage])
    assert news(shop, order_id) == [stage]


def test_a_letter_owed_before_stages_had_words_tells_the_stage_as_it_is_now(
    shop: Shop, tell: Tell, order_id: str
) -> None:
    tell("created", builders.payment_of(shop, order_id), "warning_needs_response")
    (dispute,) = builders.rows(shop, Dispute)
    letter = contents.to_owners(shop, order_id, f"dispute:{dispute.id}")
    assert letter
    assert (letter.topic, letter.escalated) == ("inquiry", True)


def test_a_dispute_told_before_the_payment_counts_when_it_comes(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell
) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    payment = stripe.pay(session_id)["payment_intent"]
    assert tell("created", payment, OPEN) == "parked"
    builders.ask_stripe(shop)
    assert standing(shop, order_id) == ("disputed", {"suspended"})
    post(client, stripe.event("completed", session_id))
    assert standing(shop, order_id) == ("disputed", {"suspended"})
    tell("closed", payment, WON)
    assert standing(shop, order_id) == ("fulfilled", {"active"})


def test_a_dispute_of_a_renewal_is_traced_through_its_invoice(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell
) -> None:
    order_id, subscription = builders.subscribed(shop, stripe)
    post(client, stripe.tell("invoice.paid", stripe.renew(subscription)))
    renewal = builders.payment_of(shop, order_id)
    assert tell("created", renewal, OPEN) == "parked"
    builders.ask_stripe(shop)
    assert standing(shop, order_id) == ("disputed", {"suspended"})
    stripe.calls.clear()
    assert tell("closed", renewal, LOST) == "applied"
    # The first month's money is not lost: some of the order's is.
    assert standing(shop, order_id) == ("partially_refunded", {"revoked"})
    assert stripe.calls == []


def test_a_dispute_that_names_its_charge_alone_is_traced_too(
    shop: Shop, stripe: FakeStripe, client: TestClient, order_id: str
) -> None:
    dispute = {**stripe.dispute(builders.payment_of(shop, order_id)), "payment_intent": None}
    assert post(client, stripe.tell("charge.dispute.created", dispute)).json()["state"] == "parked"
    builders.ask_stripe(shop)
    assert standing(shop, order_id) == ("disputed", {"suspended"})


def test_an_early_warning_wants_attention_until_it_is_refunded_or_over(
    shop: Shop, stripe: FakeStripe, client: TestClient, order_id: str
) -> None:
    payment = builders.payment_of(shop, order_id)
    warning = stripe.warn(payment, fraud_type="made_with_stolen_card")
    warned = stripe.tell("radar.early_fraud_warning.created", warning)
    assert post(client, warned).json()["state"] == "applied"
    assert standing(shop, order_id) == ("fulfilled", {"active"})
    (item,) = attention.items(shop)
    assert (item.topic, item.detail) == ("fraud_warning", "made_with_stolen_card")
    post(client, stripe.tell("radar.early_fraud_warning.updated", {**warning, "actionable": False}))
    post(client, stripe.tell("radar.early_fraud_warning.updated", warning))
    assert attention.items(shop) == []


def test_owners_read_of_an_early_warning_at_once_and_once_until_it_is_settled(
    shop: Shop, stripe: FakeStripe, client: TestClient, order_id: str
) -> None:
    payment = builders.payment_of(shop, order_id)
    warning = stripe.warn(payment, fraud_type="made_with_stolen_card")
    for kind in ("created", "updated"):
        post(client, stripe.tell(f"radar.early_fraud_warning.{kind}", warning))
    topic = f"fraud_warning:{warning['id']}"
    assert told(shop) == [topic]
    letter = contents.to_owners(shop, order_id, topic)
    assert letter
    assert (letter.detail, letter.amount) == ("made_with_stolen_card", letter.total)
    written = wording.owner_notice(shop.settings, letter)
    assert "A bank warns of fraud" in written.subject
    assert "Refund it now" in written.text
    post(client, stripe.tell("radar.early_fraud_warning.updated", {**warning, "actionable": False}))
    assert contents.to_owners(shop, order_id, topic) is None


def test_what_went_back_before_its_warning_was_read_needs_no_letter(
    shop: Shop, stripe: FakeStripe, client: TestClient, order_id: str
) -> None:
    warning = stripe.warn(builders.payment_of(shop, order_id))
    post(client, stripe.tell("radar.early_fraud_warning.created", warning))
    builders.refund.request(shop, order_id, actor="owner")
    assert contents.to_owners(shop, order_id, f"fraud_warning:{warning['id']}") is None


def test_of_a_warning_that_was_over_when_it_was_heard_of_nobody_is_told(
    shop: Shop, stripe: FakeStripe, client: TestClient, order_id: str
) -> None:
    warning = {**stripe.warn(builders.payment_of(shop, order_id)), "actionable": False}
    post(client, stripe.tell("radar.early_fraud_warning.created", warning))
    assert told(shop) == []


def test_two_tellings_of_one_warning_at_once_both_succeed(
    shop: Shop, stripe: FakeStripe, client: TestClient, order_id: str
) -> None:
    warning = stripe.warn(builders.payment_of(shop, order_id))
    told = [stripe.tell("radar.early_fraud_warning.created", warning) for _ in range(4)]
    answers = builders.at_once(*[lambda event=event: post(client, event).status_code for event in told])
    assert answers == [200] * 4


# -- disputes that Stripe prevents: by what it tells the bank nothing is taken, and what is paid back for one goes back once


def prevented(stripe: FakeStripe, payment: str, case: str) -> dict[str, Any]:
    """A dispute that was prevented before it could take anything, as Stripe tells of it."""
    dispute = stripe.dispute(payment, status="prevented")
    assert dispute["balance_transactions"] == []
    card = {"brand": "visa", "case_type": case, "network": "visa", "network_reason_code": "10.4"}
    return {
        **dispute,
        "payment_method_details": {"type": "card", "card": card},
        "is_charge_refundable": case == "block",
    }


def test_a_dispute_that_was_blocked_took_nothing_and_ends_nothing(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, subscription = builders.subscribed(shop, stripe)
    said = prevented(stripe, builders.payment_of(shop, order_id), "block")
    for kind in ("created", "closed"):
        post(client, stripe.tell(f"charge.dispute.{kind}", said))
    builders.ask_stripe(shop)
    post(client, stripe.tell("charge.dispute.closed", said))
    builders.end_plans(shop)
    assert standing(shop, order_id) == ("fulfilled", {"active"})
    assert stripe.subscriptions[subscription]["status"] == "active"
    assert (news(shop, order_id), attention.items(shop)) == (["dispute_blocked"], [])
    assert sold(shop).lost == 0


@pytest.mark.parametrize("told", [*permutations(("refund", "created", "closed"))])
def test_what_goes_back_for_a_dispute_that_was_prevented_is_a_refund_and_counts_once(
    shop: Shop, stripe: FakeStripe, client: TestClient, order_id: str, told: tuple[str, ...]
) -> None:
    payment = builders.payment_of(shop, order_id)
    said = prevented(stripe, payment, "resolution")
    back = stripe.make_refund(payment, said["amount"])
    for kind in told:
        event = ("refund.created", back) if kind == "refund" else (f"charge.dispute.{kind}", said)
        post(client, stripe.tell(*event))
    assert standing(shop, order_id) == ("refunded", {"revoked"})
    assert (sold(shop).returned, sold(shop).lost) == (said["amount"], 0)
    assert attention.items(shop) == []


def test_of_a_dispute_that_was_prevented_and_took_the_money_access_ends_whenever_that_is_told(
    shop: Shop, stripe: FakeStripe, client: TestClient, order_id: str
) -> None:
    said = prevented(stripe, builders.payment_of(shop, order_id), "resolution")
    post(client, stripe.tell("charge.dispute.created", said))
    assert standing(shop, order_id) == ("fulfilled", {"active"})
    post(client, stripe.tell("charge.dispute.funds_withdrawn", said))
    assert standing(shop, order_id) == ("charged_back", {"revoked"})
    assert news(shop, order_id) == ["dispute_prevented"]
    assert sold(shop).lost == said["amount"]
    post(client, stripe.tell("charge.dispute.closed", said))
    assert standing(shop, order_id) == ("charged_back", {"revoked"})


def sold(shop: Shop) -> Sales:
    """What was sold, went back and was taken today."""
    zone, today = shop.settings.zone, shop.now().astimezone(shop.settings.zone).date()
    with shop.reading() as session:
        asked = sums.ask(session, zone, livemode=shop.settings.livemode)
        return sales.of_days(session, Days(today, today, zone), asked)["eur"]
