"""Events: applied, parked until their order is known, replayed after a failure, and healed by the sweep."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from core.catalog.products import Kind
from core.events import inbox, reconciliation
from core.events.handlers import EventState
from core.foundation.errors import EventNotFound
from core.kinds.deliverables import KINDS
from core.orders.checkouts import Checkout
from core.orders.orders import Order, OrderLine
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.fakes import FakeStripe


def failed_event(shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict]:
    """An order that was paid, and whose event failed halfway."""
    order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, Kind.LICENSE, builders.Broken)
        with pytest.raises(OSError, match="no more keys"):
            deliver(shop, event)
    return order_id, event


def test_replay_applies_what_failed_once_its_cause_is_gone(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, event = failed_event(shop, stripe, monkeypatch)
    outcome = inbox.replay(shop, event["id"], actor="owner")
    assert outcome == inbox.Outcome(EventState.APPLIED, order_id)
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.event_row(shop, event["id"]).error == ""


def test_replay_of_what_still_fails_says_so_again(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, event = failed_event(shop, stripe, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, Kind.LICENSE, builders.Broken)
        with pytest.raises(OSError, match="no more keys"):
            inbox.replay(shop, event["id"], actor="owner")
    row = builders.event_row(shop, event["id"])
    assert (row.state, row.attempts, row.order_id) == (EventState.FAILED, 2, order_id)


def test_replay_of_what_had_worked_changes_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    deliver(shop, event)
    before = builders.detail(shop, order_id)
    assert inbox.replay(shop, event["id"], actor="owner").state is EventState.APPLIED
    assert builders.detail(shop, order_id) == before
    assert builders.jobs(shop) == [f"receipt:{order_id}"]


@builders.on_sqlite
def test_a_failure_that_is_noted_late_leaves_what_was_applied_as_it_is(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    taken = inbox._taken

    def taken_by_another_first(*args: Any, **words: Any) -> inbox.Outcome:
        taken(*args, **words)
        raise OSError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "_taken", taken_by_another_first)
        with pytest.raises(OSError, match="lost"):
            deliver(shop, event)
    row = builders.event_row(shop, event["id"])
    assert (row.state, row.order_id, row.attempts, row.error) == (EventState.APPLIED, order_id, 1, "")


@builders.on_sqlite
def test_only_what_is_parked_can_be_dismissed(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    deliver(shop, event)
    assert inbox.dismiss(shop, event["id"], "none of ours") == inbox.Outcome(EventState.APPLIED, order_id)
    row = builders.event_row(shop, event["id"])
    assert (row.state, row.order_id, row.error) == (EventState.APPLIED, order_id, "")


def test_replay_of_an_unknown_event_says_so(shop: Shop) -> None:
    with pytest.raises(EventNotFound):
        inbox.replay(shop, "evt_nobody", actor="owner")


def test_sweep_applies_an_event_that_failed_halfway(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, event = failed_event(shop, stripe, monkeypatch)
    clock.pass_(seconds=30)
    report = reconciliation.sweep(shop)
    assert event["id"] in report.healed
    assert builders.status(shop, order_id) == "fulfilled"


def test_sweep_waits_longer_after_each_failure_unless_it_is_told_not_to(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, event = failed_event(shop, stripe, monkeypatch)
    stripe.undelivered.append(event)

    def attempts_after_sweep(*, seconds: float, everything: bool = False) -> int:
        clock.pass_(seconds=seconds)
        with monkeypatch.context() as patch:
            patch.setitem(KINDS, Kind.LICENSE, builders.Broken)
            reconciliation.sweep(shop, everything=everything)
        return builders.event_row(shop, event["id"]).attempts

    assert [attempts_after_sweep(seconds=seconds) for seconds in (29, 1, 59, 1)] == [1, 2, 2, 3]
    assert attempts_after_sweep(seconds=0, everything=True) == 4


def test_completed_before_the_commit_of_the_session_id_fulfils(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    forget_session_id(shop)
    stripe.pay(session_id)
    assert deliver(shop, stripe.event("completed", session_id)).state is EventState.APPLIED
    assert builders.status(shop, order_id) == "fulfilled"
    assert [row.stripe_checkout_session_id for row in builders.attempts(shop)] == [session_id]


def forget_session_id(shop: Shop) -> None:
    """As it was before the answer of the Session's creation was committed."""
    with shop.transaction() as session:
        for row in session.exec(select(Checkout)):
            row.stripe_checkout_session_id = None
            session.add(row)


