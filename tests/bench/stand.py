"""What a measure stands on: databases as a shop has them, the shop's processes, and what these use up."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

import psycopg

from tests.bench.versions import HERE, Version
from tests.fakes import SECRET
from tests.machine import eventually, free_port, postgres, process

SECRET_KEY = "a secret of sixteen letters"
_TICKS = os.sysconf("SC_CLK_TCK")
# Whether processes may be forked from one that has imported everything. One that is looks for garbage less often, and for longer
# each time, and of another version there is none: whoever looks how long it takes wants processes as they are.
_MAY_FORK = False


class Databases(Protocol):
    """Databases of one kind. `name` is what a table calls it."""

    name: str

    def empty(self, name: str) -> str:
        """The address of one in which there is nothing yet."""

    def copy(self, name: str, template: str) -> str:
        """The address of a new one with all that this one holds, to which nobody is connected."""

    def cpu(self) -> float:
        """Seconds of the processor that processes of the database's own have used up until now."""

    def sizes(self, address: str) -> dict[str, int]:
        """How many bytes each table of this one takes, with its indexes."""


class SqliteFiles:
    """Files in a folder."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def empty(self, name: str) -> str:
        return f"sqlite:///{self._folder / name}.db"

    def copy(self, name: str, template: str) -> str:
        path = self._folder / f"{template}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")  # what still stands in the log beside it
        for left in self._folder.glob(f"{name}.db-*"):
            left.unlink()  # the log of a process that was killed is not of the copy
        shutil.copy(path, self._folder / f"{name}.db")
        return self.empty(name)

    def cpu(self) -> float:
        return 0.0

    def sizes(self, address: str) -> dict[str, int]:
        query = "select tbl_name, sum(pgsize) from dbstat join sqlite_master using (name) group by tbl_name"
        with closing(sqlite3.connect(address.removeprefix("sqlite:///"))) as connection:
            return dict(connection.execute(query).fetchall())


class PostgresServer:
    """A PostgreSQL server that waits for the disk."""

    name = "PostgreSQL"

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection = psycopg.connect(address, autocommit=True)
        [(backend,)] = self._connection.execute("select pg_backend_pid()").fetchall()
        self._postmaster = int(_stat(backend)[1])

    def empty(self, name: str) -> str:
        return self.copy(name, "template0")

    def copy(self, name: str, template: str) -> str:
        self._connection.execute(f"drop database if exists {name} with (force)")
        self._connection.execute(f"create database {name} template {template}")
        return self._address.replace("/postgres?", f"/{name}?")

    def cpu(self) -> float:
        children = [pid for pid in os.listdir("/proc") if pid.isdecimal() and _parent(int(pid)) == self._postmaster]
        # Those that have ended are counted with their parent.
        ended = sum(map(int, _stat(self._postmaster)[13:15])) / _TICKS
        return ended + sum(cpu(int(pid)) for pid in children)

    def sizes(self, address: str) -> dict[str, int]:
        query = """
            select relname, pg_total_relation_size(pg_class.oid) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
            where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema')
        """
        with psycopg.connect(address) as connection:
            return dict(connection.execute(query).fetchall())


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[Databases]:
    """Databases of this kind, `sqlite` or `postgres`, gone afterwards."""
    if kind == "sqlite":
        yield SqliteFiles(folder)
        return
    with postgres(durable=True) as address:
        server = PostgresServer(address)
        with closing(server._connection):
            yield server


@dataclass(frozen=True)
class Server:
    """A process that listens on a port of this machine."""

    port: int
    pid: int


@contextmanager
def webhook(version: Version, database_url: str, folder: Path, **settings: object) -> Iterator[Server]:
    """The sidecar's process as the Procfile starts it; it answers."""
    port = free_port()
    env = version.environment(
        database_url=database_url, secret_key=SECRET_KEY, stripe_webhook_secret=SECRET,
        app_url="http://localhost:8501", webhook_port=port,
        **{"storage_url": f"file://{folder}/files", "rate_limits": "off", **settings},
    )  # fmt: skip
    line = ["uvicorn", "webhook.app:app", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    with _serving(line, port, "/healthz", folder, env) as server:
        yield server


@contextmanager
def sandbox(version: Version, folder: Path) -> Iterator[Server]:
    """The sandbox's process; it answers. Its events go nowhere."""
    port, mail = free_port(), free_port()
    line = ["sandbox", "--port", str(port), "--smtp-port", str(mail), "--data", ":memory:"]
    env = version.environment(sandbox_port=port, sandbox_smtp_port=mail, webhook_port=free_port())
    with _serving(line, port, "/", folder, env) as server:
        yield server


@contextmanager
def bare(folder: Path) -> Iterator[Server]:
    """A process like the sidecar's whose one route does nothing."""
    port = free_port()
    env = {**HERE.environment(), "PYTHONPATH": str(HERE.folder)}
    line = ["uvicorn", "tests.bench.bare:app", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    with _serving(line, port, "/healthz", folder, env) as server:
        yield server


@contextmanager
def _serving(line: list[str], port: int, path: str, folder: Path, env: dict[str, str]) -> Iterator[Server]:
    with ExitStack() as stack:
        output = stack.enter_context((folder / f"{line[0]}.log").open("ab"))
        running = stack.enter_context(process(*line, cwd=folder, env=env, output=output, may_fork=_MAY_FORK))
        eventually(lambda: running.poll() is not None or _answers(port, path))
        if running.poll() is not None:
            raise RuntimeError(f"{line[0]} did not start: {(folder / f'{line[0]}.log').read_text()[-2000:]}")
        yield Server(port, running.pid)


def _answers(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def cpu(pid: int) -> float:
    """Seconds of the processor that a process has used up until now; 0 if it is gone."""
    try:
        return sum(map(int, _stat(pid)[11:13])) / _TICKS
    except OSError:
        return 0.0


def peak_memory(pid: int) -> float:
    """The most memory that a process had at once, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(peak) * 1024 / 1e6


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process after its name, which may have spaces: state, parent, …, utime, stime, cutime, cstime."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
