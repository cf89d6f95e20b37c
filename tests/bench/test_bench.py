"""The bench runs, and its verification notices what was lost or done twice. What it measures no test asks about."""

import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import stripe
from sqlalchemy import text

from core.events import inbox
from core.foundation import database, migration, records
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.shop import Shop
from tests import fork_server
from tests.bench import __main__ as bench_main
from tests.bench import (
    checkout,
    downloads,
    entitlements,
    exactness,
    licenses,
    load,
    office,
    pages,
    reads,
    scale,
    sizes,
    stand,
    stock,
    webhook,
)
from tests.bench.figures import Figures
from tests.bench.load import Load, Plan, Result
from tests.bench.measures import Bench, numbered
from tests.bench.stand import SECRET_KEY, Databases, PostgresServer, SqliteFiles
from tests.bench.versions import HERE, ROOT, ScriptFailed, Version, checked_out
from tests.conftest import DATABASES
from tests.fakes import SECRET, FakeStripe

_DATABASES = stand.databases
TOLD = ("00000000", "00000001", "00000002")
_DOUBLED = {
    "a payment": "insert into payments ({columns}) select {payment} from payments where order_id = 'ord_bench_00000001'",
    "a grant": "update grants set order_id = 'ord_bench_00000001' where order_id = 'ord_bench_00000002'",
    "a receipt": "update {dbos}workflow_status set workflow_uuid = workflow_uuid || ':again' "
    "where workflow_uuid = 'receipt:ord_bench_00000001'",
    "an event": "update stripe_events set id = 'evt_of_another' where id = 'evt_bench_00000001_00000001'",
    "an order": "update orders set status = 'fulfilled' where id = 'ord_bench_00000003'",
}
_LOST = {
    "a payment": "delete from payment_lines; delete from payments where order_id = 'ord_bench_00000001'",
    "a grant that may be used": "update grants set state = 'suspended' where order_id = 'ord_bench_00000001'",
    "an entry that it was paid": "delete from fulfillment_log where order_id = 'ord_bench_00000001' and event = 'paid'",
    "an order that is fulfilled": "update orders set status = 'paid' where id = 'ord_bench_00000001'",
    "an event that was applied": "update stripe_events set state = 'failed' where id = 'evt_bench_00000001_00000001'",
}


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgresServer]:
    """A server that waits for the disk, with a database that was migrated."""
    with _DATABASES("postgres", Path()) as server:
        assert isinstance(server, PostgresServer)
        address = server.copy("migrated", "template0")
        engine = database.connect(address)
        migration.ensure(engine, address)
        engine.dispose()
        yield server


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts and processes that need not import anything: what they do is as it is, and nobody looks at how long it takes."""
    monkeypatch.setattr(stand, "_MAY_FORK", True)
    scripts = tuple(f"tests.bench.{name}" for name in ("office", "reads", "stock"))
    monkeypatch.setattr(fork_server, "RUN", (*fork_server.RUN, *scripts))

    def run(version: Version, script: str, plan: dict[str, Any], *, cwd: Path) -> dict[str, Any]:
        written = cwd / f"{script}.json"
        written.write_text(json.dumps(plan))
        streams = {"stdout": subprocess.PIPE, "text": True}
        running = fork_server.start(
            f"tests.bench.{script}", str(written), cwd=cwd, env=version.environment(), **streams
        )
        said, _ = running.communicate()
        assert running.returncode == 0
        answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        return answer

    monkeypatch.setattr(Version, "run", run)


@pytest.fixture
def begun(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, forked: None, sqlite_templates: Path
) -> None:
    """The same, and databases that were migrated, of which those of PostgreSQL are at one server."""

    def empty(files: SqliteFiles, name: str) -> str:
        path = files._folder / f"{name}.db"
        if not path.exists():
            shutil.copy(sqlite_templates / "migrated.db", path)
        return f"sqlite:///{path}"

    @contextmanager
    def databases(kind: str, folder: Path) -> Iterator[Databases]:
        if kind == "postgres":
            yield request.getfixturevalue("durable")
            return
        with _DATABASES(kind, folder) as found:
            yield found

    monkeypatch.setattr(SqliteFiles, "empty", empty)
    monkeypatch.setattr(PostgresServer, "empty", lambda server, name: server.copy(name, "migrated"))
    monkeypatch.setattr(stand, "databases", databases)


@pytest.fixture
def sold(database_url: str, tmp_path: Path) -> str:
    """The address of a database with four orders, of which three were told to be paid, one of them twice."""
    plan: dict[str, Any] = {
        "database_url": database_url, "storage_url": f"file://{tmp_path}/files", "secret_key": SECRET_KEY, "orders": 4,
        "bought": False,
    }  # fmt: skip
    body = stock.main(plan)["body"]
    settings = Settings(
        database_url=database_url,
        storage_url=plan["storage_url"],
        secret_key=SECRET_KEY,
        stripe_webhook_secret=SECRET,
    )
    shop = Shop(settings, database.connect(database_url), FakeStripe(), Storage(settings.storage_url))
    for number in (*TOLD, TOLD[0]):
        told = body.replace(stock.NUMBER, number).replace(stock.BACKWARDS, number[::-1])
        inbox.receive(shop, told.encode(), _signature(told))
    shop.engine.dispose()
    return database_url


def _signature(body: str) -> str:
    return str(stripe.WebhookSignature.generate_signature_header(body, SECRET))


def _change(url: str, words: str) -> None:
    engine = database.connect(url)
    with engine.begin() as connection:
        columns = [column.name for column in records.metadata.tables["payments"].columns]
        payment = ", ".join("'pi_again'" if name in ("id", "stripe_payment_intent_id") else name for name in columns)
        dbos = "" if url.startswith("sqlite") else "dbos."
        for statement in words.format(payment=payment, columns=", ".join(columns), dbos=dbos).split("; "):
            connection.execute(text(statement.replace(":", "\\:")))
    engine.dispose()


def test_orders_that_were_told_of_once_or_twice_are_there_once(sold: str) -> None:
    assert exactness.violations(sold, TOLD) == []


def test_an_order_that_was_lost_is_noticed(sold: str) -> None:
    assert len(exactness.violations(sold, {*TOLD, "00000003"})) == len(exactness.PAID)


def test_an_order_that_nobody_paid_for_is_noticed(sold: str) -> None:
    assert len(exactness.violations(sold, TOLD[:2])) == len(exactness.PAID)


@pytest.mark.parametrize("what", _DOUBLED)
def test_what_was_done_twice_is_noticed(sold: str, what: str) -> None:
    _change(sold, _DOUBLED[what])
    assert any(wrong.startswith(what) for wrong in exactness.violations(sold, TOLD))


@pytest.mark.parametrize("what", _LOST)
def test_what_was_lost_is_noticed(sold: str, what: str) -> None:
    _change(sold, _LOST[what])
    assert any(wrong.startswith(f"{what} is not there") for wrong in exactness.violations(sold, TOLD))


def test_what_was_answered_wrongly_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answered(_load: Load) -> Result:
        return Result(wrong=Counter({"500 in place of 200": 2}))

    monkeypatch.setattr(Load, "run", answered)
    plan = Plan([1], "/webhooks/stripe", "", "order @", "@", first=0, end=1, requests=1, seconds=1)
    assert json.loads(json.dumps(load.main(asdict(plan))))["wrong"] == {"500 in place of 200": 2}


def test_a_version_whose_ids_are_in_no_order_has_orders_whose_ids_are_in_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stock._are_in_order()
    monkeypatch.setattr(stock, "new_id", lambda prefix: f"{prefix}_{secrets.token_hex(10)}")
    assert not stock._are_in_order()
    as_told = {number: numbered({"number": number}, 20, 22) for number in (stock.NUMBER, stock.BACKWARDS)}
    assert as_told == {stock.NUMBER: {"00000020", "00000021"}, stock.BACKWARDS: {"02000000", "12000000"}}


def test_what_is_measured_are_processes_as_a_command_starts_them(tmp_path: Path) -> None:
    with stand.bare(tmp_path) as server:
        started = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")
    assert started[:4] == [sys.executable, "-m", "uvicorn", "tests.bench.bare:app"]


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("kind", DATABASES)
def test_a_short_run_is_measured_and_nothing_is_wrong(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_WARMING", 20)
    figures = Figures((HERE,))
    webhook.measure(Bench(tmp_path, (HERE,), (kind,), runs=1, requests=30, seconds=60), figures)
    assert figures.wrong == []
    rates = {measure: by_version for (measure, name), by_version in figures.values.items() if name == "requests/s"}
    assert len(rates) == len(webhook.CASES)
    assert all(rate > 0 for by_version in rates.values() for rate in by_version["here"])


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("kind", DATABASES)
def test_each_checkout_opens_one_payment_page(kind: str, tmp_path: Path) -> None:
    figures = Figures((HERE,))
    checkout.measure(Bench(tmp_path, (HERE,), (kind,), runs=1, requests=20, seconds=60), figures)
    assert figures.wrong == []
    beyond = [by_version["here"] for (_, name), by_version in figures.values.items() if "beyond" in name]
    assert len(beyond) == len(checkout.IN_FLIGHT)
    assert all(took > 0 for [took] in beyond)


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("kind", DATABASES)
def test_what_an_order_takes_is_told_by_table(kind: str, tmp_path: Path) -> None:
    figures = Figures((HERE,))
    sizes.measure(Bench(tmp_path, (HERE,), (kind,), requests=100, seconds=60), figures)
    assert figures.wrong == []
    taken = {name.removeprefix("kB of "): by_version["here"] for (_, name), by_version in figures.values.items()}
    [whole] = taken.pop("kB")
    assert taken.keys() >= {"checkouts", "grants", "orders", "payments", "stripe_events"}
    assert whole * 0.9 < sum(size for [size] in taken.values()) <= whole < 20


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("kind", ["sqlite"])  # the questions themselves are tested on both
def test_entitlements_are_asked_for_beside_a_route_that_does_nothing(kind: str, tmp_path: Path) -> None:
    figures = Figures((HERE,))
    entitlements.measure(Bench(tmp_path, (HERE,), (kind,), runs=1, requests=20, seconds=60), figures)
    assert figures.wrong == []
    assert {name for _, name in figures.values} >= {"p50 ms", "p50 ms of a route that does nothing"}
    assert len({measure for measure, _ in figures.values}) == 4


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("kind", ["sqlite"])  # the calls themselves are tested on both
def test_licences_are_asked_about_beside_a_route_that_does_nothing(kind: str, tmp_path: Path) -> None:
    figures = Figures((HERE,))
    licenses.measure(Bench(tmp_path, (HERE,), (kind,), runs=1, requests=20, seconds=60), figures)
    assert figures.wrong == []
    names = {name for _, name in figures.values}
    assert {"p50 ms", "p50 ms of a route that does nothing"} <= names
    assert all(
        value > 0
        for (_, name), by_version in figures.values.items()
        for value in by_version["here"]
        if "ms" not in name
    )


@pytest.mark.usefixtures("forked")
def test_a_whole_file_is_downloaded_or_said_to_be_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = Figures((HERE,))
    downloads.measure(Bench(tmp_path / "whole", (HERE,), ("sqlite",), runs=1, megabytes=3), figures)
    assert figures.wrong == []
    assert figures.values["download of 3 MB", "MB/s"]["here"][0] > 0
    monkeypatch.setattr(downloads, "_put", lambda *_: None)
    downloads.measure(Bench(tmp_path / "another", (HERE,), ("sqlite",), runs=1, megabytes=3), figures)
    assert len(figures.wrong) == 2  # neither the same nor as long


@pytest.mark.usefixtures("forked")
def test_a_launch_day_is_answered_and_each_buyer_has_a_payment_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "storefront", partial(pages.storefront, forked=True))
    monkeypatch.setattr(pages, "VIEWS", 6)
    monkeypatch.setattr(pages, "PURCHASES", 3)
    figures = Figures((HERE,))
    pages.launch_day(Bench(tmp_path, (HERE,), ("sqlite",), runs=1, seconds=1), figures)
    assert figures.wrong == []
    assert figures.values["launch day, views", "answered/s"]["here"][0] > 0
    assert figures.values["launch day, purchases", "answered/s"]["here"][0] > 0


@pytest.mark.usefixtures("begun")
# Each script once and each database once: what they read is held on both by `test_scale`.
@pytest.mark.parametrize(("kind", "script"), [("sqlite", "office"), ("postgres", "reads")])
def test_all_reads_of_a_long_past_are_timed(
    kind: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "FEW", 200)
    figures = Figures((HERE,))
    scale.measure(Bench(tmp_path, (HERE,), (kind,), runs=1, orders=400), figures, script)
    timed = [by_version["here"] for (_, name), by_version in figures.values.items() if name == "ms at 400 orders"]
    assert len(timed) == len({"reads": reads.READS, "office": office.PAGES}[script])
    assert all(time > 0 for [time] in timed)


@pytest.mark.parametrize(
    "said", [["--orders", "10000"], ["--runs", "0"], ["--requests", "-1"], ["--megabytes", "many"]]
)
def test_a_number_of_which_nothing_can_be_measured_is_refused_at_once(
    said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *said])
    with pytest.raises(SystemExit):
        bench_main.main()
    assert f"argument {said[0]}: {said[1]} is no number of" in capsys.readouterr().err


def test_postgresql_waits_for_the_disk(tmp_path: Path) -> None:
    with stand.databases("postgres", tmp_path) as databases, psycopg.connect(databases.empty("shop")) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert connection.execute(f"show {name}").fetchall() == [("on",)]


def test_a_table_has_medians_and_of_each_pair_of_runs_the_ratio() -> None:
    other = Version("before", Path())
    figures = Figures((HERE, other))
    for here, there in ((10, 5), (30, 10), (20, 10)):
        figures.add(HERE, "webhook", {"requests/s": here})
        figures.add(other, "webhook", {"requests/s": there})
    figures.add(HERE, "new", {"ms": 1234})
    assert figures.table().splitlines()[2:] == [
        "| webhook | requests/s | 20 (10–30) | 10 (5–10) | × 2.00 |",
        "| new | ms | 1,234 | not measured |  |",
    ]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository")
def test_another_version_runs_by_its_own_code_and_leaves_nothing(tmp_path: Path) -> None:
    with checked_out("HEAD", tmp_path) as version:
        command = [sys.executable, "-P", "-c", "import core.shop; print(core.shop.__file__)"]
        said = subprocess.check_output(command, cwd=tmp_path, env=version.environment(), text=True)
        assert Path(said.strip()) == version.folder / "core" / "shop.py"
    assert not version.folder.exists()


def test_a_script_that_a_version_cannot_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(ScriptFailed, match=r"reads.py does not run under here: (?s:.*)KeyError: 'database_url'"):
        HERE.run("reads", {}, cwd=tmp_path)


def test_a_copy_knows_nothing_of_the_run_before_whose_process_was_killed(tmp_path: Path) -> None:
    files = SqliteFiles(tmp_path)
    with closing(sqlite3.connect(tmp_path / "template.db", isolation_level=None)) as template:
        template.execute("create table orders as select 1 as id")
    used = files.copy("shop", "template").removeprefix("sqlite:///")
    with closing(sqlite3.connect(used, isolation_level=None)) as running:
        running.execute("pragma journal_mode = wal")
        running.execute("insert into orders values (2)")
        copied = files.copy("shop", "template").removeprefix("sqlite:///")
        with closing(sqlite3.connect(copied)) as found:
            assert found.execute("select id from orders").fetchall() == [(1,)]
