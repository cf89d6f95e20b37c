"""What waits takes no place from what can be done: a worker among addresses and servers that make trouble."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job, Queue
from core.messages.letters import LetterState
from core.outgoing import messages
from core.outgoing.topics import Topic
from core.people import sign_in
from tests.core.outgoing.receiver import listens, receiving
from tests.machine import environment, eventually, is_within
from tests.worker.conftest import Trade, worker_process
from worker import app, bell, queues
from worker.queues import PLACES


def _seconds(act: Callable[[], object], seen: Callable[[], object]) -> float:
    """How long it takes from being owed to being seen."""
    act()
    owed = time.monotonic()
    eventually(seen)
    return time.monotonic() - owed


def _assert_prompt(trade: Trade, *, domain: str) -> None:
    """A receipt and a code that are owed now arrive within two seconds. A busy machine has longer, and six tries; what is held up
    fails all."""
    for owe in (lambda who: trade.buy(who, "guide-eur"), lambda who: sign_in.request_code(trade.shop, who)):
        taken: list[float] = []
        while not taken or not is_within(taken[-1], 2):
            who = f"good-{time.monotonic_ns()}@{domain}"
            taken.append(_seconds(partial(owe, who), partial(trade.postbox.to, who)))
            assert len(taken) < 6 or is_within(taken[-1], 2), taken


def test_a_hundred_letters_that_are_put_off_hold_up_neither_a_good_one_nor_a_code(
    closed_trade: Trade, tmp_path: Path
) -> None:
    trade = closed_trade
    domains = ("mistyped.example", "example.com")
    mistyped = [f"mistyped{number}@{domains[number % 2]}" for number in range(100)]
    for buyer in mistyped:
        trade.postbox.answers[buyer] = ["450 Come back later"] * 1000
    owed = [trade.buy(buyer, "guide-eur") for buyer in mistyped]
    with worker_process(trade, tmp_path, "worker"):
        eventually(lambda: trade.postbox.asked_for)
        _assert_prompt(trade, domain="example.com")
        eventually(lambda: set(mistyped) <= set(trade.postbox.asked_for))
        _assert_prompt(trade, domain="example.com")
        _assert_prompt(trade, domain="elsewhere.example")
    states = {trade.letters_of(order_id)[0].state for order_id in owed}
    assert states <= {LetterState.RETRYING, LetterState.WAITING}
    # Each has a turn to come, and no two that wait.
    client = outbox.open_client(trade.shop.engine)
    to_come = client.list_workflows(status=["DELAYED", "ENQUEUED", "PENDING"], workflow_id_prefix="receipt:")
    assert {job.workflow_id.partition("#")[0] for job in to_come} == {f"receipt:{order_id}" for order_id in owed}
    waiting = [job.workflow_id.partition("#")[0] for job in to_come if job.status == "DELAYED"]
    assert len(waiting) == len(set(waiting))


def test_recipients_that_keep_the_mail_server_silent_hold_up_nobody_else(closed_trade: Trade, tmp_path: Path) -> None:
    trade = closed_trade
    silent = [f"silent{number}@silent.example" for number in range(20)]
    trade.postbox.silent.update(silent)
    owed = [trade.buy(buyer, "guide-eur") for buyer in silent]
    with worker_process(trade, tmp_path, "worker"):
        eventually(lambda: len(set(trade.postbox.asked_for)) >= 8)
        _assert_prompt(trade, domain="example.com")
        trade.postbox.silent.clear()
        for order_id in owed:
            trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    assert {len(trade.postbox.to(buyer)) for buyer in silent} == {1}


@contextmanager
def _hanging_up(port: int) -> Iterator[list[float]]:
    """A mail server that takes calls and hangs up at once; when each call came."""
    calls: list[float] = []
    with socket.create_server(("127.0.0.1", port)) as listening:

        def answer() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                calls.append(time.monotonic())
                caller.close()

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            yield calls
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            answering.join()


def test_a_mail_server_that_is_down_is_tried_seldom_however_many_letters_wait(
    closed_trade: Trade, tmp_path: Path
) -> None:
    trade = closed_trade
    trade.postbox.close()
    buyers = [f"buyer{number}@example{number % 3}.com" for number in range(30)]
    owed = [trade.buy(buyer, "guide-eur") for buyer in buyers]
    with _hanging_up(trade.postbox.port) as calls, worker_process(trade, tmp_path, "worker"):
        for order_id in owed:
            trade.wait_for(f"receipt:{order_id}", LetterState.RETRYING)
        # At first all places try, which may take a busy machine a while; from then on one at a time, ever less often.
        assert len(calls) <= PLACES[Queue.BUYERS].total + 10
        since = time.monotonic()
        eventually(lambda: time.monotonic() > since + 10)
        assert len([call for call in calls if call > since]) <= 4
    trade.postbox.open()
    with worker_process(trade, tmp_path, "later"):
        for order_id in owed:
            trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
    assert {len(trade.postbox.to(buyer)) for buyer in buyers} == {1}


def test_messages_to_an_endpoint_go_on_as_it_takes_them_and_wait_for_no_look(
    closed_trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = closed_trade
    # There is one look when the worker starts, and then none but those to which the end of a job leads.
    monkeypatch.setattr(bell, "_LOOKS", 3600.0)
    monkeypatch.setattr(queues, "_UNCALLED", 3600.0)
    with receiving() as receiver:
        listens(trade.shop, receiver.url)
        with trade.shop.transaction() as session:
            for key in map(str, range(20)):
                messages.announce(session, Topic.ATTENDEE_CHANGED, {"place": key}, key=key, now=trade.shop.now())
        with app.start(trade.shop):
            eventually(lambda: len(receiver.heard) == 20)
            trade.wait_until_idle()


# The worker of an earlier version, as far as its jobs in flight go: one queue, and a letter sleeps until it is tried again.
_EARLIER_WORKER = """
import sys, time
from dbos import DBOS

