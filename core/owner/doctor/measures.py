"""Measures: how the shop stands, in numbers that an operator watches. All are read from the database, by its indexes, so that each
process tells the same and none need be asked in particular."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, text
from sqlmodel import Session, col, select

from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation.jobs import standing
from core.foundation.signals import heartbeats, milestones
from core.foundation.signals.milestones import Name
from core.foundation.telemetry.counters import Stopwatch
from core.messages.letters import OUTSTANDING, Letter
from core.shop import Shop

log = structlog.get_logger()


@dataclass(frozen=True)
class Measure:
    """What is measured, and by what it is told apart."""

    meaning: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """One number."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


MEASURES: Mapping[str, Measure] = {
    "pushcart_database_up": Measure("1 if the database answers, 0 if not: then nothing else here is known."),
    "pushcart_database_seconds": Measure("How long the database took to answer a question about nothing."),
    "pushcart_events_unfinished": Measure("Stripe's events that are failed or parked.", ("state",)),
    "pushcart_events_oldest_seconds": Measure("The age of the oldest event that is failed or parked.", ("state",)),
    "pushcart_event_last_seconds": Measure("How long ago the last event came from Stripe, or was asked for."),
    "pushcart_webhook_last_seconds": Measure("How long ago one last came by the webhook, to five minutes."),
    "pushcart_jobs": Measure("Jobs that wait, are put off, run or gave up.", ("queue", "stage")),
    "pushcart_jobs_oldest_seconds": Measure("The age of the oldest of these.", ("queue", "stage")),
    "pushcart_letters": Measure("Letters that are not sent yet, or that a person is to look at.", ("state",)),
    "pushcart_letters_oldest_seconds": Measure("The age of the oldest of these.", ("state",)),
    "pushcart_stripe_silent_seconds": Measure("How long Stripe has not answered, 0 while it does."),
    "pushcart_stripe_key_refused": Measure("1 if Stripe turned the key away when it was last asked."),
    "pushcart_sweep_age_seconds": Measure("How long ago the last pass of reconciliation ended."),
    "pushcart_worker_silent_seconds": Measure("How long ago a worker was last heard of."),
    "pushcart_retention_age_seconds": Measure("How long ago it was last looked for what was kept long enough."),
}


def take(shop: Shop) -> list[Measured]:
    """All of them as they are now. What never was is left out; without a database only that is told."""
    taken = Stopwatch()
    try:
        with shop.reading() as session:
            session.execute(text("select 1"))
            asked = taken.seconds
            found = [each for take in _PARTS for each in take(session, shop.now())]
        return [
            Measured("pushcart_database_up", 1), Measured("pushcart_database_seconds", asked), *found,
            *_jobs(shop, now=shop.now()),
        ]  # fmt: skip
    except Exception as error:  # a database that does not answer, or is not migrated yet
        log.warning("not_measured", error=type(error).__name__)
        return [Measured("pushcart_database_up", 0)]


def _events(session: Session, now: datetime) -> Iterator[Measured]:
    states = (EventState.FAILED, EventState.PARKED)
    found = _grouped(session, StripeEvent.state, StripeEvent.received_at, col(StripeEvent.state).in_(states))
    yield from _counts("pushcart_events_unfinished", "pushcart_events_oldest_seconds", found, states, now=now)
    if last := session.exec(select(func.max(StripeEvent.received_at))).one():
        yield Measured("pushcart_event_last_seconds", (now - last).total_seconds())


def _letters(session: Session, now: datetime) -> Iterator[Measured]:
    found = _grouped(session, Letter.state, Letter.created_at, OUTSTANDING)
    states = ("waiting", "retrying", "refused", "given_up", "bounced")
    yield from _counts("pushcart_letters", "pushcart_letters_oldest_seconds", found, states, now=now)


def _grouped(session: Session, state: Any, since: Any, which: Any) -> dict[str, tuple[int, datetime]]:
    query = select(state, func.count(), func.min(since)).where(which).group_by(state)
    return {str(name): (count, oldest) for name, count, oldest in session.exec(query)}


def _counts(
    counted: str, aged: str, found: Mapping[str, tuple[int, datetime]], states: tuple[str, ...], *, now: datetime
) -> Iterator[Measured]:
    """Of each state how many, also if there are none: an alert must see that it is over."""
    for state in states:
        count, oldest = found.get(str(state), (0, now))
        yield Measured(counted, count, (str(state),))
        yield Measured(aged, (now - oldest).total_seconds(), (str(state),))


def _machinery(session: Session, now: datetime) -> Iterator[Measured]:
    silent, refused, answered, swept, retained, took = milestones.last_of(
        session,
        (Name.STRIPE_SILENT, Name.KEY_REFUSED, Name.STRIPE_ANSWERED, Name.SWEPT, Name.RETAINED, Name.WEBHOOK_TOOK),
    )
    heard = answered.at if answered else None
    quiet = silent is not None and (heard is None or heard < silent.at)
    since = (heard or silent.at) if quiet and silent else now
    yield Measured("pushcart_stripe_silent_seconds", (now - since).total_seconds())
    yield Measured("pushcart_stripe_key_refused", float(refused is not None and (heard is None or heard < refused.at)))
    for name, last in (
        ("pushcart_sweep_age_seconds", swept), ("pushcart_retention_age_seconds", retained),
        ("pushcart_webhook_last_seconds", took),
    ):  # fmt: skip
        if last:
            yield Measured(name, (now - last.at).total_seconds())
    if seen := heartbeats.last_seen(session):
        yield Measured("pushcart_worker_silent_seconds", seen.silence.total_seconds())


_PARTS: tuple[Callable[[Session, datetime], Iterator[Measured]], ...] = (_events, _letters, _machinery)


def _jobs(shop: Shop, *, now: datetime) -> Iterator[Measured]:
    for tally in standing.tallies(shop.engine):
        labels = (tally.queue, tally.stage)
        age = max(now - tally.oldest, timedelta()).total_seconds() if tally.oldest else 0
        yield Measured("pushcart_jobs", tally.count, labels)
        yield Measured("pushcart_jobs_oldest_seconds", age, labels)
