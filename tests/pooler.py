"""A real PgBouncer in front of a PostgreSQL server, which lends its few connections for one transaction each."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from tests.machine import eventually, free_port
from tests.proxies import program


@contextmanager
def pgbouncer(address: str, *, connections: int = 4) -> Iterator[str]:
    """The address by which the database of this one is reached through it."""
    parts = urlsplit(address)
    [sockets] = parse_qs(parts.query)["host"]
    name, port = parts.path.strip("/"), free_port()
    folder = Path(tempfile.mkdtemp(prefix="bouncer-"))
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n{name} = host={sockets} dbname={name} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder}/users.txt\npool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 200\n"
    )
    folder.chmod(0o755)
    # It refuses to be root, and only the server's own user may look into the folder of its socket.
    owner = os.stat(sockets).st_uid
    other = {"user": owner} if owner != os.geteuid() else {}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program("pgbouncer"), str(folder / "pgbouncer.ini")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **other,
        )
    found = f"postgresql://postgres@127.0.0.1:{port}/{name}"
    try:
        eventually(lambda: _answers(process, found, folder / "log"), seconds=30)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def _answers(process: "subprocess.Popen[bytes]", address: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        with psycopg.connect(address, connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False
