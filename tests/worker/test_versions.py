"""Two versions at work side by side: what one owes and the other does not know, or knows otherwise, is done all the same."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.foundation.jobs import outbox, standing
from core.foundation.jobs.kinds import APPLICATION_VERSION, NEXT_TURN, Job
from core.messages.letters import LetterState
from core.owner.needs import attention
from tests.machine import environment, eventually
from tests.worker.conftest import Trade, worker_process
from worker import jobs

PINNED = Path(jobs.__file__).with_name("job_parameters.toml")


def test_jobs_are_owed_with_what_is_written_down_and_nothing_else() -> None:
    """If this fails, read what the file says: a job that waits must be understood by the version before, and by the next."""
    found = {
        job.value: [each.name + ("=" if each.default is not each.empty else "") for each in jobs.parameters(job)]
        for job in Job
    }
    assert found == tomllib.loads(PINNED.read_text())


def test_what_was_added_to_a_job_has_a_default() -> None:
    for job in Job:
        defaults = [each.default is not each.empty for each in jobs.parameters(job)]
        assert defaults == sorted(defaults), job


# A worker of a later version, as far as its new job goes. It knows no other.
_LATER_WORKER = """
import sys, time
from dbos import DBOS
from dbos._dbos import _get_dbos_instance

DBOS(config={"name": "pushcart", "system_database_url": sys.argv[1], "application_version": "1",
             "executor_id": "later", "run_migrations": False, "log_level": "ERROR", "enable_otlp": False})

@DBOS.workflow(name="farewell")
def farewell(order_id, mood):
    return None

@DBOS.workflow(name="next_turn")
def next_turn(job, root, number, *arguments):
    return None

DBOS.launch()
system = _get_dbos_instance()._sys_db
jobs = system.tables.workflow_status
system._claim_gate = lambda queue, domain: [jobs.c.workflow_uuid.like("farewell:%")]
time.sleep(600)
"""


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_worker_leaves_alone_what_it_does_not_know_and_takes_what_it_knows_a_part_of(
    closed_trade: Trade, tmp_path: Path
) -> None:
    trade = closed_trade
    client = outbox.open_client(trade.shop.engine)
    buyer = trade.buyer()
    order_id = trade.buy(buyer, "guide-eur")
    client.delete_workflows([f"receipt:{order_id}"])
    owed = {
        "queue_name": "buyers",
        "app_version": APPLICATION_VERSION,
        "queue_partition_key": "x",
        "priority": 1,
    }
    # A later version owes the same letter with one thing more, and two turns of a job that this one has never heard of.
    client.enqueue(
        {**owed, "workflow_name": "receipt", "workflow_id": f"receipt:{order_id}"}, order_id, "", "with a joke"
    )
    client.enqueue({**owed, "workflow_name": "farewell", "workflow_id": "farewell:1"}, order_id, "sad")
    client.enqueue(
        {**owed, "workflow_name": NEXT_TURN, "workflow_id": "farewell:2#1"}, "farewell", "farewell:2", 1, "x"
    )
    with trade.shop.engine.begin() as connection:
        connection.execute(text("update dbos.workflow_status set created_at = 1 where workflow_uuid like 'farewell:%'"))
    strange = {"farewell:1", "farewell:2#1"}
    with worker_process(trade, tmp_path, "this"):
        trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
        late = f"receipt:{trade.buy(trade.buyer(), 'guide-eur')}"
        trade.wait_for(late, LetterState.SENT)  # it looked into that queue once more since
        assert _statuses(client, strange) == {"ENQUEUED"}
        told = {item.subject for item in attention.items(trade.shop) if item.topic == "unknown_job"}
        assert told == strange
        script = tmp_path / "later.py"
        script.write_text(_LATER_WORKER)
        later = subprocess.Popen([sys.executable, str(script), trade.shop.settings.database_url], env=environment())
        try:
            eventually(lambda: _statuses(client, strange) == {"SUCCESS"})
        finally:
            later.kill()
            later.wait()
        trade.wait_until_idle()
    assert len(trade.postbox.to(buyer)) == 1
    assert [item for item in attention.items(trade.shop) if item.topic in ("unknown_job", "dead_job")] == []
    assert standing.unknown(trade.shop.engine, limit=10) == []


def _statuses(client: Any, ids: set[str]) -> set[str]:
    return {job.status for job in client.list_workflows(workflow_ids=list(ids))}
