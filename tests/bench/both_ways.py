"""`python -m tests.bench.both_ways`: a large file up to the shop and down again, and the most memory that takes its sidecar.

Once with files in a folder, once with files in a bucket of a local server. The file is sparse but for some random bytes, by
which its SHA-256 is that of no other.
"""

import argparse
import hashlib
import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.foundation import database, migration, signing
from core.foundation.settings import Settings
from core.foundation.signing import SIGN_IN_COOKIE
from core.foundation.storage import Storage
from core.owner import publishing
from core.owner.shelves import uploads
from core.owner.shelves.attachments import Purpose
from core.people.staff import Role
from core.shop import Shop
from tests import bucket, builders, colleagues
from tests.bench import stand
from tests.bench.stand import SECRET_KEY
from tests.bench.versions import HERE
from tests.conftest import CATALOGUE
from tests.fakes import SECRET, FakeStripe

_MB = 1_000_000
_PIECE = 64 * _MB
_AT_ONCE = 1024 * 1024
_PATIENCE = 1800


@dataclass(frozen=True)
class Found:
    """What one round took: seconds, and the sidecar's most memory in MB when it was idle, and when all was done."""

    where: str
    megabytes: int
    up: float
    together: float
    down: float
    idle: float
    peak: float


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a table, and return 1 if a byte was another than the one that was sent."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.both_ways", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--only", choices=("folder", "bucket"))
    chosen = parser.parse_args(arguments)
    print("| files in | MB | up, s | put together, s | down, s | idle, MB | peak, MB |")  # noqa: T201
    print("|:--|--:|--:|--:|--:|--:|--:|")  # noqa: T201
    for where in (chosen.only,) if chosen.only else ("folder", "bucket"):
        one = measured(where, chosen.megabytes)
        times = " | ".join(f"{each:.1f}" for each in (one.up, one.together, one.down))
        print(f"| a {one.where} | {one.megabytes} | {times} | {one.idle:.0f} | {one.peak:.0f} |", flush=True)  # noqa: T201
    return 0


def measured(where: str, megabytes: int) -> Found:
    """One round. Raises AssertionError if what comes down is not what went up."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="both-ways-")))
        storage, beside = f"file://{folder}/files", dict[str, str]()
        if where == "bucket":
            storage, beside = f"s3://{bucket.BUCKET}", bucket.settings_of(stack.enter_context(bucket.served(folder)))
        before = dict(os.environ)
        stack.callback(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.update(beside)
        shop = _shop(folder, storage)
        file, digest = _written(folder / "large.bin", megabytes * _MB)
        url = shop.settings.database_url
        server = stack.enter_context(
            stand.webhook(
                HERE, url, folder, storage_url=storage, **{name.lower(): each for name, each in beside.items()}
            )
        )
        return _round(shop, server, where, file, digest)


def _round(shop: Shop, server: stand.Server, where: str, file: Path, digest: str) -> Found:
    order_id = builders.bought(shop, shop.stripe)  # type: ignore[arg-type]
    owner = colleagues.works_as(shop, Role.OWNER)
    idle, size = stand.peak_memory(server.pid), file.stat().st_size
    ticket = uploads.ticket(shop, "guide", Purpose.FILE, sign_in_id=owner)
    cookie = {"Cookie": f"{SIGN_IN_COOKIE}={signing.sign(shop.signing_key, signing.SIGN_IN, owner)}"}
    said = json.dumps({"ticket": ticket, "name": file.name, "size": size, "label": "Large"}).encode()
    begun = _asked(server, "POST", "/owner/uploads", said, cookie | {"Content-Type": "application/json"})
    upload, started = json.loads(begun)["id"], time.perf_counter()
    for offset in range(0, size, _PIECE):
        length = min(_PIECE, size - offset)
        headers = cookie | {"Upload-Offset": str(offset), "Content-Length": str(length)}
        _asked(server, "PATCH", f"/owner/uploads/{upload}", _bytes(file, offset, length), headers)
    sent = time.perf_counter()
    _asked(server, "POST", f"/owner/uploads/{upload}/finish", b"", cookie)
    whole = time.perf_counter()
    (delivery,) = builders.deliveries(shop, order_id)
    token = next(each.token for each in delivery.files if each.name == file.name)
    assert _taken(server, token) == digest, "what came down is not what went up"
    down = time.perf_counter() - whole
    peak = stand.peak_memory(server.pid)
    return Found(where, size // _MB, sent - started, whole - sent, down, idle, peak)


def _shop(folder: Path, storage: str) -> Shop:
    url = f"sqlite:///{folder}/shop.db"
    engine = database.connect(url)
    migration.ensure(engine, url)
    settings = Settings(
        database_url=url, storage_url=storage, secret_key=SECRET_KEY, stripe_webhook_secret=SECRET,
        app_url="http://localhost:8501", owner_emails=colleagues.OWNER,
    )  # fmt: skip
    shop = Shop(settings, engine, FakeStripe(), Storage(storage))
    publishing.apply(shop, CATALOGUE)
    return shop


def _written(path: Path, size: int) -> tuple[Path, str]:
    """A file of so many bytes that takes next to no place, and its SHA-256."""
    with path.open("wb") as file:
        file.write(os.urandom(_AT_ONCE))
        file.truncate(size)
        file.seek(size - 1000)
        file.write(os.urandom(1000))
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()


def _bytes(path: Path, offset: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while length:
            chunk = file.read(min(_AT_ONCE, length))
            length -= len(chunk)
            yield chunk


def _asked(server: stand.Server, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status < 300, f"{method} {path}: {answer.status} {said[:300]!r}"
    return said


def _taken(server: stand.Server, token: str) -> str:
    """The SHA-256 of what comes, from the shop or from where it sends."""
    host, port, path = "127.0.0.1", server.port, f"/downloads/{token}"
    while True:
        connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status != 307:
            break
        to = urlsplit(answer.headers["Location"])
        host, port, path = str(to.hostname), to.port or 80, f"{to.path}?{to.query}"
        connection.close()
    assert answer.status == 200, answer.read()[:300]
    digest = hashlib.sha256()
    while chunk := answer.read(_AT_ONCE):
        digest.update(chunk)
    connection.close()
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
