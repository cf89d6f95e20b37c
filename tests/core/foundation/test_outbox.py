"""Jobs are written into DBOS's own tables: what we write is what DBOS itself writes of a job that is enqueued."""

from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from core.foundation import database
from core.foundation.jobs import outbox, standing
from core.foundation.jobs.kinds import Job
from core.foundation.jobs.standing import Stage
from core.shop import Shop
from tests import builders

# Made by chance or by the moment; `creator_xid` is for whoever starts a workflow and waits for it.
_OF_ITS_OWN = {"workflow_uuid", "created_at", "updated_at", "retention_timestamp", "creator_xid", "priority",
               "delay_until_epoch_ms"}  # fmt: skip


def _rows(session: Session, engine: Any, job_id: str) -> list[dict[str, Any]]:
    client = outbox.open_client(engine)
    client._sys_db._apply_caller_schema(session)
    tables = (client._sys_db.tables.workflow_status, client._sys_db.tables.workflow_input)
    found = [session.execute(select(table).where(table.c.workflow_uuid == job_id)).mappings().one() for table in tables]
    return [{name: value for name, value in row.items() if name not in _OF_ITS_OWN} for row in found]


def test_a_job_that_is_owed_is_what_dbos_would_have_written(shop: Shop) -> None:
    with shop.transaction() as session:
        outbox.owe(session, Job.RECEIPT, "ord_1", key="ord_1", to="nora@lindqvist.example")
    options: Any = {
        "queue_name": "buyers", "workflow_name": "receipt", "workflow_id": "receipt:by-dbos", "app_version": "1",
        "queue_partition_key": outbox._domain_key("nora@lindqvist.example"), "priority": 1,
    }  # fmt: skip
    with shop.transaction() as session:
        outbox.open_client(shop.engine).enqueue_in_transaction(session, options, "ord_1")
    with shop.reading() as session:
        ours, theirs = (_rows(session, shop.engine, job) for job in ("receipt:ord_1", "receipt:by-dbos"))
    assert ours == theirs


def test_a_job_that_was_owed_before_stays_what_it_was(shop: Shop) -> None:
    for argument in ("first", "second"):
        with shop.transaction() as session:
            outbox.owe(session, Job.ASK_STRIPE, argument, key="one")
            outbox.owe(session, Job.ASK_STRIPE, argument, key="one")
    assert builders.jobs(shop) == ["ask_stripe:one"]
    [job] = outbox.open_client(shop.engine).list_workflows(workflow_ids=["ask_stripe:one"])
    assert job.input["args"] == ("first",)


def test_what_is_owed_in_a_transaction_that_is_rolled_back_is_not_owed(shop: Shop) -> None:
    try:
        with shop.transaction() as session:
            outbox.owe(session, Job.ASK_STRIPE, "sub_1", key="one")
            raise LookupError
    except LookupError:
        pass
    assert builders.jobs(shop) == []


@builders.on_sqlite
def test_whoever_looks_at_the_jobs_waits_for_nobody_who_writes(shop: Shop) -> None:
    """DBOS would ask again and again, without end, while another has SQLite's lock."""
    with shop.transaction() as session:
        outbox.owe(session, Job.RECEIPT, "ord_1", key="ord_1")
    other = database.connect(shop.settings.database_url)
    with other.begin():
        (job,) = standing.jobs(shop.engine, Stage.WAITING, limit=10)
        assert (job.id, standing.unknown(shop.engine, limit=10)) == ("receipt:ord_1", [])
        assert sum(each.count for each in standing.tallies(shop.engine) if each.stage == "waiting") == 1
    other.dispose()
