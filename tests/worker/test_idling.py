"""A worker that has nothing to do asks the database little."""

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbos._dbos import _get_dbos_instance
from sqlalchemy import BigInteger, Column, Engine, MetaData, String, Table, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job, Notice, Queue, Turn
from tests.machine import eventually, wakes
from tests.worker.conftest import Trade, worker_process
from worker import app
from worker.bell import Bell
from worker.queues import PLACES

# How long the worker is watched, in seconds.
A_WHILE = 5


def test_a_worker_to_whom_no_job_is_owed_asks_little_and_writes_nothing(closed_trade: Trade) -> None:
    asked: list[str] = []
    with app.start(closed_trade.shop):
        time.sleep(3)  # until it has read its queues' settings
        engine: Any = _get_dbos_instance()._sys_db.engine
        event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: asked.append(statement))
        time.sleep(A_WHILE)
        watched = [statement for statement in asked if statement != "pragma data_version"]
    # One for all queues twice a second, on SQLite only after something was written; and DBOS looks for schedules that are new.
    assert len(watched) <= 3 * A_WHILE + 5, watched
    assert not [statement for statement in watched if not statement.startswith("SELECT")]
    assert not [statement for statement in watched if "workflow_status.priority" in statement]


def test_a_worker_to_whom_no_job_is_owed_seldom_wakes(closed_trade: Trade, tmp_path: Path) -> None:
    with worker_process(closed_trade, tmp_path, "idle", lost_after=16) as worker:
        time.sleep(3)
        assert 1 < wakes(worker.pid, seconds=A_WHILE) < 40


def test_what_waits_alone_is_taken_at_once_and_what_was_put_off_when_its_time_has_come(
    closed_trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = closed_trade
    seldom = {queue: replace(places, look_every=60.0) for queue, places in PLACES.items()}
    monkeypatch.setattr("worker.queues.PLACES", seldom)
    client = outbox.open_client(trade.shop.engine)

    def taken_after() -> float:
        owed = time.monotonic()
        eventually(lambda: not client.list_workflows(status=["DELAYED", "ENQUEUED"], limit=1))
        return time.monotonic() - owed

    with app.start(trade.shop):  # the queues are there by then, as for every worker but a shop's first
        trade.wait_until_idle()
    with app.start(trade.shop):
        with trade.shop.transaction() as session:
            turn = Turn(Job.SHOP_NOTICE, "shop_notice:earlier", 0, (Notice.ORDER_LOST, "cs_test_lost"))
            outbox.owe_next(session, turn, wait=timedelta(seconds=5))
        assert 4.5 < taken_after() < 20
        trade.buy(trade.buyer(), "guide-eur")
        assert taken_after() < 20
        trade.wait_until_idle()


def test_while_the_database_is_away_nothing_rings_and_then_it_does_again() -> None:
    rung: list[str] = []
    bell = Bell(_Away(), rung.append)
    try:
        eventually(lambda: _Away.tried > 1)
        assert bell.may_be_due()  # nobody knows
        assert rung == []
        _Away.back = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        with _Away.back.begin() as connection:
            _Away.tables.workflow_status.create(connection)
            row = {
                "workflow_uuid": "receipt:1",
                "queue_name": "buyers",
                "status": "ENQUEUED",
                "delay_until_epoch_ms": None,
            }
            connection.execute(_Away.tables.workflow_status.insert().values(row))
        eventually(lambda: rung)
        assert {*rung} == {"buyers"}
        assert not bell.may_be_due()
    finally:
        bell.end()


class _Away:
    """DBOS's way to a database that cannot be had until it is back."""

    tried = 0
    back: Engine | None = None
    tables = SimpleNamespace(
        workflow_status=Table(
            "workflow_status", MetaData(), Column("workflow_uuid", String), Column("queue_name", String),
            Column("status", String), Column("delay_until_epoch_ms", BigInteger),
        )
    )  # fmt: skip

    @property
    def engine(self) -> Engine:
        if self.back is None:
            type(self).tried += 1
            raise OperationalError("", None, Exception("away"))
        return self.back


def test_a_queue_is_taken_from_while_a_job_waits_in_it(closed_trade: Trade) -> None:
    trade = closed_trade
    trade.buy("nora@lindqvist.example", "guide-eur")
    waiting = outbox.open_client(trade.shop.engine).list_workflows(status="ENQUEUED")
    assert Queue.BUYERS.value in {job.queue_name for job in waiting}
    with app.start(trade.shop):
        trade.wait_until_idle()
        assert trade.postbox.to("nora@lindqvist.example")
