"""The `pushcart` command as a process of its own, started from an empty folder."""

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NoReturn

import orjson
import pytest

from core import cli
from tests.fakes import SECRET
from tests.machine import environment, free_port


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> object:
        return orjson.loads(self.output)

    @property
    def complaints(self) -> list[str]:
        return self.errors.splitlines()


Run = Callable[..., Said]


def begin(*words: str, folder: Path, **settings: object) -> subprocess.Popen[str]:
    """Start a command and leave it running."""
    env = environment(**settings)
    command = [sys.executable, "-m", "core.cli", *words]
    return subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def end(running: subprocess.Popen[str]) -> Said:
    """Wait for a command that was begun."""
    output, errors = running.communicate(timeout=60)
    return Said(running.returncode, output, errors)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the command is started: an empty folder."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    return path


@pytest.fixture
def shop_settings(tmp_path: Path) -> dict[str, object]:
    """The environment of a shop with an account at a Stripe that does not answer; the database is still to be chosen."""
    return {
        "storage_url": f"file://{tmp_path}/files", "secret_key": "a secret of sixteen letters",
        "stripe_secret_key": "sk_test_of_a_shop", "stripe_webhook_secret": SECRET,
        "stripe_api_base": f"http://127.0.0.1:{free_port()}",
    }  # fmt: skip


@pytest.fixture
def pushcart(folder: Path, shop_settings: dict[str, object], database_url: str) -> Run:
    """Run a command on the test's database to its end."""

    def run(*words: str) -> Said:
        return forked(*words, folder=folder, env=environment(**shop_settings, database_url=database_url))

    return run


def forked(*words: str, folder: Path, env: Mapping[str, str]) -> Said:
    """Run a command to its end in a process that is forked from the tests', which has imported everything already.

    To start one anew takes most of a second, and is done where starting is what a test is about: see `begin`.
    """
    with TemporaryFile() as output, TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            try:
                _become(words, folder, env, output, errors)
            finally:
                os._exit(70)
        _, status = os.waitpid(child, 0)
        for stream in (output, errors):
            stream.seek(0)
        return Said(os.waitstatus_to_exitcode(status), output.read().decode(), errors.read().decode())


def _become(
    words: tuple[str, ...], folder: Path, env: Mapping[str, str], output: IO[bytes], errors: IO[bytes]
) -> NoReturn:
    """Be the command: with its environment, its folder and its words, and nothing that the tests have set up."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    sys.argv = ["pushcart", *words]
    warnings.resetwarnings()
    logging.root.handlers.clear()
    try:
        cli.main()
        status: object = 0
    except SystemExit as end:
        status = end.code
    if isinstance(status, str):
        sys.stderr.write(f"{status}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if isinstance(status, str) else int(status or 0))  # type: ignore[call-overload]
