"""Failures of every kind through the real processes: nothing they say or keep names a secret or an address, and the webhook
answers meanwhile."""

import base64
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE
from threading import Event, Thread
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import create_engine, inspect, text
from sqlmodel import SQLModel, select
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect

from core.events.inbox import StripeEvent
from core.foundation import signing
from core.foundation.jobs.outbox import open_client
from core.foundation.records import new_id
from core.messages.letters import LetterState
from core.owner.needs import attention
from tests import fork_server
from tests.collectors import Collector, collecting
from tests.fakes import signed
from tests.machine import environment, eventually, free_port, is_within, process
from tests.worker.conftest import Trade, open_trade
from tests.worker.postbox import mail_server

ROOT = Path(__file__).parents[1]
SECRET = "whsec_ofAnEndpoint0123456789"
SECRETS = {
    "stripe_secret_key": "sk_test_51HxQwertzUiop", "stripe_webhook_secret": SECRET,
    "secret_key": "letters that sign: all & sundry",
}  # fmt: skip
TOLD_BY_STRIPE = "cs_test_a1_secret_fidnandhYHdWcXxpYCc"


@dataclass
class Talk:
    """A shop, the environment of its processes, and all words that nobody may say."""

    trade: Trade
    folder: Path
    env: dict[str, str]
    stripe: "BadStripe"
    unspeakable: list[str] = field(default_factory=list)

    def output(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def leaks(self, text: str) -> list[str]:
        return [word for word in self.unspeakable if word.casefold() in text.casefold()]

    def buyer(self) -> str:
        """An address with letters of several scripts, none of which may be told."""
        name = new_id("jürgen").replace("_", "+")
        self.unspeakable.append(name)
        self.unspeakable.append(name.partition("+")[2])
        return f"{name}@bücher.example"

    def pays(self) -> tuple[str, dict[str, object]]:
        """An order whose buyer has paid, and the event that would tell."""
        buyer = self.buyer()
        order_id, session_id = self.trade.start(buyer, "kit-eur")
        self.trade.stripe.pay(session_id, email=buyer)
        return order_id, self.trade.stripe.event("completed", session_id)

    def refuses(self, table: str, when: str, words: str) -> None:
        """From now on the database refuses to write to this table, in these words."""
        url = self.trade.shop.settings.database_url
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                connection.execute(
                    f"create trigger refusing_{table} before {when} on {table} begin select raise(abort, '{words}'); end"
                )
            return
        body = f"begin raise exception '{words}'; end"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"create function refuse_{table}() returns trigger language plpgsql as $${body}$$")
            connection.execute(
                f"create trigger refusing_{table} before {when} on {table} for each row execute function refuse_{table}()"
            )


