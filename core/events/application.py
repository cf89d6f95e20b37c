"""Applying events: those that wait are applied together, what they need read and written for all of them at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from core import admission, fulfillment
from core.admission import Fate, Refused
from core.events.handlers import (
    HANDLERS,
    LIVE_AT_TEST,
    TEST_AT_LIVE,
    Context,
    EventState,
    OfOrder,
    OfSession,
    Outcome,
    Plain,
    Reach,
    ignored,
    not_admitted,
)  # fmt: skip
from core.foundation.telemetry import requests
from core.fulfillment import Case
from core.gateway.sessions import address_in, read_session
from core.journeys.checkout_sessions import rebuilding
from core.orders import ledger, orders
from core.orders.ledger import Locked
from core.orders.orders import AdmittedOrder


@dataclass
class _Batch:
    """What becomes of each of these events, and which orders are settled by it, and by whom at first."""

    contexts: Sequence[Context]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)

    def conclude(self, context: Context, outcome: Outcome) -> None:
        self.outcomes[context.event["id"]] = outcome

    def settle_by(self, context: Context, locked: Locked, *, erased: bool = False) -> None:
        """Have this order settled: once, however many of the events are about it."""
        self.cases.setdefault(locked.order.id, Case(*locked, context.actor, context.request))
        self.conclude(context, Outcome(EventState.APPLIED, locked.order.id, erased=erased))

    def settle(self, session: Session) -> None:
        cases = list(self.cases.values())
        self.cases.clear()
        if cases:
            fulfillment.settle(session, cases, now=self.contexts[0].now)


def read_ahead(session: Session, events: Iterable[dict[str, Any]], *, livemode: bool) -> None:
    """Have what these events need to know of the orders that they name locked and read with whatever the database is asked next:
    whoever pays for one order at a time waits once. It must be a unit of work that is repeatable."""
    told = [
        event["data"]["object"]
        for event in events
        if isinstance(HANDLERS.get(event["type"]), OfSession) and bool(event.get("livemode")) is livemode
    ]
    order_ids = {order_id for each in told if (order_id := (each.get("metadata") or {}).get("order_id"))}
    ledger.lock_ahead(session, order_ids)
    fulfillment.read_ahead(session, order_ids, {address for each in told if (address := address_in(each))})


def apply(session: Session, contexts: Sequence[Context], *, livemode: bool) -> list[Outcome]:
    """Apply these events, of which each comes once; return what became of each, in their order.

    First what they say of Checkout Sessions: by these it is known whose everything else is.
    """
    batch = _Batch(contexts)
    of_sessions: list[Context] = []
    of_orders: list[tuple[Context, OfOrder]] = []
    for context in contexts:
        handler = HANDLERS.get(context.event["type"])
        if bool(context.event.get("livemode")) is not livemode:
            batch.conclude(context, ignored(TEST_AT_LIVE if livemode else LIVE_AT_TEST))
        elif isinstance(handler, OfSession):
            of_sessions.append(context)
        elif isinstance(handler, OfOrder):
            of_orders.append((context, handler))
        elif isinstance(handler, Plain):
            batch.conclude(context, handler.apply(session, context))
        else:
            batch.conclude(context, ignored("a type the shop has no use for"))
    _apply_to_sessions(session, batch, of_sessions)
    _apply_to_orders(session, batch, of_orders)
    return [batch.outcomes[context.event["id"]] for context in contexts]


def _apply_to_sessions(session: Session, batch: _Batch, contexts: Sequence[Context]) -> None:
    told = [
        (each, read_session(each.subject, event=each.event["type"], told_at=each.event.get("created")))
        for each in contexts
    ]
    named = {facts.order_id for _, facts in told}
    locked = ledger.lock(session, named) if named else {}
    for context, facts in told:
        admitted = admission.of_locked(locked, context.shop_id, facts)
        lost = isinstance(admitted, Refused) and admitted.fate is not Fate.ASK
        if lost and rebuilding.may_be_lost(context.shop_id, facts):
            # What the others come to is read anew with what is written here.
            batch.settle(session)
            if rebuilding.rebuild(session, context.shop_id, facts, actor=context.actor, now=context.now):
                locked = ledger.lock(session, named)
                admitted = admission.of_locked(locked, context.shop_id, facts)
        if isinstance(admitted, Refused):
            batch.conclude(context, not_admitted(session, context, admitted))
            continue
        row = fulfillment.record_session(session, admitted, now=context.now)
        batch.settle_by(context, locked[admitted.order_id], erased=bool(row.erased_as))
    batch.settle(session)


def _apply_to_orders(session: Session, batch: _Batch, told: Iterable[tuple[Context, OfOrder]]) -> None:
    admitted = list(_admitted(session, batch, told))
    locked = _locked(session, admitted)
    for context, handler, order_id in admitted:
        with requests.taken_up(context.request):
            handler.record(session, context, order_id, locked.get(order_id))
        if handler.reach is Reach.SETTLE:
            batch.settle_by(context, locked[order_id])
        else:
            batch.conclude(context, Outcome(EventState.APPLIED, order_id))
    batch.settle(session)


def _admitted(
    session: Session, batch: _Batch, told: Iterable[tuple[Context, OfOrder]]
) -> Iterable[tuple[Context, OfOrder, AdmittedOrder]]:
    """Those whose order is known, each with it. What becomes of the others is concluded."""
    asked = []
    for context, handler in told:
        if reason := handler.ignores(context) if handler.ignores else "":
            batch.conclude(context, ignored(reason))
        else:
            asked.append((context, handler))
    subjects = [context.subject for context, _ in asked]
    found = admission.of_objects(session, asked[0][0].shop_id, subjects) if asked else []
    for (context, handler), order_id in zip(asked, found, strict=True):
        if isinstance(order_id, Refused):
            batch.conclude(context, (handler.refused or not_admitted)(session, context, order_id))
        else:
            yield context, handler, order_id


def _locked(session: Session, admitted: Iterable[tuple[Context, OfOrder, AdmittedOrder]]) -> dict[str, Locked]:
    """Lock what these events change, all at once and so in one order; return the ledgers of what they settle."""
    settled = {order_id for _, handler, order_id in admitted if handler.reach is Reach.SETTLE}
    if others := {order_id for _, handler, order_id in admitted if handler.reach is Reach.LOCK} - settled:
        orders.lock_all(session, others | settled)
    return ledger.lock(session, settled, eventful=True) if settled else {}
