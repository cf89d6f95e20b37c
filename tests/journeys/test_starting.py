"""`honcho start` in a fresh checkout: everything comes up, says where to click, ends on Ctrl-C, and remembers."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fakes import session_in
from tests.journeys.stand import LINES, Stand, answers, has_ended, tell
from tests.machine import eventually

PLACES = {"Shop": "", "Cart": "/cart", "Your purchases": "/purchases"}
# Honcho itself kills what has not ended after five seconds.
ENDS_WITHIN = 20


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stand]:
    """A checkout in which nothing was ever started, where others are reached by a proxy that leads to nobody here."""
    stand = Stand(tmp_path / "checkout")
    stand.env |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    yield stand
    stand.stop()


@contextmanager
def honcho(stand: Stand, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`honcho start`, once everything answers. Nothing of it is left afterwards, whatever happens."""
    running = stand.launch("exec honcho start", output)
    try:
        eventually(lambda: is_open(stand, output), seconds=180)
        yield running
    finally:
        family = family_of(running)
        tell(running, signal.SIGTERM)
        has_ended(running)
        for process in filter(is_alive, family):
            process.kill()


def family_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Everything that a process has started, and what that has started."""
    return psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []


def is_open(stand: Stand, output: Path) -> bool:
    said = output.read_text()
    assert "stopped (rc=" not in said, said
    ready = "worker: ready" in said and "is open:" in said and "/inbox" in said
    return ready and all(answers(stand.health(name)) for name in LINES if name != "worker")


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs. One that has ended may stand in the list for as long as nobody asks how."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def press_ctrl_c(running: subprocess.Popen[bytes]) -> None:
    """As at a terminal: all of it must end soon."""
    family = family_of(running)
    assert len(family) > len(LINES)
    tell(running, signal.SIGINT)
    assert has_ended(running, seconds=ENDS_WITHIN)
    eventually(lambda: not any(is_alive(process) for process in family), seconds=10)


def buy(stand: Stand, email: str) -> str:
    """Buy the guide without a browser; the id of the order."""
    basket = {"cart_id": "cart-of-a-script", "items": [{"price": "quiet-launch-eur"}], "email": email}
    opened = httpx.post(f"{stand.url}/api/checkout", json=basket, timeout=30).raise_for_status().json()
    session = session_in(opened["url"])
    stand.stripe(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
    stand.letters(email)
    return str(opened["order_id"])


def test_everything_starts_ends_and_starts_again_with_what_it_knew(fresh: Stand) -> None:
    first, second = fresh.folder / "first.log", fresh.folder / "second.log"
    with honcho(fresh, first) as running:
        for place, path in PLACES.items():
            assert f"{place:<16}{fresh.url}{path}" in first.read_text()
        assert f"{fresh.sandbox_url}/inbox" in first.read_text()
        assert httpx.get(fresh.url, timeout=30).status_code == 200
        bought = fresh.order(buy(fresh, "max@example.com"))
        press_ctrl_c(running)
    assert bought["status"] == "fulfilled"
    with honcho(fresh, second) as running:
        assert fresh.order(bought["id"]) == bought
        assert len(fresh.letters("max@example.com")) == 1
        press_ctrl_c(running)
    assert not fresh.complaints()
