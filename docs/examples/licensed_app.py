"""An app that asks for its licence: `python licensed_app.py [KEY]`. The key is needed once, on each machine.

It needs `cryptography`. LICENSE_SHOP is the shop's `{APP_URL}/api`, LICENSE_PRODUCT the product's id, LICENSE_FILE where the
app keeps what it knows. Exit status 0 is unlocked, 1 is locked.
"""

import json
import os
import platform
import secrets
import sys
import uuid
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SHOP, PRODUCT = os.environ["LICENSE_SHOP"], os.environ["LICENSE_PRODUCT"]
FILE = Path(os.environ.get("LICENSE_FILE", "license.json"))
# How long the app goes on by what it knows while the shop cannot be asked.
GRACE = timedelta(days=14)
# The only statuses that may lock anybody out. Everything else means: nobody knows, go on.
ANSWERS = (200, 404, 409)
Known = dict[str, Any]


def ask(path: str, said: Known | None = None) -> tuple[int, bytes, str]:
    """Status, body and signature of what the shop answers; status 0 if it does not."""
    data = json.dumps(said).encode() if said else None
    request = Request(f"{SHOP}/{path}", data=data, headers={"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers["Signature"] or ""
    except HTTPError as error:
        return error.code, error.read(), error.headers["Signature"] or ""
    except (URLError, OSError):
        return 0, b"", ""


def is_signed(known: Known) -> bool:
    """Whether the shop has signed this very answer: a file of the user's is anybody's to change."""
    parts = dict(part.strip().split("=", 1) for part in known["signature"].split(","))
    kid, signature = parts["kid"].strip('"'), parts["sig"].strip('"')
    # Better than this: ship the keys with the app, and look for others only when it meets a `kid` that it does not know.
    if kid not in known["keys"]:
        known["keys"] = {
            key["kid"]: key["x"] for key in json.loads(ask(".well-known/jwks.json")[1] or b'{"keys":[]}')["keys"]
        }
    try:
        Ed25519PublicKey.from_public_bytes(decode(known["keys"][kid])).verify(decode(signature), known["body"].encode())
    except (InvalidSignature, KeyError):
        return False
    return True


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def look(known: Known, key: str, call: str) -> Known:
    """What is known once the shop was asked: its answer, or what was known before."""
    nonce = secrets.token_urlsafe(12)
    said = {
        "key": key,
        "product": PRODUCT,
        "fingerprint": f"{uuid.getnode():x}",
        "label": platform.node(),
        "nonce": nonce,
    }
    status, body, signature = ask(f"licenses/{call}", said)
    found = {"key": key, "body": body.decode(), "signature": signature, "keys": known.get("keys", {})}
    # An answer of another day cannot be played back: it has another nonce. That a key is unknown is always said the same.
    fresh = status in ANSWERS and json.loads(body)["nonce"] == (None if status == 404 else nonce)
    return found if fresh and is_signed(found) else known


def is_open(known: Known) -> tuple[bool, str]:
    """Whether the app is unlocked, and why not."""
    if not known.get("body") or not is_signed(known):
        return False, "This copy has no licence yet."
    said = json.loads(known["body"])
    if not said["valid"]:
        return False, said["message"]
    asked = datetime.fromisoformat(said["server_time"])
    return datetime.now(UTC) < asked + GRACE, "Connect to the internet once, so that the licence can be checked."


if __name__ == "__main__":
    before: Known = json.loads(FILE.read_text()) if FILE.exists() else {}
    # A machine that was removed comes back when its user types the key again, and not by itself.
    new = sys.argv[1:2]
    after = look(before, new[0], "activate") if new else look(before, before.get("key", ""), "validate")
    FILE.write_text(json.dumps(after))
    unlocked, why = is_open(after)
    sys.stdout.write("Unlocked.\n" if unlocked else f"Locked: {why}\n")
    sys.exit(0 if unlocked else 1)
