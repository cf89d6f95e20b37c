"""What needs a person: each topic stands in the list for as long as it is true, with what to do about it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from core.catalog.products import Kind
from core.events import inbox, reconciliation
from core.foundation.errors import StripeRefused, StripeUnreachable
from core.journeys import refund
from core.kinds.deliverables import KINDS
from core.kinds.workshops import WorkshopDate
from core.messages.letters import Letter, LetterState
from core.orders.disputes import FraudWarning
from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.owner.doctor import findings
from core.owner.doctor.findings import Finding, Level
from core.owner.needs import attention, set_aside
from core.owner.needs.set_aside import SetAside
from core.registers import refunds as refund_register
from core.registers.paging import Place
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.fakes import FakeStripe, event_about


def topics(shop: Shop) -> list[str]:
    return [item.topic for item in attention.items(shop)]


def test_a_shop_in_order_needs_nobody(shop: Shop, stripe: FakeStripe) -> None:
    builders.bought(shop, stripe)
    reconciliation.sweep(shop)
    assert attention.items(shop) == []


def test_a_silent_stripe_until_it_answers(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    stripe.trouble.append(StripeUnreachable("api_connection_error"))
    reconciliation.sweep(shop)
    (item,) = attention.items(shop)
    assert (item.topic, item.since) == ("stripe_unreachable", clock.time)
    assert "api_connection_error" in item.detail
    clock.pass_(seconds=30)
    reconciliation.sweep(shop)
    assert topics(shop) == []


def sold_out_order(shop: Shop, stripe: FakeStripe) -> str:
    """Paid after the places were gone, together with a file that was delivered."""
    order_id, session_id = builders.opened(shop, "clinic-eur", "guide-eur")
    deliver(shop, stripe.event("expired", session_id, status="expired"))
    with shop.transaction() as session:
        session.execute(update(WorkshopDate).values(taken=WorkshopDate.capacity))
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id))
    return order_id


def test_a_sold_out_order_until_its_line_is_refunded(shop: Shop, stripe: FakeStripe) -> None:
    order_id = sold_out_order(shop, stripe)
    (item,) = attention.items(shop)
    assert (item.topic, item.order_id) == ("sold_out", order_id)
    refund.request(shop, order_id, 500, actor="owner")
    assert topics(shop) == ["sold_out"]
    refund.request(shop, order_id, lines=[1], actor="owner")
    assert topics(shop) == []
    assert builders.grants(shop, order_id) == [("clinic", "revoked"), ("guide", "active")]


def test_a_sold_out_order_until_there_is_a_place(shop: Shop, stripe: FakeStripe) -> None:
    order_id = sold_out_order(shop, stripe)
    with shop.transaction() as session:
        session.execute(update(WorkshopDate).values(capacity=WorkshopDate.capacity + 1))
    (completed,) = [row for row in builders.rows(shop, inbox.StripeEvent) if row.type.endswith("completed")]
    inbox.replay(shop, completed.id, actor="owner")
    assert (topics(shop), builders.status(shop, order_id)) == ([], "fulfilled")


@pytest.mark.parametrize(
    ("changes", "topic"), [({"amount_subtotal": 100}, "amount_mismatch"), ({"currency": "usd"}, "currency_mismatch")]
)
def test_a_wrong_payment_until_it_went_back(shop: Shop, stripe: FakeStripe, changes: dict, topic: str) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id, **changes))
    assert topics(shop) == [topic]
    refund.request(shop, order_id, actor="owner")
    assert topics(shop) == []


def test_an_order_paid_twice_until_one_payment_went_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id, first = builders.opened(shop)
    twin = stripe.recover(first)["id"]
    for session_id in (first, twin):
        stripe.pay(session_id)
        deliver(shop, stripe.event("completed", session_id))
    (item,) = attention.items(shop)
    number, second = builders.detail(shop, order_id)["number"], stripe.sessions[twin]["payment_intent"]
    assert (item.topic, item.order_id, item.detail) == ("paid_twice", order_id, second)
    assert f"`pushcart refund {number} --payment {second}`" in item.advice
    deliver(shop, stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 2900)))
    assert topics(shop) == []


def test_a_refund_that_came_back_until_another_one_worked(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    (made,) = stripe.refunds
    deliver(shop, stripe.tell("refund.failed", stripe.fail_refund(made)))
    (item,) = attention.items(shop)
    assert (item.topic, item.subject, item.detail) == ("refund_failed", made, "expired_or_canceled_card")
    assert "open again" in item.advice
    clock.pass_(hours=1)
    stripe.trouble.append(StripeRefused("charge_already_refunded"))
    with pytest.raises(StripeRefused):
        refund.request(shop, order_id, actor="owner")
    assert [item.advice.split(",")[0] for item in attention.items(shop)][1] == "Stripe refused it"
    clock.pass_(hours=1)
    refund.request(shop, order_id, actor="owner")
    assert topics(shop) == []


def fail(shop: Shop, stripe: FakeStripe, stripe_refund_id: str) -> None:
    deliver(shop, stripe.tell("refund.failed", stripe.fail_refund(stripe_refund_id)))


def failing(shop: Shop) -> dict[str, bool]:
    """The refunds that did not work, by Stripe's ids, and whether the list of refunds offers to ask for the same once more."""
    with shop.reading() as session:
        rows = refund_register.page(session, "failed", livemode=False, now=shop.now(), place=Place()).rows
    listed = {item.subject for item in attention.items(shop) if item.topic == "refund_failed"}
    assert listed == {row.stripe_id for row in rows if row.may_again}
    return {row.stripe_id: row.may_again for row in rows}


