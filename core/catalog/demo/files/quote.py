"""quote: what to ask for a piece of work, in three ways, ready to paste into a proposal. Part of the Proposal Kit.

    python quote.py activate KEY           once on each of your computers
    python quote.py 30 40 60 --rate 85     hours if all goes well, likely, and if it does not; your rate by the hour
    python quote.py deactivate             makes room for another computer

It needs Python 3.11 or newer and nothing else. It asks plainwork's shop for your licence once a day, and works on without an
answer for two weeks. PLAINWORK_SHOP is where it asks, PLAINWORK_HOME the folder where it keeps what it knows.
"""

import argparse
import getpass
import hashlib
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

SHOP = os.environ.get("PLAINWORK_SHOP", "http://localhost:8501/api")
PRODUCT = "proposal-kit"
KNOWN = Path(os.environ.get("PLAINWORK_HOME", Path.home() / ".plainwork")) / "quote.json"
ASKED_ANEW_AFTER, WORKS_ON_FOR = timedelta(days=1), timedelta(days=14)
# Only these may lock anybody out. Everything else means that nobody knows, and the tool goes on by what it knows.
ANSWERS = (200, 404, 409)
NOT_ASKED = "The shop cannot be asked just now. Try again in a while."

Known = dict[str, Any]
Point = tuple[int, int, int, int]


# ---------------------------------------------------------------------- the quote


def options(low: float, likely: float, high: float, *, rate: float) -> list[tuple[str, str, float]]:
    """The three ways to do it: what each is called, what it is, and what it costs."""
    expected = (low + 4 * likely + high) / 6
    return [
        ("What matters most", "The core of it, and a list of what waits", low * rate),
        ("All of it", "Everything we spoke of, with time for what nobody foresaw", expected * rate),
        ("All of it, and a month beside you", "The same, and every question answered for four weeks", high * rate),
    ]


def paragraphs(low: float, likely: float, high: float, *, rate: float, currency: str) -> str:
    """The same, as it is pasted into a proposal."""
    return "\n\n".join(
        f"{number}. {name}: {round(price, -1):,.0f} {currency}\n   {what}."
        for number, (name, what, price) in enumerate(options(low, likely, high, rate=rate), 1)
    )


# ---------------------------------------------------------------------- the licence


