"""A real sandbox on loopback for the tests, an endpoint that receives its events, and a client that checks answers."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import stripe
import uvicorn

from sandbox import app
from sandbox.__main__ import Server as Sandbox
from sandbox.account.settings import Settings
from sandbox.protocol import conformity, versions
from tests.machine import free_port

KEY = "sk_test_pushcart_sandbox"
SECRET = "whsec_tests_of_the_sandbox"


def eventually(look: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until what `look` returns is true, and return it."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"waited {seconds} s in vain"
        time.sleep(0.01)
    return found


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args: object) -> None:
        """A sandbox that is stopped hangs up in the middle; that is no news."""


class Endpoint:
    """A shop's webhook endpoint: remembers what was posted, answers as told."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.answer = 200
        # Whether an event belongs to the test that is running: those of the test before may still be on their way.
        self.expects: Callable[[str], bool] = lambda event: True
        self.taking = threading.Lock()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = endpoint.take(dict(self.headers), body)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"thank you")

            def log_message(self, *args: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/stripe"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        with self.taking:
            if not self.expects(json.loads(body)["id"]):
                return 410
            self.received.append((headers, body))
            return self.answers.pop(0) if self.answers else self.answer

    def clear(self) -> None:
        with self.taking:
            self.received.clear()
            self.answers.clear()
            self.answer = 200

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """What has arrived, in that order; each event checked against its schema."""
        found = [json.loads(body) for _, body in list(self.received)]
        for event in found:
            conformity.check_event(event)
        return [event for event in found if kind in ("", event["type"])]

    def wait_for(self, kind: str, times: int = 1) -> list[dict[str, Any]]:
        return eventually(lambda: found if len(found := self.events(kind)) >= times else None)


def check_answer(method: str, path: str, answer: httpx.Response) -> None:
    """Any answer of the API: what Stripe always sends with it, and its description in the version it says it is in."""
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Content-Type"] == "application/json"
    conformity.check_answer(method, path, answer.status_code, answer.json(), answer.headers["Stripe-Version"])


class CheckingClient(stripe.HTTPClient):
    """Sends the SDK's requests, and holds every answer against Stripe's description of it."""

    name = "checking"

    def __init__(self) -> None:
        super().__init__()
        # The environment is pytest's, which changes it while other threads would look through it for a proxy.
        self.http = httpx.Client(timeout=15, trust_env=False)
        self.last: httpx.Response | None = None

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, Any]:
        answer = self.last = self.http.request(method.upper(), url, headers=headers, content=post_data)
        check_answer(method.upper(), httpx.URL(url).path, answer)
        return answer.content, answer.status_code, answer.headers

    def close(self) -> None:
        self.http.close()


