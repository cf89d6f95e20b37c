"""A worker that has nothing to do asks the database little."""

import time
from typing import Any

from dbos._dbos import _get_dbos_instance
from sqlalchemy import event

from core.foundation import outbox
from core.foundation.outbox import Queue
from tests.worker.conftest import Trade
from worker import app
from worker.queues import PLACES

# How long the worker is watched, in seconds.
A_WHILE = 5


def test_a_worker_to_whom_no_job_is_owed_asks_once_at_each_look_and_takes_nothing(closed_trade: Trade) -> None:
    asked: list[str] = []
    with app.start(closed_trade.shop):
        time.sleep(2)  # until it has read its queues' settings
        engine: Any = _get_dbos_instance()._sys_db.engine
        event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: asked.append(statement))
        time.sleep(A_WHILE)
        watched = list(asked)
    looks = sum(A_WHILE / places.look_every for places in PLACES.values())
    # A few more each second: DBOS looks for queues and schedules that are new, and for jobs whose time has come.
    assert 0 < len(watched) <= 1.3 * looks + 5 * A_WHILE + 5, watched
    assert not [statement for statement in watched if "workflow_status.priority" in statement]


def test_a_queue_is_taken_from_while_a_job_waits_in_it(closed_trade: Trade) -> None:
    trade = closed_trade
    trade.buy("nora@lindqvist.example", "guide-eur")
    waiting = outbox.open_client(trade.shop.engine).list_workflows(status="ENQUEUED")
    assert Queue.BUYERS.value in {job.queue_name for job in waiting}
    with app.start(trade.shop):
        trade.wait_until_idle()
        assert trade.postbox.to("nora@lindqvist.example")