DBOS(config={"name": "pushcart", "system_database_url": sys.argv[1], "application_version": "1",
             "executor_id": "a-host-that-is-gone", "run_migrations": False, "log_level": "WARNING"})

@DBOS.workflow(name="receipt", max_recovery_attempts=100_000)
def receipt(order_id):
    for _ in range(880):
        if DBOS.run_step({"name": "send"}, lambda: False):
            return
        DBOS.sleep(300)

DBOS.launch()
DBOS.register_queue("letters", worker_concurrency=2, polling_interval_sec=0.1)
time.sleep(600)
"""


@pytest.fixture
def left_by_an_earlier_version(closed_trade: Trade, tmp_path: Path) -> list[tuple[str, str]]:
    """Buyers and their orders whose receipts wait, two in the middle of a sleep and two in the queue."""
    trade = closed_trade
    client = outbox.open_client(trade.shop.engine)
    bought = []
    for _ in range(4):
        buyer = trade.buyer()
        order_id = trade.buy(buyer, "kit-eur")
        job_id = f"{Job.RECEIPT}:{order_id}"
        client.delete_workflows([job_id])
        client.enqueue(
            {"queue_name": "letters", "workflow_name": "receipt", "workflow_id": job_id, "app_version": "1"}, order_id
        )
        bought.append((buyer, order_id))
    script = tmp_path / "earlier.py"
    script.write_text(_EARLIER_WORKER)
    earlier = subprocess.Popen([sys.executable, str(script), trade.shop.settings.database_url], env=environment())
    try:
        eventually(lambda: len([job for job, steps in _steps(trade, bought).items() if steps == 2]) == 2)
    finally:
        earlier.kill()
        earlier.wait()
    assert sorted(_steps(trade, bought).values()) == [0, 0, 2, 2]
    return bought


def _steps(trade: Trade, bought: list[tuple[str, str]]) -> dict[str, int]:
    client = outbox.open_client(trade.shop.engine)
    return {order_id: len(client.list_workflow_steps(f"{Job.RECEIPT}:{order_id}")) for _, order_id in bought}


def test_what_an_earlier_version_left_is_finished(
    closed_trade: Trade, left_by_an_earlier_version: list[tuple[str, str]], tmp_path: Path
) -> None:
    trade = closed_trade
    (put_off, _), *_ = left_by_an_earlier_version
    trade.postbox.answers[put_off] = ["450 Come back later"]
    with worker_process(trade, tmp_path, "worker"):
        for _, order_id in left_by_an_earlier_version:
            trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
        trade.wait_until_idle()
    assert {len(trade.postbox.to(buyer)) for buyer, _ in left_by_an_earlier_version} == {1}
    jobs = outbox.open_client(trade.shop.engine).list_workflows()
    assert {job.status for job in jobs} == {"SUCCESS"}