def ask(path: str, said: Known | None = None) -> tuple[int, str, str]:
    """Status, body and signature of what the shop answers; status 0 if it does not."""
    data = json.dumps(said).encode() if said else None
    try:
        with urlopen(Request(f"{SHOP}/{path}", data, {"Content-Type": "application/json"}), timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers["Signature"] or ""
    except HTTPError as error:
        return error.code, error.read().decode(), error.headers["Signature"] or ""
    except (URLError, OSError):
        return 0, "", ""


def fingerprint() -> str:
    """This computer and whoever uses it, without telling who that is."""
    return hashlib.sha256(f"{uuid.getnode():x} {getpass.getuser()}".encode()).hexdigest()[:32]


def call(known: Known, key: str, what: str) -> Known:
    """What is known once the shop was asked: its answer if there is one that it signed, else what was known before."""
    nonce = secrets.token_urlsafe(12)
    said = {"key": key, "product": PRODUCT, "fingerprint": fingerprint(), "label": platform.node(), "nonce": nonce}
    status, body, signature = ask(f"licenses/{what}", said)
    if status not in ANSWERS:
        return known
    found = {"key": key, "body": body, "signature": signature, "keys": known.get("keys", {})}
    fresh = json.loads(body)["nonce"] == (None if status == 404 else nonce)
    return {**found, "at": now().isoformat()} if fresh and is_signed(found) else known


def now() -> datetime:
    return datetime.now(UTC)


def trouble(known: Known) -> str:
    """Why it may not be used, or nothing."""
    if not known.get("body") or not is_signed(known):
        return "This computer has no licence yet: python quote.py activate KEY"
    said: Known = json.loads(known["body"])
    if not said["valid"]:
        machines = "".join(f"\n  {each['label'] or 'a computer'}" for each in said.get("machines") or [])
        return f"{said['message']}{' It is used on:' if machines else ''}{machines}"
    if now() > datetime.fromisoformat(said["server_time"]) + WORKS_ON_FOR:
        return "Connect to the internet once, so that the licence can be checked."
    return ""


# ---------------------------------------------------------------------- signatures


def is_signed(known: Known) -> bool:
    """Whether the shop has signed this very answer: a file on your disk is anybody's to change."""
    parts = dict(part.strip().split("=", 1) for part in known["signature"].split(",") if "=" in part)
    kid, signature = parts.get("kid", "").strip('"'), parts.get("sig", "").strip('"')
    if kid not in known["keys"]:
        published = json.loads(ask(".well-known/jwks.json")[1] or '{"keys": []}')
        known["keys"] = {key["kid"]: key["x"] for key in published["keys"]}
    return kid in known["keys"] and verifies(decode(known["keys"][kid]), decode(signature), known["body"].encode())


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


# Ed25519 by RFC 8032, so that nothing need be installed. To verify tells nobody anything: it need not be fast.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def point(data: bytes) -> Point | None:
    """The point that 32 bytes stand for, as x, y, z, x·y; None if they stand for none."""
    y = int.from_bytes(data, "little") & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT % P
    if y >= P or x * x % P != square:
        return None
    x = P - x if x & 1 != data[31] >> 7 else x
    return x, y, 1, x * y % P


def add(one: Point, two: Point) -> Point:
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % P, (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, one: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while number:
        found = add(found, one) if number & 1 else found
        one, number = add(one, one), number >> 1
    return found


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def verifies(key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether whoever holds the other half of this key has signed this."""
    if (len(key), len(signature)) != (32, 64):
        return False
    holder, first, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if holder is None or first is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + data).digest(), "little") % L
    assert BASE
    one, two = times(s, BASE), add(first, times(k, holder))
    return (one[0] * two[2] - two[0] * one[2]) % P == 0 and (one[1] * two[2] - two[1] * one[2]) % P == 0


# ---------------------------------------------------------------------- the command


def read() -> Known:
    try:
        known: Known = json.loads(KNOWN.read_text())
        return known
    except (OSError, ValueError):
        return {}


def write(known: Known) -> None:
    KNOWN.parent.mkdir(parents=True, exist_ok=True)
    KNOWN.write_text(json.dumps(known))


def looked(known: Known) -> Known:
    """What is known, asked for anew if that was long ago."""
    if known.get("key") and now() > datetime.fromisoformat(known["at"]) + ASKED_ANEW_AFTER:
        known = call(known, known["key"], "validate")
        write(known)
    return known


def activate(words: list[str]) -> str:
    if len(words) != 1:
        return "Say which key: python quote.py activate KEY"
    known = call(read(), words[0], "activate")
    if known.get("key") != words[0]:
        return NOT_ASKED
    write(known)
    return trouble(known)


def deactivate() -> str:
    known = read()
    if call(known, known.get("key", ""), "deactivate") == known:
        return NOT_ASKED
    KNOWN.unlink(missing_ok=True)
    return ""


def quote(words: list[str], rate: float, currency: str) -> str:
    if problem := trouble(looked(read())):
        return problem
    try:
        low, likely, high = sorted(float(word) for word in words)
    except ValueError:
        return "Say three numbers of hours: if all goes well, likely, and if it does not."
    sys.stdout.write(paragraphs(low, likely, high, rate=rate, currency=currency) + "\n")
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="quote", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="HOURS | activate KEY | deactivate")
    parser.add_argument("--rate", type=float, default=80, help="what an hour of yours costs; 80, if you say nothing")
    parser.add_argument("--currency", default="EUR")
    said = parser.parse_args()
    if said.words[0] == "activate":
        problem = activate(said.words[1:])
    elif said.words[0] == "deactivate":
        problem = deactivate()
    else:
        problem = quote(said.words, said.rate, said.currency)
    if problem:
        sys.exit(problem)


if __name__ == "__main__":
    main()
