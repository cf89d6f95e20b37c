"""A production install, `uv sync --no-default-groups`: webhook, worker and storefront run without what only the demo and the
tests need, and without the sandbox."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect

from tests.fakes import SECRET, signed
from tests.journeys.stand import CHECKOUT, ROOT, Stand
from tests.machine import eventually, free_port
from tests.test_architecture import FOLDERS, imported, sources

SHOP = tuple(name for name in CHECKOUT if name != "sandbox")
# What a setting asks for, and an extra of the same name brings. Of the latter something comes with other libraries.
OPTIONAL = {"sentry_sdk"}
PROCESSES = ("webhook", "worker", "storefront")
# Says which of the modules named to it can be imported, without importing them.
LOOK = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""


@pytest.fixture(scope="module")
def environment() -> Iterator[Path]:
    """Where an environment is to stand: in the tests' own, since on the same disk uv need not copy what is to be in both."""
    with TemporaryDirectory(prefix="lean-", dir=sys.prefix) as folder:
        yield Path(folder, ".venv")


@pytest.fixture(scope="module")
def lean(tmp_path_factory: pytest.TempPathFactory, environment: Path) -> Stand:
    """The shop's folders without `sandbox/`, with an environment of their own, installed as for production."""
    folder = tmp_path_factory.mktemp("lean") / "checkout"
    stand = Stand(
        folder, checkout=(*SHOP, "README.md", "LICENSE"), programs=environment / "bin", sweep_seconds=3600, worker_lost_seconds=4,
        stripe_secret_key="sk_test_of_a_shop", stripe_webhook_secret=SECRET,
        stripe_api_base=f"http://127.0.0.1:{free_port()}",
    )  # fmt: skip
    stand.env.pop("PYTHONPATH", None)  # it may lead to the sandbox
    install(folder, environment)
    return stand


def install(folder: Path, environment: Path) -> None:
    """Install from uv's cache, or from the registry where that lacks something. Without uv the tests are skipped."""
    # `uv run` says where it is, also where it is not on the path.
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("uv is not installed, so no install can be tried")
    if (ROOT / "uv.lock").exists():
        shutil.copy(ROOT / "uv.lock", folder)
    given = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment), "UV_PYTHON": sys.executable}
    given.pop("VIRTUAL_ENV", None)
    given.pop("UV_COMPILE_BYTECODE", None)
    sync = [uv, "sync", "--no-default-groups", "--quiet"]
    for command in ([*sync, "--offline"], sync):
        done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=300)
        if done.returncode == 0:
            share_what_is_compiled(environment)
            return
    pytest.fail(f"{' '.join(sync)} ended with {done.returncode}:\n{done.stderr}")


def share_what_is_compiled(environment: Path) -> None:
    """Have there what is compiled of the libraries here. Python sees from a file's time and size whether it is of the same."""
    here = Path(sysconfig.get_path("purelib"))
    there = environment / here.relative_to(sys.prefix)
    for compiled in here.rglob("__pycache__"):
        if (module := there / compiled.parent.relative_to(here)).is_dir():
            shutil.copytree(compiled, module / compiled.name, copy_function=shutil.copyfile, dirs_exist_ok=True)


def found(stand: Stand, *modules: str) -> set[str]:
    """Which of these can be imported there."""
    return set(json.loads(stand.run("python", "-c", LOOK, *modules)))


def test_what_only_the_demo_and_the_tests_need_is_left_out(lean: Stand) -> None:
    assert found(lean, "aiosmtpd", "honcho", "jsonschema_rs", "pytest", "playwright", "sandbox") == set()


def test_all_that_the_shop_ever_imports_is_there(lean: Stand) -> None:
    folders = [folder for folder in FOLDERS if folder != "sandbox"]
    needed = {name.partition(".")[0] for folder in folders for path in sources(folder) for name in imported(path)}
    assert found(lean, *needed) == needed - OPTIONAL


def test_what_the_sandbox_alone_imports_is_the_demos(lean: Stand) -> None:
    # Some of it comes with other libraries too. That is their own affair: what we import we name.
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    named = {entry.partition(">=")[0].replace("-", "_") for entry in groups["demo"]}
    needed = {name.partition(".")[0] for path in sources("sandbox") for name in imported(path)}
    assert needed - found(lean, *needed) - {"sandbox"} <= named


def test_webhook_worker_and_storefront_run(lean: Stand) -> None:
    lean.run("pushcart", "migrate")
    lean.pushcart("catalog", "apply", str(ROOT / "tests" / "catalogue.toml"))
    try:
        lean.start(*PROCESSES)
        assert httpx.get(f"{lean.webhook_url}/healthz").status_code == 200
        assert httpx.get(f"{lean.webhook_url}/readyz/database").status_code == 200
        body, signature = signed({"id": "evt_1", "type": "plan.created", "livemode": False, "data": {"object": {}}})
        told = httpx.post(f"{lean.webhook_url}/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})
        assert told.json()["state"] == "ignored"
        assert httpx.get(lean.url).status_code == 200
        assert draws(lean, "Field Guide")
        assert "guide" in {product["id"] for product in httpx.get(f"{lean.url}/api/products").json()}
        eventually(lambda: has_beaten(lean))
        assert httpx.get(f"{lean.webhook_url}/readyz").status_code == 200
    finally:
        lean.stop(*PROCESSES)
    assert not lean.complaints()


def draws(stand: Stand, words: str) -> bool:
    """Whether the storefront draws these words for a browser that comes to its first page."""
    with connect(f"ws://localhost:{stand.ports['storefront']}/_stcore/stream") as browser:
        wish = BackMsg()
        wish.rerun_script.query_string = ""
        browser.send(wish.SerializeToString())
        return any(words.encode() in bytes(told) for told in iter(partial(browser.recv, timeout=60, decode=False), b""))


def has_beaten(stand: Stand) -> bool:
    """Whether the worker has said that it is at work, after it had begun."""
    with closing(sqlite3.connect(stand.folder / "var" / "pushcart.db")) as database:
        return bool(database.execute("select count(*) from heartbeats where beat_at > started_at").fetchone()[0])
