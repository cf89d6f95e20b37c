"""A worker that ends leaves what it is in the middle of to the next, and that is no error."""

import logging
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from dbos import DBOS, _queue

from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from tests.machine import eventually
from tests.worker.conftest import Trade
from worker import app


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What DBOS complains about."""
    hears = Heard()
    logging.getLogger("dbos").addHandler(hears)
    yield hears.errors
    logging.getLogger("dbos").removeHandler(hears)


def status(trade: Trade) -> set[str]:
    client = outbox.open_client(trade.shop.engine)
    return {job.status for job in client.list_workflows(workflow_id_prefix="plan_prices:plan:now")}


def is_done_in_another(trade: Trade) -> None:
    assert status(trade) == {"PENDING"}
    with app.start(trade.shop):
        eventually(lambda: status(trade) == {"SUCCESS"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_that_ends_after_its_worker_is_done_in_another_and_says_nothing(
    closed_trade: Trade, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = closed_trade
    asked, go_on, done = Event(), Event(), Event()
    found = trade.stripe.price_by_key

    def slowly(key: str) -> object:
        asked.set()
        go_on.wait(30)
        try:
            return found(key)
        finally:
            done.set()

    monkeypatch.setattr(trade.stripe, "price_by_key", slowly)
    with trade.shop.transaction() as session:
        outbox.owe(session, Job.PLAN_PRICES, "plan", key="plan:now")
    with app.start(trade.shop):
        assert asked.wait(30)
    go_on.set()
    assert done.wait(30)
    is_done_in_another(trade)
    assert heard == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_taken_while_its_worker_ends_is_done_in_another_and_says_nothing(
    closed_trade: Trade, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trade, taken = closed_trade, Event()
    begin = _queue.execute_dequeued_workflow

    def late(dbos: DBOS, *given: Any) -> Any:
        taken.set()
        eventually(lambda: dbos._executor_field is None)
        monkeypatch.setattr(_queue, "execute_dequeued_workflow", begin)
        return begin(dbos, *given)

    monkeypatch.setattr(_queue, "execute_dequeued_workflow", late)
    with trade.shop.transaction() as session:
        outbox.owe(session, Job.PLAN_PRICES, "plan", key="plan:now")
    with app.start(trade.shop):
        assert taken.wait(30)
    is_done_in_another(trade)
    assert heard == []
