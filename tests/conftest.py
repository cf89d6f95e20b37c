"""What every test may ask for: a shop on a real database, SQLite and PostgreSQL in turn, with a fake Stripe and a clock."""

import gc
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from time import monotonic

import httpx._transports.default as httpx_transports
import hypothesis
import psycopg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis.internal.conjecture import providers
from sqlalchemy import Pool, event
from sqlmodel import Session

from core.connections.postgres import LIMITS
from core.foundation import database, migration
from core.foundation.jobs import standing
from core.foundation.jobs.standing import Stage
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.owner import publishing
from core.shop import Shop
from tests import outside
from tests.databases import Server, connected, keep_rows
from tests.fakes import SECRET, FakeStripe
from tests.machine import alone, postgres

# Stripe's SDK keeps a random id in the home folder; tests leave nothing there.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="pushcart-tests-")
# What Hypothesis finds out about letters takes seconds, and is the same for all.
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(Path(tempfile.gettempdir(), "pushcart-hypothesis"))
# Where the PostgreSQL of the tests keeps its locks; there is no such folder without a desktop session.
os.environ.setdefault("XDG_RUNTIME_DIR", os.environ["XDG_CONFIG_HOME"])
# What was compiled is kept, for the processes that tests start and for the next run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Who is started in the background by a shell hears no interrupt, and by `nohup` not that its line broke; neither does whatever
# it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Hypothesis would read each module for numbers and words that it then tries too: other examples after each change anywhere and
# with each other order of tests, for seconds at the start of each process.
_NO_CONSTANTS = providers.Constants()
providers._get_local_constants = lambda: _NO_CONSTANTS
# Nor does what is tried, or whether that is found to be slow, depend on the day or on how busy the machine is.
hypothesis.settings.register_profile(
    "tests", deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("tests")

# httpx reads the certificates of all the world's authorities for each single request, which takes ten times as long as to ask a
# process of this machine.
httpx_transports.create_ssl_context = cache(httpx_transports.create_ssl_context)  # type: ignore[attr-defined]

outside.watch()

CATALOGUE = Path(__file__).parent / "catalogue.toml"
DATABASES = ("sqlite", "postgres")
Block = Callable[[], AbstractContextManager[None]]


# At every checkout, since what is said on connecting the shop itself overrules.
@event.listens_for(Pool, "checkout")
def _not_waiting_for_the_disk(connection: object, _record: object, _proxy: object) -> None:
    """No test cuts the power: a killed process loses nothing that was written, waited for or not."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")


# What takes longest comes first, so that at the end no worker waits for another: a worker takes a file at a time, whose tests
# share what is dear. Of all journeys those that one worker does one after the other have the same processes and browser, too.
# (Without `--no-loadscope-reorder` pytest-xdist would begin with the files of most tests.)
LONGEST = (
    "journeys/test_an_owners_months.py", "journeys", "test_soak.py", "worker/test_queues.py", "bench/test_bench.py",
    "storefront/owner_pages/test_who.py", "core/owner/figures", "sandbox/test_stripe_command_line.py",
    "storefront/test_several_processes.py", "core/owner/season", "worker/test_processes.py", "test_lean_install.py",
    "sandbox/panel", "worker/test_letters.py", "kill", "sandbox/pages", "core/backup/test_transfer.py",
    "test_what_processes_say.py", "test_architecture.py", "webhook/test_not_modified.py", "command_line",
    "webhook/test_licenses.py", "webhook/test_openapi.py", "webhook/test_admission.py", "core/test_order_independence_of_a_life.py",
    "test_start.py", "core/test_scale.py", "worker",
)  # fmt: skip


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """While tests are found, nothing is left over that is worth a search."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by how soon they are to begin."""
    items.sort(key=lambda item: _turn(item.path))


def pytest_collection_finish() -> None:
    """What was imported stays: it need not be looked through for what is left over each time that something is. And so much is
    left over by each test that it is looked for less often than others would: a tenth of the tests' time went into that."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@cache  # once for each file: for each test of it, this was a quarter of what every worker takes to find its tests
def _turn(path: Path) -> int:
    tests = Path(__file__).parent
    found = [place for place, name in enumerate(LONGEST) if path.is_relative_to(tests / name)]
    return found[0] if found else len(LONGEST)


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 10, 24, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **span: float) -> None:
        self.time += timedelta(**span)


@event.listens_for(Session, "before_flush")
def _no_row_before_what_it_names(session: Session, context: object, _objects: object) -> None:
    """SQLAlchemy writes the rows of one flush in the order of their classes' names: a new row that another of them names by
    a foreign key must have been flushed before, or it is luck that it comes first."""
    if context is None:
        return  # the shop's own sessions see to it
    new = {(row.__table__.name, row.id) for row in session.new if hasattr(row, "id")}
    for row in [*session.new, *session.dirty] if new else ():
        for key in row.__table__.foreign_keys:
            named = (key.column.table.name, getattr(row, key.parent.name))
            assert named not in new or named[0] == row.__table__.name, f"{row.__table__.name} before its {named}"


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this run share, for what one of them makes for all."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def sqlite_templates(run_folder: Path) -> Path:
    """A folder with two SQLite files to be copied, `migrated.db` and `stocked.db`, and with the `files` of the latter."""
    with alone(run_folder, "sqlite") as folder:
        if not folder.exists():
            making = run_folder / "sqlite-half-made"
            making.mkdir()
            _migrate(f"sqlite:///{making}/migrated.db")
            shutil.copy(making / "migrated.db", making / "stocked.db")
            _stock(f"sqlite:///{making}/stocked.db", making / "files")
            making.rename(folder)
    return folder


@pytest.fixture(scope="session")
def postgres_server(run_folder: Path) -> Iterator[Server]:
    """The PostgreSQL server of this test run."""
    with postgres(run_folder) as address, psycopg.connect(address, autocommit=True) as connection:
        server = Server(address, connection)
        yield server
        server.put_away()


@pytest.fixture(scope="session")
def postgres_templates(postgres_server: Server, sqlite_templates: Path, run_folder: Path) -> None:
    """Two databases on that server to be copied, `migrated` and `stocked`. The sold files are those of the SQLite ones."""
    with alone(run_folder, "templates"):
        # Renamed when it is whole: half a template must not be taken for one.
        if not postgres_server.has("stocked"):
            _migrate(postgres_server.create("migrated"))
            _stock(postgres_server.create("half_stocked", "migrated"), run_folder / "not-sold")
            for template in ("migrated", "half_stocked"):
                keep_rows(postgres_server.address_of(template))
            postgres_server.tell("alter database half_stocked rename to stocked")


def _migrate(url: str) -> None:
    engine = database.connect(url)
    migration.ensure(engine, url)
    engine.dispose()
    _in_one_file(url)


def _stock(url: str, files: Path) -> None:
    """Apply the tests' catalogue, as of the moment at which the clock of every test begins."""
    settings = Settings(database_url=url, storage_url=f"file://{files}", secret_key="a secret of sixteen letters")
    shop = Shop(settings, database.connect(url), FakeStripe(Clock()), Storage(settings.storage_url), Clock())
    put_on_sale(shop)
    shop.engine.dispose()
    _in_one_file(url)


def put_on_sale(shop: Shop) -> None:
    """Apply the tests' catalogue, and owe nothing of it: each test looks at the jobs that it owes itself."""
    publishing.apply(shop, CATALOGUE)
    standing.forget(shop.engine, [job.id for job in standing.jobs(shop.engine, Stage.WAITING, limit=10)])


def _in_one_file(url: str) -> None:
    """Write into a SQLite file what still stands in its log beside it."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")


@contextmanager
def migrated_database(
    request: pytest.FixtureRequest, kind: str, folder: Path, *, stocked: bool = False
) -> Iterator[str]:
    """The address of a migrated database that is gone afterwards: empty, or with the tests' catalogue and, below `folder`,
    its files."""
    template = "stocked" if stocked else "migrated"
    templates = request.getfixturevalue("sqlite_templates")
    if stocked:
        shutil.copytree(templates / "files", folder / "files", copy_function=shutil.copyfile, dirs_exist_ok=True)
    if kind == "sqlite":
        path = folder / "shop.db"
        shutil.copy(templates / f"{template}.db", path)
        yield f"sqlite:///{path}"
        return
    request.getfixturevalue("postgres_templates")
    with request.getfixturevalue("postgres_server").lent(template) as url:
        yield url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of the test's own: empty, unless the test asks for the shop that sells something."""
    # To stock it once for all tests, rather than once in each, is a third of what most of them take.
    with migrated_database(request, request.param, tmp_path, stocked="shop" in request.fixturenames) as url:
        yield url


@pytest.fixture(params=DATABASES)
def unmigrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database in which there is nothing yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/fresh/shop.db"
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield url


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    """The event loop in which all requests of a module's tests are answered: else each request starts one, and its threads,
    which takes longer than most answers."""
    with start_blocking_portal() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stripe(clock: Clock) -> FakeStripe:
    return FakeStripe(clock)


@pytest.fixture(scope="session")
def usual_settings() -> Settings:
    """What the settings of all tests have in common, looked at once."""
    return Settings(
        secret_key="a secret of sixteen letters", stripe_webhook_secret=SECRET, app_url="http://localhost:8501"
    )


@pytest.fixture
def settings(usual_settings: Settings, database_url: str, tmp_path: Path) -> Settings:
    own = {"database_url": database_url, "storage_url": f"file://{tmp_path}/files"}
    return usual_settings.model_copy(update=own)


@pytest.fixture
def bare_shop(settings: Settings, stripe: FakeStripe, clock: Clock) -> Iterator[Shop]:
    """A shop with empty shelves."""
    engine = connected(settings.database_url)
    shop = Shop(settings, engine, stripe, Storage(settings.storage_url), clock)
    yield shop
    shop.engine.dispose()


# What `heartbeats.begin` writes, without what a session takes for it: thousands of tests begin so.
_AT_WORK = """
    insert into heartbeats (id, kind, host, pid, started_at, beat_at, lost)
    values ('run_of_tests', 'worker', 'tests', 1, {now}, {now}, false)
"""
_NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgresql": "clock_timestamp()"}


@pytest.fixture
def shop(bare_shop: Shop) -> Shop:
    """A shop that sells the tests' catalogue, and whose worker is at work: its jobs are only noted, not run.

    `database_url` is stocked with the catalogue for whoever asks for this.
    """
    with bare_shop.engine.begin() as connection:
        connection.exec_driver_sql(_AT_WORK.format(now=_NOW[connection.dialect.name]))
    return bare_shop


@pytest.fixture
def own_connections(shop: Shop) -> Iterator[Callable[[], Shop]]:
    """Makes the shop as another process has it: with connections of its own, which are closed however the test ends."""
    with ExitStack() as made:

        def make() -> Shop:
            own = replace(shop, engine=database.connect(shop.settings.database_url))
            made.callback(own.engine.dispose)
            return own

        yield make


@pytest.fixture
def waiting_for_nobody(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Block:
    """A block in which no lock of PostgreSQL's is waited for. Who waits is kept for most of a minute here, which nothing takes
    by itself, however busy the machine is."""
    monkeypatch.setitem(LIMITS, "lock_timeout", 50_000)
    shop.engine.dispose()  # what is open was told otherwise

    @contextmanager
    def block() -> Iterator[None]:
        began = monotonic()
        yield
        assert monotonic() - began < 40

    return block
