"""The database restarts while the shop is busy: whoever asks is told so at once, it goes on by itself, and nothing is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import pytest
from starlette.testclient import TestClient

from core.foundation import database, migration
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.owner import publishing
from core.shop import Shop
from tests import builders, machine
from tests.conftest import CATALOGUE, Clock
from tests.fakes import SECRET, FakeStripe, signed
from webhook.app import create_app

# Seconds. One that is answered while the server starts waits for as long as that refuses, and is told so then.
ANSWERED_WITHIN, BACK_WITHIN = 6, 5


@dataclass
class Heard:
    """All answers of a while: when each came, what it was, and how long it took."""

    answers: list[tuple[float, int, float]] = field(default_factory=list)

    def ask(self, client: TestClient, method: str, path: str, **more: object) -> int:
        began = monotonic()
        status = client.request(method, path, **more).status_code  # type: ignore[arg-type]
        self.answers.append((monotonic(), status, monotonic() - began))
        return status


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Shop]:
    """A shop on a PostgreSQL server of its own."""
    with machine.postgres(durable=True) as address:
        settings = Settings(
            database_url=address, storage_url=f"file://{tmp_path}/files", secret_key="a secret of sixteen letters",
            stripe_webhook_secret=SECRET, rate_limits="off",
        )  # fmt: skip
        shop = Shop(settings, database.connect(address), FakeStripe(Clock()), Storage(settings.storage_url), Clock())
        migration.ensure(shop.engine, address)
        publishing.apply(shop, CATALOGUE)
        yield shop
        shop.engine.dispose()


def test_a_restart_under_load_is_said_so_survived_and_loses_nothing(busy: Shop) -> None:
    stripe = busy.stripe
    assert isinstance(stripe, FakeStripe)
    orders, events = [], []
    for number in range(60):
        order_id, session_id = builders.opened(busy, "guide-eur", cart=f"cart_{number}", browser=f"br_{number}")
        stripe.pay(session_id)
        orders.append(order_id)
        events.append(signed(stripe.event("completed", session_id)))
    heard, ended = Heard(), Event()
    with TestClient(create_app(busy), raise_server_exceptions=False) as client:

        def deliver(body: bytes, signature: str) -> None:
            # As Stripe does, but at once: until it is taken.
            while (
                heard.ask(client, "POST", "/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})
                != 200
            ):
                sleep(0.05)

        def look() -> None:
            while not ended.is_set():
                heard.ask(client, "GET", "/products")
                sleep(0.02)

        with ThreadPoolExecutor(10) as pool:
            looking = [pool.submit(look) for _ in range(3)]
            delivering = [pool.submit(deliver, *event) for event in events]
            machine.eventually(lambda: len(heard.answers) > 20)
            machine.restart(busy.settings.database_url)
            back = monotonic()
            for each in delivering:
                each.result(60)
            ended.set()
            for each in looking:
                each.result(60)

    statuses = {status for _, status, _ in heard.answers}
    slowest = max(taken for *_, taken in heard.answers)
    first = min(at for at, status, taken in heard.answers if status == 200 and at - taken > back) - back
    assert statuses == {200, 503}
    assert machine.is_within(slowest, ANSWERED_WITHIN), slowest
    assert machine.is_within(first, BACK_WITHIN), first
    assert {builders.status(busy, order_id) for order_id in orders} == {"fulfilled"}
    assert len(builders.jobs(busy)) == len({*builders.jobs(busy)})
    assert sum(job.startswith("receipt:") for job in builders.jobs(busy)) == len(orders)
