"""The worker as a process of its own: killed at work, paused, started again under another name, and two at once."""

import signal
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

from core.foundation.jobs import outbox
from core.foundation.settings import Settings
from core.foundation.signals.heartbeats import Heartbeat
from core.messages.letters import LetterState
from tests.builders import rows
from tests.machine import eventually
from tests.worker.conftest import Trade, worker_process
from worker.app import BEATS
from worker.queues import PLACES


def test_what_a_killed_worker_left_is_taken_over_by_another_with_one_letter_each(
    closed_trade: Trade, tmp_path: Path
) -> None:
    trade = closed_trade
    put_off, undecided, silent = trade.buyer(), trade.buyer(), trade.buyer()
    trade.postbox.answers[put_off] = ["451 Come back later"] * 2
    trade.postbox.undecided[undecided] = 0
    trade.postbox.silent.add(silent)
    owed = {buyer: trade.buy(buyer, "kit-eur") for buyer in (put_off, undecided, silent)}

    with worker_process(trade, tmp_path, "killed") as killed:
        trade.wait_for(f"receipt:{owed[put_off]}", LetterState.RETRYING)
        eventually(lambda: trade.postbox.undecided[undecided] and silent in trade.postbox.asked_for)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    del trade.postbox.undecided[undecided]
    trade.postbox.silent.clear()

    with worker_process(trade, tmp_path, "next") as worker:
        for order_id in owed.values():
            trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
        trade.wait_until_idle()
        worker.terminate()
        assert worker.wait(timeout=60) == 0
    assert {buyer: len(trade.postbox.to(buyer)) for buyer in owed} == dict.fromkeys(owed, 1)
    ends = [
        (run.lost, run.ended_at is not None) for run in sorted(rows(trade.shop, Heartbeat), key=lambda r: r.started_at)
    ]
    assert ends == [(True, True), (False, True)]


def test_with_the_default_limit_everything_is_taken_over_within_half_a_minute() -> None:
    limit = _limit()
    # Silent just after a beat, found just after a pass, and taken just after the queue was looked at, which DBOS spreads
    # by a twentieth; three seconds are left for the work itself.
    slowest = max(places.look_every for places in PLACES.values())
    assert limit + limit / BEATS + slowest * 1.05 + 3 < 30


def _limit() -> float:
    return float(Settings.model_fields["worker_lost_seconds"].default)


def test_two_living_workers_run_each_of_a_hundred_jobs_once(closed_trade: Trade, tmp_path: Path) -> None:
    trade = closed_trade
    with ExitStack() as both:
        for name in ("one", "two"):
            both.enter_context(worker_process(trade, tmp_path, name, lost_after=_limit()))
        owed = {buyer: trade.buy(buyer, "guide-eur") for buyer in (trade.buyer() for _ in range(100))}
        trade.wait_until_idle()
        runs = rows(trade.shop, Heartbeat)
    jobs = outbox.open_client(trade.shop.engine).list_workflows(name="receipt")
    assert {buyer: len(trade.postbox.to(buyer)) for buyer in owed} == dict.fromkeys(owed, 1)
    assert {trade.letters_of(order_id)[0].attempts for order_id in owed.values()} == {1}
    assert {(job.status, job.recovery_attempts) for job in jobs} == {("SUCCESS", 1)}
    assert len(jobs) == 100
    assert [run.lost for run in runs] == [False, False]
    assert {job.executor_id for job in jobs} == {run.id for run in runs}


def test_a_worker_that_was_paused_sends_nothing_that_another_took_over(closed_trade: Trade, tmp_path: Path) -> None:
    trade = closed_trade
    slow = [trade.buyer() for _ in range(5)]
    trade.postbox.silent.update(slow)
    with worker_process(trade, tmp_path, "paused") as paused:
        owed = {buyer: trade.buy(buyer, "kit-eur") for buyer in slow}
        eventually(lambda: set(slow) <= set(trade.postbox.asked_for))
        eventually(lambda: _pauses(trade, paused))
        trade.postbox.silent.clear()  # the server has answered the paused one, which has not heard it yet
        with worker_process(trade, tmp_path, "other") as other:
            for order_id in owed.values():
                trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
            paused.send_signal(signal.SIGCONT)
            eventually(lambda: len(_runs_of(trade, paused.pid)) == 2)
            other.terminate()
            other.wait(timeout=60)
        # Under its new id it is a worker like any other.
        late = trade.buyer()
        trade.wait_for(f"receipt:{trade.buy(late, 'kit-eur')}", LetterState.SENT)
        trade.wait_until_idle()
    assert {buyer: len(trade.postbox.to(buyer)) for buyer in (*slow, late)} == dict.fromkeys((*slow, late), 1)
    before, after = _runs_of(trade, paused.pid)
    assert before.lost
    assert not after.lost
    assert before.id != after.id


def _pauses(trade: Trade, running: subprocess.Popen[bytes]) -> bool:
    """Whether a process could be stopped while it wrote nothing: SQLite lets nobody else write before it has gone on."""
    running.send_signal(signal.SIGSTOP)
    if trade.shop.engine.dialect.name != "sqlite":
        return True
    with closing(sqlite3.connect(trade.shop.engine.url.database or "", timeout=1)) as connection:
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError:
            running.send_signal(signal.SIGCONT)
            return False
    return True


def _runs_of(trade: Trade, pid: int) -> list[Heartbeat]:
    runs = sorted(rows(trade.shop, Heartbeat), key=lambda run: run.started_at)
    return [run for run in runs if run.pid == pid]
