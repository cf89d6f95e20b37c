"""Reconciliation: what no webhook told us, asked for at Stripe, and fed through the very same function."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from sqlmodel import Session, col, select

from core import events, fulfillment, orders, payments
from core.errors import CheckoutNotFound, ShopError, StripeUnreachable
from core.payments import Checkout, CheckoutState
from core.payments import Money as Progress
from core.shop import Shop

_BATCH = 200
# An attempt whose Session's id we never learned cannot be paid by anybody; past this age its places are given back.
_NEVER_OPENED = timedelta(minutes=10)


@dataclass
class Report:
    """What one pass found. `healed` names what it put right, `failed` what it could not, with the reason."""

    checked: int = 0
    healed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def attempt(self, subject: str, action: Callable[[], bool]) -> bool:
        """Count one subject; `action` returns whether it changed anything. Returns whether Stripe can still be asked."""
        self.checked += 1
        try:
            if action():
                self.healed.append(subject)
        except StripeUnreachable as error:
            self.failed.append((subject, str(error)))
            return False
        except Exception as error:  # one bad order must not keep the others from being healed
            self.failed.append((subject, str(error) if isinstance(error, ShopError) else repr(error)))
        return True


def sweep(shop: Shop, *, everything: bool = False) -> Report:
    """One pass: events that failed or wait, events Stripe could not deliver, open Sessions, and attempts never opened.

    Sessions are asked about when they are due, or all of them if `everything`. No transaction is open while Stripe is
    asked; the first call that gets no answer ends the pass, and the next one goes on.
    """
    report = Report()
    _retry_events(shop, report)
    if _fetch_undelivered(shop, report):
        _ask_about_sessions(shop, report, everything=everything)
    _close_never_opened(shop, report)
    return report


def _retry_events(shop: Shop, report: Report) -> None:
    with shop.reading() as session:
        waiting = events.unfinished(session, limit=_BATCH)
    for event_id in waiting:
        report.attempt(event_id, partial(_replayed, shop, event_id))


def _replayed(shop: Shop, event_id: str) -> bool:
    return events.replay(shop, event_id, actor="worker").state is events.EventState.APPLIED


def _fetch_undelivered(shop: Shop, report: Report) -> bool:
    def fetch() -> bool:
        found = list(shop.stripe.undelivered_events(list(events.HANDLERS)))
        with shop.reading() as session:
            done = events.known(session, [event["id"] for event in found])
        # Oldest first, as they would have come.
        fresh = [event for event in reversed(found) if event["id"] not in done]
        for event in fresh:
            payload = orjson.dumps(event).decode()
            report.attempt(event["id"], partial(_taken, shop, event, payload))
        return False

    return report.attempt("undelivered events", fetch)


def _taken(shop: Shop, event: dict[str, Any], payload: str) -> bool:
    return events.take(shop, event, payload, actor="worker").state is events.EventState.APPLIED


def _ask_about_sessions(shop: Shop, report: Report, *, everything: bool) -> None:
    for checkout_id, order_id, session_id in _due(shop, everything=everything):
        if not report.attempt(order_id, partial(_asked, shop, checkout_id, session_id)):
            return


def _due(shop: Shop, *, everything: bool) -> Iterator[tuple[str, str, str]]:
    """The Sessions to ask about: open or settling ones, in batches, so that ten thousand never stand in memory."""
    last = ""
    while True:
        with shop.reading() as session:
            rows = session.exec(_open_sessions(last, None if everything else shop.now())).all()
        if not rows:
            return
        yield from rows
        last = rows[-1][0]


def _open_sessions(last: str, due_at: datetime | None):  # type: ignore[no-untyped-def]
    query = (
        select(Checkout.id, Checkout.order_id, Checkout.stripe_checkout_session_id)
        .where(
            col(Checkout.stripe_checkout_session_id).is_not(None),
            (col(Checkout.state) == CheckoutState.OPEN) | (col(Checkout.money) == Progress.PROCESSING),
            col(Checkout.id) > last,
        )
        .order_by(col(Checkout.id))
        .limit(_BATCH)
    )
    return query.where(col(Checkout.ask_after) <= due_at) if due_at else query


def _asked(shop: Shop, checkout_id: str, session_id: str) -> bool:
    try:
        facts = shop.stripe.retrieve_checkout(session_id)
    except CheckoutNotFound:
        facts = None
    with shop.transaction() as session:
        row = session.get_one(Checkout, checkout_id)
        row.ask_after = payments.ask_next(row.created_at, shop.now())
        before = orders.lock(session, row.order_id)
        status = before.status if before else None
        session.flush()
        if facts is None:
            # Gone at Stripe: nobody can pay it any more.
            row.state = CheckoutState.EXPIRED
            return _settled(session, row.order_id, now=shop.now()) is not status
        settled = fulfillment.apply(session, facts, actor="worker", now=shop.now())
        return settled is not None and settled.status is not status


def _close_never_opened(shop: Shop, report: Report) -> None:
    with shop.reading() as session:
        lost = session.exec(
            select(Checkout.id, Checkout.order_id).where(
                col(Checkout.stripe_checkout_session_id).is_(None),
                col(Checkout.state) == CheckoutState.OPEN,
                col(Checkout.created_at) < shop.now() - _NEVER_OPENED,
            )
        ).all()
    for checkout_id, order_id in lost:
        report.attempt(order_id, partial(_closed, shop, checkout_id))


def _closed(shop: Shop, checkout_id: str) -> bool:
    with shop.transaction() as session:
        order_id = session.get_one(Checkout, checkout_id).order_id
        orders.lock(session, order_id)
        row = session.get_one(Checkout, checkout_id, populate_existing=True)
        if row.stripe_checkout_session_id is not None:
            return False
        row.state = CheckoutState.EXPIRED
        _settled(session, order_id, now=shop.now())
    return True


def _settled(session: Session, order_id: str, *, now: datetime) -> orders.Status:
    session.flush()
    order = orders.lock(session, order_id)
    assert order is not None
    known = payments.checkouts(session, order_id)
    return fulfillment.settle(session, order, known, actor="worker", now=now).status
