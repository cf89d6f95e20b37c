"""What a refund keeps, what it asks Stripe for, and what it says of its parts; and what ending access keeps of why."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from core.foundation.errors import NoSuchPayment, OrderNotFound, StripeRefused, StripeUnreachable
from core.foundation.money import Money
from core.journeys import refund, revocation
from core.journeys.billing import plans
from core.journeys.refund import Part, Refunded
from core.kinds.workshops import WorkshopDate
from core.orders.history import FulfillmentLog
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.orders.subscriptions import Subscription
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.shop import Shop
from tests import builders
from tests.colleagues import OWNER, deed, works_as
from tests.core.orders.rows import DAY, back
from tests.core.orders.stored import behind, placed, writing_unlocked
from tests.fakes import FakeStripe

NOTHING = ("nothing_to_refund", "no payment of this order is known at Stripe")


def test_a_refund_in_parts_is_all_of_them_and_has_come_as_far_as_the_worst() -> None:
    statuses = [RefundStatus.SUCCEEDED, RefundStatus.FAILED, RefundStatus.PENDING]
    parts = tuple(Part("pi_1", Money(100, "eur"), "rf", status) for status in statuses)
    done = Refunded("rf_1", "ord_1", parts)
    assert (done.amount, done.status) == (Money(300, "eur"), RefundStatus.FAILED)


@pytest.mark.parametrize(("reason", "said"), [("duplicate", "duplicate"), ("they asked nicely", None), ("", None)])
def test_stripe_is_told_whose_refund_it_is_and_why_if_it_has_a_word_for_that(
    shop: Shop, stripe: FakeStripe, reason: str, said: str | None
) -> None:
    order_id = builders.bought(shop, stripe)
    done = refund.request(shop, order_id, 100, reason=reason, actor="ida")
    (made,) = stripe.refunds.values()
    assert made["metadata"] == {
        "order_id": order_id, "refund_id": done.parts[0].id, "shop_id": shop.id,
        "request": builders.rows(shop, Refund)[0].request, "takes_back": "no", "ends_subscription": "policy",
    }  # fmt: skip
    assert (made["reason"], made["amount"]) == (said, 100)
    (row,) = builders.rows(shop, Refund)
    assert (row.reason, row.actor, row.order_id) == (reason, "ida", order_id)
    assert [part.payment for part in done.parts] == [builders.payment_of(shop, order_id)]
    assert list(stripe.by_key)[-1] == f"refund:{row.id}"
    (noted,) = [each for each in builders.rows(shop, FulfillmentLog) if each.event == f"refund_requested:{row.id}"]
    assert (noted.actor, noted.detail) == ("ida", "100")


def test_a_refund_may_name_the_payment_that_it_is_taken_from(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    first = builders.rows(shop, Payment)[0].id
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    assert [part.payment for part in refund.preview(shop, order_id, payment=first).parts] == [first]
    with pytest.raises(NoSuchPayment) as refusal:
        refund.request(shop, order_id, payment="pi_nobody", actor="owner")
    assert refusal.value.payment == "pi_nobody"
    refund.request(shop, order_id, payment=first, actor="owner")
    with shop.reading() as session:
        known = session.get_one(Payment, first)
    assert known.stripe_payment_intent_id == next(iter(stripe.refunds.values()))["payment_intent"]


def test_what_is_left_of_no_order_is_asked_in_vain(shop: Shop) -> None:
    with shop.reading() as session, pytest.raises(OrderNotFound):
        refund.left(session, "ord_nobody")


def test_those_are_unconfirmed_that_were_asked_for_before_in_this_mode(shop: Shop) -> None:
    order_id, live = placed(shop), placed(shop, "cart_2", livemode=True)
    with shop.transaction() as session:
        for name, order, status, age in (
            ("rf_1", order_id, RefundStatus.REQUESTED, 1), ("rf_2", order_id, RefundStatus.PENDING, 1),
            ("rf_3", live, RefundStatus.REQUESTED, 1), ("rf_4", order_id, RefundStatus.REQUESTED, 0),
        ):  # fmt: skip
            row = back(None, 100, status)
            row.sqlmodel_update({"id": name, "order_id": order, "created_at": DAY - timedelta(hours=age)})
            session.add(row)
        session.flush()
        assert refund.unconfirmed(session, livemode=False, before=DAY) == [("rf_1", order_id)]
        assert refund.unconfirmed(session, livemode=True, before=DAY) == [("rf_3", live)]


def test_a_subscription_that_stripe_does_not_know_or_that_is_not_ours_is_put_off(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    theirs = {**stripe.subscriptions[name], "id": "sub_theirs", "metadata": {}}
    stripe.subscriptions["sub_theirs"] = theirs
    assert not plans.refresh(shop, "sub_theirs")
    assert [row.id for row in builders.rows(shop, Subscription)] == [name]
    del stripe.subscriptions[name]
    assert not plans.refresh(shop, name)
    (row,) = builders.rows(shop, Subscription)
    assert (row.failures, row.refresh_at) == (1, shop.now() + timedelta(minutes=2))
    assert builders.status(shop, order_id) == "fulfilled"


def test_what_was_fetched_of_a_plan_makes_its_order_one_to_look_into(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    with shop.transaction() as session:
        session.get_one(Order, order_id).eventful = False
    stripe.calls.clear()
    assert not plans.refresh(shop, name)
    assert builders.order(shop, order_id).eventful
    assert "invoices_of_subscription" not in stripe.calls


def test_ending_access_says_which_lines_and_keeps_why(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    assert revocation.preview(shop, order_id).lines == (1, 2)
    assert revocation.preview(shop, order_id, [2]).lines == (2,)
    revocation.revoke(shop, order_id, [2], reason="shared it", actor="ida")
    revocation.restore(shop, order_id, [2], actor="ida")
    assert {line.taken_back_reason for line in builders.rows(shop, OrderLine)} == {""}
    moment = f"{shop.now():%Y-%m-%dT%H:%M:%S.%fZ}"
    found = {row.event: row.detail for row in builders.rows(shop, FulfillmentLog) if row.actor == "ida"}
    assert found == {f"taken_back:2:{moment}": "shared it", f"given_back:2:{moment}": ""}


def test_ending_access_looks_at_refunds_of_which_the_payment_was_not_noted(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    refund.request(shop, order_id, lines=[1], actor="owner")
    with shop.transaction() as session:
        behind(session, Refund, payment_id=None)
    plan = revocation.preview(shop, order_id, [2], restore=True)
    assert [each.after for each in plan.deliveries] == ["revoked", "active"]
    with shop.reading() as session:
        assert refund.left(session, order_id) == Money(7900, "eur")


@pytest.mark.parametrize(("after_refund", "status"), [("cancel", "canceled"), ("ask", "active")])
def test_what_becomes_of_a_refunded_plan_has_nothing_to_do_with_the_policy_about_disputes(
    shop: Shop, stripe: FakeStripe, after_refund: str, status: str
) -> None:
    other = {"cancel": "ask", "ask": "cancel"}[after_refund]
    policy = {"plan_after_refund": after_refund, "plan_after_dispute": other}
    asked = replace(shop, settings=shop.settings.model_copy(update=policy))
    order_id, name = builders.subscribed(asked, stripe)
    plan = refund.preview(asked, order_id)
    assert (plan.ends, plan.bills_on) == (((name,), ()) if after_refund == "cancel" else ((), (name,)))
    refund.request(asked, order_id, actor="owner")
    builders.end_plans(asked)
    assert stripe.subscriptions[name]["status"] == status
    told = f"owner_notice:{order_id}:plan_bills_on:{name}:{builders.rows(asked, Refund)[0].request}"
    assert (told in builders.jobs(asked)) is (after_refund == "ask")


def test_a_discount_on_one_line_is_learned_before_a_line_goes_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.discount(session_id, 50, on="Template Kit")
    stripe.pay(session_id)
    builders.deliver(shop, stripe.event("completed", session_id))
    stripe.calls.clear()
    assert refund.preview(shop, order_id).amount == Money(6850, "eur")
    assert "line_items_of" not in stripe.calls
    assert refund.preview(shop, order_id, lines=[2]).amount == Money(3950, "eur")
    assert "line_items_of" in stripe.calls


def test_a_discount_on_one_line_is_learned_before_it_is_sent_back_too(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.discount(session_id, 50, on="Template Kit")
    stripe.pay(session_id)
    builders.deliver(shop, stripe.event("completed", session_id))
    stripe.calls.clear()
    refund.request(shop, order_id, 100, actor="owner")
    assert "line_items_of" not in stripe.calls
    assert refund.request(shop, order_id, 2900, lines=[1], actor="owner").amount == Money(2900, "eur")
    assert "line_items_of" in stripe.calls


def test_a_refund_is_called_so_that_the_same_words_make_the_same_one(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    asked = "rf_" + sha256(f"{order_id}:form-1".encode()).hexdigest()[:20]
    done = refund.request(shop, order_id, 100, key="form-1", actor="owner")
    (row,) = builders.rows(shop, Refund)
    named = f"{asked}:{builders.payment_of(shop, order_id)}"
    assert (row.request, row.id) == (asked, "rf_" + sha256(named.encode()).hexdigest()[:20])
    assert done.id == row.id
    refund.request(shop, order_id, 100, actor="owner")
    assert [len(each.request) for each in builders.rows(shop, Refund) if each.id != row.id] == [29]
    assert all(each.request.startswith("rf_") for each in builders.rows(shop, Refund))


def test_a_plan_that_an_owner_lets_go_on_is_not_ended_by_the_next_refund(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2))
    assert (refund.preview(shop, order_id).ends, refund.preview(shop, order_id).bills_on) == ((name,), ())
    refund.request(shop, order_id, 900, end_subscription=False, actor="owner")
    plan = refund.preview(shop, order_id)
    assert (plan.ends, plan.bills_on) == ((), (name,))
    with shop.reading() as session:
        (payment,) = builders.rows(shop, Payment)
        assert session.get_one(Payment, payment.id).stripe_payment_intent_id
    assert [part.payment for part in plan.parts] == [payment.stripe_payment_intent_id]


def test_of_several_payments_one_that_stripe_refuses_keeps_none_of_the_others(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    stripe.trouble.append(StripeRefused("charge_disputed"))
    done = refund.request(shop, order_id, key="form-1", actor="owner")
    assert [part.status for part in done.parts] == [RefundStatus.CANCELED, RefundStatus.SUCCEEDED]
    assert (done.amount, done.status) == (Money(1800, "eur"), RefundStatus.CANCELED)
    first, renewal = sorted(builders.rows(shop, Payment), key=lambda row: row.billing_reason == "subscription_cycle")
    assert [part.payment for part in done.parts] == [renewal.id, first.stripe_payment_intent_id]
    assert len(stripe.refunds) == 1


@pytest.mark.parametrize("known", [True, False])
def test_a_refund_of_before_payments_were_kept_is_of_the_payment_that_it_names_itself(
    shop: Shop, stripe: FakeStripe, known: bool
) -> None:
    order_id = builders.bought(shop, stripe)
    payment = builders.payment_of(shop, order_id)
    with shop.transaction() as session:
        row = back(None, 100, RefundStatus.REQUESTED)
        row.sqlmodel_update({"order_id": order_id, "stripe_payment_intent_id": payment if known else None})
        session.add(row)
        session.flush()
        name = row.id
    if known:
        assert refund.resume(shop, name).status is RefundStatus.SUCCEEDED
        assert [each["payment_intent"] for each in stripe.refunds.values()] == [payment]
        assert [(row.id, row.status) for row in builders.rows(shop, Refund)] == [(name, "succeeded")]
        return
    with pytest.raises(StripeRefused) as refusal:
        refund.resume(shop, name)
    assert (refusal.value.code, refusal.value.message) == NOTHING
    (kept,) = builders.rows(shop, Refund)
    assert (kept.status, kept.failure, stripe.refunds) == (RefundStatus.CANCELED, "nothing_to_refund", {})


def test_the_payment_of_an_invoice_is_known_before_its_refund_is_answered(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    stripe.calls.clear()
    refund.request(shop, order_id, 100, actor="owner")
    refund.request(shop, order_id, 100, actor="owner")
    assert stripe.calls == ["payments_of_invoice", "refund", "refund"]


def test_the_payment_of_a_plan_that_is_known_by_its_session_alone_is_asked_for_and_known_then(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    (before,) = builders.rows(shop, Payment)
    with shop.transaction() as session:
        behind(session, Payment, stripe_invoice_id=None)
    stripe.calls.clear()
    assert refund.request(shop, order_id, 100, actor="owner").status is RefundStatus.SUCCEEDED
    assert stripe.calls == ["retrieve", "payments_of_invoice", "refund"]
    (after,) = builders.rows(shop, Payment)
    assert after.stripe_invoice_id == before.stripe_invoice_id
    assert after.stripe_payment_intent_id == stripe.payment_of(before.stripe_subscription_id or "")


@builders.on_sqlite
def test_what_stripe_refuses_of_a_click_stands_in_the_audit_log_as_not_done(shop: Shop, stripe: FakeStripe) -> None:
    owner = works_as(shop, Role.OWNER)
    order_id, name = builders.subscribed(shop, stripe)
    stripe.charges.clear()
    del stripe.subscriptions[name]
    with pytest.raises(StripeRefused):
        refund.request(shop, order_id, 100, actor="", deed=deed(owner))
    with pytest.raises(StripeRefused):
        plans.end_by_staff(shop, name, deed=deed(owner))
    told = [(each.action, each.subject, each.who, each.detail) for each in builders.rows(shop, AuditEntry)]
    assert sorted(told) == [
        ("end_plan", name, OWNER, "at once"),
        ("end_plan", name, OWNER, f"not done, Stripe refused it: No such subscription: '{name}'"),
        ("refund", order_id, OWNER, "100 eur"),
        ("refund", order_id, OWNER, "not done, Stripe refused it: There is no successful charge to refund"),
    ]


def test_a_refund_that_a_version_of_before_asked_for_in_other_words_is_found_or_refused(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe)
    for made in (True, False):
        stripe.trouble.append(StripeUnreachable("api_connection_error", "Request timed out"))
        with pytest.raises(StripeUnreachable):
            refund.request(shop, order_id, 100, actor="owner")
        row = next(row for row in builders.rows(shop, Refund) if row.status is RefundStatus.REQUESTED)
        words = {"payment_intent": builders.payment_of(shop, order_id), "amount": 100 if made else 99_999,
                 "metadata": {"order_id": order_id, "refund_id": row.id, "shop_id": shop.id}}  # fmt: skip
        with suppress(StripeRefused):
            stripe.refund(words, key=f"refund:{row.id}")
        if made:
            assert refund.resume(shop, row.id).status is RefundStatus.SUCCEEDED
        else:
            with pytest.raises(StripeRefused, match="same parameters"):
                refund.resume(shop, row.id)
        assert len(stripe.refunds) == 1


@pytest.mark.parametrize("invoiced", [True, False])
def test_what_leads_to_no_payment_at_stripe_cannot_go_back(shop: Shop, stripe: FakeStripe, invoiced: bool) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    (payment,) = builders.rows(shop, Payment)
    stripe.invoice_payments.clear()
    if not invoiced:
        stripe.sessions[payment.stripe_checkout_session_id or ""]["invoice"] = None
        with shop.transaction() as session:
            behind(session, Payment, stripe_invoice_id=None)
    stripe.calls.clear()
    with pytest.raises(StripeRefused) as refusal:
        refund.request(shop, order_id, 100, actor="owner")
    assert (refusal.value.code, refusal.value.message) == NOTHING
    assert stripe.calls == ["payments_of_invoice" if invoiced else "retrieve"]


def test_a_refund_that_stripe_refuses_after_it_told_that_it_was_made_is_made(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = builders.bought(shop, stripe)
    make = stripe.refund

    def told_and_refused(parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        builders.deliver(shop, stripe.tell("refund.created", make(parameters, key=key)))
        raise StripeRefused("idempotency_key_in_use")

    monkeypatch.setattr(stripe, "refund", told_and_refused)
    assert refund.request(shop, order_id, 100, actor="owner").status is RefundStatus.SUCCEEDED
    (row,) = builders.rows(shop, Refund)
    assert (row.status, row.failure, builders.status(shop, order_id)) == ("succeeded", "", "partially_refunded")
    assert not [job for job in builders.jobs(shop) if "refund_refused" in job]


def test_what_is_learned_in_refunding_is_written_with_the_order_locked(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    with writing_unlocked() as found:
        refund.request(shop, order_id, 100, actor="owner")
        stripe.trouble.append(StripeRefused("charge_disputed"))
        with pytest.raises(StripeRefused):
            refund.request(shop, order_id, 200, actor="owner")
    assert found == []
    assert sorted(row.status for row in builders.rows(shop, Refund)) == ["canceled", "succeeded"]
    assert all(row.stripe_payment_intent_id for row in builders.rows(shop, Payment))


def test_what_comes_of_fetching_a_plan_is_the_workers_doing(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "plan-month", "clinic-eur")
    begins = builders.rows(shop, WorkshopDate)[0].starts_at
    builders.change_date(shop, "clinic/1", starts_at=shop.now())
    name = stripe.pay(session_id)["subscription"]
    builders.deliver(shop, stripe.event("completed", session_id))
    assert "blocked:2" in builders.log(shop, order_id)
    builders.change_date(shop, "clinic/1", starts_at=begins)
    assert plans.refresh(shop, name)
    done = {row.event: row.actor for row in builders.rows(shop, FulfillmentLog)}
    assert done["granted:2"] == "worker"
