"""What the shop owes the outside: jobs enqueued in the very transaction that owes them, each once."""

from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlmodel import Session

from core import masking

if TYPE_CHECKING:
    from dbos import DBOSClient

# Pinned: DBOS would otherwise name versions after the code, and a deployment would strand the jobs in flight.
APPLICATION = "pushcart"
APPLICATION_VERSION = "1"
QUEUE = "letters"


class Job(StrEnum):
    """The jobs there are; the worker runs one workflow of the same name for each."""

    RECEIPT = "receipt"
    PAYMENT_FAILED = "payment_failed"
    SIGN_IN_CODE = "sign_in_code"
    OWNER_NOTICE = "owner_notice"
    ASK_STRIPE = "ask_stripe"


_clients: dict[int, "DBOSClient"] = {}
_opening = Lock()


def owe(session: Session, job: Job, *arguments: str, key: str) -> None:
    """Enqueue `job` with this transaction. The same job under the same key is one job, however often it is owed."""
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    session.flush()
    open_client(engine).enqueue_in_transaction(
        session,
        {
            "queue_name": QUEUE,
            "workflow_name": job.value,
            "workflow_id": f"{job.value}:{key}",
            "app_version": APPLICATION_VERSION,
        },
        *arguments,
    )


def open_client(engine: Engine) -> "DBOSClient":
    """The enqueueing client of this process. Importing DBOS takes seconds: processes that serve call this at start."""
    with _opening:
        if id(engine) not in _clients:
            from dbos import DBOSClient

            # Our own engine, so that its compiled statements are cached: half the price of a client with an own one.
            _clients[id(engine)] = DBOSClient(system_database_engine=engine, application_name=APPLICATION, lazy=True)
        return _clients[id(engine)]


def dead_jobs(engine: Engine) -> list[tuple[str, datetime, str]]:
    """Jobs that gave up: id, when, and what they said last."""
    found = open_client(engine).list_workflows(
        status=["ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"], load_input=False, load_output=True
    )
    return [
        (job.workflow_id, datetime.fromtimestamp((job.updated_at or 0) / 1000, UTC), masking.masked(str(job.error)))
        for job in found
    ]
