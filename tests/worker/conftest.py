"""A shop whose worker is at work. Starting and stopping one takes seconds, so a module's tests share it, each with its
own buyers."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import select

from core.events import inbox
from core.foundation.jobs import outbox
from core.foundation.records import new_id
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.journeys import checkout
from core.journeys.checkout import Basket, Item
from core.kinds.workshops import WorkshopDate
from core.messages import letters
from core.messages.letters import Letter
from core.shop import Shop
from tests.conftest import DATABASES, Clock, migrated_database, put_on_sale
from tests.databases import connected
from tests.fakes import SECRET, FakeStripe, session_in, signed
from tests.machine import environment, eventually, free_port, process
from tests.worker.postbox import Postbox, mail_server
from worker import app


@dataclass
class Trade:
    """A shop with its worker, its Stripe, its mail server and its clock."""

    shop: Shop
    stripe: FakeStripe
    postbox: Postbox
    clock: Clock

    def buyer(self) -> str:
        """Somebody who was never here before."""
        return f"{new_id('buyer')}@example.com"

    def start(self, buyer: str, *prices: str, quantity: int = 1) -> tuple[str, str]:
        """Go to pay; returns the order's id and the Session's."""
        items = tuple(Item(price, quantity) for price in prices)
        link = checkout.start(self.shop, Basket(f"cart-{buyer}", items, browser_id="br_1"))
        return link.order_id, session_in(link.url)

    def buy(self, buyer: str, *prices: str, quantity: int = 1) -> str:
        """Buy, pay, and have Stripe tell; returns the order's id."""
        order_id, session_id = self.start(buyer, *prices, quantity=quantity)
        self.stripe.pay(session_id, email=buyer)
        self.tell(self.stripe.event("completed", session_id))
        return order_id

    def fill(self, date_id: str, *, capacity: int | None = None) -> int:
        """Leave no place on this date, or give it so many; returns how many there were."""
        with self.shop.transaction() as session:
            date = session.get_one(WorkshopDate, date_id)
            before = date.capacity
            date.capacity = date.taken if capacity is None else capacity
        return before

    def tell(self, event: dict[str, object]) -> inbox.Outcome:
        return inbox.receive(self.shop, *signed(event))

    def letter(self, letter_id: str) -> Letter | None:
        with self.shop.reading() as session:
            return session.get(Letter, letter_id)

    def letters_of(self, order_id: str) -> list[Letter]:
        with self.shop.reading() as session:
            return letters.of_order(session, order_id)

    def wait_for(self, letter_id: str, state: letters.LetterState) -> Letter:
        """The letter, once it stands like this."""

        def look() -> Letter | None:
            found = self.letter(letter_id)
            return found if found and found.state is state else None

        found = eventually(look)
        assert found
        return found

    def wait_until_idle(self) -> None:
        """Until no job waits or runs: whatever was to be sent has been."""
        client = outbox.open_client(self.shop.engine)
        eventually(lambda: not client.list_workflows(status=["ENQUEUED", "PENDING", "DELAYED"], limit=1))


def open_trade(
    url: str,
    folder: Path,
    postbox: Postbox,
    *,
    sweep_seconds: float = 3600,
    secret_key: str = "a secret of sixteen letters",
) -> Trade:
    """A shop that sells the tests' catalogue, with room for everybody."""
    clock = Clock()
    stripe = FakeStripe(clock)
    settings = Settings(
        database_url=url, storage_url=f"file://{folder}/files", secret_key=secret_key,
        stripe_webhook_secret=SECRET, app_url="http://localhost:8501", smtp_url=SecretStr(postbox.url),
        sweep_seconds=sweep_seconds,
    )  # fmt: skip
    shop = Shop(settings, connected(url), stripe, Storage(settings.storage_url), clock)
    put_on_sale(shop)
    with shop.transaction() as session:
        for date in session.exec(select(WorkshopDate)):
            date.capacity = 1000
    return Trade(shop, stripe, postbox, clock)


@pytest.fixture(scope="module", params=DATABASES)
def trade(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trade]:
    """A shop that is open, with its worker at work in this process."""
    folder = tmp_path_factory.mktemp("trade")
    with migrated_database(request, request.param, folder) as url, mail_server() as postbox:
        made = open_trade(url, folder, postbox, sweep_seconds=0.1)
        with app.start(made.shop):
            yield made
        made.shop.engine.dispose()


@pytest.fixture
def closed_trade(database_url: str, tmp_path: Path) -> Iterator[Trade]:
    """A shop whose worker is not running."""
    with mail_server() as postbox:
        trade = open_trade(database_url, tmp_path, postbox)
        trade.clock.time = datetime.now(UTC)  # a worker in a process of its own goes by the machine's clock
        yield trade
        trade.shop.engine.dispose()


# How long a worker may be silent in these tests, in seconds: a busy machine may keep a living one silent for as long.
LOST_AFTER = 2.0


@contextmanager
def worker_process(
    trade: Trade, folder: Path, name: str, *, lost_after: float = LOST_AFTER
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m worker` for this shop, once it is ready, with a Stripe that does not answer."""
    env = environment(
        database_url=trade.shop.settings.database_url, storage_url=trade.shop.settings.storage_url,
        secret_key=trade.shop.signing_key, stripe_secret_key="sk_test_of_a_shop", stripe_webhook_secret=SECRET,
        stripe_api_base=f"http://127.0.0.1:{free_port()}", smtp_url=trade.postbox.url, sweep_seconds=3600,
        worker_lost_seconds=lost_after,
    )  # fmt: skip
    log_file = folder / f"{name}.log"
    with open(log_file, "wb") as log, process("worker", cwd=folder, env=env, output=log) as running:
        eventually(lambda: b"ready" in log_file.read_bytes())
        yield running
