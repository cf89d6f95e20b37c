"""Events: applied, parked until their order is known, replayed after a failure, and healed by the sweep."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.event import listens_for
from sqlmodel import select

from core.admission import ASKING, UNKNOWN
from core.catalog.products import Kind
from core.events import inbox, reconciliation
from core.events.handlers import EventState, Outcome, ignored
from core.events.inbox import StripeEvent
from core.foundation.errors import EventNotFound
from core.journeys.checkout_sessions.lost_orders import LostOrder
from core.kinds.deliverables import KINDS
from core.orders.checkouts import Checkout
from core.orders.history import FulfillmentLog
from core.orders.orders import Order, OrderLine
from core.rights.consents import Consent
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.core.orders.rows import DAY
from tests.core.orders.stored import locking_rows
from tests.fakes import FakeStripe, event_about, signed


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
    order_id, session_id = opened_without_copy(shop, stripe)
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
    clock.pass_(minutes=5)
    reconciliation.sweep(shop)
    assert builders.rows(shop, LostOrder) == []


def opened_without_copy(shop: Shop, stripe: FakeStripe) -> tuple[str, str]:
    """An order whose Session is from before Sessions carried a copy of theirs: lost, nobody can write it again."""
    order_id, session_id = builders.opened(shop)
    said = stripe.sessions[session_id]["metadata"]
    stripe.sessions[session_id]["metadata"] = named = {
        name: text for name, text in said.items() if not name.startswith("copy")
    }
    with shop.transaction() as session:
        row = session.get_one(Checkout, builders.attempts(shop)[0].id)
        row.parameters = {**row.parameters, "metadata": named}
    return order_id, session_id


def take_away(shop: Shop, order_id: str) -> list:
    """Remove the order with all its rows, and return them so that they can be put back."""
    kept: list = []
    with shop.transaction() as session:
        session.execute(text("delete from fulfillment_log"))
        for table in (Consent, Checkout, OrderLine, Order):
            for row in session.exec(select(table)).all():
                kept.insert(0, table(**row.model_dump()))
                session.delete(row)
            session.flush()
    return kept


def test_a_parked_event_is_applied_by_its_next_delivery_too(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = opened_without_copy(shop, stripe)
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


def paid_event(shop: Shop, stripe: FakeStripe, cart: str = "cart_1") -> tuple[str, dict[str, Any]]:
    order_id, session_id = builders.opened(shop, cart=cart)
    stripe.pay(session_id)
    return order_id, stripe.event("completed", session_id)


def test_an_event_is_remembered_as_it_came_with_what_became_of_it(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, event = paid_event(shop, stripe)
    clock.pass_(hours=1)
    raw, signature = signed(event)
    assert inbox.receive(shop, raw, signature) == Outcome(EventState.APPLIED, order_id)
    now = shop.now()
    assert builders.event_row(shop, event["id"]).model_dump() == {
        "id": event["id"], "type": "checkout.session.completed", "created": now - timedelta(hours=1), "livemode": False,
        "payload": raw.decode(), "state": "applied", "order_id": order_id, "attempts": 1, "error": "",
        "received_at": now, "updated_at": now, "retry_after": now + timedelta(seconds=30),
    }  # fmt: skip
    assert inbox.payload_of(shop, event["id"]) == raw.decode()
    done = {row.event: row.actor for row in builders.rows(shop, FulfillmentLog)}
    assert done["fulfilled"] == f"webhook {event['id']}"


@pytest.mark.parametrize(
    ("metadata", "named"),
    [({"order_id": "ord_1"}, "ord_1"), ({"order_id": "12345"}, None), ({}, None), (None, None)],
)
@builders.on_sqlite
def test_of_an_event_that_fails_it_is_kept_which_order_it_names(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, metadata: Any, named: str | None
) -> None:
    event = event_about({"id": "cs_9", "metadata": metadata}, "checkout.session.completed", number=1)
    event |= {"livemode": True, "created": None}
    monkeypatch.setattr("core.events.application.apply", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        deliver(shop, event)
    row = builders.event_row(shop, event["id"])
    assert row.outcome == Outcome(EventState.FAILED, named, "ZeroDivisionError: division by zero")
    assert (row.livemode, row.created) == (True, datetime.fromtimestamp(0, UTC))


def test_what_fails_waits_twice_as_long_each_time_up_to_an_hour(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, event = paid_event(shop, stripe)
    first = shop.now()
    with monkeypatch.context() as patch:
        patch.setattr("core.events.application.apply", lambda *_, **__: 1 / 0)
        for number, seconds in enumerate((30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600), start=1):
            clock.pass_(days=1)
            with pytest.raises(ZeroDivisionError):
                deliver(shop, event)
            row, now = builders.event_row(shop, event["id"]), shop.now()
            assert (row.attempts, row.updated_at, row.received_at) == (number, now, first + timedelta(days=1))
            assert row.retry_after == now + timedelta(seconds=seconds)
    clock.pass_(days=1)
    assert deliver(shop, event).state is EventState.APPLIED
    row = builders.event_row(shop, event["id"])
    assert (row.attempts, row.state, row.error, row.updated_at) == (13, "applied", "", shop.now())


def test_what_was_ignored_stays_so_at_the_next_delivery_and_is_looked_at_again_in_a_replay(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id, event = paid_event(shop, stripe)
    for _ in range(2):
        assert deliver(builders.live(shop), event) == ignored("test event, live key")
    assert deliver(shop, event) == ignored("test event, live key")
    assert builders.event_row(shop, event["id"]).attempts == 1
    assert inbox.replay(shop, event["id"], actor="ida") == Outcome(EventState.APPLIED, order_id)
    assert builders.event_row(shop, event["id"]).attempts == 2
    done = {row.event: row.actor for row in builders.rows(shop, FulfillmentLog)}
    assert done["fulfilled"] == "ida"


def named_events(shop: Shop, stripe: FakeStripe) -> list[dict[str, Any]]:
    """Four events, which do not come in the order of their ids."""
    names = ("evt_3", "evt_1", "evt_4", "evt_2")
    return [{**paid_event(shop, stripe, f"cart_{name}")[1], "id": name} for name in names]


def test_events_that_come_together_are_written_in_the_order_of_their_ids(shop: Shop, stripe: FakeStripe) -> None:
    events = named_events(shop, stripe)
    written: list[str] = []

    @listens_for(shop.engine, "before_cursor_execute")
    def executed(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lower().startswith("insert into stripe_events"):
            values = parameters.values() if isinstance(parameters, dict) else parameters
            # Of several rows PostgreSQL is handed each column as the text of an array.
            ids = [each for each in values if isinstance(each, str) and each.startswith(("evt_", '{"evt_'))]
            written.extend(name for each in ids for name in each.strip('{}"').split('","'))

    with locking_rows(StripeEvent) as locked:
        builders.deliver_at_once(shop, events)
    assert (written, locked) == (["evt_1", "evt_2", "evt_3", "evt_4"], [])


def test_events_that_were_there_are_locked_in_the_order_of_their_ids(shop: Shop, stripe: FakeStripe) -> None:
    events = named_events(shop, stripe)
    for event in events:
        deliver(shop, event)
    with locking_rows(StripeEvent) as locked:
        builders.deliver_at_once(shop, events)
    assert locked == [["evt_1", "evt_2", "evt_3", "evt_4"]]


def kept(name: str, state: EventState, kind: str, *, due: int, error: str = "") -> StripeEvent:
    return StripeEvent(
        id=name, type=kind, created=DAY, livemode=False, payload="{}", state=state, attempts=3, error=error,
        received_at=DAY, updated_at=DAY, retry_after=DAY + timedelta(seconds=due),
    )  # fmt: skip


def test_what_is_not_over_is_tried_again_each_kind_in_turn_what_waited_longest_first(shop: Shop) -> None:
    failed, parked = EventState.FAILED, EventState.PARKED
    with shop.transaction() as session:
        for name, state, kind, due in (
            ("evt_9", failed, "a", -9), ("evt_8", failed, "a", -8), ("evt_7", failed, "a", -7), ("evt_6", parked, "a", -6),
            ("evt_5", failed, "b", 0), ("evt_4", failed, "b", 0), ("evt_3", failed, "c", 1), ("evt_66", failed, "d", -6),
            ("evt_2", EventState.APPLIED, "a", -9), ("evt_1", EventState.IGNORED, "a", -9),
        ):  # fmt: skip
            session.add(kept(name, state, kind, due=due))
        session.flush()
        first = ["evt_9", "evt_6", "evt_66", "evt_4", "evt_8", "evt_5", "evt_7"]
        assert inbox.unfinished(session, due_at=DAY, limit=None) == first
        assert inbox.unfinished(session, due_at=DAY, limit=2) == first[:2]
        assert inbox.unfinished(session, due_at=None, limit=None) == [*first[:4], "evt_3", *first[4:]]
        assert inbox.remembered(session, ["evt_0", "evt_1", "evt_9"]) == {"evt_1", "evt_9"}


def test_a_parked_event_that_is_none_of_ours_is_dismissed(shop: Shop) -> None:
    with shop.transaction() as session:
        session.add_all(
            [
                kept("evt_1", EventState.PARKED, "a", due=0, error=ASKING),
                kept("evt_2", EventState.PARKED, "a", due=0, error=UNKNOWN),
            ]
        )
    asking, other = builders.event_row(shop, "evt_1"), builders.event_row(shop, "evt_2")
    assert (inbox.waits_for_stripe(asking), inbox.waits_for_stripe(other)) == (True, False)
    with locking_rows(StripeEvent) as locked:
        assert inbox.dismiss(shop, "evt_1", "none of ours") == ignored("none of ours")
    assert locked == [["evt_1"]]
    row = builders.event_row(shop, "evt_1")
    assert (row.outcome, row.attempts, row.updated_at) == (ignored("none of ours"), 3, shop.now())
    assert builders.event_row(shop, "evt_2") == other
