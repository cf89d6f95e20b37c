"""One pass of reconciliation among things that fail: a key turned away, one object that never works, a step that breaks."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from core.connections import postgres
from core.events import inbox, reconciliation
from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation.errors import (
    PermissionMissing,
    StripeFaulty,
    StripeKeyRefused,
    StripeRefused,
    StripeTrouble,
    StripeUnreachable,
)
from core.gateway.sessions import CheckoutState
from core.journeys import checkout, refund
from core.kinds import deliverables
from core.orders import setbacks, subscriptions
from core.orders.checkouts import Checkout
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.orders.setbacks import Setback
from core.orders.subscriptions import Subscription
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe

EXPIRED = StripeKeyRefused("api_key_expired", "Expired API Key provided: sk_test_****")
LACKING = PermissionMissing("permission_error", "The provided key does not have the required permissions")
FAULTY = StripeFaulty("api_error", "An unknown error occurred")


def topics(shop: Shop) -> list[str]:
    return [item.topic for item in attention.items(shop)]


def paid(shop: Shop, stripe: FakeStripe, number: int) -> str:
    """An order that was paid, and of which nobody told."""
    order_id, session_id = builders.opened(shop, cart=f"cart_{number}")
    stripe.pay(session_id)
    return order_id


def failing(
    stripe: FakeStripe, name: str, error: StripeTrouble, *, of: Callable[..., bool] = lambda *_: True
) -> list[Any]:
    """From now on this question is answered so; returns what was asked. `of` says about which objects."""
    answer, asked = getattr(stripe, name), []

    def fail(*subjects: Any, **more: Any) -> Any:
        asked.append(subjects)
        if of(*subjects):
            raise error
        return answer(*subjects, **more)

    setattr(stripe, name, fail)
    return asked


def asked_for_back(shop: Shop, stripe: FakeStripe, trouble: StripeTrouble, *, cart: str = "cart_9") -> str:
    """A refund that was asked for and not answered; its id."""
    order_id = builders.bought(shop, stripe, cart=cart)
    before = {row.id for row in builders.rows(shop, Refund)}
    stripe.trouble.append(trouble)
    with pytest.raises(type(trouble)):
        refund.request(shop, order_id, actor="owner")
    (made,) = [row for row in builders.rows(shop, Refund) if row.id not in before]
    assert made.status == "requested"
    return made.id


def test_a_key_that_is_turned_away_ends_the_pass_at_once_and_nothing_is_lost(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    orders = [paid(shop, stripe, number) for number in range(3)]
    back = asked_for_back(shop, stripe, EXPIRED)
    clock.pass_(minutes=3)
    stripe.calls.clear()
    stripe.trouble.append(EXPIRED)
    report = reconciliation.sweep(shop)
    assert (stripe.calls, len(report.failed), report.healed) == (["undelivered_events"], 1, [])
    (item,) = attention.items(shop)
    assert (item.topic, item.since) == ("stripe_key_refused", clock.time)
    assert "STRIPE_SECRET_KEY" in item.advice
    assert "Expired API Key" in item.detail
    assert builders.rows(shop, Setback) == []
    clock.pass_(seconds=30)
    assert set(reconciliation.sweep(shop).healed) == {*orders, back}
    assert topics(shop) == []
    assert {row.status for row in builders.rows(shop, Refund)} == {"succeeded"}


def test_a_missing_permission_ends_its_step_alone(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """Or a key that may not refund would keep every plan from being asked about for ever."""
    waiting = [asked_for_back(shop, stripe, LACKING, cart=f"cart_{number}") for number in range(3)]
    _, subscription = builders.subscribed(shop, stripe, cart="cart_3")
    stripe.cancel_later(subscription)
    asked = failing(stripe, "refund", LACKING)
    clock.pass_(days=40)
    stripe.calls.clear()
    report = reconciliation.sweep(shop)
    assert len(asked) == 1
    assert [subject for subject, _ in report.failed] == [report.failed[0][0]]
    assert subscription in report.healed
    (item,) = attention.items(shop)
    assert (item.topic, item.subject, item.detail) == ("stripe_key_refused", "permissions", LACKING.message)
    assert {row.status for row in builders.rows(shop, Refund)} == {"requested"}
    del stripe.refund  # type: ignore[attr-defined]
    clock.pass_(seconds=30)
    assert set(waiting) <= set(reconciliation.sweep(shop).healed)
    clock.pass_(minutes=16)
    reconciliation.sweep(shop)
    assert topics(shop) == []


def test_a_key_that_may_not_open_payment_pages_stands_in_attention_until_one_is_opened(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    stripe.trouble.append(LACKING)
    with pytest.raises(PermissionMissing):
        checkout.start(shop, builders.a_basket("clinic-eur"))
    clock.pass_(minutes=20)
    reconciliation.sweep(shop)  # all that it asks is answered
    (item,) = attention.items(shop)
    assert (item.topic, item.subject) == ("stripe_key_refused", "checkout")
    assert "Buyers cannot pay" in item.advice
    assert checkout.start(shop, builders.a_basket("clinic-eur")).url
    assert topics(shop) == []


def test_one_object_that_always_fails_keeps_nothing_else_waiting_and_is_named_at_last(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    """A refund whose stored answer is 500: Stripe gives it for ever under the same key."""
    order_id = builders.bought(shop, stripe, cart="cart_9")
    stripe.broken_answers = 1
    with pytest.raises(StripeFaulty):
        refund.request(shop, order_id, actor="owner")
    (back,) = builders.rows(shop, Refund)
    clock.pass_(minutes=3)
    for number in range(8):
        healthy, (_, subscription) = (
            paid(shop, stripe, number),
            builders.subscribed(shop, stripe, cart=f"plan_{number}", browser=f"br_{number}"),
        )
        age(shop, clock, subscription)
        stripe.cancel_later(subscription)
        clock.pass_(minutes=1)
        report = reconciliation.sweep(shop)
        assert {healthy, subscription} <= set(report.healed)
        assert "stripe_unreachable" not in topics(shop)
    assert stripe.calls.count("refund") == 1 + 4  # at once, and after 30 seconds, 1, 2 and 4 minutes: not eight times
    assert topics(shop) == []
    for _ in range(2):
        clock.pass_(minutes=15)
        reconciliation.sweep(shop)
    (item,) = attention.items(shop)
    assert (item.topic, item.subject, item.order_id) == ("keeps_failing", back.id, order_id)
    assert "An unknown error occurred" in item.detail
    stripe._refusals.clear()
    clock.pass_(minutes=15)
    assert back.id in reconciliation.sweep(shop).healed
    assert (topics(shop), builders.rows(shop, Setback)) == ([], [])


def age(shop: Shop, clock: Clock, subscription: str) -> None:
    """It was to be asked about long ago."""
    with shop.transaction() as session:
        session.get_one(Subscription, subscription).refresh_at = clock.time.replace(year=2025)


def test_whoever_asks_for_everything_need_not_wait_for_what_rests(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = paid(shop, stripe, 1)
    stripe.happened.clear()
    stripe.forbidden = {"balance_transactions"}  # which would tell of the payment too
    asked = failing(stripe, "retrieve_checkout", FAULTY)
    clock.pass_(minutes=1)
    for _ in range(2):
        reconciliation.sweep(shop)
    assert len(asked) == 1
    reconciliation.sweep(shop, everything=True)
    assert len(asked) == 2
    (row,) = builders.rows(shop, Setback)
    assert (row.order_id, row.tries) == (order_id, 2)


def test_plans_that_rest_starve_none_that_is_overdue_too(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """A pass asks about so many at most, the longest unheard of first: those that fail are always the longest."""
    plans = [builders.subscribed(shop, stripe, cart=f"plan_{n}", browser=f"br_{n}")[1] for n in range(2)]
    clock.pass_(days=40)
    age(shop, clock, plans[0])

    def overdue() -> list[str]:
        with shop.reading() as session:
            return [each for each, _ in subscriptions.due(session, livemode=False, now=clock.time, limit=1)]

    assert overdue() == plans[:1]
    with shop.transaction() as session:
        setbacks.note(session, plans[0], "no", order_id=None, now=clock.time)
    assert overdue() == plans[1:]
    clock.pass_(seconds=30)
    assert overdue() == plans[:1]


def test_a_payment_that_cannot_be_asked_about_rests_by_itself(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """What it was for is not known: one more for whom the job that was to ask gave up."""
    sessions = {}
    for number in range(2):
        order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur", cart=f"cart_{number}")
        stripe.discount(session_id, 50)
        stripe.pay(session_id)
        builders.deliver(shop, stripe.event("completed", session_id))
        sessions[session_id] = order_id
    sick, well = sessions
    asked = failing(stripe, "line_items_of", FAULTY, of=lambda session_id: session_id == sick)
    for _ in range(2):
        report = reconciliation.sweep(shop)
    assert sorted(asked) == sorted([(sick,), (well,)])
    (row,) = builders.rows(shop, Setback)
    assert (row.order_id, row.tries, report.failed) == (sessions[sick], 1, [])
    known = {payment.id: payment.lines_known for payment in builders.rows(shop, Payment)}
    assert (known.pop(row.subject), *known.values()) == (False, True)


def test_one_fault_after_the_other_is_a_silent_stripe(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    for number in range(9):
        paid(shop, stripe, number)
    stripe.happened.clear()
    asked = failing(stripe, "retrieve_checkout", FAULTY)
    clock.pass_(minutes=1)
    report = reconciliation.sweep(shop)
    assert (len(asked), report.stopped) == (3, str(FAULTY))
    assert topics(shop) == ["stripe_unreachable"]
    # Those three rest, so that the next pass finds out whether it was theirs.
    reconciliation.sweep(shop)
    assert len({session for (session,) in asked}) == 6


def test_faults_between_answers_are_the_objects_own(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    for number in range(10):
        stripe.pay(builders.opened(shop, cart=f"cart_{number}")[1])
    attempts = sorted(builders.attempts(shop), key=lambda row: row.id)
    sick = {row.stripe_checkout_session_id for row in attempts[::2]}
    failing(stripe, "retrieve_checkout", FAULTY, of=lambda session_id: session_id in sick)
    clock.pass_(minutes=1)
    report = reconciliation.sweep(shop)
    assert (len(report.healed), len(report.failed), report.stopped) == (5, 5, "")
    assert topics(shop) == []


def test_a_refusal_of_one_object_is_an_answer(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    for number in range(5):
        paid(shop, stripe, number)
    failing(stripe, "retrieve_checkout", StripeRefused("parameter_invalid"))
    clock.pass_(minutes=1)
    assert len(reconciliation.sweep(shop).failed) == 5
    assert topics(shop) == []


def test_what_asks_nobody_is_done_though_nobody_answers(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """A parked event of whose owner Stripe is asked comes first, and must not end what needs no answer."""
    stripe.trouble.append(StripeUnreachable("api_connection_error"))
    with pytest.raises(StripeUnreachable):
        checkout.start(shop, builders.a_basket("clinic-eur"))
    stranger = stripe.tell("charge.dispute.created", {"id": "dp_1", "object": "dispute", "charge": "ch_x"})
    assert builders.deliver(shop, stranger).state == "parked"
    clock.pass_(minutes=11)
    stripe.trouble += [StripeUnreachable("api_connection_error")] * 3
    report = reconciliation.sweep(shop)
    assert report.stopped
    assert [row.state for row in builders.attempts(shop)] == ["expired"]


def test_a_step_that_breaks_keeps_no_later_one_from_being_taken(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = paid(shop, stripe, 1)
    clock.pass_(minutes=1)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the query is wrong")

    for module, name in ((inbox, "unfinished"), (subscriptions, "lapsed"), (inbox, "remembered")):
        monkeypatch.setattr(module, name, broken)
    report = reconciliation.sweep(shop)
    assert order_id in report.healed
    assert {subject for subject, _ in report.failed} >= {"retry_events", "settle_lapsed"}


def test_an_order_that_cannot_be_settled_is_named_with_its_reason(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    stripe.pay(session_id)
    monkeypatch.setitem(deliverables.KINDS, "license", builders.Broken)  # type: ignore[arg-type]
    for _ in range(7):
        clock.pass_(minutes=16)
        reconciliation.sweep(shop)
    (item,) = attention.items(shop)
    assert (item.topic, item.subject, item.order_id) == ("keeps_failing", session_id, order_id)
    assert "no more keys" in item.detail


def test_events_that_keep_failing_keep_none_of_another_kind_waiting(shop: Shop, clock: Clock) -> None:
    def row(number: int, kind: str, state: EventState, waited: int) -> dict[str, Any]:
        return {
            "id": f"evt_{kind}_{number}", "type": kind, "created": clock.time.replace(year=2025), "livemode": False,
            "payload": "{}", "state": state, "order_id": None, "attempts": 9, "error": "", "received_at": clock.time,
            "updated_at": clock.time, "retry_after": clock.time.replace(day=1 + waited),
        }  # fmt: skip

    many = [row(n, "charge.refunded", EventState.FAILED, n % 9) for n in range(500)]
    few = [row(1, "refund.created", EventState.FAILED, 15), row(1, "charge.refunded.", EventState.PARKED, 15)]
    with shop.transaction() as session:
        session.execute(insert(StripeEvent), [*many, *few])
    with shop.reading() as session:
        found = inbox.unfinished(session, due_at=clock.time, limit=200)
        assert len(inbox.unfinished(session, due_at=None, limit=None)) == 502
    assert {each["id"] for each in few} <= set(found[:3])
    # Among its own kind, whoever has waited longest comes first.
    first = [name for name in found if name.startswith("evt_charge.refunded_")]
    assert {int(name.rpartition("_")[2]) % 9 for name in first[:56]} == {0}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's locks are waited for more shortly than usual, by whoever connects from here on."""
    monkeypatch.setitem(postgres.LIMITS, "lock_timeout", 300)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_an_order_that_somebody_else_holds_keeps_no_other_of_its_step_waiting(
    impatient: None, shop: Shop, own_connections: Callable[[], Shop], stripe: FakeStripe, clock: Clock
) -> None:
    own = own_connections()
    order_ids = {builders.opened(shop, "clinic-eur", cart=f"cart_{number}")[0] for number in range(3)}
    with shop.transaction() as session:
        session.exec(update(Checkout).values(stripe_checkout_session_id=None))
    clock.pass_(minutes=11)
    for held in order_ids:  # whichever of them is looked at first
        with shop.engine.begin() as connection:
            connection.execute(text("select id from orders where id = :id for update"), {"id": held})
            report = reconciliation.sweep(own)
        assert [name for name, _ in report.failed] == [held]
        assert {*report.healed} == order_ids - {held}
        assert [row.subject for row in builders.rows(shop, Setback)] == [
            row.id for row in builders.attempts(shop) if row.order_id == held
        ]
        assert reconciliation.sweep(own, everything=True).healed == [held]
        with shop.transaction() as session:
            session.exec(update(Checkout).values(state=CheckoutState.OPEN))
