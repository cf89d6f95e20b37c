"""Downloads: how fast a large file leaves the sidecar, and what that costs in time and memory."""

import hashlib
import os
import socket
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from core.foundation import signing
from core.foundation.records import new_id
from tests.bench import exactness, stand
from tests.bench.figures import Figures
from tests.bench.measures import Bench, stocked
from tests.bench.stand import Server
from tests.bench.versions import Version

_MB = 1_000_000
_AT_ONCE = 1024 * 1024


def measure(bench: Bench, figures: Figures) -> None:
    """Measure downloads from a folder of this machine. Which database the shop is on makes no difference to them."""
    kind = bench.kinds[0]
    folder = bench.folder / f"downloads_{kind}"
    folder.mkdir(parents=True)
    file, digest = _written(folder / "large", bench.megabytes * _MB)
    with stand.databases(kind, folder) as databases, ExitStack() as stack:
        stalls = {}
        for version in bench.versions:
            own = bench.folder_of(version, "downloads")
            template, stock = stocked(bench, version, databases, own, orders=0, bought=True)
            url = databases.copy(f"shop_{template}", template)
            _put(stock, url, own / "files", file)
            stalls[version] = (stack.enter_context(stand.webhook(version, url, own)), stock)
        for version, (server, stock) in stalls.items():
            if _taken(server, stock, check=True)[1] != digest:
                figures.wrong.append(
                    f"{version.name}: the file that was downloaded is another than the one that was sold"
                )
        for run in range(bench.runs):
            for version in bench.turns(run):
                _run(version, *stalls[version], bench, figures)


def _written(path: Path, size: int) -> tuple[Path, str]:
    """A file of so many bytes, and its SHA-256."""
    block = os.urandom(_MB)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // _MB):
            file.write(block)
            digest.update(block)
    return path, digest.hexdigest()


def _put(stock: dict[str, Any], url: str, storage: Path, file: Path) -> None:
    """Let the sold file be this one."""
    place = storage / stock["download"]["key"]
    place.unlink()
    os.link(file, place)
    with closing(exactness.connected(url)) as connection:
        connection.execute(f"update download_files set size = {file.stat().st_size}, sha256 = 'large'")
        connection.commit()


def _run(version: Version, server: Server, stock: dict[str, Any], bench: Bench, figures: Figures) -> None:
    before, began = stand.cpu(server.pid), time.perf_counter()
    size, _ = _taken(server, stock)
    seconds = time.perf_counter() - began
    if size != bench.megabytes * _MB:
        figures.wrong.append(f"{version.name}: {size} bytes came of a file of {bench.megabytes} MB")
    found = {
        "MB/s": size / _MB / seconds,
        "CPU of the sidecar, s": stand.cpu(server.pid) - before,
        "peak memory of the sidecar, MB": stand.peak_memory(server.pid),
    }
    figures.add(version, f"download of {bench.megabytes} MB", found)


def _taken(server: Server, stock: dict[str, Any], *, check: bool = False) -> tuple[int, str]:
    """Download the file; return how many bytes came and, if it was to be checked, their SHA-256."""
    bought = stock["download"]
    token = signing.sign(stand.SECRET_KEY, signing.DOWNLOAD, [new_id("dl"), bought["grant"], bought["file"]])
    digest, came, room = hashlib.sha256(), 0, memoryview(bytearray(_AT_ONCE))
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"GET /downloads/{token} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb", buffering=0)
        while (line := answer.readline()) not in (b"\r\n", b""):
            pass  # the head, a byte at a time: nothing of the file is read with it
        while length := connection.recv_into(room):
            came += length
            if check:
                digest.update(room[:length])
        assert line, "the sidecar hung up"
    return came, digest.hexdigest()
