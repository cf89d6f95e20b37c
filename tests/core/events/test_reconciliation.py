"""What no webhook told is asked for: dropped and undelivered events, silent Sessions, refunds without an answer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain, repeat
from typing import Any

import pytest
from sqlalchemy import event, insert, text, update
from sqlmodel import Session

from core.events import inbox, reconciliation
from core.events.handlers import HANDLERS, EventState
from core.events.inbox import StripeEvent
from core.foundation.errors import PermissionMissing, StripeFaulty, StripeRefused, StripeUnreachable
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.gateway.sessions import CheckoutState, SessionFacts
from core.journeys import refund
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.orders.status import Status
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.fakes import FakeStripe

SILENT = StripeUnreachable("rate_limit", "Too many requests")
FAULTY = StripeFaulty("api_error", "An unknown error occurred")


def paid(shop: Shop, stripe: FakeStripe, number: int, *items: str) -> tuple[str, dict[str, Any]]:
    """An order that was paid, and the event that nobody delivered."""
    order_id, session_id = builders.opened(shop, *items, cart=f"cart_{number}")
    return order_id, stripe.tell("checkout.session.completed", stripe.pay(session_id))


def seen(shop: Shop, name: Name) -> milestones.Milestone | None:
    with shop.reading() as session:
        return milestones.last(session, name)


def test_events_that_were_dropped_on_the_way_are_fetched_and_applied_in_their_order(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, completed = paid(shop, stripe, 1, "kit-eur")
    payment = completed["data"]["object"]["payment_intent"]
    refund = stripe.tell("refund.created", stripe.make_refund(payment, 7900))
    failed = stripe.tell("refund.failed", stripe.fail_refund(refund["data"]["object"]["id"]))
    report = reconciliation.sweep(shop)
    assert report.failed == []
    assert [each for each in report.healed if each.startswith("evt")] == [completed["id"], refund["id"], failed["id"]]
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("fulfilled", [("kit", "active")])
    assert reconciliation.sweep(shop).healed == []


def test_only_what_happened_since_the_last_pass_is_fetched(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    asked: list[Any] = []
    everything = stripe.events
    stripe.events = lambda *, since, types: asked.append(since) or everything(since=since, types=types)  # type: ignore[method-assign]
    first = clock.time
    reconciliation.sweep(shop)
    clock.pass_(hours=1)
    reconciliation.sweep(shop)
    reconciliation.sweep(shop, everything=True)
    clock.pass_(days=60)
    reconciliation.sweep(shop)
    days = timedelta(days=29)
    assert asked == [
        first - days,
        first - timedelta(minutes=5),
        clock.time - timedelta(days=60) - days,
        clock.time - days,
    ]


@builders.on_sqlite
def test_what_happens_while_the_events_are_listed_is_in_the_next_listing(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    began, listed = clock.time, stripe.events

    def slowly(*, since: Any, types: Any) -> Iterator[dict[str, Any]]:
        found = list(listed(since=since, types=types))
        clock.pass_(minutes=20)
        yield from found

    stripe.events = slowly  # type: ignore[method-assign]
    reconciliation.sweep(shop)
    assert (last := seen(shop, Name.EVENTS_SEEN)) is not None
    assert last.at == began


@builders.on_sqlite
def test_an_attempt_that_turns_out_to_have_a_session_is_not_closed(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, session_id = builders.opened(shop, "clinic-eur")
    with shop.transaction() as session:
        session.exec(update(Checkout).values(stripe_checkout_session_id=None))
    clock.pass_(minutes=11)

    def just_before(subject: str) -> None:
        """The answer that named the Session is committed after the sweep has listed what it takes for lost."""
        if subject == order_id:
            with shop.transaction() as session:
                session.exec(update(Checkout).values(stripe_checkout_session_id=session_id))

    assert order_id not in reconciliation.sweep(shop, progress=just_before).healed
    assert [row.state for row in builders.attempts(shop)] == [CheckoutState.OPEN]
    assert builders.status(shop, order_id) == "pending"


@pytest.mark.parametrize(
    "trouble", [SILENT, FAULTY, StripeRefused("parameter_invalid"), PermissionMissing("permission_error")]
)
def test_events_of_a_listing_that_broke_off_are_fetched_by_the_next_pass(
    shop: Shop, stripe: FakeStripe, clock: Clock, trouble: Exception
) -> None:
    reconciliation.sweep(shop)
    last = seen(shop, Name.EVENTS_SEEN)
    clock.pass_(hours=1)
    order_id, told = paid(shop, stripe, 1)
    told["created"] = int(clock.time.timestamp())
    listed = stripe.events

    def broken(*, since: Any, types: Any) -> Iterator[dict[str, Any]]:
        yield from list(listed(since=since, types=types))[:1]
        raise trouble

    stripe.events = broken  # type: ignore[method-assign]
    assert len(reconciliation.sweep(shop).failed) == 1
    assert seen(shop, Name.EVENTS_SEEN) == last
    stripe.events = listed  # type: ignore[method-assign]
    clock.pass_(hours=1)
    assert told["id"] in reconciliation.sweep(shop).healed or builders.status(shop, order_id) == "fulfilled"


def test_what_a_listing_showed_before_it_broke_off_is_taken_in_parts(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    useless = [stripe.tell("charge.succeeded", {"id": f"ch_{n}", "object": "charge"}) for n in range(700)]
    order_id, told = paid(shop, stripe, 1)
    listed, asked, remembered = stripe.events, list[int](), inbox.remembered

    def broken(*, since: Any, types: Any) -> Iterator[dict[str, Any]]:
        yield from [each for each in listed(since=since, types=types) if each["id"] != useless[0]["id"]]
        raise SILENT

    def known(session: Session, ids: list[str]) -> set[str]:
        asked.append(len(ids))
        return remembered(session, ids)

    monkeypatch.setattr(stripe, "events", broken)
    monkeypatch.setattr(inbox, "remembered", known)
    reconciliation.sweep(shop)
    assert (max(asked), sum(asked)) == (500, 700)
    assert builders.status(shop, order_id) == "fulfilled"
    assert len(builders.rows(shop, StripeEvent)) == sum(asked)
    assert seen(shop, Name.EVENTS_SEEN) is None
    assert told["id"] in {row.id for row in builders.rows(shop, StripeEvent)}


def test_what_is_undelivered_for_weeks_is_taken_however_old(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    reconciliation.sweep(shop)
    order_id, told = paid(shop, stripe, 1)
    stripe.happened.clear()
    stripe.undelivered.append(told)
    clock.pass_(days=20)
    assert told["id"] in reconciliation.sweep(shop).healed
    assert builders.status(shop, order_id) == "fulfilled"


def test_types_that_the_shop_has_no_use_for_are_not_even_remembered(shop: Shop, stripe: FakeStripe) -> None:
    stripe.tell("account.updated", {"id": "acct_1", "object": "account"})
    reconciliation.sweep(shop)
    assert builders.rows(shop, StripeEvent) == []


def test_a_limit_in_the_middle_ends_the_pass_and_the_next_one_goes_on(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    ids = [paid(shop, stripe, number)[0] for number in range(5)]
    stripe.happened.clear()
    clock.pass_(minutes=1)
    answer = stripe.retrieve_checkout
    asked: list[str] = []

    def limited(session_id: str) -> Any:
        asked.append(session_id)
        if len(asked) == 3:
            raise SILENT
        return answer(session_id)

    stripe.retrieve_checkout = limited  # type: ignore[method-assign]
    report = reconciliation.sweep(shop)
    assert (len(asked), len(report.healed), report.failed) == (3, 2, [(report.failed[0][0], str(SILENT))])
    assert [item.topic for item in attention.items(shop)] == ["stripe_unreachable"]
    clock.pass_(seconds=1)
    assert len(reconciliation.sweep(shop).healed) == 3
    assert {builders.status(shop, each) for each in ids} == {"fulfilled"}
    assert len(asked) == 6
    assert attention.items(shop) == []


def test_paid_for_twenty_days_is_healed_and_what_cannot_be_stands_in_attention(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    healthy, _ = paid(shop, stripe, 1, "guide-eur")
    short, told = paid(shop, stripe, 2, "guide-eur")
    stripe.sessions[told["data"]["object"]["id"]]["amount_subtotal"] = 100
    stripe.happened.clear()
    clock.pass_(days=20)
    report = reconciliation.sweep(shop)
    assert set(report.healed) == {healthy, short}
    assert builders.status(shop, healthy) == "fulfilled"
    assert builders.status(shop, short) == "paid"
    (item,) = attention.items(shop)
    assert (item.topic, item.order_id) == ("amount_mismatch", short)


def test_a_parked_event_is_asked_about_by_the_sweep_too(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, subscription = builders.subscribed(shop, stripe)
    deliver(shop, stripe.tell("invoice.paid", stripe.renew(subscription)))
    refund = stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 100))
    assert deliver(shop, refund).state == "parked"
    clock.pass_(minutes=1)
    assert refund["id"] in reconciliation.sweep(shop).healed
    assert builders.status(shop, order_id) == "partially_refunded"


@contextmanager
def counted_transactions(shop: Shop) -> Iterator[list[int]]:
    """How many transactions of the shop's engine are open, in the list's only place."""
    open_now = [0]
    listeners = {
        "begin": lambda _connection: open_now.__setitem__(0, open_now[0] + 1),
        "commit": lambda _connection: open_now.__setitem__(0, open_now[0] - 1),
        "rollback": lambda _connection: open_now.__setitem__(0, open_now[0] - 1),
    }
    for name, listener in listeners.items():
        event.listen(shop.engine, name, listener)
    yield open_now
    for name, listener in listeners.items():
        event.remove(shop.engine, name, listener)


def test_stripe_is_never_asked_inside_a_transaction(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    plain = builders.bought(shop, stripe, cart="cart_2")
    paid(shop, stripe, 3)
    stripe.lost_answers = 1
    with pytest.raises(StripeUnreachable):
        refund.request(shop, plain, 100, actor="owner")
    deliver(shop, stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 100)))
    clock.pass_(days=31)
    with counted_transactions(shop) as open_now:
        stripe.calls.clear()
        stripe.watch = lambda: _assert_none(open_now)
        assert reconciliation.sweep(shop, everything=True).failed == []
        builders.ask_stripe(shop)
        refund.request(shop, order_id, 100, actor="owner")
    assert {"events", "refund", "find_subscription", "find_invoice_of"} <= set(stripe.calls)


def _assert_none(open_now: list[int]) -> None:
    assert open_now == [0], "a transaction is open while Stripe is asked"


def test_thousands_of_open_orders_are_asked_about_in_one_pass(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, template = builders.opened(shop)
    order, attempt = builders.rows(shop, Order)[0].model_dump(), builders.rows(shop, Checkout)[0].model_dump()
    # Several times as many as are read at once, and more than one pass takes of anything else.
    many = range(3 * max(reconciliation._AT_ONCE, reconciliation.BATCH))
    # And, before all of these, as many as are read at once that were bought with the other key.
    others = range(-reconciliation.BATCH, 0)
    copies = [
        {
            **order,
            "id": f"ord_{n}",
            "number": f"N-{n}",
            "cart_id": f"many_{n}",
            "stripe_checkout_session_id": None,
            "livemode": order["livemode"] != (n in others),
        }
        for n in (*others, *many)
    ]
    attempts = [
        {
            **attempt,
            "id": f"checkout:ord_{n}:1",
            "order_id": f"ord_{n}",
            "stripe_checkout_session_id": f"cs_{n}",
            "parameters": {"metadata": {"order_id": f"ord_{n}"}},
        }
        for n in (*others, *many)
    ]
    assert sorted(row["id"] for row in attempts)[: len(others)] == sorted(f"checkout:ord_{n}:1" for n in others)
    with shop.transaction() as session:
        session.execute(insert(Order), copies)
        session.execute(insert(Checkout), attempts)
    for n in many:
        named = {**stripe.sessions[template]["metadata"], "order_id": f"ord_{n}"}
        stripe.sessions[f"cs_{n}"] = {**stripe.sessions[template], "id": f"cs_{n}", "metadata": named}
    clock.pass_(days=2)
    for n in many[:: len(many) // 5]:
        stripe.sessions[f"cs_{n}"].update(status="expired")
    with counted_transactions(shop) as open_now:
        stripe.watch = lambda: _assert_none(open_now)
        started = time.process_time()
        report = reconciliation.sweep(shop)
        took = time.process_time() - started
    assert (report.failed, len(report.healed), stripe.calls.count("retrieve")) == ([], 5, len(many) + 1)
    assert took < len(many) / 300
    gone = [row.id for row in builders.rows(shop, Order) if row.status is Status.CANCELED]
    assert sorted(gone) == sorted(report.healed)


def test_only_types_of_use_are_asked_for_and_what_is_undelivered_is_not_listed_at_every_pass(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    """Stripe goes on calling undelivered what the shop has fetched long ago."""
    order_id, told = paid(shop, stripe, 1)
    stripe.happened.clear()
    useless = [stripe.tell("invoiceitem.created", {"id": f"ii_{n}", "object": "invoiceitem"}) for n in range(3000)]
    stripe.undelivered += [*useless, told]
    asked: list[Any] = []
    listed = stripe.undelivered_events

    def listing(*, since: Any, types: Any) -> Iterator[dict[str, Any]]:
        asked.append(since)
        assert set(types) == set(HANDLERS)
        return listed(since=since, types=types)

    stripe.undelivered_events = listing  # type: ignore[method-assign]
    begun = clock.time
    for _ in range(130):
        reconciliation.sweep(shop)
        clock.pass_(seconds=30)
    assert asked == [begun - timedelta(days=29), begun - timedelta(days=1)]
    assert builders.status(shop, order_id) == "fulfilled"
    assert [(row.id, row.attempts) for row in builders.rows(shop, StripeEvent)] == [(told["id"], 1)]


def test_a_listing_of_undelivered_events_that_broke_off_is_asked_for_again(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    listed = stripe.undelivered_events

    def broken(*, since: Any, types: Any) -> Iterator[dict[str, Any]]:
        raise SILENT

    stripe.undelivered_events = broken  # type: ignore[method-assign]
    reconciliation.sweep(shop)
    assert seen(shop, Name.UNDELIVERED_SEEN) is None
    stripe.undelivered_events = listed  # type: ignore[method-assign]
    clock.pass_(seconds=30)
    reconciliation.sweep(shop)
    assert seen(shop, Name.UNDELIVERED_SEEN)


def test_the_moment_up_to_which_events_were_seen_is_the_listings_beginning(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    """What happens while a long listing is read would be missed else."""
    begun, listed = clock.time, stripe.events

    def slow(*, since: Any, types: Any) -> Iterator[dict[str, Any]]:
        found = list(listed(since=since, types=types))
        clock.pass_(hours=1)
        yield from found

    stripe.events = slow  # type: ignore[method-assign]
    reconciliation.sweep(shop)
    mark = seen(shop, Name.EVENTS_SEEN)
    assert mark
    assert mark.at == begun


FAILED = """
    with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < :many)
    insert into stripe_events (id, type, created, livemode, payload, state, order_id, attempts, error, received_at, updated_at,
        retry_after)
    select 'evt_' || i, 'customer.created', :now, false,
        '{"id": "evt_' || i || '", "type": "customer.created", "livemode": false, "data": {"object": {"id": "cus_1"}}}',
        'failed', null, 3, 'RuntimeError: broken', :now, :now, :now from n
