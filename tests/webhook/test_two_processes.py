"""Two processes of the sidecar behind one port, as `WEB_CONCURRENCY=2` has Uvicorn run them."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from core.orders.status import Status
from core.shop import Shop
from tests import builders
from tests.bench import stand
from tests.bench.stand import Server
from tests.bench.versions import HERE
from tests.fakes import FakeStripe, signed
from tests.machine import eventually

ORDERS = 12


@contextmanager
def two_processes(shop: Shop, folder: Path) -> Iterator[tuple[Server, list[psutil.Process]]]:
    """Their port and the two that serve it, once both of them do."""
    counters = folder / "counters"
    counters.mkdir()
    settings = {"storage_url": shop.settings.storage_url, "web_concurrency": 2, "prometheus_multiproc_dir": counters}
    with stand.webhook(HERE, shop.settings.database_url, folder, **settings) as server:
        eventually(lambda: len(_answering(server, counters)) == 2)
        yield server, _answering(server, counters)


def _answering(server: Server, counters: Path) -> list[psutil.Process]:
    """Those that have answered until now: each keeps what it counts in files that bear its number."""
    assert httpx.get(f"http://127.0.0.1:{server.port}/healthz", timeout=60).status_code == 200
    names = [re.fullmatch(r"\w+_(\d+)\.db", path.name) for path in counters.iterdir()]
    return [psutil.Process(number) for number in {int(name[1]) for name in names if name}]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_events_are_taken_once_and_counted_together_and_both_end_with_the_first(
    shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    events, order_ids = [], []
    for number in range(ORDERS):
        order_id, session_id = builders.opened(shop, "guide-eur", cart=f"cart_{number}", browser=f"br_{number}")
        stripe.pay(session_id)
        order_ids.append(order_id)
        events.append(signed(stripe.event("completed", session_id)))
    with two_processes(shop, tmp_path) as (server, serving):
        address = f"http://127.0.0.1:{server.port}"

        def tell(event: tuple[bytes, str]) -> int:
            raw, signature = event
            # Over a connection of its own, which either of them may get.
            return httpx.post(
                f"{address}/webhooks/stripe", content=raw, headers={"Stripe-Signature": signature}, timeout=60
            ).status_code

        with ThreadPoolExecutor(4) as told:
            assert {*told.map(tell, events * 2)} == {200}
        counted = httpx.get(f"{address}/metrics", timeout=60).text
        assert f'pushcart_stripe_events_total{{state="applied"}} {2 * ORDERS}.0' in counted
        os.kill(server.pid, signal.SIGTERM)
        eventually(lambda: not [each for each in serving if each.is_running()])
    assert {builders.status(shop, order_id) for order_id in order_ids} == {Status.FULFILLED}
    assert {builders.log(shop, order_id).count("paid") for order_id in order_ids} == {1}
    said = (tmp_path / "uvicorn.log").read_text()
    assert not [word for word in ("[error", "Traceback") if word in said], said
