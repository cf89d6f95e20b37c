"""What every test may ask for: a shop on a real database, SQLite and PostgreSQL in turn, with a fake Stripe and a clock."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Pool, create_engine, event, text

from core.foundation import database, migration
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.owner import publishing
from core.shop import Shop
from tests.fakes import SECRET, FakeStripe
from tests.machine import postgres

# Stripe's SDK keeps a random id in the home folder; tests leave nothing there.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="pushcart-tests-")
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.environ["XDG_CONFIG_HOME"]
# Where the PostgreSQL of the tests keeps its locks; there is no such folder without a desktop session.
os.environ.setdefault("XDG_RUNTIME_DIR", os.environ["XDG_CONFIG_HOME"])

CATALOGUE = Path(__file__).parent / "catalogue.toml"
DATABASES = ("sqlite", "postgres")


# At every checkout, since what is said on connecting the shop itself overrules.
@event.listens_for(Pool, "checkout")
def _not_waiting_for_the_disk(connection: object, _record: object, _proxy: object) -> None:
    """No test cuts the power: a killed process loses nothing that was written, waited for or not."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")


# What takes longest comes first, so that at the end no worker waits for another: the soak, the journeys, the killings.
LONGEST = ("test_soak.py", "journeys", "kill")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares something dear: a file's tests, and all journeys with their processes and browser."""
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group(folder if folder == "journeys" else str(item.path)))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    found = [place for place, name in enumerate(LONGEST) if name in item.path.parts]
    return found[0] if found else len(LONGEST)


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 10, 24, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **span: float) -> None:
        self.time += timedelta(**span)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    url = f"sqlite:///{path}"
    engine = database.connect(url)
    migration.ensure(engine, url)
    with engine.connect() as connection:
        connection.exec_driver_sql("commit")
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server of this test run, without a database name."""
    with postgres() as address:
        # No test cuts the power: without waiting for the disk, a database comes and goes six times as fast.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            _on_server(address, f"alter system set {setting} = off")
        _on_server(address, "select pg_reload_conf()")
        yield address


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """A migrated database on that server, to be copied."""
    name = f"template_{uuid4().hex[:8]}"
    _on_server(postgres_server, f"create database {name}")
    url = _with_database(postgres_server, name)
    engine = database.connect(url)
    migration.ensure(engine, url)
    engine.dispose()
    return name


@contextmanager
def migrated_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> Iterator[str]:
    """The address of a migrated, empty database that is gone afterwards."""
    if kind == "sqlite":
        path = folder / "shop.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"test_{uuid4().hex[:12]}"
    template = request.getfixturevalue("postgres_template")
    _on_server(server, f"create database {name} template {template} strategy file_copy")
    yield _with_database(server, name)
    _on_server(server, f"drop database {name} with (force)")


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    with migrated_database(request, request.param, tmp_path) as url:
        yield url


@pytest.fixture(params=DATABASES)
def unmigrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database in which there is nothing yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/fresh/shop.db"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"fresh_{uuid4().hex[:12]}"
    _on_server(server, f"create database {name}")
    yield _with_database(server, name)
    _on_server(server, f"drop database {name} with (force)")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stripe(clock: Clock) -> FakeStripe:
    return FakeStripe(clock)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,
        storage_url=f"file://{tmp_path}/files",
        secret_key="a secret of sixteen letters",
        stripe_webhook_secret=SECRET,
        app_url="http://localhost:8501",
    )


@pytest.fixture
def bare_shop(settings: Settings, stripe: FakeStripe, clock: Clock) -> Iterator[Shop]:
    """A shop with empty shelves."""
    shop = Shop(settings, database.connect(settings.database_url), stripe, Storage(settings.storage_url), clock)
    yield shop
    shop.engine.dispose()


@pytest.fixture
def shop(bare_shop: Shop) -> Shop:
    """A shop that sells the tests' catalogue."""
    publishing.apply(bare_shop, CATALOGUE)
    return bare_shop


def _on_server(server: str, statement: str) -> None:
    engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _with_database(server: str, name: str) -> str:
    before, _, query = server.partition("?")
    address = before.rpartition("/")[0] + "/" + name
    return f"{address}?{query}" if query else address