"""
MANY = 2 * reconciliation.BATCH + 1


def failed_for_hours(shop: Shop) -> None:
    """As many events as a fault of the shop's leaves behind, of which one is broken for good."""
    broken = '{"id": "evt_7", "type": "checkout.session.completed", "livemode": false, "data": {"object": {}}}'
    with shop.engine.begin() as connection:
        connection.execute(text(FAILED), {"many": MANY, "now": shop.now()})
        connection.execute(
            text("update stripe_events set type = 'checkout.session.completed', payload = :broken where id = 'evt_7'"),
            {"broken": broken},
        )


def left(shop: Shop) -> dict[str, int]:
    """The events that have failed still, each with how often it was tried."""
    return {row.id: row.attempts for row in builders.rows(shop, StripeEvent) if row.state is EventState.FAILED}


def test_when_a_fault_is_mended_one_pass_tries_all_that_are_due_and_each_once(shop: Shop) -> None:
    failed_for_hours(shop)
    report = reconciliation.sweep(shop)
    assert left(shop) == {"evt_7": 4}
    assert [(subject, "KeyError" in why) for subject, why in report.failed] == [("evt_7", True)]


def test_whoever_wants_all_of_it_tried_now_has_what_rests_tried_once_too(shop: Shop) -> None:
    failed_for_hours(shop)
    with shop.engine.begin() as connection:
        connection.execute(
            text("update stripe_events set retry_after = :later"), {"later": shop.now() + timedelta(hours=1)}
        )
    reconciliation.sweep(shop)
    assert len(left(shop)) == MANY
    reconciliation.sweep(shop, everything=True)
    assert left(shop) == {"evt_7": 4}