class BadStripe:
    """A Stripe that answers every request with `answer`: a status and a body."""

    def __init__(self) -> None:
        self.answer = (200, "{}")
        bad = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                status, body = bad.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.send_header("Request-Id", "req_OfStripe123")
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST

            def log_message(self, *_words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @contextmanager
    def open(self) -> Iterator["BadStripe"]:
        Thread(target=self.server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()


@pytest.fixture
def talk(database_url: str, tmp_path: Path) -> Iterator[Talk]:
    """A shop with everything to hide. Its database has a password where it is one that asks for some."""
    database_url = database_url.replace("postgres:@", "postgres:p%2Fw-of-the-base@")
    with mail_server() as postbox, BadStripe().open() as stripe:
        trade = open_trade(database_url, tmp_path, postbox, secret_key=SECRETS["secret_key"])
        env = environment(
            **SECRETS, database_url=database_url, storage_url=trade.shop.settings.storage_url, smtp_url=postbox.url,
            stripe_api_base=stripe.url, sweep_seconds=3600, pythonpath=ROOT,
        )  # fmt: skip
        words = [*SECRETS.values(), "letters+that+sign", "letters%20that", "p%2Fw", "p/w-of-the", TOLD_BY_STRIPE]
        yield Talk(trade, tmp_path, env, stripe, words)
        trade.shop.engine.dispose()


@pytest.fixture
def webhook(talk: Talk) -> Iterator[httpx.Client]:
    """`uvicorn webhook.app:app`, with its lines about requests as Uvicorn writes them unless told otherwise."""
    port = free_port()
    with (
        open(talk.folder / "webhook.log", "wb") as log,
        process(
            "uvicorn", "webhook.app:app", "--port", str(port), cwd=talk.folder, env=talk.env, output=log
        ) as running,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        eventually(lambda: _answers(client))
        yield client
        running.terminate()
        running.wait(timeout=60)


def _answers(client: httpx.Client, path: str = "/healthz") -> bool:
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False


def _post(client: httpx.Client, event: dict[str, object], *, secret: str = SECRET) -> int:
    body, header = signed(event, secret=secret)
    return client.post("/webhooks/stripe", content=body, headers={"stripe-signature": header}).status_code


@contextmanager
def _health_asked(client: httpx.Client, folder: Path) -> Iterator[Callable[[], tuple[float, float]]]:
    """Asks `/healthz` twenty times a second meanwhile; gives the time of the slowest answer but for two in a hundred.

    And likewise that of a server that does nothing else: what the machine itself takes, which may be busy with other tests.
    """
    times: list[tuple[float, float]] = []
    ending = Event()
    (folder / "idle").mkdir()
    idle_port = free_port()

    def ask() -> None:
        with (
            httpx.Client(base_url=client.base_url, timeout=30) as own,
            httpx.Client(base_url=f"http://127.0.0.1:{idle_port}", timeout=30) as idle,
        ):
            eventually(lambda: _answers(idle, "/"))
            while not ending.wait(0.05):
                times.append((_timed(own, "/healthz"), _timed(idle, "/")))

    def slowest() -> tuple[float, float]:
        health, idle = (sorted(each)[int(len(each) * 0.98) - 1] for each in zip(*times, strict=True))
        return health, idle

    serving = ("http.server", str(idle_port), "--bind", "127.0.0.1", "--directory", str(folder / "idle"))
    with open(os.devnull, "wb") as nowhere, process(*serving, cwd=folder, env=environment(), output=nowhere):
        asking = Thread(target=ask)
        asking.start()
        try:
            yield slowest
        finally:
            ending.set()
            asking.join()


def _timed(client: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    assert client.get(path).is_success
    return time.perf_counter() - begun


def _assert_prompt(slowest: tuple[float, float]) -> None:
    """A fifth of a second on an idle machine, where a server that does nothing takes a few thousandths."""
    health, idle = slowest
    assert health < 0.2 + 5 * idle


def test_a_webhook_whose_events_fail_thirty_times_a_second_answers_and_tells_nothing(
    talk: Talk, webhook: httpx.Client
) -> None:
    buyer = talk.buyer()
    _, event = talk.pays()
    talk.refuses("orders", "update", f"no <{buyer}> with {SECRET} here")
    with _health_asked(webhook, talk.folder) as slowest:
        begun = time.monotonic()
        for number in range(150):
            time.sleep(max(0.0, begun + number / 30 - time.monotonic()))
            kind = number % 3
            if kind == 2:
                assert _post(webhook, event, secret="whsec_somebody") == 400
            else:
                assert _post(webhook, {**event, "id": f"evt_{number}"}) == 500
        _assert_prompt(slowest())
    body, header = signed(event, secret=SECRET)
    assert (
        webhook.post("/webhooks/stripe", content=body + b"{", headers={"stripe-signature": header}).status_code == 400
    )
    assert "event_failed" in eventually(lambda: _said(talk, "left_out="))
    assert talk.leaks(talk.output()) == []
    assert header.partition("v1=")[2] not in talk.output()
    assert len(talk.output()) < 150_000
    with talk.trade.shop.reading() as session:
        kept = [row.error for row in session.exec(select(StripeEvent))]
    assert len(kept) == 100
    assert all("no <[address]> with *** here" in error.replace("[secret]", "***") for error in kept)
    assert talk.leaks(str(attention.items(talk.trade.shop))) == []


def test_what_stripe_answers_and_what_paths_bear_is_not_told(talk: Talk, webhook: httpx.Client) -> None:
    buyer = talk.buyer()
    said = f"{buyer} {TOLD_BY_STRIPE} {SECRETS['stripe_secret_key']}"
    refusal = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": said}}
    for status, body in (
        (401, json.dumps(refusal)),
        (400, json.dumps(refusal)),
        (500, json.dumps(refusal)),
        (200, said),
    ):
        talk.stripe.answer = (status, body)
        cart = {"cart_id": new_id("cart"), "items": [{"price": "kit-eur"}], "email": "someone@example.com"}
        assert webhook.post("/checkout", json=cart).status_code >= 500
    key = talk.trade.shop.signing_key
    for path, purpose in (("/downloads/", signing.DOWNLOAD), ("/sign-in/", signing.ENTRANCE)):
        token = signing.sign(key, purpose, "x")
        talk.unspeakable.append(token)
        webhook.get(path + token)
        webhook.get(f"/healthz?letter={token}&email={buyer}")
    assert eventually(lambda: _said(talk, "/sign-in/[token]"))
    assert _said(talk, "stripe_trouble")
    assert talk.leaks(talk.output()) == []


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # a file is not away
def test_a_webhook_whose_database_was_away_answers_at_once_when_it_is_back(talk: Talk, webhook: httpx.Client) -> None:
    url = talk.trade.shop.settings.database_url
    _, event = talk.pays()
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    talk.trade.shop.engine.dispose()
    with psycopg.connect(url.replace(f"/{name}", "/postgres"), autocommit=True) as server:
        server.execute(f"alter database {name} allow_connections false")  # type: ignore[arg-type]
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        with _health_asked(webhook, talk.folder) as slowest:
            begun = time.monotonic()
            for number in range(90):
                time.sleep(max(0.0, begun + number / 30 - time.monotonic()))
                assert _post(webhook, {**event, "id": f"evt_{number}"}) == 503
            _assert_prompt(slowest())
        server.execute(f"alter database {name} allow_connections true")  # type: ignore[arg-type]
    begun = time.monotonic()
    assert _post(webhook, event) == 200
    assert is_within(time.monotonic() - begun, 2)
    assert "not currently accepting connections" in eventually(lambda: _said(talk, "database_away"))
    assert talk.leaks(talk.output()) == []


def _said(talk: Talk, words: str) -> str:
    output = talk.output()
    return output if words in output else ""


def test_a_worker_tells_nothing_of_letters_that_are_refused_and_jobs_that_fail(talk: Talk) -> None:
    trade = talk.trade
    refused, broken = talk.buyer().replace("ü", "u"), talk.buyer()
    talk.unspeakable.append(refused.partition("@")[0])
    trade.postbox.answers[refused] = [f"550 No mailbox {refused} for '123456 is your code' {SECRET}"]
    owed = trade.buy(refused, "kit-eur")
    with (
        open(talk.folder / "worker.log", "wb") as log,
        process("worker", cwd=talk.folder, env=talk.env, output=log) as running,
    ):
        letter = trade.wait_for(f"receipt:{owed}", LetterState.REFUSED)
        talk.refuses("letters", "insert", f"no {broken} {SECRET}")
        dead = trade.buy(talk.buyer(), "guide-eur")
        items = eventually(lambda: [item for item in attention.items(trade.shop) if item.topic == "dead_job"])
        running.terminate()
        running.wait(timeout=60)
    assert (items[0].subject, "no [address]" in items[0].detail) == (f"receipt:{dead}", True)
    assert "No mailbox [address]" in letter.error
    assert "123456" not in letter.error + talk.output()
    assert "job_failed" in talk.output()
    stored = [job.error for job in open_client(trade.shop.engine).list_workflows(status=["ERROR"])]
    kept = [str(vars(error)) for error in stored] + [
        str(items),
        letter.error,
        _all_of(trade.shop.settings.database_url),
    ]
    assert talk.leaks(talk.output() + "".join(kept)) == []


def _all_of(url: str) -> str:
    """What DBOS keeps of jobs and their errors, in whichever of its tables, as it stands there and decoded."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    schema = None if url.startswith("sqlite") else "dbos"
    names = [name for name in inspect(engine).get_table_names(schema) if name not in SQLModel.metadata.tables]
    with engine.connect() as connection:
        rows = [row for name in names for row in connection.execute(text(f"select * from {schema or 'main'}.{name}"))]
    engine.dispose()
    kept = [value for row in rows for value in row if isinstance(value, str)]
    decoded = []
    for value in kept:
        with suppress(ValueError):
            decoded.append(base64.b64decode(value, validate=True).decode("utf-8", "replace"))
    assert any("no [address]" in each for each in (*kept, *decoded))
    return "\n".join(kept + decoded)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_request_is_followed_through_webhook_event_job_and_stripe_and_what_fails_is_reported(talk: Talk) -> None:
    trade, port = talk.trade, free_port()
    buyer = talk.buyer()
    order_id, session_id = trade.start(buyer, "guide-eur")
    trade.stripe.pay(session_id, email=buyer)
    event = trade.stripe.event("completed", session_id)
    _, failing = talk.pays()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    known = {"X-Request-ID": "from-the-proxy-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    with collecting() as collector, ExitStack() as running:
        env = talk.env | collector.environment | {"LOG_FORMAT": "json"}
        for name, command in (
            ("webhook", ("uvicorn", "webhook.app:app", "--port", str(port))),
            ("worker", ("worker",)),
        ):
            log = running.enter_context(open(talk.folder / f"{name}.log", "wb"))
            running.enter_context(process(*command, cwd=talk.folder, env=env, output=log))
        client = running.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
        eventually(lambda: _answers(client))
        body, signature = signed(event, secret=SECRET)
        told = client.post("/webhooks/stripe", content=body, headers={**known, "stripe-signature": signature})
        assert (told.status_code, told.headers["X-Request-ID"]) == (200, "from-the-proxy-1")
        trade.wait_for(f"receipt:{order_id}", LetterState.SENT)
        talk.stripe.answer = (400, json.dumps({"error": {"type": "invalid_request_error", "message": f"no {buyer}"}}))
        cart = {"cart_id": new_id("cart"), "items": [{"price": "kit-eur"}]}
        refused = client.post("/checkout", json=cart, headers={"X-Request-ID": "jane@example.com"})
        assert refused.headers["X-Request-ID"].startswith("req_")
        talk.refuses("orders", "update", f"no <{buyer}> with {SECRET} here")
        assert _post(client, failing) == 500
        eventually(lambda: _failed_events(collector))
        eventually(lambda: collector.named("job receipt"))
        eventually(lambda: collector.named("Stripe POST"))
    lines = {name: _lines(talk.folder / f"{name}.log") for name in ("webhook", "worker")}
    [taken] = [line for line in lines["webhook"] if line["event"] == "event_taken"]
    assert (taken["request_id"], taken["event_id"], taken["order"]) == ("from-the-proxy-1", event["id"], order_id)
    [done] = [line for line in lines["worker"] if line.get("job") == f"receipt:{order_id}"]
    assert (done["event"], done["request_id"]) == ("job_done", "from-the-proxy-1")
    called = next(line for line in lines["webhook"] if line["event"] == "stripe_call")
    assert (called["stripe_request_id"], called["status"]) == ("req_OfStripe123", 400)
    assert called["request_id"] == refused.headers["X-Request-ID"]
    assert {span.trace_id.hex() for span in collector.named("job receipt")} == {trace}
    assert {span.trace_id.hex() for span in collector.named("POST /webhooks/stripe")} >= {trace}
    [reported] = _failed_events(collector)
    assert reported["exception"]["values"][-1]["stacktrace"]["frames"]
    assert reported["tags"]["request_id"]
    assert talk.leaks(talk.output() + collector.words + json.dumps(collector.errors)) == []


def _failed_events(collector: Collector) -> list[dict[str, Any]]:
    return [each for each in list(collector.errors) if each["logentry"]["message"] == "event_failed"]


def _lines(path: Path) -> list[dict[str, Any]]:
    """Those that are lines of the log: a worker also says that it is ready."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


def test_a_page_that_fails_tells_nothing(talk: Talk) -> None:
    folder = talk.folder / "checkout"
    shutil.copytree(ROOT / "storefront", folder / "storefront")
    for name in ("core", "webhook", "worker", ".streamlit"):
        (folder / name).symlink_to(ROOT / name)
    buyer = talk.buyer()
    (folder / "storefront/buyer_pages/shop.py").write_text(
        f"buyer = {buyer!r}\nraise RuntimeError(f'no {{buyer}} {SECRET}')\n"
    )
    port = free_port()
    env = talk.env | {"PYTHONPATH": str(folder), "STOREFRONT_PORT": str(port)}
    with (
        open(talk.folder / "storefront.log", "wb") as log,
        process(
            "streamlit", "run", "storefront/app.py", "--server.port", str(port), cwd=folder, env=env, output=log
        ) as running,
    ):
        with httpx.Client(base_url=f"http://localhost:{port}/api", timeout=30) as client:
            eventually(lambda: _answers(client))
        with connect(f"ws://localhost:{port}/_stcore/stream") as browser:
            wish = BackMsg()
            wish.rerun_script.query_string = "letter=InZlcnktc2VjcmV0Ig"
            browser.send(wish.SerializeToString())
            eventually(lambda: _said(talk, "page_failed"))
        running.terminate()
        running.wait(timeout=30)
    output = talk.output()
    assert output.count("Uncaught app execution") == output.count("page_failed") >= 1
    assert "RuntimeError: no [address]" in output
    assert talk.leaks(output) == []


def test_the_command_line_tells_nothing_of_what_fails(talk: Talk) -> None:
    buyer = talk.buyer()
    _, event = talk.pays()
    talk.trade.tell(event)
    talk.refuses("stripe_events", "update", f"no {buyer} {SECRET}")
    wrong = {"DATABASE_URL": f"postgres+x://{buyer}:{SECRET}@db/shop", "STRIPE_SECRET_KEY": f"pk_{SECRET}"}
    for words, more in (
        (["replay", str(event["id"])], {}),
        (["orders"], wrong),
        (["orders"], {"DATABASE_URL": _nowhere()}),
    ):
        running = fork_server.start(
            "core.cli",
            *words,
            cwd=talk.folder,
            env=talk.env | more,
            stdout=PIPE,
            stderr=PIPE,
            text=True,
            encoding="utf-8",
        )
        said, complained = running.communicate(timeout=60)
        assert (running.returncode, said) == (1, "")
        assert complained
        assert talk.leaks(complained) == []
        assert len(complained) < 30_000


@pytest.mark.parametrize(
    "command", [("worker",), ("uvicorn", "webhook.app:app"), ("streamlit", "run", "storefront/app.py")]
)
def test_a_process_that_cannot_start_says_why_and_nothing_else(command: tuple[str, ...], tmp_path: Path) -> None:
    port = ("--port", str(free_port())) if "uvicorn" in command else ()
    settings = {**SECRETS, "database_url": f"mysql://someone%40example.com:{SECRET}@db/shop", "pythonpath": ROOT}
    for more, reason in (({}, "DATABASE_URL"), ({"database_url": _nowhere()}, "connection failed")):
        with open(tmp_path / "said.log", "wb") as log:
            env = environment(**{**settings, **more})
            with process(*command, *port, cwd=ROOT, env=env, output=log) as running:
                eventually(partial(_stands, tmp_path / "said.log", reason))
                running.terminate()
                running.wait(timeout=30)
        said = (tmp_path / "said.log").read_text(errors="replace")
        assert [word for word in (*SECRETS.values(), "someone") if word in said] == []
        assert len(said) < 30_000


def _stands(path: Path, words: str) -> bool:
    return words in path.read_text(errors="replace")


def _nowhere() -> str:
    return f"postgresql://shop:{SECRET}@127.0.0.1:{free_port()}/shop"
