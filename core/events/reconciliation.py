"""Reconciliation: what no webhook told us, asked for at Stripe, and fed through the very same functions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import Engine, and_
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from core import admission, fulfillment
from core.admission import Refused
from core.events import balance_questions, inbox, plan_schedule, questions, recovery
from core.events.attempts import BATCH, Pass, Report
from core.events.handlers import HANDLERS, EventState, Outcome
from core.events.inbox import Told
from core.foundation.database import repeatable
from core.foundation.errors import CheckoutNotFound
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.foundation.writes.updates import Update
from core.gateway.sessions import CheckoutState, SessionFacts
from core.gateway.sessions import Money as Progress
from core.journeys import refund
from core.orders import checkouts, disputes, orders, payments, refunds, setbacks
from core.orders.checkouts import OPEN, UNDECIDED, Checkout
from core.orders.orders import Order
from core.orders.refunds import RefundStatus
from core.shop import Shop

# An attempt whose Session's id we never learned cannot be paid by anybody; past this age its places are given back.
_NEVER_OPENED = timedelta(minutes=10)
# A refund whose answer was lost: so long may the call that asked for it still be under way.
_UNCONFIRMED = timedelta(minutes=2)
# Stripe keeps events for 30 days, and lists one some seconds after it happened.
_KEPT = timedelta(days=29)
_OVERLAP = timedelta(minutes=5)
# So many events are applied in one transaction, and tried again for so many seconds of a pass: the rest must not wait for ever.
_TOGETHER = 50
_RETRYING = 20.0
# And so long at most Sessions are asked about. How far it came, each process knows of its database.
_ASKING = 120.0
_ROUNDS: "WeakKeyDictionary[Engine, _Round]" = WeakKeyDictionary()
# So many events are in memory at once, though a month of them were missed.
_AT_ONCE = 500
# What no endpoint acknowledged is in the other list too: this one only makes sure, from time to time.
_SURE_EVERY = timedelta(hours=1)
_SURE_OVERLAP = timedelta(days=1)


def sweep(shop: Shop, *, everything: bool = False, progress: Callable[[str], object] | None = None) -> Report:
    """One pass over all that may have been missed: events, Sessions, refunds, subscriptions, the balance, what has lapsed.

    Failed and parked events, and whatever else failed, are tried again when they are due, and Sessions asked about
    likewise, or all of them if `everything`. No transaction is open while Stripe is asked. The first call that gets no
    answer ends the asking, and so does a key that is turned away; the next pass goes on.
    """
    run = Pass(shop, everything=everything, progress=progress or (lambda _subject: None))
    for step in _STEPS:
        run.step(step)
    run.record_milestones()
    return run.report


def _retry_events(run: Pass) -> None:
    """Try those again that are due, many at once: when what failed for hours is mended, nobody waits for hours more."""
    for waiting in _unfinished(run):
        outcomes = dict(zip(waiting, inbox.replay_all(run.shop, waiting, actor="worker"), strict=True))
        for event_id, outcome in outcomes.items():
            run.do(event_id, partial(_applied, outcome))
        # Only Stripe knows whose these are: asked here too, should the job that was to ask have given up.
        for event_id in [each for each, outcome in outcomes.items() if _asks_stripe(outcome)]:
            run.ask(event_id, partial(_placed, run.shop, event_id))


def _unfinished(run: Pass) -> Iterator[list[str]]:
    """The events that are due, so many at once, each one time, and for as long as the rest of the pass can wait."""
    tried: set[str] = set()
    due_at, until = None if run.everything else run.shop.now(), monotonic() + _RETRYING
    while run.everything or monotonic() < until:
        with run.shop.reading() as session:
            # What fails again has another time from now on; what is tried though it rests is known by its id.
            found = inbox.unfinished(session, due_at=due_at, limit=None if run.everything else BATCH)
        waiting = [each for each in found if each not in tried]
        if not waiting:
            return
        tried.update(waiting)
        for start in range(0, len(waiting), _TOGETHER):
            yield waiting[start : start + _TOGETHER]


def _asks_stripe(outcome: Outcome | Exception) -> bool:
    return isinstance(outcome, Outcome) and (outcome.state, outcome.reason) == (EventState.PARKED, admission.ASKING)


def _applied(outcome: Outcome | Exception) -> bool:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome.state is EventState.APPLIED


def _placed(shop: Shop, event_id: str) -> bool:
    return questions.place(shop, event_id).state is EventState.APPLIED


def _fetch_events(run: Pass) -> None:
    """Fetch what happened since the last pass, and now and then make sure of what no endpoint acknowledged."""
    now, oldest = run.shop.now(), run.shop.now() - _KEPT
    with run.shop.reading() as session:
        seen, sure = (milestones.last(session, name) for name in (Name.EVENTS_SEEN, Name.UNDELIVERED_SEEN))
    if run.everything or sure is None or sure.at <= now - _SURE_EVERY:
        since = oldest if run.everything or sure is None else max(oldest, sure.at - _SURE_OVERLAP)
        _fetch(run, "undelivered events at Stripe", run.shop.stripe.undelivered_events, Name.UNDELIVERED_SEEN, since)
    since = oldest if run.everything or seen is None else max(oldest, seen.at - _OVERLAP)
    _fetch(run, "events at Stripe", run.shop.stripe.events, Name.EVENTS_SEEN, since)


def _fetch(
    run: Pass, name: str, listing: Callable[..., Iterator[dict[str, Any]]], milestone: Name, since: datetime
) -> None:
    started = run.shop.now()

    def fetch() -> bool:
        part: list[dict[str, Any]] = []
        try:
            for event in listing(since=since, types=tuple(HANDLERS)):
                part.append(event)
                if len(part) == _AT_ONCE:
                    _take_all(run, part)
                    part.clear()
        finally:
            # Also of a listing that breaks off: the next may break off too, and must not find all of it to do.
            if part:
                _take_all(run, part)
        # Only now: what a listing that broke off did not show is asked for again by the next pass.
        with run.shop.transaction() as session:
            milestones.record(session, milestone, at=started)
        return False

    run.ask(name, fetch, id=name)


def _take_all(run: Pass, found: Sequence[dict[str, Any]]) -> None:
    """Take those that are news to us, oldest first, as they would have come. What fails keeps its own time from then on."""
    with run.shop.reading() as session:
        known = inbox.remembered(session, [event["id"] for event in found])
    news = [
        Told(event, orjson.dumps(event).decode(), "worker") for event in reversed(found) if event["id"] not in known
    ]
    for start in range(0, len(news), _TOGETHER):
        told = news[start : start + _TOGETHER]
        for each, outcome in zip(told, inbox.take_all(run.shop, told), strict=True):
            run.do(each.id, partial(_applied, outcome))


def _ask_about_sessions(run: Pass) -> None:
    """Ask about open and settling Sessions, in batches, so that ten thousand never stand in memory.

    Most are as we know them: those of a batch are put off together, since a transaction for each would cost most of the time.
    Where there are more than the rest of the pass can wait for, the next pass brings the round to its end, and begins another.
    """
    until = monotonic() + _ASKING
    begun = None if run.everything else _ROUNDS.pop(run.shop.engine, None)
    for each in filter(None, (begun, _Round(run.shop.now()))):
        if not _ask_round(run, each, until=until):
            return


def _ask_round(run: Pass, this: "_Round", *, until: float) -> bool:
    """Ask on in this round until then; whether it came to its end."""
    last, late = this.last, False
    while not (run.over or late) and (batch := _due(run, after=last, before=this.began)):
        unchanged: list[_Due] = []
        for due in batch:
            if due.at_this_stripe:
                ask = partial(_asked, run.shop, due, unchanged)
                run.ask(due.order_id, ask, id=due.session_id, order_id=due.order_id)
            last = due.checkout_id
            if late := monotonic() >= until and not run.everything:
                _ROUNDS[run.shop.engine] = replace(this, last=last)
                break
        _put_off(run.shop, unchanged)
    return not (run.over or late)


@dataclass(frozen=True)
class _Round:
    """One time through all Sessions that were there when it `began`, behind the `last` one that was asked about. Those that come
    meanwhile stand behind them all, and have their turn in the next round: else it would never begin again where they are many."""

    began: datetime
    last: str = ""


@dataclass(frozen=True)
class _Due:
    """A Session to ask about, and how far we know it to be. Whatever was bought with the other key, this one's Stripe knows
    nothing of."""

    checkout_id: str
    order_id: str
    session_id: str
    state: CheckoutState
    money: Progress
    created_at: datetime
    at_this_stripe: bool


def _due(run: Pass, *, after: str, before: datetime) -> list[_Due]:
    columns: list[Any] = [
        Checkout.id, Checkout.order_id, Checkout.stripe_checkout_session_id, Checkout.state, Checkout.money,
        Checkout.created_at,
    ]  # fmt: skip
    known = (col(Checkout.stripe_checkout_session_id).is_not(None), UNDECIDED, col(Checkout.id) > after)
    next_ones = (
        select_columns(*columns)
        .where(*known, col(Checkout.created_at) <= before)
        .order_by(col(Checkout.id))
        .limit(BATCH)
    )
    if not run.everything:
        next_ones = next_ones.where(col(Checkout.ask_after) <= run.shop.now())
    # Their orders are looked at after the limit: a planner that knows no figures of the tables would join all that are open to
    # theirs, and sort them, for each batch anew.
    batch = next_ones.subquery()
    ours = and_(*orders.asked_about(livemode=run.shop.settings.livemode))
    query = select_columns(*batch.c, ours).join(Order, col(Order.id) == batch.c.order_id).order_by(batch.c.id)
    with run.shop.reading() as session:
        return [_Due(*row) for row in session.execute(query)]


def _asked(shop: Shop, due: _Due, unchanged: list[_Due]) -> bool:
    try:
        facts = shop.stripe.retrieve_checkout(due.session_id)
    except CheckoutNotFound:
        facts = None
    if facts and (facts.state, facts.money) == (due.state, due.money):
        unchanged.append(due)
        return False
    return _recorded(shop, due, facts)


@repeatable
def _recorded(shop: Shop, due: _Due, facts: SessionFacts | None) -> bool:
    """Record what Stripe said of a Session, or that it is gone there; return whether that changed its order."""
    with shop.transaction() as session:
        order = orders.lock(session, due.order_id)
        assert order is not None
        before = order.status
        row = session.get_one(Checkout, due.checkout_id)
        row.ask_after = checkouts.ask_next(row.created_at, shop.now())
        if facts is None:
            row.state = CheckoutState.EXPIRED  # gone at Stripe: nobody can pay it any more
        session.flush()
        if facts is None:
            return fulfillment.resettle(session, order.id, actor="worker", now=shop.now()).status is not before
        admitted = admission.of_session(session, shop.id, facts)
        if isinstance(admitted, Refused):
            raise CheckoutNotFound(session_id=due.session_id)  # its metadata was altered at Stripe: for a person
        settled = fulfillment.apply(session, admitted, actor="worker", now=shop.now())
        return settled.status is not before


# One statement for all of a batch.
_ASK_AFTER = Update(Checkout.__table__, ["ask_after"])  # type: ignore[attr-defined]


def _put_off(shop: Shop, unchanged: list[_Due]) -> None:
    if unchanged:
        now = shop.now()
        later = [{"id": due.checkout_id, "ask_after": checkouts.ask_next(due.created_at, now)} for due in unchanged]
        with shop.transaction() as session:
            _ASK_AFTER(session, later, None)  # whoever was removed meanwhile need not be asked about


def _close_never_opened(run: Pass) -> None:
    query = select(Checkout.id, Checkout.order_id).where(
        col(Checkout.stripe_checkout_session_id).is_(None),
        OPEN,
        col(Checkout.created_at) < run.shop.now() - _NEVER_OPENED,
        ~setbacks.resting(col(Checkout.id), now=run.shop.now()),
    )
    with run.shop.reading() as session:
        lost = session.exec(query.limit(BATCH)).all()
    for checkout_id, order_id in lost:
        run.do(order_id, partial(_closed, run.shop, checkout_id), id=checkout_id, order_id=order_id)


@repeatable
def _closed(shop: Shop, checkout_id: str) -> bool:
    with shop.transaction() as session:
        order_id = session.get_one(Checkout, checkout_id).order_id
        orders.lock(session, order_id)
        row = session.get_one(Checkout, checkout_id, populate_existing=True)
        if row.stripe_checkout_session_id is not None:
            return False
        row.state = CheckoutState.EXPIRED
        session.flush()
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
    return True


def _resume_refunds(run: Pass) -> None:
    with run.shop.reading() as session:
        before = run.shop.now() - _UNCONFIRMED
        waiting = refund.unconfirmed(session, livemode=run.shop.settings.livemode, before=before)
    for refund_id, order_id in waiting:
        run.ask(refund_id, partial(_resumed, run.shop, refund_id), id=refund_id, order_id=order_id)


def _resumed(shop: Shop, refund_id: str) -> bool:
    return refund.resume(shop, refund_id).status is not RefundStatus.REQUESTED


def _learn_payments(run: Pass) -> None:
    """Ask what payments were for and which ones refunds and disputes are about, should the job that was to ask have given up."""
    livemode, now = run.shop.settings.livemode, run.shop.now()
    with run.shop.reading() as session:
        unknown = [
            *payments.with_unknown_lines(session, livemode=livemode, now=now, limit=BATCH),
            *refunds.without_payment(session, livemode=livemode, now=now, limit=BATCH),
            *disputes.without_payment(session, livemode=livemode, now=now, limit=BATCH),
        ]
    for payment_id, order_id in dict.fromkeys(unknown):
        run.ask(payment_id, partial(_learned, run.shop, payment_id), id=payment_id, order_id=order_id)


def _learned(shop: Shop, payment_id: str) -> bool:
    return questions.learn_payment(shop, payment_id)


def _ask_about_balance(run: Pass) -> None:
    for subject, ask in balance_questions.due(run.shop, everything=run.everything):
        run.ask(subject, ask)


_STEPS = (
    recovery.ask_since_backup, recovery.retry_lost, _retry_events, _close_never_opened, plan_schedule.settle_lapsed,
    _fetch_events, _ask_about_sessions, _resume_refunds, plan_schedule.refresh_due, _learn_payments, _ask_about_balance,
)  # fmt: skip
