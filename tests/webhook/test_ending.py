"""Told to end, the process is gone in ten seconds, however slowly somebody reads; who read on goes on with the next one."""

import os
import signal
import socket
from contextlib import closing
from pathlib import Path

import httpx
import psutil
from sqlmodel import select

from core.kinds.downloads import Download, DownloadFile
from core.shop import Shop
from tests import builders
from tests.bench import stand
from tests.bench.versions import HERE
from tests.fakes import FakeStripe
from tests.machine import eventually

ENDS_WITHIN = 10
SIZE = 16 * 1024 * 1024


@builders.on_sqlite
def test_a_slow_reader_holds_nothing_up_and_gets_the_rest_of_the_file_later(
    shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    content = os.urandom(SIZE)
    order_id = builders.bought(shop, stripe)
    with shop.transaction() as session:
        file = session.exec(select(DownloadFile).where(DownloadFile.product_id == "guide")).one()
        file.size = SIZE
    path = shop.storage.path_of(file.key)
    assert path
    path.write_bytes(content)
    token = builders.deliveries(shop, order_id)[0].files[0].token
    url, own = shop.settings.database_url, tmp_path / "own"
    own.mkdir()
    # Not this machine: the server by itself would believe it all the same.
    kept = {"storage_url": shop.settings.storage_url, "trusted_proxies": "10.0.0.0/8"}
    with (
        stand.webhook(HERE, url, own, **kept) as server,
        closing(socket.create_connection(("127.0.0.1", server.port))) as reader,
    ):
        reader.sendall(
            f"GET /downloads/{token} HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n".encode()
        )
        taken = reader.recv(65536)
        assert b" 200 OK" in taken
        os.kill(server.pid, signal.SIGTERM)
        eventually(lambda: not _is_alive(server.pid), seconds=ENDS_WITHIN)
        while more := _more(reader):
            taken += more
    got = taken.partition(b"\r\n\r\n")[2]
    assert 0 < len(got) < SIZE
    with stand.webhook(HERE, url, own, **kept) as server:
        rest = httpx.get(
            f"http://127.0.0.1:{server.port}/downloads/{token}",
            headers={"Range": f"bytes={len(got)}-"},
            timeout=60,
        )
    said = (own / "uvicorn.log").read_text()
    assert "[warning" in said
    assert not [word for word in ("[error", "Traceback") if word in said]
    assert rest.status_code == 206
    assert got + rest.content == content
    assert {row.ip for row in builders.rows(shop, Download)} == {"127.0.0.1"}


def _is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _more(reader: socket.socket) -> bytes:
    try:
        return reader.recv(1024 * 1024)
    except ConnectionResetError:
        return b""
