"""What the worker of a shop on SQLite had not done when the shop moved is done once by the one on PostgreSQL."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from core.backup import making, restoring
from core.foundation.jobs import outbox
from core.messages.letters import LetterState
from tests.core.backup.places import on_postgres
from tests.machine import eventually
from tests.worker.conftest import Trade, worker_process


def stages(trade: Trade) -> set[str]:
    """What DBOS says of how far the jobs are."""
    return {job.status for job in outbox.open_client(trade.shop.engine).list_workflows()}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_owed_before_the_move_is_done_once_after_it(
    request: pytest.FixtureRequest, closed_trade: Trade, tmp_path: Path
) -> None:
    before = closed_trade
    sent, put_off, silent, waiting = (before.buyer() for _ in range(4))
    before.postbox.answers[put_off] = ["451 Come back later"] * 2
    before.postbox.silent.add(silent)
    owed = {buyer: before.buy(buyer, "kit-eur") for buyer in (sent, put_off, silent)}
    with worker_process(before, tmp_path, "before") as worker:
        before.wait_for(f"receipt:{owed[sent]}", LetterState.SENT)
        before.wait_for(f"receipt:{owed[put_off]}", LetterState.RETRYING)
        eventually(lambda: silent in before.postbox.asked_for and stages(before) == {"SUCCESS", "PENDING", "DELAYED"})
        worker.send_signal(signal.SIGKILL)  # in the middle of a letter
        worker.wait()
    before.postbox.silent.clear()
    owed[waiting] = before.buy(waiting, "guide-eur")
    assert stages(before) == {"SUCCESS", "PENDING", "DELAYED", "ENQUEUED"}
    making.make(before.shop, tmp_path / "shop.backup")
    with on_postgres(request, before.shop, tmp_path / "elsewhere") as shop:
        restoring.restore(shop, tmp_path / "shop.backup")
        after = replace(before, shop=shop)
        with worker_process(after, tmp_path, "after"):
            for order_id in owed.values():
                after.wait_for(f"receipt:{order_id}", LetterState.SENT)
            for session_id in before.stripe.sessions:  # what is told once more is owed no more
                after.tell(before.stripe.event("completed", session_id))
            after.wait_until_idle()
    assert {buyer: len(after.postbox.to(buyer)) for buyer in owed} == dict.fromkeys(owed, 1)
