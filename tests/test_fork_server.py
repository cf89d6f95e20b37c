"""A process that is forked is like one that is started: in what it finds, what it says, and how it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from tests import fork_server
from tests.machine import environment

TELLER = """
import json, os, signal, sys, threading
print(json.dumps({
    "words": sys.argv, "name": __name__, "folder": os.getcwd(), "environment": dict(os.environ), "path": sys.path,
    "parent": os.getppid(), "group": os.getpgrp(), "session": os.getsid(0), "threads": threading.active_count(),
    "open": [number for number in range(1000) if os.path.exists(f"/proc/self/fd/{number}")],
    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "encodings": [(each.encoding, each.errors) for each in (sys.stdin, sys.stdout, sys.stderr)],
    "read": sys.stdin.read(),
}))
"""
ENDS = {
    "by itself": "", "with a status": "sys.exit(3)", "with words": "sys.exit('no more of this')",
    "by an error": "raise ValueError('of no use')", "interrupted": "os.kill(os.getpid(), signal.SIGINT)",
    "told to": "os.kill(os.getpid(), signal.SIGTERM)", "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "before what it put off": "import atexit; atexit.register(print, 'at last'); print('first')",
}  # fmt: skip


@pytest.fixture(autouse=True)
def teller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that can be run either way."""
    monkeypatch.setattr(fork_server, "RUN", (*fork_server.RUN, "teller"))
    return tmp_path / "teller.py"


def start(way: str, folder: Path, *, session: bool = False, **more: Any) -> "subprocess.Popen[str]":
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    given = {"cwd": folder, "env": environment(told="something") | more, "start_new_session": session, **streams}
    if way == "forked":
        return fork_server.start("teller", "one", "two words", **given, text=True)
    return subprocess.Popen([sys.executable, "-m", "teller", "one", "two words"], **given, text=True)


@pytest.mark.parametrize("end", ENDS)
def test_it_finds_and_says_the_same_and_ends_alike(teller: Path, end: str) -> None:
    teller.write_text(TELLER + ENDS[end])
    told = {}
    for way in ("forked", "anew"):
        running = start(way, teller.parent)
        said, complained = running.communicate("typed", timeout=60)
        facts, *more = said.splitlines()
        told[way] = (orjson.loads(facts), more, complained.splitlines()[-1:], running.returncode)
    assert told["forked"] == told["anew"]
    assert told["forked"][0]["parent"] == os.getpid()
    assert told["forked"][0]["read"] == "typed"


def test_it_is_signalled_and_waited_for_like_any_other(teller: Path) -> None:
    teller.write_text("input()")
    processes = [start("forked", teller.parent, session=own) for own in (False, True)]
    assert {psutil.Process(each.pid).ppid() for each in processes} == {os.getpid()}
    assert [os.getsid(each.pid) for each in processes] == [os.getsid(0), processes[1].pid]
    for running, number in zip(processes, (signal.SIGTERM, signal.SIGKILL), strict=True):
        assert running.poll() is None
        running.send_signal(number)
        running.communicate(timeout=60)
        assert running.returncode == -number


def test_other_code_is_started_anew(teller: Path) -> None:
    teller.write_text("import core; print(core.__doc__)")
    (teller.parent / "core").mkdir()
    (teller.parent / "core" / "__init__.py").write_text('"""Something else."""')
    assert start("forked", teller.parent).communicate(timeout=60)[0] == "Something else.\n"
    (elsewhere := teller.parent / "elsewhere").mkdir()
    (elsewhere / "teller.py").write_text(teller.read_text())
    running = start("forked", elsewhere, PYTHONPATH=str(teller.parent))
    assert running.communicate(timeout=60)[0] == "Something else.\n"
