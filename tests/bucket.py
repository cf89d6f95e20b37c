"""A bucket to put files into: moto's server, which speaks S3, in a process of its own on this machine."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.machine import eventually, free_port

BUCKET = "sold-files"


def settings_of(address: str) -> dict[str, str]:
    """The environment by which a shop finds it."""
    return {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server with one empty bucket, until the block is left."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (folder / "bucket.log").open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: _made(address))
        yield address
    finally:
        server.terminate()
        server.wait(10)


def _made(address: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT"), timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
