"""A worker that ends leaves what it is in the middle of to the next, and that is no error."""

import logging
from threading import Event

import pytest

from core.foundation import outbox
from core.foundation.outbox import Job
from tests.machine import eventually
from tests.worker.conftest import Trade
from worker import app


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_that_ends_after_its_worker_is_done_in_another_and_says_nothing(
    closed_trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade, heard = closed_trade, Heard()
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
    logging.getLogger("dbos").addHandler(heard)
    try:
        with app.start(trade.shop):
            assert asked.wait(30)
        go_on.set()
        assert done.wait(30)
        [left] = outbox.open_client(trade.shop.engine).list_workflows(workflow_id_prefix="plan_prices:plan:now")
        assert left.status == "PENDING"
        with app.start(trade.shop):
            client = outbox.open_client(trade.shop.engine)
            eventually(
                lambda: {job.status for job in client.list_workflows(workflow_id_prefix="plan_prices")} == {"SUCCESS"}
            )
    finally:
        logging.getLogger("dbos").removeHandler(heard)
    assert heard.errors == []
