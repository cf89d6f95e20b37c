"""Real proxies in front of a running shop: nginx and Caddy, with the very files of `deploy/`, over TLS on this machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.machine import eventually, free_port

DEPLOY = Path(__file__).parents[1] / "deploy"


def has(name: str) -> bool:
    """Whether a program of Debian's is there; when `CI` is set it has to be."""
    return bool(_found(name)) or bool(os.environ.get("CI"))


def program(name: str) -> str:
    """The path of a program of Debian's. Where it is missing the test is skipped, and fails when `CI` is set."""
    found = _found(name)
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed: apt-get install {name}")
    return found


def _found(name: str) -> str | None:
    # Debian keeps what only root starts where others do not look.
    return shutil.which(name, path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))


@contextmanager
def caddy(folder: Path, *, port: int, storefronts: list[int], webhooks: list[int], tls: bool = True) -> Iterator[None]:
    """Caddy, with the certificate of its own authority, or without any."""
    env = {
        **os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "SHOP_HOST": f"localhost:{port}" if tls else f"http://127.0.0.1:{port}",
        "HTTP_PORT": str(free_port()), "STOREFRONTS": " ".join(f"127.0.0.1:{each}" for each in storefronts),
        "WEBHOOKS": " ".join(f"127.0.0.1:{each}" for each in webhooks),
    }  # fmt: skip
    words = [program("caddy"), "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    with _running(words, folder / "caddy.log", env["SHOP_HOST"], env):
        yield


@contextmanager
def nginx(folder: Path, *, port: int, storefronts: list[int], webhooks: list[int]) -> Iterator[None]:
    """nginx, with a certificate that it is made here."""
    # Its own user, whom root gives it, is to find what lies here.
    folder.chmod(0o755)
    _certify(folder)
    config = (DEPLOY / "nginx.conf").read_text()
    servers = "\n    ".join(f"server 127.0.0.1:{each};" for each in storefronts)
    for said, here in (
        ("server 127.0.0.1:8501;", servers), ("server 127.0.0.1:8000 ", f"server 127.0.0.1:{webhooks[0]} "),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), ("listen 80 ", f"listen 127.0.0.1:{free_port()} "),
        ("/etc/ssl/shop/", f"{folder}/"), ("/run/nginx.pid", f"{folder}/nginx.pid"),
        ("shop.example.com", "localhost"),
    ):  # fmt: skip
        assert said in config
        config = config.replace(said, here)
    (folder / "nginx.conf").write_text(config)
    # Where it keeps what is on its way, which is Debian's own folder otherwise.
    kept = "".join(
        f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(config.replace("http {", "http {\n  " + kept, 1))
    words = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", "daemon off;"]
    with _running(words, folder / "nginx.log", f"localhost:{port}", dict(os.environ)):
        yield


PROXIES = {"nginx": nginx, "caddy": caddy}


@contextmanager
def _running(words: list[str], said: Path, host: str, env: dict[str, str]) -> Iterator[None]:
    with said.open("wb") as log:
        process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: _answers(process, said, host), seconds=30)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _answers(process: subprocess.Popen[bytes], said: Path, host: str) -> bool:
    assert process.poll() is None, said.read_text()
    try:
        url = host if host.startswith("http://") else f"https://{host}"
        return httpx.get(f"{url}/api/healthz", verify=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _certify(folder: Path) -> None:
    """A certificate for this machine by nobody, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "privkey.pem").write_bytes(private)
