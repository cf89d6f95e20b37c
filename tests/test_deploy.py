"""What `deploy/` starts a shop by: units that systemd takes, and one process on a machine that allows it little."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.machine import environment, eventually, free_port

ROOT = Path(__file__).parents[1]
UNITS = ROOT / "deploy" / "systemd"
ENDS_WITHIN = 10


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd here")
    for unit in UNITS.glob("*.*"):
        text = unit.read_text().replace("/opt/pushcart/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / unit.name).write_text(text.replace("/opt/pushcart", str(ROOT)))
    units = sorted(path for path in tmp_path.iterdir() if path.suffix in (".service", ".target"))
    assert len(units) == 4
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_unit_starts_a_line_of_the_procfile_and_ends_later_than_the_process() -> None:
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    for name in ("webhook", "worker", "storefront"):
        [unit] = UNITS.glob(f"pushcart-{name}*.service")
        [line] = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
        words = line.removeprefix("ExecStart=/opt/pushcart/.venv/bin/").split()
        said = procfile[name].split()
        assert [word for word in words if word[0] not in "$%"] == [word for word in said if word[0] != "$"]
        assert "TimeoutStopSec=20" in unit.read_text()


def test_the_units_keep_what_they_have_for_themselves() -> None:
    for unit in UNITS.glob("*.service"):
        assert "StateDirectoryMode=0700" in unit.read_text().splitlines(), unit.name


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may become somebody else")
def test_the_command_has_the_settings_of_the_units_and_their_user(tmp_path: Path) -> None:
    (tmp_path / "env").write_text((UNITS / "pushcart.env").read_text() + "SMTP_URL='smtp://u:a$b`c\"d@host'\n")
    script = (UNITS / "pushcart.sh").read_text()
    for said, here in {
        "/etc/pushcart.env": str(tmp_path / "env"), "--reuid=pushcart": "--reuid=nobody", "--regid=pushcart": "--regid=nogroup",
        "/opt/pushcart/.venv/bin/pushcart ": "",
    }.items():  # fmt: skip
        assert said in script
        script = script.replace(said, here)
    done = subprocess.run(
        ["sh", "-c", script, "pushcart", "sh", "-c", 'id -u; printenv SMTP_URL HOME APP_URL; echo "$1"', "-", "a word"],
        capture_output=True, text=True, cwd="/",
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "65534", "smtp://u:a$b`c\"d@host", "/var/lib/pushcart", "https://shop.example.com", "a word",
    ], done.stderr  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may become somebody else")
def test_what_is_set_where_the_command_is_typed_goes_before_the_settings_of_the_units(tmp_path: Path) -> None:
    """As on the way to PostgreSQL: `DATABASE_URL=… pushcart restore …` must fill what it names, and not what is served."""
    (tmp_path / "env").write_text((UNITS / "pushcart.env").read_text())
    script = (UNITS / "pushcart.sh").read_text().replace("/etc/pushcart.env", str(tmp_path / "env"))
    script = script.replace("--reuid=pushcart", "--reuid=nobody").replace("--regid=pushcart", "--regid=nogroup")
    script = script.replace("/opt/pushcart/.venv/bin/pushcart ", "")
    said = 'postgresql://shop:it\'s a "$secret"@127.0.0.1/shop'
    done = subprocess.run(
        ["sh", "-c", script, "pushcart", "printenv", "DATABASE_URL", "STORAGE_URL", "HOME"],
        capture_output=True, text=True, cwd="/", env={**os.environ, "DATABASE_URL": said, "HOME": "/root"},
    )  # fmt: skip
    assert done.stdout.splitlines() == [said, "file:///var/lib/pushcart/files", "/var/lib/pushcart"], done.stderr


def _python_in_sight() -> list[str]:
    """Where Python lies in root's own folder, that folder with nothing else in it: nobody may look into it otherwise."""
    base = sys.base_prefix
    if not base.startswith("/root/"):
        return []
    return [
        f"mount --bind {base} /mnt", "mount -t tmpfs -o mode=0755 none /root", f"mkdir -p {base}",
        f"mount --bind /mnt {base}", "umount /mnt",
    ]  # fmt: skip


@contextmanager
def alone_on_a_shut_machine(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The whole shop in one process: nobody's, at home nowhere, who may write into one folder alone."""
    folder.chmod(0o777)
    steps = [f"mount --bind {folder} {folder}", *_python_in_sight(), "mount -o remount,bind,ro /"]
    nobody = "exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all sh -c"
    shut_in = " && ".join([*steps, nobody])
    probe = f"{shut_in} '{sys.executable} -c \"import streamlit\"'"
    if subprocess.run(["unshare", "--mount", "sh", "-c", probe], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("this machine lets nobody shut others in")
    env = environment(
        port=port, database_url=f"sqlite:///{folder}/shop.db", storage_url=f"file://{folder}/files",
        secret_key="a secret of sixteen letters", sandbox_port=free_port(), webhook_port=free_port(),
        tz="Pacific/Chatham", lang="tr_TR.UTF-8", lc_all="tr_TR.UTF-8", home="/nonexistent", pythondontwritebytecode=1,
    )  # fmt: skip
    for name in ("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        env.pop(name, None)
    env["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), env["PATH"]))
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", f"{shut_in} 'exec deploy/one-process.sh'"], cwd=ROOT, env=env,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may look for: those of pytest are shut for all but whoever runs it."""
    found = Path(tempfile.mkdtemp(prefix="shut-in-"))
    yield found
    shutil.rmtree(found)


def test_one_process_runs_the_shop_where_it_may_hardly_do_anything(folder: Path) -> None:
    port = free_port()
    with alone_on_a_shut_machine(folder, port) as running:

        def ready() -> bool:
            assert running.poll() is None, (folder / "log").read_text()
            try:
                return httpx.get(f"http://127.0.0.1:{port}/api/readyz", timeout=10).is_success
            except httpx.TransportError:
                return False

        eventually(ready, seconds=120)
        assert "<title>" in httpx.get(f"http://127.0.0.1:{port}/").text
        assert len(httpx.get(f"http://127.0.0.1:{port}/api/products").json()) > 3
        process = psutil.Process(running.pid)
        assert process.uids().effective == 65534
        listening = [each.laddr for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
        assert {(address.ip, address.port) for address in listening} == {("127.0.0.1", port)}
        page = connect(f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=[Subprotocol("streamlit")])
        with page:  # that somebody has open
            page.send(BackMsg(rerun_script=ClientState()).SerializeToString())
            assert page.recv(timeout=60)
            running.terminate()
            eventually(lambda: running.poll() is not None, seconds=ENDS_WITHIN)
    said = (folder / "log").read_text()
    assert not [word for word in ("Traceback", "Permission denied", "Read-only") if word in said], said
