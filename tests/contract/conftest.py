"""A shop with its Stripe behind it: the fake and the sandbox in turn, or one shop with each."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from core.foundation import database
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.shop import Shop
from tests.conftest import Clock, migrated_database, put_on_sale
from tests.contract.fake_side import FakeSide
from tests.contract.sandbox_side import SandboxSide, sandbox_side
from tests.contract.sides import CAPTURE_SECONDS, Side
from tests.fakes import SECRET, FakeStripe
from tests.sandbox.running import Endpoint, World, running


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A sandbox that posts its events nowhere until it is told to."""
    endpoint = Endpoint()
    with running(endpoint, webhook_url="", capture_seconds=CAPTURE_SECONDS) as world:
        yield world
    endpoint.close()


@pytest.fixture
def now() -> datetime:
    """The sandbox reckons Sessions by the real time: so does the shop."""
    return datetime.now(UTC).replace(microsecond=0)


Open = Callable[[Side], Side]


@pytest.fixture(scope="session")
def stocked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Shop]]:
    """A shop by its name, with its shelves filled and nothing sold. Emptying one again is much quicker than opening it."""
    folder = tmp_path_factory.mktemp("contract")
    shops: dict[str, Shop] = {}

    def stocking(name: str) -> Shop:
        if name not in shops:
            shops[name] = _open_shop(request, folder / name)
        with closing(sqlite3.connect(folder / name / "stocked.db")) as stock:
            emptied = shops[name].engine.raw_connection()
            stock.backup(cast(sqlite3.Connection, emptied.driver_connection))
            emptied.close()
        return shops[name]

    yield stocking
    for shop in shops.values():
        shop.engine.dispose()


def _open_shop(request: pytest.FixtureRequest, folder: Path) -> Shop:
    folder.mkdir()
    with migrated_database(request, "sqlite", folder) as url:
        settings = Settings(
            database_url=url, storage_url=f"file://{folder}/files", secret_key="a secret of sixteen letters",
            stripe_webhook_secret=SECRET, app_url="http://localhost:8501",
        )  # fmt: skip
    shop = Shop(settings, database.connect(url), FakeStripe(), Storage(settings.storage_url))
    put_on_sale(shop)
    with closing(sqlite3.connect(folder / "stocked.db")) as stock, shop.engine.connect() as full:
        cast(sqlite3.Connection, full.connection.driver_connection).backup(stock)
    return shop


@pytest.fixture
def opened(stocked: Callable[[str], Shop]) -> Open:
    """Open a shop that sells the tests' catalogue in front of a side: one at a time for each kind of side."""

    def opening(side: Side) -> Side:
        side.shop = replace(stocked(type(side).__name__), stripe=side.stripe, now=side.clock)
        return side

    return opening


def _clock(now: datetime) -> Clock:
    clock = Clock()
    clock.time = now
    return clock


@pytest.fixture
def fake(opened: Open, now: datetime) -> Iterator[Side]:
    side = FakeSide(_clock(now))
    yield opened(side)
    side.check()


@pytest.fixture
def sandbox(opened: Open, world: World, now: datetime) -> Iterator[Side]:
    for side in sandbox_side(world, _clock(now)):
        yield opened(side)


@pytest.fixture(params=["fake", "sandbox"])
def side(request: pytest.FixtureRequest) -> Side:
    """Either of the two: what a test finds true of one is true of the other."""
    found: FakeSide | SandboxSide = request.getfixturevalue(request.param)
    return found
