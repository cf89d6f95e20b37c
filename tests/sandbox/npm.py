"""Programs that others wrote for Stripe, from npm: installed once, into a folder that outlives the test run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

# Until the download is over; later runs do not wait.
MOST_SECONDS = 300
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pushcart-tests"


def installed(package: str, version: str) -> Path:
    """The folder whose `node_modules` holds the package.

    Without npm, or where it cannot install, the test is skipped with the reason, and fails when `CI` is set.
    """
    folder = CACHE / f"{package.replace('/', '-')}@{version}"
    npm = shutil.which("npm")
    if npm is None:
        _missing(f"npm is not installed, so {package} cannot be tried")
    with _alone(folder):
        if not (folder / "node_modules").is_dir():
            _install(npm, f"{package}@{version}", folder)
    return folder


def _install(npm: str, what: str, folder: Path) -> None:
    # Beside the folder and then renamed: half an installation must not be taken for one.
    with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--no-package-lock"]
        command = [npm, "install", *quiet, "--prefix", fresh, what]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            _missing(f"npm did not install {what} within {MOST_SECONDS} seconds")
        if done.returncode:
            _missing(f"npm could not install {what}: {done.stderr.strip()[-300:]}")
        folder.mkdir(exist_ok=True)
        (Path(fresh) / "node_modules").rename(folder / "node_modules")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time, of however many run tests."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _missing(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
