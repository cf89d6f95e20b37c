"""Stripe's official Node library against the sandbox: a shop's day in `stripe_node.cjs`, told by what the library saw."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import npm
from tests.sandbox.running import SECRET, Endpoint, running

VERSION = "23.1.0"
SCRIPT = Path(__file__).with_name("stripe_node.cjs")


@pytest.fixture(scope="module")
def seen(endpoint: Endpoint) -> dict[str, Any]:
    """What the library saw in a sandbox of its own, which is asked for nothing else."""
    folder = npm.installed("stripe", VERSION)
    node = shutil.which("node")
    assert node
    with running(endpoint) as world:
        endpoint.expects = world.knows
        endpoint.clear()
        world.api.products.create({"name": "The Quiet Launch"})
        endpoint.wait_for("product.created")
        headers, body = endpoint.received[0]
        delivery = {"body": body.decode(), "signature": headers["Stripe-Signature"], "secret": SECRET}
        done = subprocess.run(
            [node, SCRIPT, folder, str(world.settings.port)],
            input=json.dumps(delivery),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    # The library warns there of what it finds odd about its answers.
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_session_is_made_and_read_with_what_was_expanded(seen: dict[str, Any]) -> None:
    session = seen["session"]
    assert f"/c/pay/{session['id']}#fid" in session["url"]
    assert session["named"] == session["found"] == "The Quiet Launch"


def test_a_payment_carries_the_order_to_its_charge(seen: dict[str, Any]) -> None:
    assert seen["paid"] == {"status": "paid", "charge": "succeeded", "order": "ord_1", "lines": 1}


def test_a_refund_asked_for_twice_under_one_key_is_one(seen: dict[str, Any]) -> None:
    assert seen["refund"] == {"same": True, "replayed": "true", "status": "succeeded"}


def test_a_test_clock_renews_a_subscription(seen: dict[str, Any]) -> None:
    assert seen["renewal"] == {"status": "active", "moved": True, "reason": "subscription_cycle", "paid": 2700}


def test_lists_page_by_themselves_and_backwards(seen: dict[str, Any]) -> None:
    newest_first = [f"off-{n}" for n in reversed(range(7))]
    assert seen["lists"] == {"ids": newest_first, "back": newest_first[1:4], "more": True}


def test_a_search_finds_by_metadata(seen: dict[str, Any]) -> None:
    assert seen["search"] == ["The Quiet Launch"]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("missing", {"type": "StripeInvalidRequestError", "code": "resource_missing", "param": "price", "statusCode": 404}),
        ("unknown", {"type": "StripeInvalidRequestError", "code": "parameter_unknown", "param": "colour", "statusCode": 400}),
        ("declined", {"type": "StripeCardError", "code": "card_declined", "statusCode": 402}),
        ("stranger", {"type": "StripeAuthenticationError", "statusCode": 401}),
    ],
)  # fmt: skip
def test_a_refusal_becomes_the_librarys_own_error(seen: dict[str, Any], what: str, expected: dict[str, Any]) -> None:
    error = seen["errors"][what]
    assert {key: error[key] for key in expected} == expected
    assert error["requestId"]
    assert error["message"]


def test_a_delivery_is_verified_and_a_changed_one_is_not(seen: dict[str, Any]) -> None:
    assert seen["webhook"] == {"event": "product.created", "forged": "StripeSignatureVerificationError"}