def test_a_refund_that_failed_stands_whatever_else_of_its_order_went_back(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    for lines in ((1,), (2,)):
        refund.request(shop, order_id, lines=lines, actor="owner", key=str(lines))
        clock.pass_(hours=1)
    first, second = stripe.refunds
    fail(shop, stripe, first)  # days later as a rule, when the other is long done
    assert failing(shop) == {first: True}
    clock.pass_(hours=1)
    refund.request(shop, order_id, 500, actor="owner", key="less")
    assert failing(shop) == {first: True}
    clock.pass_(hours=1)
    refund.request(shop, order_id, lines=(1,), actor="owner", key="rest of it")
    assert failing(shop) == {first: False}  # together they brought what it was to bring
    fail(shop, stripe, second)
    clock.pass_(hours=1)
    refund.request(shop, order_id, lines=(2,), actor="owner", key="again")
    assert failing(shop) == {first: False, second: False}


def test_a_part_that_failed_stands_though_the_rest_went_back_before_that_was_known(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    refund.request(shop, order_id, 1000, actor="owner", key="part")
    clock.pass_(hours=1)
    refund.request(shop, order_id, actor="owner", key="rest")
    part, _ = stripe.refunds
    clock.pass_(hours=1)
    fail(shop, stripe, part)
    assert failing(shop) == {part: True}
    clock.pass_(hours=1)
    refund.request(shop, order_id, actor="owner", key="again")
    assert failing(shop) == {part: False}


def test_a_refund_that_was_made_anew_before_its_failure_was_told_is_done(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    (made,) = stripe.refunds
    late = stripe.tell("refund.failed", stripe.fail_refund(made))
    clock.pass_(hours=1)
    payment = builders.payment_of(shop, order_id)
    deliver(shop, stripe.tell("refund.created", stripe.make_refund(payment, 2900)))
    clock.pass_(hours=1)
    deliver(shop, late)
    assert failing(shop) == {made: False}


def test_of_two_equal_refunds_that_were_asked_for_at_first_neither_makes_good_the_other(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    for key in ("a", "b"):
        refund.request(shop, order_id, 500, actor="owner", key=key)
        clock.pass_(hours=1)
    first, second = stripe.refunds
    failed = stripe.tell("refund.failed", stripe.fail_refund(first))
    clock.pass_(hours=1)
    # Told more than once, and later: it failed when it did.
    again = stripe.tell("refund.updated", stripe.refunds[first])
    deliver(shop, again)
    deliver(shop, failed)
    assert failing(shop) == {first: True}
    clock.pass_(hours=1)
    refund.request(shop, order_id, 500, actor="owner", key="c")
    assert failing(shop) == {first: False}
    clock.pass_(hours=1)
    fail(shop, stripe, second)
    assert failing(shop) == {first: False, second: True}


def test_one_refund_makes_good_one_of_two_that_failed(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    for key in ("a", "b"):
        refund.request(shop, order_id, 500, actor="owner", key=key)
    for made in [*stripe.refunds]:
        fail(shop, stripe, made)
    for key, still in (("c", 1), ("d", 0)):
        clock.pass_(hours=1)
        refund.request(shop, order_id, 500, actor="owner", key=key)
        assert sum(failing(shop).values()) == still
    clock.pass_(hours=1)
    # What made one good may fail in its turn.
    fail(shop, stripe, [*stripe.refunds][3])
    assert sum(failing(shop).values()) == 2


def test_what_stripe_refused_is_not_made_good_by_what_was_asked_for_beside_it(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    stripe.trouble.append(StripeUnreachable("down"))
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, 500, actor="owner", key="a")
    (asked,) = builders.rows(shop, Refund)
    clock.pass_(minutes=1)
    refund.request(shop, order_id, 500, actor="owner", key="b")
    clock.pass_(minutes=1)
    stripe.trouble.append(StripeRefused("charge_disputed"))
    with pytest.raises(StripeRefused):
        refund.resume(shop, asked.id)
    assert topics(shop) == ["refund_failed"]
    clock.pass_(minutes=1)
    refund.request(shop, order_id, 500, actor="owner", key="c")
    assert topics(shop) == []


def test_a_refund_of_which_nobody_knows_when_it_failed_is_made_good_by_one_like_it(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    for key in ("a", "b"):
        refund.request(shop, order_id, 500, actor="owner", key=key)
        clock.pass_(hours=1)
    first, _ = stripe.refunds
    fail(shop, stripe, first)
    with shop.transaction() as session:
        session.exec(update(Refund).values(failed_at=None))
    assert failing(shop) == {first: False}


@pytest.fixture
def two_payments(shop: Shop, stripe: FakeStripe, clock: Clock) -> tuple[str, list[str]]:
    """An order whose plan was renewed once, and the PaymentIntents of both payments, a day later."""
    order_id, name = builders.subscribed(shop, stripe)
    deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    builders.ask_stripe(shop)
    clock.pass_(days=1)
    return order_id, [*stripe.invoice_payments]


def told(shop: Shop, stripe: FakeStripe, kind: str, subject: dict[str, Any]) -> list[str]:
    """What needs attention once Stripe has told of this, and been asked whose it is."""
    deliver(shop, stripe.tell(kind, subject))
    builders.ask_stripe(shop)
    return sorted(topics(shop))


def test_a_warning_of_fraud_until_money_of_its_own_payment_went_back(
    shop: Shop, stripe: FakeStripe, clock: Clock, two_payments: tuple[str, list[str]]
) -> None:
    order_id, (first, renewal) = two_payments
    assert told(shop, stripe, "radar.early_fraud_warning.created", stripe.warn(first)) == ["fraud_warning"]
    for payment, topic in ((renewal, ["fraud_warning"]), (first, [])):
        clock.pass_(hours=1)
        paid = stripe.invoice_payments[payment]
        refund.request(shop, order_id, 100, actor="owner", payment=paid, end_subscription=False, key=paid)
        assert topics(shop) == topic


def test_a_warning_of_fraud_until_there_is_a_dispute_about_its_own_payment(
    shop: Shop, stripe: FakeStripe, clock: Clock, two_payments: tuple[str, list[str]]
) -> None:
    _, (first, renewal) = two_payments
    assert told(shop, stripe, "radar.early_fraud_warning.created", stripe.warn(renewal)) == ["fraud_warning"]
    clock.pass_(hours=1)
    disputed = told(shop, stripe, "charge.dispute.created", stripe.dispute(first))
    assert disputed == ["dispute", "fraud_warning"]
    assert told(shop, stripe, "charge.dispute.created", stripe.dispute(renewal)) == ["dispute", "dispute"]


def test_whose_money_went_back_is_told_by_the_payment_where_stripe_has_not_said_it_of_the_refund(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_ids = [builders.bought(shop, stripe, cart=cart) for cart in ("cart_1", "cart_2")]
    for order_id in order_ids:
        warning = stripe.warn(builders.payment_of(shop, order_id))
        assert "fraud_warning" in told(shop, stripe, "radar.early_fraud_warning.created", warning)
    clock.pass_(hours=1)
    refund.request(shop, order_ids[0], 500, actor="owner")
    with shop.transaction() as session:
        session.exec(update(Refund).values(stripe_payment_intent_id=None))
    assert [item.order_id for item in attention.items(shop)] == [order_ids[1]]
    with shop.transaction() as session:
        session.exec(update(Payment).values(stripe_payment_intent_id=None, stripe_charge_id="ch_of_another_one"))
    assert topics(shop) == ["fraud_warning", "fraud_warning"]


def test_a_warning_of_fraud_of_which_it_was_not_kept_what_it_is_about_until_money_went_back(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    deliver(
        shop, stripe.tell("radar.early_fraud_warning.created", stripe.warn(builders.payment_of(shop, order_id)))
    )  # fmt: skip
    with shop.transaction() as session:
        session.exec(update(FraudWarning).values(stripe_payment_intent_id=None, stripe_charge_id=None))
    assert topics(shop) == ["fraud_warning"]
    clock.pass_(hours=1)
    refund.request(shop, order_id, 500, actor="owner")
    assert topics(shop) == []


def test_a_warning_of_fraud_whatever_of_its_order_went_back_before_it(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    payment = builders.payment_of(shop, order_id)
    refund.request(shop, order_id, 500, actor="owner", key="goodwill")
    clock.pass_(days=3)
    deliver(shop, stripe.tell("radar.early_fraud_warning.created", stripe.warn(payment)))
    assert topics(shop) == ["fraud_warning"]
    clock.pass_(hours=1)
    refund.request(shop, order_id, actor="owner", key="all of it")
    assert topics(shop) == []


def test_a_failed_event_until_it_works(shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    _, session_id = builders.opened(shop, "kit-eur")
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, Kind.LICENSE, builders.Broken)
        with pytest.raises(OSError, match="no more keys"):
            deliver(shop, event)
    (item,) = attention.items(shop)
    assert (item.topic, item.subject, item.detail) == ("event_failed", event["id"], "OSError: no more keys")
    deliver(shop, event)
    assert topics(shop) == []


def test_a_payment_of_an_order_that_is_not_here_at_once_and_once(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, session_id = builders.opened(shop)
    stripe.pay(session_id)
    lost = stripe.event("completed", session_id)
    lost["data"]["object"]["metadata"]["order_id"] = "ord_of_a_backup"
    deliver(shop, lost)
    for _ in range(2):
        (item,) = attention.items(shop)
        assert (item.topic, item.subject) == ("order_lost", session_id)
        assert "€29.00 for ord_of_a_backup" in item.detail
        clock.pass_(minutes=61)


def test_an_event_that_only_stripe_can_place_after_an_hour(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    payment = stripe.bill(100, "eur", metadata={})
    stripe.charge(payment)
    asked = stripe.tell("refund.created", stripe.make_refund(payment["id"], 100))
    deliver(shop, asked)
    assert topics(shop) == []
    clock.pass_(minutes=61)
    assert [(item.topic, item.order_id) for item in attention.items(shop)] == [("event_parked", None)]
    inbox.dismiss(shop, asked["id"], "looked at by hand")
    assert topics(shop) == []


def test_events_of_the_other_mode_while_they_come(shop: Shop, clock: Clock) -> None:
    deliver(shop, event_about({"id": "cs_live_1"}, "checkout.session.completed", number=1, livemode=True))
    assert topics(shop) == ["mode_mismatch"]
    clock.pass_(days=3)
    assert topics(shop) == []


@pytest.mark.parametrize(
    ("state", "after"), [(LetterState.RETRYING, timedelta(hours=2)), (LetterState.REFUSED, timedelta(0))]
)
def test_a_letter_that_does_not_go_out_until_it_does(
    shop: Shop, stripe: FakeStripe, clock: Clock, state: LetterState, after: timedelta
) -> None:
    order_id = builders.bought(shop, stripe)
    letter = Letter(
        id=f"receipt:{order_id}", order_id=order_id, state=state, attempts=3, error="550 No such mailbox",
        created_at=clock.time,
    )  # fmt: skip
    with shop.transaction() as session:
        session.add(letter)
    clock.time += after
    assert [(item.topic, item.detail) for item in attention.items(shop)] == [("letter", "550 No such mailbox")]
    with shop.transaction() as session:
        session.execute(update(Letter).values(state=LetterState.SENT))
    assert topics(shop) == []


def test_a_job_that_gave_up_until_it_is_done(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)

    def mark(status: str) -> None:
        with shop.transaction() as session:
            session.execute(text(f"update {builders.jobs_table(session)} set status = '{status}'"))

    mark("ERROR")
    assert [(item.topic, item.subject) for item in attention.items(shop)] == [("dead_job", f"receipt:{order_id}")]
    mark("SUCCESS")
    assert topics(shop) == []


def test_what_has_a_deadline_comes_first_then_the_oldest(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    stripe.trouble.append(StripeUnreachable("api_connection_error"))
    reconciliation.sweep(shop)
    clock.pass_(hours=1)
    order_id = builders.bought(shop, stripe)
    deliver(shop, event_about({"id": "cs_live_1"}, "checkout.session.completed", number="live", livemode=True))
    deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(builders.payment_of(shop, order_id))))
    assert topics(shop) == ["dispute", "stripe_unreachable", "mode_mismatch"]


def learned_by_asking(shop: Shop, stripe: FakeStripe, cart: str) -> dict[str, Any]:
    """An event that Stripe lists, and that no webhook brought."""
    _, session_id = builders.opened(shop, "guide-eur", cart=cart)
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    stripe.happened.append(event)
    reconciliation.sweep(shop)
    return event


def test_a_webhook_by_which_nothing_comes_until_something_does(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """Its secret was changed at Stripe alone: the worker delivers all that is bought, and nobody would notice."""
    builders.bought(shop, stripe)
    since = clock.time
    clock.pass_(hours=1)
    event = learned_by_asking(shop, stripe, "cart_2")
    clock.pass_(minutes=29)
    reconciliation.sweep(shop)
    assert topics(shop) == []
    clock.pass_(minutes=2)
    reconciliation.sweep(shop)
    (item,) = attention.items(shop)
    assert (item.topic, item.since) == ("webhook_silent", since)
    assert event["id"] in item.detail
    deliver(shop, event)
    assert topics(shop) == []


def test_a_webhook_by_which_nothing_ever_came(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    learned_by_asking(shop, stripe, "cart_1")
    clock.pass_(minutes=31)
    reconciliation.sweep(shop)
    assert topics(shop) == ["webhook_silent"]


def test_what_the_worker_was_only_sooner_to_hear_of_says_nothing_of_the_webhook(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    for cart in ("cart_1", "cart_2", "cart_3"):
        deliver(shop, learned_by_asking(shop, stripe, cart))
        clock.pass_(minutes=2)
    clock.pass_(minutes=60)
    reconciliation.sweep(shop)
    assert topics(shop) == []


def test_what_happened_while_all_of_the_shop_was_away_says_nothing_of_the_webhook(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    _, session_id = builders.opened(shop, "guide-eur", cart="cart_2")
    clock.pass_(minutes=20)
    stripe.pay(session_id)
    stripe.happened.append(stripe.event("completed", session_id))
    clock.pass_(hours=2)
    reconciliation.sweep(shop)
    clock.pass_(minutes=31)
    reconciliation.sweep(shop)
    assert topics(shop) == []


def test_a_worker_that_was_not_seen_for_long_until_it_is_back(shop: Shop) -> None:
    builders.pause_worker(shop, seconds=59)
    assert topics(shop) == []
    builders.pause_worker(shop, days=20, minutes=1)
    (item,) = attention.items(shop)
    assert (item.topic, item.detail) == ("worker_absent", "last seen 20 days ago")
    assert "Start the worker" in item.advice
    builders.pause_worker(shop, seconds=1)
    assert topics(shop) == []


def test_a_shop_that_never_had_a_worker(bare_shop: Shop) -> None:
    assert [(item.topic, item.detail) for item in attention.items(bare_shop)] == [("worker_absent", "last seen: never")]


def test_a_worker_that_gets_through_no_pass_until_it_does(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.begun(shop, hours=2)
    assert [(item.topic, item.detail) for item in attention.items(shop)] == [
        ("sweep_overdue", "last pass ended: never")
    ]
    reconciliation.sweep(shop)
    assert topics(shop) == []
    clock.pass_(minutes=16)
    assert [(item.topic, item.detail) for item in attention.items(shop)] == [
        ("sweep_overdue", "last pass ended 16 minutes ago")
    ]
    stripe.trouble.append(StripeUnreachable("api_connection_error"))
    reconciliation.sweep(shop)  # a pass that nobody answers is one all the same
    assert topics(shop) == ["stripe_unreachable"]


def test_a_parked_event_that_only_stripe_can_place_does_not_speak_of_backups(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    deliver(shop, stripe.tell("charge.dispute.created", {"id": "dp_1", "object": "dispute", "charge": "ch_x"}))
    clock.pass_(minutes=61)
    (item,) = attention.items(shop)
    assert item.topic == "event_parked"
    assert "backup" not in item.advice


FLOOD = 70_000  # PostgreSQL takes 65,535 values with a statement
FAIL = """
    with recursive n(i) as (select 1 union all select i + 1 from n where i < :many)
    insert into stripe_events (id, type, created, livemode, payload, state, order_id, attempts, error, received_at, updated_at,
        retry_after)
    select 'evt_' || i, 'charge.updated', :now, false, '{}', 'failed', null, 3, 'boom', :now, :now, :now from n
"""


def test_of_a_flood_the_oldest_are_listed_and_how_many_more_there_are(shop: Shop, stripe: FakeStripe) -> None:
    order_id = sold_out_order(shop, stripe)
    with shop.engine.begin() as connection:
        connection.execute(text(FAIL), {"many": FLOOD, "now": shop.now()})
        connection.execute(
            text("update stripe_events set received_at = :before where id = 'evt_777'"),
            {"before": shop.now() - timedelta(days=1)},
        )
    found = set_aside.needs(shop)
    assert len(found) == attention.MOST + 2
    more, first = found[:2]
    assert (first.topic, first.subject) == ("event_failed", "evt_777")
    assert (more.topic, more.subject, more.since) == ("more_of_the_same", "event_failed", first.since)
    assert more.detail == f"{FLOOD - attention.MOST:,} more beside those listed"
    assert [item.order_id for item in found if item.topic == "sold_out"] == [order_id]
    with shop.transaction() as session:
        for item in found[1 : attention.MOST]:
            session.add(SetAside(item=set_aside.name(item), since=item.since, note="seen", who="sam@berg.example"))
    left = set_aside.needs(shop)
    # None of those that were set aside, and as many others in their place.
    assert len({item.subject for item in left} - {item.subject for item in found}) == attention.MOST - 1


@pytest.mark.parametrize("livemode", [False, True])
def test_a_flood_of_the_other_mode_hides_nothing(shop: Shop, stripe: FakeStripe, livemode: bool) -> None:
    order_id = sold_out_order(shop, stripe)
    with shop.transaction() as session:
        first = session.get_one(Order, order_id)
        values = {**first.model_dump(), "livemode": not livemode, "updated_at": first.updated_at - timedelta(days=1)}
        first.livemode = livemode
        for number in range(attention.MOST + 1):
            of_other = {
                "id": f"ord_{number}",
                "number": f"X-{number}",
                "cart_id": f"cart_x{number}",
                "stripe_checkout_session_id": None,
                "stripe_payment_intent_id": None,
            }
            session.add(Order(**values | of_other))
    in_mode = builders.live(shop) if livemode else shop
    assert [item.order_id for item in attention.items(in_mode) if item.order_id] == [order_id]


@builders.on_sqlite
def test_what_the_doctor_found_wrong_is_told_behind_what_needs_a_person(shop: Shop) -> None:
    found = [
        Finding("clock", Level.FINE, "The clock agrees."),
        Finding("mail", Level.WRONG, "The mail server refuses us.", "No letter goes out.", "Correct SMTP_URL."),
    ]
    before = attention.everything(shop)
    assert before == attention.items(shop)
    with shop.transaction() as session:
        findings.keep(session, found, now=shop.now())
    assert attention.items(shop) == before
    [item] = attention.everything(shop)[len(before) :]
    assert (item.topic, item.subject, item.detail, item.advice, item.since) == (
        "doctor", "mail", "The mail server refuses us.", "Correct SMTP_URL.", shop.now(),
    )  # fmt: skip
