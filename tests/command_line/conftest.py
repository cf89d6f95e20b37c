"""The `pushcart` command as a process of its own, started from an empty folder."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from tests import fork_server
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
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return fork_server.start(
        "core.cli", *words, cwd=folder, env=environment(**settings), **streams, text=True, encoding="utf-8"
    )


def end(running: subprocess.Popen[str]) -> Said:
    """Wait for a command that was begun."""
    output, errors = running.communicate(timeout=300)
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
        return end(begin(*words, folder=folder, **shop_settings, database_url=database_url))

    return run
