"""Who is at work: a run that is silent for too long is ended, once, and learns of it when it beats again."""

from datetime import datetime, timedelta

import pytest

from core.foundation.signals import heartbeats
from core.foundation.signals.heartbeats import Heartbeat, Kind
from core.shop import Shop
from tests import builders
from tests.conftest import Clock

LIMIT = timedelta(seconds=16)


@pytest.fixture
def shop(bare_shop: Shop) -> Shop:
    """Where nobody is at work yet."""
    return bare_shop


def _begin(shop: Shop, now: datetime) -> str:
    with shop.transaction() as session:
        return heartbeats.begin(session, Kind.WORKER, host="a", pid=1, now=now)


def _beat(shop: Shop, run: str, now: datetime) -> timedelta | None:
    with shop.transaction() as session:
        return heartbeats.beat(session, run, now=now)


def _end_silent(shop: Shop, now: datetime) -> list[str]:
    with shop.transaction() as session:
        return heartbeats.end_silent(session, silent_for=LIMIT, now=now)


def _at_work(shop: Shop) -> set[str]:
    with shop.reading() as session:
        return heartbeats.at_work(session)


def test_a_run_that_beats_is_at_work_and_one_that_is_silent_is_ended_once(shop: Shop, clock: Clock) -> None:
    silent, lively = _begin(shop, clock()), _begin(shop, clock())
    clock.pass_(seconds=16)
    assert _beat(shop, lively, clock()) == LIMIT
    assert _end_silent(shop, clock()) == []
    clock.pass_(seconds=1)
    assert _end_silent(shop, clock()) == [silent]
    assert _end_silent(shop, clock()) == []
    assert _at_work(shop) == {lively}
    assert _beat(shop, silent, clock()) is None
    lost = {row.id: (row.lost, row.ended_at) for row in builders.rows(shop, Heartbeat)}
    assert lost == {silent: (True, clock()), lively: (False, None)}


def test_a_run_that_ends_by_itself_is_not_lost(shop: Shop, clock: Clock) -> None:
    run = _begin(shop, clock())
    with shop.transaction() as session:
        heartbeats.end(session, run, now=clock())
    assert _beat(shop, run, clock()) is None
    assert _end_silent(shop, clock() + timedelta(days=1)) == []
    assert [(row.lost, row.ended_at) for row in builders.rows(shop, Heartbeat)] == [(False, clock())]


def test_a_start_forgets_nobody_however_long_ago_they_ended(shop: Shop, clock: Clock) -> None:
    """How long runs are kept is a setting of its own, and may be for ever."""
    runs = {_begin(shop, clock()), _begin(shop, clock() + timedelta(days=400))}
    assert {row.id for row in builders.rows(shop, Heartbeat)} == runs


@pytest.mark.parametrize("reads", [True, False])
def test_the_databases_clock_tells_the_time_with_its_zone(shop: Shop, reads: bool) -> None:
    with shop.reading() if reads else shop.transaction() as session:
        told = heartbeats.database_time(session)
    assert told.utcoffset() == timedelta(0)
    assert abs(told - datetime.now(told.tzinfo)) < timedelta(minutes=1)
