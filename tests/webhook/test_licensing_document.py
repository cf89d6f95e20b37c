"""What docs/licensing.md offers: its verifiers take what the shop signs and nothing else, in Python and in Node; and a client
that was written for Lemon Squeezy works with the host changed."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.exceptions import InvalidSignature
from starlette.testclient import TestClient

from core.shop import Shop
from tests import builders
from tests.core.licensing.asking import App, sold
from tests.fakes import FakeStripe
from tests.machine import eventually, free_port
from tests.sandbox import npm
from webhook.app import create_app

DOCUMENT = (Path(__file__).parents[2] / "docs" / "licensing.md").read_text(encoding="utf-8")
LEMON = ("@lemonsqueezy/lemonsqueezy.js", "4.0.0")


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(found)


@pytest.fixture
def signed(shop: Shop, stripe: FakeStripe, client: TestClient, clock: Any) -> dict[str, Any]:
    """An answer as it came, an offline token of the real now, and the keys by which both are checked."""
    from datetime import UTC, datetime

    clock.time = datetime.now(UTC)
    app = App(client, sold(shop, stripe, features={"sso": True})[1])
    answer = client.post("/licenses/validate", json={**app._known, "nonce": "n1"})
    return {
        "jwks": client.get("/.well-known/jwks.json").json(), "header": answer.headers["signature"],
        "body": answer.text, "token": app.ask("offline", fingerprint="island")["token"],
    }  # fmt: skip


def test_the_python_verifier_takes_what_was_signed_and_nothing_else(signed: dict[str, Any]) -> None:
    verifier: dict[str, Any] = {}
    exec(block("python"), verifier)
    jwks, body = signed["jwks"], signed["body"].encode()
    assert verifier["read_answer"](jwks, signed["header"], body)["nonce"] == "n1"
    assert verifier["read_token"](jwks, signed["token"], "kit", "island")["features"] == {"sso": True}
    with pytest.raises(InvalidSignature):
        verifier["read_answer"](jwks, signed["header"], body.replace(b"n1", b"n2"))
    for product, fingerprint in (("guide", "island"), ("kit", "mainland")):
        with pytest.raises(ValueError, match="not for this machine"):
            verifier["read_token"](jwks, signed["token"], product, fingerprint)
    head, claims, signature = signed["token"].split(".")
    with pytest.raises(InvalidSignature):
        verifier["read_token"](jwks, f"{head}.{claims}.{signature[:-4]}AAAA", "kit", "island")
    with pytest.raises(KeyError):
        verifier["read_answer"]({"keys": []}, signed["header"], body)


NODE = """
const told = JSON.parse(require("node:fs").readFileSync(0));
const tried = (act) => { try { return act(); } catch (error) { return error.message; } };
const { jwks, header, body, token } = told;
console.log(JSON.stringify({
  nonce: readAnswer(jwks, header, body).nonce,
  features: readToken(jwks, token, "kit", "island").features,
  changed: tried(() => readAnswer(jwks, header, body.replace("n1", "n2"))),
  other: tried(() => readToken(jwks, token, "guide", "island")),
  elsewhere: tried(() => readToken(jwks, token, "kit", "mainland")),
  unknown: tried(() => readAnswer({ keys: [] }, header, body)),
}));
"""


def run_node(script: str, said: object, *arguments: str) -> Any:
    node = shutil.which("node")
    if not node:
        npm._missing("node is not installed")
    done = subprocess.run(
        [node, "-e", script, *arguments],
        input=json.dumps(said),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@builders.on_sqlite
def test_the_javascript_verifier_takes_what_was_signed_and_nothing_else(signed: dict[str, Any]) -> None:
    assert run_node(block("javascript") + NODE, signed) == {
        "nonce": "n1", "features": {"sso": True}, "changed": "it was changed", "other": "not for this machine, or over",
        "elsewhere": "not for this machine, or over", "unknown": "a key that is not published",
    }  # fmt: skip


@contextmanager
def served(shop: Shop) -> Iterator[str]:
    """The sidecar at an address of its own."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(shop), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


# Their library always asks their own host: it is led here, and the product is said in the address.
SQUEEZE = """
const [folder, base] = process.argv.slice(1);
const asked = globalThis.fetch;
globalThis.fetch = (url, options) =>
  asked(String(url).replace("https://api.lemonsqueezy.com/v1", base) + "?product=kit", options);
const { key } = JSON.parse(require("node:fs").readFileSync(0));
(async () => {
  const lemon = require(folder + "/node_modules/@lemonsqueezy/lemonsqueezy.js");
  const activated = await lemon.activateLicense(key, "Nora's Mac");
  const id = activated.data.activation.id;
  const valid = await lemon.validateLicense(key, id);
  const gone = await lemon.deactivateLicense(key, id);
  const after = await lemon.validateLicense(key, id);
  const unknown = await lemon.validateLicense("38b1460a-5104-4067-a91d-77b872934d51");
  console.log(JSON.stringify({
    activated: [activated.statusCode, activated.data.valid, activated.data.activation.label],
    valid: [valid.statusCode, valid.data.valid, valid.data.license.status],
    gone: [gone.statusCode, gone.data.activation],
    after: [after.statusCode, after.data.valid, after.data.code],
    unknown: [unknown.statusCode, unknown.error !== null],
  }));
})();
"""


@builders.on_sqlite
def test_a_client_that_was_written_for_lemon_squeezy_works_with_the_host_changed(
    shop: Shop, stripe: FakeStripe
) -> None:
    folder = npm.installed(*LEMON)
    key = sold(shop, stripe)[1]
    with served(shop) as address:
        found = run_node(SQUEEZE, {"key": key}, str(folder), address)
    assert found == {
        "activated": [200, True, "Nora's Mac"], "valid": [200, True, "active"], "gone": [200, None],
        "after": [200, False, "NOT_ACTIVATED"], "unknown": [404, True],
    }  # fmt: skip
