"""A turn at a letter killed at every point of its way: whoever takes it over sends the letter once, or owes one more turn."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core.correspondence import drafts
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job, Turn
from core.foundation.signals import heartbeats
from core.foundation.signals.heartbeats import Kind
from core.messages import letters
from core.messages.letters import LetterState
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe
from tests.kill.mortal import live_until
from tests.worker.postbox import Postbox, mail_server
from worker import sending
from worker.breaker import Breaker
from worker.sending import Post


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with mail_server() as made:
        yield made


@pytest.mark.parametrize("refused", [False, True])
def test_wherever_a_turn_is_killed_the_letter_is_sent_once_or_owed_once_more(
    shop: Shop, stripe: FakeStripe, postbox: Postbox, refused: bool
) -> None:
    shop = _with_mail(shop, postbox)
    outbox.open_client(shop.engine)
    died_at: list[str] = []
    for point in range(1, 100):
        buyer = f"buyer{point}@example.com"
        order_id = _bought(shop, stripe, buyer)
        postbox.answers[buyer] = ["450 Later"] * 2 if refused else []
        turn = Turn(Job.RECEIPT, f"receipt:{order_id}", 0, (order_id,))
        end = live_until(point, shop, stripe, lambda mortal, turn=turn: _run(mortal, turn))
        if end.finished:
            break
        died_at.append(end.where)
        before = len(postbox.to(buyer))
        _take_over(shop)
        _run(shop, turn)
        _assert_sent_or_owed(shop, postbox, turn, end.where, refused=refused, before=before)
    assert end.finished
    assert len(died_at) > 8
    assert "commit" in died_at


def _with_mail(shop: Shop, postbox: Postbox) -> Shop:
    return replace(shop, settings=shop.settings.model_copy(update={"smtp_url": SecretStr(postbox.url)}))


def _bought(shop: Shop, stripe: FakeStripe, buyer: str) -> str:
    order_id, session_id = builders.opened(shop, "guide-eur", cart=f"cart-{buyer}")
    stripe.pay(session_id, email=buyer)
    builders.deliver(shop, stripe.event("completed", session_id))
    return order_id


def _run(shop: Shop, turn: Turn) -> None:
    """The turn, by a worker of its own."""
    with shop.transaction() as session:
        now = heartbeats.database_time(session)
        worker = heartbeats.begin(session, Kind.WORKER, host="host", pid=1, now=now)
    sending.send(Post(shop, worker, Breaker()), turn, drafts.of(turn.job, turn.arguments))


def _take_over(shop: Shop) -> None:
    """As the others do when the killed worker has been silent for long enough."""
    with shop.transaction() as session:
        gone = sorted(heartbeats.at_work(session))
        for worker in gone:
            heartbeats.end(session, worker, now=shop.now())
        letters.release(session, gone)


def _assert_sent_or_owed(shop: Shop, postbox: Postbox, turn: Turn, where: str, *, refused: bool, before: int) -> None:
    found = outbox.open_client(shop.engine).list_workflows(workflow_id_prefix=f"{turn.root}#")
    owed = [job.workflow_id for job in found]
    with shop.reading() as session:
        letter = session.get_one(letters.Letter, turn.root)
        buyer = letters.buyer(session, *turn.arguments)
    if refused:
        assert (letter.state, owed) == (LetterState.RETRYING, [f"{turn.root}#1"]), where
    else:
        assert (letter.state, owed) == (LetterState.SENT, []), where
        # Killed between handing it over and noting so, it is handed over again, under the same Message-ID.
        messages = postbox.to(buyer)
        assert len(messages) <= 1 + before, where
        assert len({message["Message-ID"] for message in messages}) == 1, where