def test_an_event_of_an_unknown_order_is_parked_and_applied_once_the_order_is_found(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    kept = take_away(shop, order_id)
    outcome = deliver(shop, event)
    clock.pass_(seconds=30)
    assert (outcome.state, outcome.order_id) == (EventState.PARKED, order_id)
    assert event["id"] not in reconciliation.sweep(shop).healed
    assert builders.event_row(shop, event["id"]).state is EventState.PARKED

    with shop.transaction() as session:
        for row in kept:
            session.add(row)
            session.flush()
    clock.pass_(minutes=1)
    assert event["id"] in reconciliation.sweep(shop).healed
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.event_row(shop, event["id"]).state is EventState.APPLIED


def take_away(shop: Shop, order_id: str) -> list:
    """Remove the order with all its rows, and return them so that they can be put back."""
    kept: list = []
    with shop.transaction() as session:
        session.execute(text("delete from fulfillment_log"))
        for table in (Checkout, OrderLine, Order):
            for row in session.exec(select(table)).all():
                kept.insert(0, table(**row.model_dump()))
                session.delete(row)
            session.flush()
    return kept


def test_a_parked_event_is_applied_by_its_next_delivery_too(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    kept = take_away(shop, order_id)
    deliver(shop, event)
    with shop.transaction() as session:
        for row in kept:
            session.add(row)
            session.flush()
    assert deliver(shop, event).state is EventState.APPLIED
    assert builders.status(shop, order_id) == "fulfilled"


@pytest.mark.parametrize(
    "rendering",
    [
        {"client_reference_id": None},
        {"customer_details": None, "payment_intent": {"id": "pi_expanded", "object": "payment_intent"}},
        {"expires_at": None, "amount_subtotal": 2900, "url": None},
    ],
)
def test_sessions_rendered_otherwise_are_understood(shop: Shop, stripe: FakeStripe, rendering: dict) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    event = {**stripe.event("completed", session_id, **rendering), "api_version": "2024-04-10"}
    assert deliver(shop, event).state is EventState.APPLIED
    assert builders.status(shop, order_id) == "fulfilled"


def test_a_failure_that_comes_late_leaves_what_was_applied_meanwhile(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe delivers twice at once: one delivery breaks, and the other is done before the first has noted that."""
    order_id, session_id = builders.opened(shop, "kit-eur")
    stripe.pay(session_id)
    event = stripe.event("completed", session_id)
    note = inbox._note_failure

    def late(*arguments: Any) -> None:
        monkeypatch.undo()
        assert deliver(shop, event).state is EventState.APPLIED
        note(*arguments)

    monkeypatch.setattr(inbox, "_note_failure", late)
    monkeypatch.setitem(KINDS, Kind.LICENSE, builders.Broken)
    with pytest.raises(OSError, match="no more keys"):
        deliver(shop, event)
    row = builders.event_row(shop, event["id"])
    assert (row.state, row.error, row.attempts) == (EventState.APPLIED, "", 1)
    assert builders.status(shop, order_id) == "fulfilled"


def test_only_a_parked_event_can_be_dismissed(shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    _, failed = failed_event(shop, stripe, monkeypatch)
    applied = stripe.event("completed", builders.opened(shop, cart="cart_2")[1])
    deliver(shop, applied)
    for event in (failed, applied):
        before = builders.event_row(shop, event["id"])
        assert inbox.dismiss(shop, event["id"], "none of ours").state is before.state
        assert builders.event_row(shop, event["id"]) == before
