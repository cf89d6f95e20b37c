"""A program of a seller's that receives messages, and what is owed to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from standardwebhooks import Webhook

from core.foundation.jobs.kinds import Job, Turn
from core.outgoing import endpoints, sending
from core.outgoing.messages import DeliveryState, WebhookDelivery
from core.shop import Shop
from tests import builders


@dataclass
class Receiver:
    """What came in, and what is answered: 204 unless `answers` says otherwise, one after the other."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """What came in, each checked as the standard's own library does."""
        found = [Webhook(secret).verify(body, headers) for headers, body in self.heard]
        assert all(isinstance(each, dict) for each in found)
        return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on this machine."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = found.answers.pop(0) if found.answers else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if status != 204:
                self.wfile.write(b"what it says")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}/hooks?a=1"
        yield found
        server.shutdown()
        thread.join()


def listens(shop: Shop, url: str, *topics: str) -> endpoints.Made:
    """An endpoint at this address, told of these or of everything."""
    with shop.transaction() as session:
        return endpoints.add(session, url, topics=topics, livemode=False, now=shop.now())


def deliveries(shop: Shop) -> list[WebhookDelivery]:
    return sorted(builders.rows(shop, WebhookDelivery), key=lambda row: (row.created_at, row.id))


def work(shop: Shop, number: int = 0) -> None:
    """Give each delivery that waits its next turn, as if the time for it had come."""
    for row in deliveries(shop):
        if row.state is DeliveryState.WAITING:
            with shop.transaction() as session:
                waits = session.get_one(WebhookDelivery, row.id)
                waits.next_at = shop.now() if waits.next_at else None
            sending.deliver(shop, Turn(Job.WEBHOOK, f"webhook:{row.id}", number, (row.id,)))
