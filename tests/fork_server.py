"""Processes of the shop that need not import anything: each is forked from one that has.

Most of what a process takes to start is imports, and the tests start hundreds. One that is forked is a process like any other:
a child of the tests' own, with an environment, a folder, files and a group of its own, that runs `python -m module` from its
first line to its end. That each also starts without the server is tested where starting is what a test is about.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).parents[1]
# The modules that can be run so.
RUN = ("core.cli", "sandbox", "streamlit", "uvicorn", "worker")
# What they import sooner or later, beside all that stands in these packages. It does nothing when it is imported.
PACKAGES = ("core", "sandbox", "webhook", "worker")
LIBRARIES = (
    "alembic.command", "dbos", "jinja2", "psycopg", "rich.progress", "sqlalchemy.dialects.postgresql.psycopg",
    "streamlit.starlette", "streamlit.web.bootstrap", "streamlit.web.cli", "stripe", "typer.rich_utils",
    "uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvicorn.main", "uvicorn.protocols.http.httptools_impl",
)  # fmt: skip

_MOST_BYTES = 100_000
_SET_CHILD_SUBREAPER = 36


def start(*words: str, cwd: Path, env: dict[str, str], may_fork: bool = True, **more: Any) -> subprocess.Popen[Any]:
    """Start `python -m words…`, forked where it may be and that makes no difference but in time. `more` is what `Popen` takes."""
    begin = _Forked if may_fork and _can_be_forked(words[0], cwd, env) else subprocess.Popen
    return begin([sys.executable, "-m", *words], cwd=cwd, env=env, **more)


def _can_be_forked(module: str, cwd: Path, env: dict[str, str]) -> bool:
    """Whether a new process would import what the server has imported, and write without a buffer as forked ones do."""
    paths = {path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path}
    ours = {str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    there = cwd / "core"
    same_code = paths <= ours and (not there.exists() or there.resolve() == ROOT / "core")
    return sys.platform == "linux" and module in RUN and same_code and env.get("PYTHONUNBUFFERED") == "1"


class _Forked(subprocess.Popen[Any]):
    """A process that the server forks. Where the command would be executed, the server is asked instead."""

    def _execute_child(
        self, args: list[str], executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, cwd: Path, env: dict[str, str],
        startupinfo: Any, creationflags: Any, shell: bool, p2cread: int, p2cwrite: int, c2pread: int, c2pwrite: int,
        errread: int, errwrite: int, restore_signals: bool, gid: Any, gids: Any, uid: Any, umask: int, own_session: bool,
        *_more: Any,
    ) -> None:  # fmt: skip
        streams = [own if own >= 0 else ours for ours, own in enumerate((p2cread, c2pwrite, errwrite))]
        wish = {"words": args[2:], "cwd": str(cwd), "env": env, "own_session": own_session}
        self.pid = _server().fork(wish, streams)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)


class _Server:
    """The process that others are forked from, as those who ask it see it."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self._end)

    def fork(self, wish: dict[str, Any], streams: list[int]) -> int:
        """The id of a new child of this process that does what is wished, with these as its input, output and errors."""
        with self._asking, _adopting():
            socket.send_fds(self._line, [json.dumps(wish).encode()], streams)
            return int(self._line.recv(_MOST_BYTES))

    def _end(self) -> None:
        self._line.close()
        self._process.wait()


@cache
def _server() -> _Server:
    return _Server()


@contextmanager
def _adopting() -> Iterator[None]:
    """Meanwhile a descendant that loses its parent becomes a child of this process."""
    system = ctypes.CDLL(None)
    system.prctl(_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        system.prctl(_SET_CHILD_SUBREAPER, 0)


# ---------------------------------------------------------------------- the server itself


def _import_all() -> None:
    from sqlalchemy.orm import configure_mappers

    for name in LIBRARIES:
        importlib.import_module(name)
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name not in RUN and not module.name.endswith("__main__") and ".migrations" not in module.name:
                importlib.import_module(module.name)
    # What the tables have to do with each other is found out at the first question otherwise, by each child once more.
    configure_mappers()
    # A child has no other thread than the one that forks it.
    assert len(os.listdir("/proc/self/task")) == 1
    gc.collect()
    gc.freeze()
    # As in the tests' own process: what is left over is looked for less often.
    gc.set_threshold(20_000, 20, 50)


def _serve(line: socket.socket) -> list[str]:
    """Fork whenever asked to. Returns only in a child: the words that it is to run."""
    while True:
        wish, streams, _, _ = socket.recv_fds(line, _MOST_BYTES, 3)
        if not wish:
            os._exit(0)
        told, tells = os.pipe()
        between = os.fork()
        if between == 0:
            parent = os.getpid()
            if os.fork() == 0:
                while os.getppid() == parent:
                    time.sleep(0.001)
                words = _become(json.loads(wish), streams)
                os.write(tells, str(os.getpid()).encode())
                line.detach()
                os.closerange(3, os.sysconf("SC_OPEN_MAX"))
                return words
            # This end makes the child one of the process that asked.
            os._exit(0)
        os.waitpid(between, 0)
        os.close(tells)
        line.send(os.read(told, 100))
        for file in (told, *streams):
            os.close(file)


def _become(wish: dict[str, Any], streams: list[int]) -> list[str]:
    """Be a process that was started like this; the words of its command."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    if wish["own_session"]:
        os.setsid()
    os.chdir(wish["cwd"])
    os.environ.clear()
    os.environ.update(wish["env"])
    sys.path[0] = wish["cwd"]
    sys.stdin = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (_unbuffered(number, stream) for number, stream in ((1, sys.stdout), (2, sys.stderr)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    words: list[str] = wish["words"]
    return words


def _unbuffered(number: int, like: TextIO) -> TextIOWrapper:
    file = FileIO(number, "w", closefd=False)
    return TextIOWrapper(file, encoding=like.encoding, errors=like.errors, write_through=True)  # type: ignore[arg-type]


def main(number: int) -> None:
    """Import everything, and then be asked for processes through the socket of this number until it is closed."""
    # Ctrl-C is for those who asked: they close the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import_all()
    line = socket.socket(fileno=number)
    module, *words = _serve(line)
    sys.argv = [module, *words]
    status: Any = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
        if not isinstance(status, int):
            raise
    _end(status)


def _end(status: int) -> None:
    """End as Python does: once the threads have ended, and what was put off is done. But for taking apart all that was imported,
    which takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    main(int(sys.argv[1]))
