from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World, eventually


def _kinds(world: World) -> list[str]:
    return [kind for kind in world.kinds() if "dispute" in kind]


def _opened(world: World, **more: Any) -> Any:
    session = world.paid()
    return world.api.disputes.retrieve(world.act("dispute", session.payment_intent, **more)["id"])


def test_a_dispute_takes_the_money_and_a_fee(world: World) -> None:
    dispute = _opened(world)
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 2900)
    assert [(t.amount, t.fee, t.net) for t in dispute.balance_transactions] == [(-2900, 2000, -4900)]
    assert _kinds(world) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    charge = world.api.charges.retrieve(dispute.charge)
    assert charge.disputed
    assert not dispute.is_charge_refundable
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.refunds.create({"charge": charge.id})
    assert refused.value.code == "charge_disputed"
    assert refused.value.user_message == f"Charge {charge.id} has been charged back; cannot issue a refund."
    assert [d.id for d in world.api.disputes.list({"payment_intent": dispute.payment_intent}).data] == [dispute.id]
    assert world.api.balance_transactions.list({"source": dispute.id}).data[0].type == "adjustment"


def test_winning_evidence_brings_the_money_back(world: World) -> None:
    dispute = _opened(world)
    staged = world.api.disputes.update(dispute.id, {"evidence": {"product_description": "A kit"}, "submit": False})
    assert (staged.status, staged.evidence_details.has_evidence) == ("needs_response", True)
    sent = world.api.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    eventually(lambda: world.api.disputes.retrieve(dispute.id).status == "won")
    assert _kinds(world)[-3:] == ["charge.dispute.updated", "charge.dispute.funds_reinstated", "charge.dispute.closed"]
    assert [t.amount for t in world.api.disputes.retrieve(dispute.id).balance_transactions] == [-2900, 2900]
    assert world.api.refunds.create({"charge": dispute.charge}).status == "succeeded"


def test_losing_evidence_ends_it(world: World) -> None:
    dispute = _opened(world, reason="product_not_received")
    world.api.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "losing_evidence"}})
    eventually(lambda: world.api.disputes.retrieve(dispute.id).status == "lost")
    assert _kinds(world)[-1] == "charge.dispute.closed"
    with pytest.raises(stripe.InvalidRequestError):
        world.api.disputes.close(dispute.id)


def test_a_dispute_can_be_accepted(world: World) -> None:
    dispute = _opened(world)
    assert world.api.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        world.api.refunds.create({"charge": dispute.charge})


def test_a_dispute_nobody_answers_is_lost(world: World) -> None:
    dispute = _opened(world)
    world.advance(days=10)
    lost = world.api.disputes.retrieve(dispute.id)
    assert (lost.status, lost.evidence_details.past_due) == ("lost", True)


def test_disputes_are_won_and_lost_from_the_panel(world: World) -> None:
    one, other = _opened(world), _opened(world)
    assert world.act("win", one.id)["status"] == "won"
    assert world.act("lose", other.id)["status"] == "lost"
    assert world.http.post("/sandbox/act/win", json={"id": other.id}).status_code == 400


def test_an_inquiry_moves_no_money_and_ends_with_a_refund(world: World) -> None:
    session = world.paid()
    inquiry = world.api.disputes.retrieve(world.act("inquire", session.payment_intent)["id"])
    assert (inquiry.status, inquiry.balance_transactions) == ("warning_needs_response", [])
    assert inquiry.is_charge_refundable
    world.api.refunds.create({"payment_intent": session.payment_intent})
    assert world.api.disputes.retrieve(inquiry.id).status == "warning_closed"
    assert _kinds(world) == ["charge.dispute.created", "charge.dispute.closed"]


def test_an_inquiry_can_be_escalated_and_can_run_out(world: World) -> None:
    first = world.act("inquire", world.paid().payment_intent)
    world.api.disputes.update(first["id"], {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    eventually(lambda: world.api.disputes.retrieve(first["id"]).status == "needs_response")
    assert _kinds(world)[-1] == "charge.dispute.funds_withdrawn"
    second = world.act("inquire", world.paid().payment_intent)
    world.advance(days=10)
    assert world.api.disputes.retrieve(second["id"]).status == "warning_closed"


@pytest.mark.parametrize(
    ("number", "reason", "status"),
    [
        ("4000000000000259", "fraudulent", "needs_response"),
        ("4000000000002685", "product_not_received", "needs_response"),
        ("4000000000001976", "general", "warning_needs_response"),
    ],
)
def test_some_cards_are_disputed_by_themselves(world: World, number: str, reason: str, status: str) -> None:
    session = world.paid(number=number)
    dispute = eventually(lambda: world.api.disputes.list().data)[0]
    assert (dispute.reason, dispute.status, dispute.payment_intent) == (reason, status, session.payment_intent)


def test_one_card_brings_a_warning_that_a_refund_settles(world: World) -> None:
    session = world.paid(number="4000000000005423")
    warning = eventually(lambda: world.api.radar.early_fraud_warnings.list().data)[0]
    assert (warning.actionable, warning.payment_intent) == (True, session.payment_intent)
    world.api.refunds.create({"payment_intent": session.payment_intent})
    assert not world.api.radar.early_fraud_warnings.retrieve(warning.id).actionable
    changed = world.events("radar.early_fraud_warning.updated")[0].data
    assert changed.previous_attributes.to_dict() == {"actionable": True}


def test_a_warning_is_settled_by_a_dispute(world: World) -> None:
    session = world.paid()
    warning = world.act("warn", session.payment_intent, fraud_type="made_with_stolen_card")
    world.act("dispute", session.payment_intent)
    listed = world.api.radar.early_fraud_warnings.list({"payment_intent": session.payment_intent}).data
    assert [(w.id, w.actionable) for w in listed] == [(warning["id"], False)]
