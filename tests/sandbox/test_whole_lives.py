"""Every event of long and troubled lives is delivered, signed, and shaped as Stripe describes it."""

from __future__ import annotations

from typing import Any

import stripe

from tests.sandbox.running import SECRET, Endpoint, World, eventually


def _all_delivered(world: World) -> bool:
    return not world.api.events.list({"delivery_success": False}).data


def _sent(world: World, endpoint: Endpoint) -> list[dict[str, Any]]:
    eventually(lambda: _all_delivered(world))
    for headers, body in endpoint.received:
        assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)
    return endpoint.events()


def test_the_life_of_a_payment(world: World, endpoint: Endpoint) -> None:
    world.act("refund-fails", world.act("refund", world.paid().payment_intent)["payment_intent"])
    warned = world.paid()
    world.act("warn", warned.payment_intent)
    won = world.act("dispute", warned.payment_intent)
    world.api.disputes.update(won["id"], {"evidence": {"product_description": "A kit"}})
    world.act("win", won["id"])
    world.act("escalate", world.act("inquire", world.paid().payment_intent)["id"])
    debit = world.paid(number="AT321904300235473204")
    world.act("dispute", _settled(world, debit))
    world.act("bounce", world.paid(number="AT321904300235473204").payment_intent)
    world.advance(days=10)
    kinds = {event["type"] for event in _sent(world, endpoint)}
    assert kinds >= {
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "radar.early_fraud_warning.created",
        "radar.early_fraud_warning.updated",
        "refund.failed",
    }


def _settled(world: World, session: Any) -> str:
    world.act("settle", session.payment_intent)
    return str(session.payment_intent)


def test_the_life_of_a_plan(world: World, endpoint: Endpoint) -> None:
    trial = world.subscribed(quantity=2, trial_period_days=14, metadata={"order": "o1"})
    world.advance(days=20)
    items = [{"id": trial["items"].data[0].id, "quantity": 5}]
    world.api.subscriptions.update(trial.id, {"items": items, "proration_behavior": "always_invoice"})
    world.act("pause", trial.id)
    world.act("resume", trial.id)
    world.act("fail-next", trial.id, times=-1)
    world.advance(days=60)
    leaving = world.subscribed()
    world.act("cancel-later", leaving.id)
    world.advance(days=40)
    given_up = world.subscribed()
    world.api.subscriptions.update(given_up.id, {"pause_collection": {"behavior": "void"}})
    world.act("renew", given_up.id)
    ends = {s.id: s.cancellation_details.reason for s in world.api.subscriptions.list({"status": "canceled"}).data}
    assert ends == {trial.id: "payment_failed", leaving.id: "cancellation_requested"}
    kinds = {event["type"] for event in _sent(world, endpoint)}
    assert kinds >= {
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "customer.subscription.trial_will_end",
        "customer.subscription.updated",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.payment_succeeded",
        "invoice.upcoming",
        "invoice.voided",
        "invoice_payment.paid",
        "invoiceitem.created",
    }