def test_the_rest_of_a_pass_does_not_wait_for_ever_while_events_are_tried(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_for_hours(shop)
    # It is looked at when it begins, before the first are read, and before the next.
    moments = chain([0.0, 0.0], repeat(reconciliation._RETRYING))
    monkeypatch.setattr(reconciliation, "monotonic", lambda: next(moments))
    reconciliation.sweep(shop)
    # The only one of its type is among the first that are tried.
    assert (len(left(shop)), left(shop)["evt_7"]) == (MANY - reconciliation.BATCH + 1, 4)
    assert seen(shop, Name.SWEPT)


def test_however_slowly_stripe_answers_about_sessions_plans_have_their_turn_and_every_session_has(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, subscription = builders.subscribed(shop, stripe, "plan-month")
    reconciliation.sweep(shop)
    open_ones = {builders.opened(shop, cart=f"open_{number}")[1] for number in range(6)}
    clock.pass_(days=2)
    asked: list[str] = []
    at = [0.0]

    def noted(name: str) -> None:
        answers = getattr(stripe, name)

        def slowly(subject: str) -> Any:
            asked.append(subject)
            at[0] += reconciliation._ASKING / 2
            return answers(subject)

        setattr(stripe, name, slowly)

    for name in ("retrieve_checkout", "find_subscription"):
        noted(name)
    monkeypatch.setattr(reconciliation, "monotonic", lambda: at[0])
    for number in range(3):
        reconciliation.sweep(shop)
        assert len(open_ones & {*asked}) == 2 * (number + 1)
        assert subscription in asked
    assert reconciliation.sweep(shop).failed == []
    assert len([each for each in asked if each in open_ones]) == 6


def test_sessions_that_come_faster_than_they_can_be_asked_about_keep_none_of_the_older_ones_waiting(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = {builders.opened(shop, cart=f"older_{number}")[1] for number in range(4)}
    asked: list[str] = []
    at = [0.0]
    answers = stripe.retrieve_checkout

    def slowly(session_id: str) -> SessionFacts:
        asked.append(session_id)
        at[0] += reconciliation._ASKING / 2
        return answers(session_id)

    monkeypatch.setattr(stripe, "retrieve_checkout", slowly)
    monkeypatch.setattr(reconciliation, "monotonic", lambda: at[0])
    for number in range(20):
        for another in "ab":
            builders.opened(shop, cart=f"newer_{number}{another}")
        clock.pass_(days=2)
        reconciliation.sweep(shop)
    # Two are asked about in each pass, and as many come.
    assert len(asked) == 40
    assert {asked.count(each) for each in older} == {3}
    assert {*asked} > older
