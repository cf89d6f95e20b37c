"""The worker as a process of its own: killed at work, started again, and two at once."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from core.letters import Letter, LetterState
from tests.fakes import SECRET
from tests.machine import environment, eventually, free_port, process
from tests.worker.conftest import Trade, open_trade
from tests.worker.postbox import mail_server


@pytest.fixture
def closed_trade(database_url: str, tmp_path: Path) -> Iterator[Trade]:
    """A shop whose worker is not running."""
    with mail_server() as postbox:
        trade = open_trade(database_url, tmp_path, postbox)
        yield trade
        trade.shop.engine.dispose()


@contextmanager
def _worker(trade: Trade, folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m worker` for this shop, with a Stripe that does not answer."""
    env = environment(
        database_url=trade.shop.settings.database_url, storage_url=trade.shop.settings.storage_url,
        secret_key=trade.shop.signing_key, stripe_secret_key="sk_test_of_a_shop", stripe_webhook_secret=SECRET,
        stripe_api_base=f"http://127.0.0.1:{free_port()}", smtp_url=trade.postbox.url, sweep_seconds=3600,
    )  # fmt: skip
    with open(folder / f"{name}.log", "wb") as log, process("worker", cwd=folder, env=env, output=log) as running:
        yield running


def test_what_a_killed_worker_left_is_finished_by_two_others_with_one_letter_each(
    closed_trade: Trade, tmp_path: Path
) -> None:
    trade = closed_trade
    put_off, undecided = trade.buyer(), trade.buyer()
    trade.postbox.answers[put_off] = ["451 Come back later"] * 2
    trade.postbox.undecided[undecided] = 0
    owed = {buyer: trade.buy(buyer, "kit-eur") for buyer in (put_off, undecided)}

    with _worker(trade, tmp_path, "killed") as killed:
        trade.wait_for(f"receipt:{owed[put_off]}", LetterState.RETRYING)
        eventually(lambda: trade.postbox.undecided[undecided])
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    _let_claims_lapse(trade)
    del trade.postbox.undecided[undecided]

    with ExitStack() as both:
        workers = [both.enter_context(_worker(trade, tmp_path, name)) for name in ("one", "two")]
        eventually(lambda: all(b"ready" in (tmp_path / f"{name}.log").read_bytes() for name in ("one", "two")))
        owed |= {buyer: trade.buy(buyer, "guide-eur") for buyer in (trade.buyer() for _ in range(20))}
        trade.wait_until_idle()
        for worker in workers:
            worker.terminate()
        assert [worker.wait(timeout=20) for worker in workers] == [0, 0]
    assert {buyer: len(trade.postbox.to(buyer)) for buyer in owed} == dict.fromkeys(owed, 1)
    assert {trade.letters_of(order_id)[0].state for order_id in owed.values()} == {LetterState.SENT}


def _let_claims_lapse(trade: Trade) -> None:
    """As if the half minute had passed for which a worker claims the letter it is sending."""
    with trade.shop.transaction() as session:
        session.exec(update(Letter).values(claimed_until=trade.shop.now() - timedelta(days=3650)))
