"""Whoever is outside and says nothing keeps those waiting who need them, and nobody else."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from starlette.testclient import TestClient

from core.foundation.storage import Storage
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe
from tests.machine import eventually
from webhook.app import create_app

pytestmark = builders.on_sqlite

# More than there are threads for any one purpose.
MANY = 50
GUIDE = [{"price": "guide-eur", "quantity": 1}]
PICTURE = f"/pictures/{'0' * 64}/cover.png"


class SilentStorage(Storage):
    """A storage that is asked and says nothing, until it is let speak."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked, self.speaks = 0, Event()

    def read(self, key: str) -> bytes:
        self._wait()
        return super().read(key)

    def size_of(self, key: str) -> int | None:
        self._wait()
        return super().size_of(key)

    def _wait(self) -> None:
        self.asked += 1
        assert self.speaks.wait(60)


def opened(shop: Shop, portal: BlockingPortal) -> TestClient:
    client = TestClient(
        create_app(builders.without_limits(shop)), raise_server_exceptions=False, follow_redirects=False
    )
    client.portal = portal
    return client


@contextmanager
def kept_waiting(asks: Callable[[int], Any], waits: Callable[[], int], speaks: Event) -> Iterator[list[Any]]:
    """Meanwhile many ask for something, and as many of them as may wait do. What they were answered is there at the end."""
    answers: list[Any] = []
    with ThreadPoolExecutor(MANY) as pool:
        asking = [pool.submit(asks, number) for number in range(MANY)]
        try:
            eventually(lambda: waits() >= 40)
            yield answers
        finally:
            speaks.set()
        answers += [each.result(60).status_code for each in asking]


def answered(ask: Callable[[], Any]) -> int:
    """The status of an answer that does not keep one waiting."""
    with ThreadPoolExecutor(1) as pool:
        return int(pool.submit(ask).result(60).status_code)


def test_while_stripe_says_nothing_what_needs_the_shop_alone_is_answered(
    shop: Shop, stripe: FakeStripe, portal: BlockingPortal
) -> None:
    client, speaks, asked = opened(shop, portal), Event(), []
    open_checkout = stripe.open_checkout

    def silently(parameters: dict[str, Any], *, key: str) -> Any:
        asked.append(key)
        assert speaks.wait(60)
        return open_checkout(parameters, key=key)

    stripe.open_checkout = silently  # type: ignore[method-assign]
    license_call = {"key": "unknown", "product": "kit"}

    def ask(number: int) -> Any:
        return client.post("/checkout", json={"cart_id": f"c{number}", "items": GUIDE})

    with kept_waiting(ask, lambda: len(asked), speaks) as answers:
        assert answered(lambda: client.get("/products")) == 200
        assert answered(lambda: client.post("/licenses/validate", json=license_call)) == 404
        assert answered(lambda: client.get(PICTURE)) == 404
    assert answers == [200] * MANY


@pytest.mark.parametrize("what", ["picture", "file"])
def test_while_the_storage_says_nothing_what_needs_no_file_is_answered(
    shop: Shop, stripe: FakeStripe, portal: BlockingPortal, what: str
) -> None:
    order_id = builders.bought(shop, stripe)
    (delivery,) = builders.deliveries(shop, order_id)
    silent = SilentStorage(shop.settings.storage_url)
    client = opened(replace(shop, storage=silent), portal)
    path = PICTURE if what == "picture" else f"/downloads/{delivery.files[0].token}"
    with kept_waiting(lambda _: client.get(path), lambda: silent.asked, silent.speaks) as answers:
        assert answered(lambda: client.get("/products")) == 200
        assert answered(lambda: client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})) == 200
    assert set(answers) == {404 if what == "picture" else 200}
