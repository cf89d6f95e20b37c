"""What survives when the sandbox is stopped, and how it stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.machine import free_port
from tests.sandbox.running import Endpoint, eventually, running


def test_objects_keys_and_payments_survive_a_restart(own_endpoint: Endpoint, tmp_path: Path) -> None:
    data = str(tmp_path / "sandbox.db")
    with running(own_endpoint, data=data) as world:
        price = world.price(lookup_key="guide")
        options = {"idempotency_key": "k1"}
        product = world.api.products.create({"name": "x"}, options)
        session = world.paid(line_items=[{"price": price.id, "quantity": 1}])
        open_session = world.session()
        eventually(lambda: "charge.updated" in world.kinds())
        kinds = world.kinds()
    with running(own_endpoint, data=data) as world:
        assert world.kinds() == kinds
        assert world.api.products.create({"name": "x"}, options).id == product.id
        assert world.read(session, "line_items").line_items.data[0].price.id == price.id
        assert world.api.prices.list({"lookup_keys": ["guide"]}).data[0].id == price.id
        assert world.pay(open_session).status_code == 303
        refund = world.api.refunds.create({"payment_intent": session.payment_intent})
        assert refund.status == "succeeded"
        assert [s.id for s in world.api.checkout.sessions.list().data] == [open_session.id, session.id]


def test_events_still_owed_are_delivered_after_a_restart(own_endpoint: Endpoint, tmp_path: Path) -> None:
    data = str(tmp_path / "sandbox.db")
    own_endpoint.answer = 500
    with running(own_endpoint, data=data, retry_seconds=(60,)) as world:
        world.api.products.create({"name": "x"})
        own_endpoint.wait_for("product.created")
        world.faults(hold_seconds=60)
        world.api.products.create({"name": "y"})
        owed = {event.id for event in world.events()}
    own_endpoint.clear()
    with running(own_endpoint, data=data, retry_seconds=(0.01,)) as world:
        world.http.get("/healthz").raise_for_status()
        held = eventually(lambda: own_endpoint.events())
        assert {event["id"] for event in held} <= owed
        assert len(world.api.events.list({"delivery_success": False}).data) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_quietly_and_at_once_even_with_requests_open(number: signal.Signals, tmp_path: Path) -> None:
    port, smtp = free_port(), free_port()
    command = [sys.executable, "-W", "error", "-m", "sandbox", "--data", str(tmp_path / "s.db")]
    command += ["--port", str(port), "--smtp-port", str(smtp), "--webhook-url", "http://127.0.0.1:9/"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    base = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(base), 60)
        httpx.post(f"{base}/sandbox/faults", json={"api": "silence_after", "api_next": 1})
        auth = {"Authorization": "Bearer sk_test_pushcart_sandbox"}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{base}/v1/products", data={"name": "x"}, headers=auth, timeout=0.2)
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", smtp)):
            began = time.monotonic()
            process.send_signal(number)
            _, said = process.communicate(timeout=30)
        # By itself none of these would ever hang up.
        assert time.monotonic() - began < 20
        assert process.returncode == 0
        assert "Traceback" not in said
        assert "Sandbox at" in said
    finally:
        process.kill()
        process.wait()


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_wrong_environment_is_named(tmp_path: Path) -> None:
    env = {**os.environ, "SANDBOX_SETTLE_SECONDS": "soon"}
    done = subprocess.run([sys.executable, "-m", "sandbox"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "SANDBOX_SETTLE_SECONDS must be a number" in done.stderr


def _fails(*options: str) -> tuple[int, str]:
    """How a sandbox ends that cannot start, and what it says."""
    command = [sys.executable, "-m", "sandbox", "--data", ":memory:", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("option", ["--port", "--smtp-port"])
def test_a_port_that_is_taken_is_named(option: str) -> None:
    ports = {"--port": free_port(), "--smtp-port": free_port()}
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports[option] = other.getsockname()[1]
        code, said = _fails(*[text for name, port in ports.items() for text in (name, str(port))])
    assert code == 1
    assert f"Port {ports[option]} is taken" in said
    assert "Sandbox at" not in said


def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Nora, " * 500)
    code, said = _fails("--port", str(free_port()), "--smtp-port", str(free_port()), "--data", str(letter))
    assert code == 2
    assert f"{letter} cannot be read" in said
    assert "Traceback" not in said
    assert letter.read_text().startswith("Dear Nora")
