"""A stand: the whole of Pushcart, running in a folder and on ports of its own, started by the lines of the Procfile."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import httpx
import orjson
from honcho.environ import parse_procfile  # type: ignore[import-untyped]

from core.foundation import database
from core.foundation.settings import KEPT_SECRET, Settings
from core.foundation.storage import Storage
from core.gateway.client import StripeApi
from core.owner import reports
from core.shop import Shop
from tests import fork_server
from tests.machine import environment, eventually, free_port

ROOT = Path(__file__).parents[2]
CHECKOUT = ("core", "sandbox", "storefront", "webhook", "worker", ".streamlit", "Procfile", "pyproject.toml")
LINES: dict[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_COMPLAINT = re.compile(r"Traceback|\w+Warning\b|\bERROR\b|\bCRITICAL\b|\[(?:error|critical) *\]|never awaited")
_READY_WITHIN = 180
_ENDED_WITHIN = 60


class Stand:
    """Start and stop its processes by their names in the Procfile; ask its command line, its mailbox and its Stripe.

    `checkout` is what stands in its folder, `programs` the folder of the Python that runs it. `schema` is a SQLite file that
    was migrated before: with it no process needs to.
    """

    def __init__(
        self,
        folder: Path,
        *,
        checkout: Iterable[str] = CHECKOUT,
        programs: Path = Path(sys.executable).parent,
        schema: Path | None = None,
        **settings: object,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in checkout:
            (folder / name).symlink_to(ROOT / name)
        if schema:
            (folder / "var").mkdir()
            shutil.copy(schema, folder / "var" / "pushcart.db")
        self.folder = folder
        self.ports = {name: free_port() for name in ("storefront", "webhook", "sandbox", "sandbox_smtp")}
        # All of a stand's buyers come from this machine.
        ports = {f"{name}_port": port for name, port in self.ports.items()}
        told = f"http://127.0.0.1:{self.ports['sandbox']}/webhooks"
        usual = {"ops_webhook_url": told, "rate_limits": "off", **ports, "sandbox_check": 1}
        self.env = environment(**{**usual, **settings})
        self.env["PATH"] = os.pathsep.join((str(programs), self.env["PATH"]))
        # Another Python may lack what the tests' own has.
        self._forks = programs == Path(sys.executable).parent
        self.url = f"http://localhost:{self.ports['storefront']}"
        self.sandbox_url = f"http://127.0.0.1:{self.ports['sandbox']}"
        self.webhook_url = f"http://127.0.0.1:{self.ports['webhook']}"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._read: dict[Path, int] = {}

    # ------------------------------------------------------------------ processes

    def start(self, *names: str, **settings: object) -> None:
        """Start these lines of the Procfile, and wait until each can work."""
        env = self.env | {name.upper(): str(value) for name, value in settings.items()}
        said = {name: len(self.log(name)) for name in names}
        for name in names:
            self._running[name] = self._begin(name, env)
        for name in names:
            eventually(partial(self._is_ready, name, said[name]), seconds=_READY_WITHIN)

    def _begin(self, name: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
        """Run a line of the Procfile: forked, where it runs a module that can be."""
        expanded = _VARIABLE.sub(lambda found: env.get(found[1]) or found[2], LINES[name])
        words = shlex.split(expanded.removeprefix("python -m "))
        if not self._forks or words[0] not in fork_server.RUN:
            return self.launch(f"exec {LINES[name]}", self._log(name), env=env)
        with self._log(name).open("ab") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            return fork_server.start(*words, cwd=self.folder, env=env, **streams, start_new_session=True)

    def launch(self, command: str, output: Path, **more: Any) -> subprocess.Popen[bytes]:
        """A shell command in the stand's folder, in a process group of its own, its output appended to a file."""
        where = {"cwd": self.folder, "env": self.env, **more}
        with output.open("ab") as log:
            return subprocess.Popen(
                command, **where, shell=True, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def stop(self, *names: str) -> None:
        """End these processes, as far as they run, and see that they are gone with all they started. What this process has
        open of the shop is closed as well."""
        leaving = [self._running.pop(name) for name in names if name in self._running]
        for process in leaving:
            tell(process, signal.SIGTERM)
        if "shop" in self.__dict__:
            self.shop.engine.dispose()
        stubborn = [process for process in leaving if not has_ended(process)]
        for process in stubborn:
            tell(process, signal.SIGKILL)
        assert not stubborn, f"{[process.args for process in stubborn]} had to be killed"

    def kill(self, name: str) -> None:
        """End a process and all it started in the middle of whatever it does, as a power cut would."""
        process = self._running.pop(name)
        tell(process, signal.SIGKILL)
        assert has_ended(process)

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """These processes are down inside the block, unless it starts some again; afterwards they all run as before."""
        self.stop(*names)
        try:
            yield
        finally:
            self.stop(*names)
            self.start(*names)

    def log(self, name: str) -> str:
        """What a process has said so far."""
        path = self._log(name)
        return _COLOURS.sub("", path.read_text(errors="replace")) if path.exists() else ""

    def complaints(self, expected: Iterable[str] = ()) -> list[str]:
        """Tracebacks, warnings and errors in the output of all processes since the last look, but for `expected` words."""
        found = []
        for path in sorted(self.folder.glob("*.log")):
            with path.open("rb") as log:
                log.seek(self._read.get(path, 0))
                lines = _COLOURS.sub("", log.read().decode(errors="replace")).splitlines()
                self._read[path] = log.tell()
            found += [f"{path.stem}: {line}" for line in lines if _COMPLAINT.search(line)]
        return [line for line in found if not any(words in line for words in expected)]

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _is_ready(self, name: str, said: int) -> bool:
        ended = self._running[name].poll()
        assert ended is None, f"{name} ended with {ended}:\n{self.log(name)[-3000:]}"
        return "worker: ready" in self.log(name)[said:] if name == "worker" else answers(self.health(name))

    def health(self, name: str) -> str:
        """The address that tells whether a process answers."""
        return {
            "storefront": f"{self.url}/api/healthz",
            "webhook": f"{self.webhook_url}/healthz",
            "sandbox": f"{self.sandbox_url}/healthz",
        }[name]

    # ------------------------------------------------------------------ what has become of things

    def pushcart(self, *arguments: str) -> Any:
        """What `pushcart … --json` prints."""
        words = (*arguments, "--json")
        if not self._forks:
            return json.loads(self.run("pushcart", *words))
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running = fork_server.start("core.cli", *words, cwd=self.folder, env=self.env, **streams, text=True)
        said, complained = running.communicate(timeout=180)
        assert (running.returncode, complained) == (0, "")
        return json.loads(said)

    def run(self, *command: str) -> str:
        """What a program prints that ends well and complains of nothing."""
        # By its path: the one that the stand's own PATH leads to, not that of the tests.
        program = shutil.which(command[0], path=self.env["PATH"]) or command[0]
        done = subprocess.run(
            [program, *command[1:]], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return done.stdout

    @cached_property
    def shop(self) -> Shop:
        """The same shop, for this process to look into: what is asked again and again need not take a process each time."""
        known = {name.lower(): value for name, value in self.env.items() if name.lower() in Settings.model_fields}
        kept = self.folder / KEPT_SECRET
        settings = Settings(
            **{
                "database_url": f"sqlite:///{self.folder}/var/pushcart.db",
                "storage_url": f"file://{self.folder}/var/files",
                "secret_key": kept.read_text() if kept.exists() else "",
                **known,
            }
        )
        stripe = StripeApi(settings.stripe_secret_key.get_secret_value(), base=settings.stripe_base)
        return Shop(settings, database.connect(settings.database_url), stripe, Storage(settings.storage_url))

    def order(self, reference: str) -> dict[str, Any]:
        """What `pushcart order … --json` prints, for an order by number or id."""
        with self.shop.reading() as session:
            found: dict[str, Any] = orjson.loads(orjson.dumps(reports.order_detail(session, reference)))
        return found

    def letters(self, email: str, count: int = 1) -> list[dict[str, Any]]:
        """The letters to this address, oldest first, once there are so many."""
        return eventually(lambda: found if len(found := self.letters_so_far(email)) >= count else [])

    def letters_so_far(self, email: str) -> list[dict[str, Any]]:
        """The letters that have come for this address up to now."""
        inbox = httpx.get(f"{self.sandbox_url}/inbox.json", timeout=30).json()
        return [letter for letter in inbox if letter["to"] == email]

    def stripe(self, path: str, **form: object) -> dict[str, Any]:
        """Ask the sandbox as Stripe's API: GET, or POST when there is something to send."""
        auth = {"Authorization": "Bearer sk_test_pushcart_sandbox"}
        data = {name: str(value) for name, value in form.items()}
        url = f"{self.sandbox_url}/v1/{path}"
        answer = (
            httpx.post(url, data=data, headers=auth, timeout=30) if data else httpx.get(url, headers=auth, timeout=30)
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def tell_sandbox(self, switch: str, **what: object) -> None:
        """Use one of the sandbox's switches for tests, such as `faults` or `settle`."""
        httpx.post(f"{self.sandbox_url}/sandbox/{switch}", json=what, timeout=30).raise_for_status()

    def happens(self, act: str, subject: str, **more: object) -> Any:
        """Have something happen at the sandbox as by a button of its panel: `happens("dispute", payment)`."""
        answer = httpx.post(f"{self.sandbox_url}/sandbox/act/{act}", json={"id": subject, **more}, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()["result"]

    def deliveries(self, kind: str, session_id: str) -> list[dict[str, Any]]:
        """How the sandbox fared with delivering this session's events of a kind."""
        events = self.stripe(f"events?type={kind}&limit=100")["data"]
        about = {event["id"] for event in events if event["data"]["object"]["id"] == session_id}
        found = httpx.get(f"{self.sandbox_url}/sandbox/deliveries.json", timeout=30).json()
        return [delivery for delivery in found if delivery["event"] in about]


def answers(url: str) -> bool:
    """Whether somebody answers there, and well."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def tell(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the whole group of a process, as a terminal does."""
    if _group_lives(process):
        os.killpg(process.pid, number)


def has_ended(process: subprocess.Popen[bytes], *, seconds: float = _ENDED_WITHIN) -> bool:
    """Whether the process and everything it started is gone in time."""
    try:
        eventually(lambda: process.poll() is not None and not _group_lives(process), seconds=seconds)
    except AssertionError:
        return False
    return True


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
