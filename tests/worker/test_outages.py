"""The database goes away in the middle of a job's turn: the job waits for it, and is done once."""

from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError, OperationalError

from core.foundation.jobs.kinds import Job, Turn
from core.foundation.signals import heartbeats
from core.foundation.signals.heartbeats import Kind
from core.messages import letters
from core.messages.letters import Letter, LetterState
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe
from tests.worker.postbox import mail_server
from worker import jobs, outages
from worker.breaker import Breaker
from worker.outages import WorkerEnds
from worker.sending import Post

AWAY = OperationalError("select 1", {}, psycopg.errors.AdminShutdown("terminating connection"))
DEADLOCK = OperationalError("select 1", {}, psycopg.errors.DeadlockDetected("deadlock detected"))


class Clockless(Event):
    """Waits for nothing; `waits` is how often it was to."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return self.is_set()


def failing(monkeypatch: pytest.MonkeyPatch, name: str, *errors: Exception) -> None:
    """Have this function of the letters meet these errors first."""
    real: Callable[..., Any] = getattr(letters, name)
    left = list(errors)

    def trouble(*args: Any, **more: Any) -> Any:
        if left:
            raise left.pop(0)
        return real(*args, **more)

    monkeypatch.setattr(letters, name, trouble)


@pytest.mark.parametrize("where", ["begin", "hold", "sent"])
@pytest.mark.parametrize("error", [AWAY, DEADLOCK], ids=["away", "deadlock"])
@builders.on_sqlite
def test_a_letter_goes_out_once_however_far_it_was(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    order_id = builders.bought(shop, stripe)
    with shop.transaction() as session:
        worker = heartbeats.begin(session, Kind.WORKER, host="a", pid=1, now=heartbeats.database_time(session))
    failing(monkeypatch, where, error, error)
    ending = Clockless()
    with mail_server() as postbox:
        settings = shop.settings.model_copy(update={"smtp_url": SecretStr(postbox.url)})
        post = Post(replace(shop, settings=settings), worker, Breaker(), ending)
        for number in range(3):
            # What the mail server was not reached for is a later turn's, as ever.
            jobs._take_in_the_end(post, Turn(Job.RECEIPT, f"receipt:{order_id}", number, (order_id,)))
        assert len(postbox.letters) == 1
    [letter] = [each for each in builders.rows(shop, Letter) if each.id == f"receipt:{order_id}"]
    assert letter.state is LetterState.SENT
    assert ending.waits == (0 if where == "hold" else 2)


def test_what_the_database_will_never_take_is_an_error_of_the_job() -> None:
    def refused() -> None:
        raise IntegrityError("insert", {}, Exception("unique"))

    with pytest.raises(IntegrityError):
        outages.waited_out(refused, ending=Clockless())


def test_a_worker_that_ends_meanwhile_leaves_the_job_to_another() -> None:
    def away() -> None:
        raise AWAY

    ending = Clockless()
    ending.set()
    with pytest.raises(WorkerEnds):
        outages.waited_out(away, ending=ending)
    assert not issubclass(WorkerEnds, Exception), "DBOS would keep it as what came of the job"
