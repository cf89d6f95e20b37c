"""Reconciliation: what no webhook told us, asked for at Stripe, and fed through the very same functions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from sqlalchemy import select as select_columns
from sqlmodel import col, select, update

from core import admission, fulfillment
from core.admission import Refused
from core.events import balance_questions, inbox, plan_schedule, questions
from core.events.handlers import HANDLERS, EventState
from core.foundation import masking, milestones
from core.foundation.database import repeatable
from core.foundation.errors import CheckoutNotFound, StripeUnreachable
from core.gateway.sessions import CheckoutState, SessionFacts
from core.gateway.sessions import Money as Progress
from core.journeys import refund
from core.orders import checkouts, disputes, orders, payments, refunds
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.orders.refunds import RefundStatus
from core.shop import Shop

_BATCH = 200
# An attempt whose Session's id we never learned cannot be paid by anybody; past this age its places are given back.
_NEVER_OPENED = timedelta(minutes=10)
# A refund whose answer was lost: so long may the call that asked for it still be under way.
_UNCONFIRMED = timedelta(minutes=2)
# Stripe keeps events for 30 days, and lists one some seconds after it happened.
_KEPT = timedelta(days=29)
_OVERLAP = timedelta(minutes=5)


@dataclass
class Report:
    """What one pass found. `healed` names what it put right, `failed` what it could not, with the reason."""

    checked: int = 0
    healed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    silent: str = ""
    progress: Callable[[str], None] = lambda _subject: None

    def attempt(self, subject: str, action: Callable[[], bool]) -> None:
        """Count one subject; `action` returns whether it changed anything. Once Stripe is silent nothing more is tried."""
        if self.silent:
            return
        self.checked += 1
        self.progress(subject)
        try:
            if action():
                self.healed.append(subject)
        except StripeUnreachable as error:
            self.silent = masking.masked(str(error))
            self.failed.append((subject, self.silent))
        except Exception as error:  # one bad order must not keep the others from being healed
            self.failed.append((subject, masking.described(error)))


def sweep(shop: Shop, *, everything: bool = False, progress: Callable[[str], None] | None = None) -> Report:
    """One pass over all that may have been missed: events, Sessions, refunds, subscriptions, the balance, what has lapsed.

    Failed and parked events are retried when they are due, and Sessions asked about likewise, or all of them if
    `everything`. No transaction is open while Stripe is asked; the first call that gets no answer ends the asking, and the
    next pass goes on.
    """
    report = Report(progress=progress or (lambda _subject: None))
    _retry_events(shop, report, everything=everything)
    _close_never_opened(shop, report)
    plan_schedule.settle_lapsed(shop, report.attempt, limit=_BATCH)
    _fetch_events(shop, report, everything=everything)
    _ask_about_sessions(shop, report, everything=everything)
    _resume_refunds(shop, report)
    plan_schedule.refresh_due(shop, report.attempt, limit=_BATCH)
    _learn_payments(shop, report)
    _ask_about_balance(shop, report, everything=everything)
    _record_milestones(shop, report)
    return report


def _retry_events(shop: Shop, report: Report, *, everything: bool) -> None:
    with shop.reading() as session:
        waiting = inbox.unfinished(session, due_at=None if everything else shop.now(), limit=_BATCH)
    for event_id in waiting:
        report.attempt(event_id, partial(_retried, shop, event_id))


def _retried(shop: Shop, event_id: str) -> bool:
    outcome = inbox.replay(shop, event_id, actor="worker")
    if outcome.state is EventState.PARKED and outcome.reason == admission.ASKING:
        # Only Stripe knows whose it is: asked here too, should the job that was to ask have given up.
        outcome = questions.place(shop, event_id)
    return outcome.state is EventState.APPLIED


def _fetch_events(shop: Shop, report: Report, *, everything: bool) -> None:
    with shop.reading() as session:
        seen = milestones.last(session, milestones.Name.EVENTS_SEEN)
    started = shop.now()
    oldest = started - _KEPT
    since = oldest if everything or seen is None else max(oldest, seen.at - _OVERLAP)

    def fetch() -> bool:
        _take_all(shop, report, shop.stripe.undelivered_events(since=oldest))
        _take_all(shop, report, shop.stripe.events(since=since))
        # Only now: what a listing that broke off did not show is asked for again by the next pass.
        with shop.transaction() as session:
            milestones.record(session, milestones.Name.EVENTS_SEEN, at=started)
        return False

    report.attempt("events at Stripe", fetch)


def _take_all(shop: Shop, report: Report, found: Iterator[dict[str, Any]]) -> None:
    """Take those that are news to us, oldest first, as they would have come."""
    wanted = [event for event in found if event["type"] in HANDLERS]
    known: set[str] = set()
    for start in range(0, len(wanted), _BATCH):
        with shop.reading() as session:
            known |= inbox.remembered(session, [event["id"] for event in wanted[start : start + _BATCH]])
    for event in reversed(wanted):
        if event["id"] not in known:
            report.attempt(event["id"], partial(_taken, shop, event))


def _taken(shop: Shop, event: dict[str, Any]) -> bool:
    return inbox.take(shop, event, orjson.dumps(event).decode(), actor="worker").state is EventState.APPLIED


def _ask_about_sessions(shop: Shop, report: Report, *, everything: bool) -> None:
    """Ask about open and settling Sessions, in batches, so that ten thousand never stand in memory.

    Most are as we know them: those of a batch are put off together, since a transaction for each would cost most of the time.
    """
    last = ""
    while batch := _due(shop, after=last, everything=everything):
        unchanged: list[_Due] = []
        for due in batch:
            report.attempt(due.order_id, partial(_asked, shop, due, unchanged))
        _put_off(shop, unchanged)
        if report.silent:
            return
        last = batch[-1].checkout_id


@dataclass(frozen=True)
class _Due:
    """A Session to ask about, and how far we know it to be."""

    checkout_id: str
    order_id: str
    session_id: str
    state: CheckoutState
    money: Progress
    created_at: datetime


def _due(shop: Shop, *, after: str, everything: bool) -> list[_Due]:
    columns: list[Any] = [
        Checkout.id, Checkout.order_id, Checkout.stripe_checkout_session_id, Checkout.state, Checkout.money,
        Checkout.created_at,
    ]  # fmt: skip
    query = (
        select_columns(*columns)
        .join(Order, col(Order.id) == Checkout.order_id)
        .where(
            # Whatever was bought with the other key, this one's Stripe knows nothing of.
            col(Order.livemode) == shop.settings.livemode,
            col(Checkout.stripe_checkout_session_id).is_not(None),
            (col(Checkout.state) == CheckoutState.OPEN) | (col(Checkout.money) == Progress.PROCESSING),
            col(Checkout.id) > after,
        )
        .order_by(col(Checkout.id))
        .limit(_BATCH)
    )
    if not everything:
        query = query.where(col(Checkout.ask_after) <= shop.now())
    with shop.reading() as session:
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


def _put_off(shop: Shop, unchanged: list[_Due]) -> None:
    if unchanged:
        now = shop.now()
        later = [{"id": due.checkout_id, "ask_after": checkouts.ask_next(due.created_at, now)} for due in unchanged]
        with shop.transaction() as session:
            session.execute(update(Checkout), later)


def _close_never_opened(shop: Shop, report: Report) -> None:
    with shop.reading() as session:
        lost = session.exec(
            select(Checkout.id, Checkout.order_id)
            .where(
                col(Checkout.stripe_checkout_session_id).is_(None),
                col(Checkout.state) == CheckoutState.OPEN,
                col(Checkout.created_at) < shop.now() - _NEVER_OPENED,
            )
            .limit(_BATCH)
        ).all()
    for checkout_id, order_id in lost:
        report.attempt(order_id, partial(_closed, shop, checkout_id))


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


def _resume_refunds(shop: Shop, report: Report) -> None:
    with shop.reading() as session:
        waiting = refund.unconfirmed(session, livemode=shop.settings.livemode, before=shop.now() - _UNCONFIRMED)
    for refund_id in waiting:
        report.attempt(refund_id, partial(_resumed, shop, refund_id))


def _resumed(shop: Shop, refund_id: str) -> bool:
    return refund.resume(shop, refund_id).status is not RefundStatus.REQUESTED


def _learn_payments(shop: Shop, report: Report) -> None:
    """Ask what payments were for and which ones refunds and disputes are about, should the job that was to ask have given up."""
    mode = shop.settings.livemode
    with shop.reading() as session:
        unknown = [
            *payments.with_unknown_lines(session, livemode=mode, limit=_BATCH),
            *refunds.without_payment(session, livemode=mode, limit=_BATCH),
            *disputes.without_payment(session, livemode=mode, limit=_BATCH),
        ]
    for payment_id in dict.fromkeys(unknown):
        report.attempt(payment_id, partial(_learned, shop, payment_id))


def _learned(shop: Shop, payment_id: str) -> bool:
    return questions.learn_payment(shop, payment_id)


def _ask_about_balance(shop: Shop, report: Report, *, everything: bool) -> None:
    for subject, ask in balance_questions.due(shop, everything=everything):
        report.attempt(subject, ask)


def _record_milestones(shop: Shop, report: Report) -> None:
    with shop.transaction() as session:
        said = milestones.Name.STRIPE_SILENT if report.silent else milestones.Name.STRIPE_ANSWERED
        milestones.record(session, said, at=shop.now(), detail=report.silent)
        milestones.record(session, milestones.Name.SWEPT, at=shop.now(), detail=f"{report.checked} checked")
