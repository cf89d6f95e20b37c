"""A flood of letters to domains that are gone, and what it costs a good one. LETTERS=10000 makes it a real one."""

import asyncio
import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from sqlalchemy import text

from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.people import sign_in
from tests import seed
from tests.machine import eventually
from tests.worker.conftest import Trade, open_trade, worker_process
from tests.worker.postbox import Postbox

_COUNT = int(os.environ.get("LETTERS", "240"))


class Relay(Postbox):
    """A mail server that looks for the server of each domain before it agrees to a recipient. Of those that end in `.gone` one in
    three has a name that nobody answers for, one refuses the connection, and one has no room for now."""

    async def handle_RCPT(
        self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not address.endswith(".gone"):
            return await super().handle_RCPT(server, session, envelope, address, options)
        self.asked_for.append(address)
        kind = sum(address.encode()) % 3
        if kind == 0:
            await asyncio.sleep(60)
        return ("451 4.4.3 no answer from its name server", "451 4.4.1 connection refused", "452 4.2.2 no room")[kind]


def _delay(trade: Trade) -> float:
    """Seconds from being owed until a good letter, and a code, are there."""
    name = f"good-{time.monotonic_ns()}@example.com"
    trade.buy(name, "guide-eur")
    begun = time.monotonic()
    sign_in.request_code(trade.shop, f"code-{name}")
    for wanted in (name, f"code-{name}"):
        eventually(lambda wanted=wanted: trade.postbox.to(wanted))
    return time.monotonic() - begun


def _flood(trade: Trade, count: int) -> None:
    """Owe receipts to so many buyers, each at a domain of its own that is gone."""
    seed.seed(trade.shop.engine, orders=count)
    with trade.shop.engine.begin() as connection:
        connection.execute(
            text("update orders set email = 'x@d' || substr(id, 5) || '.gone' where number like 'SEED-%'")
        )
        connection.execute(text("delete from letters where order_id like 'ord\\_%' and length(order_id) < 12"))
        ids = connection.execute(text("select id, email from orders where number like 'SEED-%'")).all()
    for start in range(0, count, 500):
        with trade.shop.transaction() as session:
            for order_id, email in ids[start : start + 500]:
                outbox.owe(session, Job.RECEIPT, order_id, key=order_id, to=email)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_letters_to_domains_that_are_gone_delay_a_good_one_by_less_than_a_second(
    database_url: str, tmp_path: Path
) -> None:
    relay = Relay()
    relay.open()
    trade = open_trade(database_url, tmp_path, relay)
    trade.clock.time = datetime.now(UTC)  # that of the worker's process
    try:
        with worker_process(trade, tmp_path, "worker", lost_after=60):
            idle = [_delay(trade) for _ in range(5)]
            _flood(trade, _COUNT)
            eventually(lambda: len(relay.asked_for) > 60)
            busy = [_delay(trade) for _ in range(9)]
            tried = len({address for address in relay.asked_for if address.endswith(".gone")})
    finally:
        trade.shop.engine.dispose()
        relay.close()
    with Path(os.environ.get("FIGURES", os.devnull)).open("a") as kept:
        kept.write(f"idle {_told(idle)}, busy {_told(busy)}, {tried} of {_COUNT} tried meanwhile\n")
    assert tried >= 60
    # The better quarter of them: tests beside this one may keep the machine busy meanwhile.
    assert sorted(busy)[len(busy) // 4] - statistics.median(idle) < 1, (idle, busy)


def _told(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s (worst {max(seconds):.2f})"