@dataclasses.dataclass
class World:
    """A running sandbox with its endpoint, and the few steps that most tests need."""

    settings: Settings
    endpoint: Endpoint
    stripe: stripe.StripeClient
    checking: CheckingClient
    http: httpx.Client

    @property
    def api(self) -> Any:
        return self.stripe.v1

    def raw(self, method: str, path: str, body: str = "", **headers: str) -> httpx.Response:
        """A request as Stripe's command line would send it: with no version."""
        given = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded", **headers}
        answer = self.http.request(method, path, content=body, headers=given)
        if path.startswith("/v1/") and method != "HEAD" and answer.headers["Stripe-Version"] in versions.known():
            check_answer(method, httpx.URL(path).path, answer)
        return answer

    def knows(self, event: str) -> bool:
        try:
            return bool(self.http.get("/sandbox/deliveries.json", params={"event": event}).json())
        except httpx.HTTPError:
            return False

    def faults(self, **values: Any) -> None:
        self.http.post("/sandbox/faults", json=values).raise_for_status()

    def price(self, amount: int = 2900, currency: str = "eur", **more: Any) -> Any:
        product = self.api.products.create({"name": "The Quiet Launch"})
        given = {"product": product.id, "unit_amount": amount, "currency": currency, **more}
        return self.api.prices.create(given)

    def plan(self, amount: int = 9000, interval: str = "year") -> Any:
        return self.price(amount, recurring={"interval": interval})

    def session(self, amount: int = 2900, currency: str = "eur", **more: Any) -> Any:
        """An open session for one thing, or for the line items given."""
        described = {"currency": currency, "unit_amount": amount, "product_data": {"name": "The Quiet Launch"}}
        given = {
            "mode": "payment",
            "line_items": [{"price_data": described, "quantity": 1}],
            "success_url": "http://127.0.0.1:9/thanks?s={CHECKOUT_SESSION_ID}",
            **more,
        }
        return self.api.checkout.sessions.create(given)

    def pay(self, session: Any, number: str = "4242424242424242", **typed: str) -> httpx.Response:
        """What the buyer's browser does on the hosted page."""
        form = {"email": "nora@example.com", "cardNumber": number, "cardExpiry": "12 / 34", "cardCvc": "123", **typed}
        return self.http.post(f"/c/pay/{session.id}", data=form)

    def changed(self, session: Any, **typed: str) -> httpx.Response:
        """What the buyer sees after changing the cart on the hosted page: a page of its own, not the answer to a form."""
        answer = self.http.post(f"/c/pay/{session.id}", data=typed)
        address = urlsplit(answer.headers.get("location", ""))
        assert (answer.status_code, address.path) == (303, f"/c/pay/{session.id}"), answer.text
        return self.http.get(answer.headers["location"])

    def paid(self, amount: int = 2900, number: str = "4242424242424242", **more: Any) -> Any:
        """A session that has been paid, read again."""
        session = self.session(amount, **more)
        assert self.pay(session, number).status_code == 303
        return self.read(session)

    def subscribed(self, plan: Any = None, quantity: int = 1, number: str = "4242424242424242", **data: Any) -> Any:
        """A subscription that somebody has just started at Checkout."""
        lines = [{"price": (plan or self.plan(1000, "month")).id, "quantity": quantity}]
        session = self.paid(number=number, mode="subscription", line_items=lines, subscription_data=data)
        return self.api.subscriptions.retrieve(session.subscription)

    def advance(self, **lasting: float) -> None:
        """Move the sandbox's clock ahead."""
        seconds = timedelta(**lasting).total_seconds()
        self.http.post("/sandbox/clock", json={"advance_seconds": seconds}).raise_for_status()

    def act(self, name: str, id: str = "", **more: Any) -> Any:
        """Press a button of the panel, as a script would."""
        answer = self.http.post(f"/sandbox/act/{name}", json={"id": id, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def last_kind(self) -> str:
        """The newest kind of event, but for those that come a moment after the rest."""
        return [kind for kind in self.kinds() if kind not in ("charge.updated", "invoice_payment.paid")][-1]

    def since(self, mark: int) -> list[str]:
        """The kinds of events after so many."""
        return self.kinds()[mark:]

    def read(self, session: Any, *expand: str) -> Any:
        return self.api.checkout.sessions.retrieve(session.id, {"expand": list(expand)})

    def events(self, kind: str | None = None) -> list[Any]:
        """What the API says has happened, oldest first."""
        given = {"limit": 100, **({"type": kind} if kind else {})}
        return list(reversed(self.api.events.list(given).data))

    def kinds(self) -> list[str]:
        return [event.type for event in self.events()]


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """A sandbox in a thread of this process."""
    made = app.make(settings)
    config = uvicorn.Config(made, host="127.0.0.1", port=settings.port, log_config=None, timeout_graceful_shutdown=1)
    server = Sandbox(config, made.state.account.changes)
    # Signals are for processes.
    server.capture_signals = contextlib.nullcontext
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started or not thread.is_alive())
    assert server.started
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def running(endpoint: Endpoint, **changes: Any) -> Iterator[World]:
    """A sandbox whose clocks run fast, with clients for it. It writes to a file, so that all it keeps must be writable."""
    with tempfile.TemporaryDirectory() as folder:
        quick: dict[str, Any] = {
            "port": free_port(),
            "smtp_port": free_port(),
            "data": f"{folder}/sandbox.db",
            "webhook_url": endpoint.url,
            "webhook_secret": SECRET,
            "retry_seconds": (0.02, 0.05, 0.1),
            "settle_seconds": 3600,
            "capture_seconds": 0.02,
            "listener_seconds": 0.05,
            "check": True,
            "payouts": "manual",
        }
        settings = Settings(**{**quick, **changes})
        checking = CheckingClient()
        client = stripe.StripeClient(
            KEY, base_addresses={"api": settings.base_url}, http_client=checking, max_network_retries=0
        )
        with serving(settings), httpx.Client(base_url=settings.base_url, timeout=15, trust_env=False) as http_client:
            yield World(settings, endpoint, client, checking, http_client)
        checking.close()
