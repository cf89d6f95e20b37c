"""How many requests a second the sandbox answers on one core: `uv run python -m tests.sandbox.measure_rate`.

The sandbox gets a core to itself where there are several; eight connections ask, each as soon as it was answered. Every
answer must be a 200. Figures of one run belong together; on a busy machine none of them means much.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.machine import environment, eventually, free_port, process
from tests.sandbox.running import KEY

CONNECTIONS = 8
SECONDS = 5.0
LINE = {
    "line_items[0][quantity]": 1,
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": 2900,
    "line_items[0][price_data][product_data][name]": "The Quiet Launch",
}
SESSION = urlencode(
    {
        **LINE,
        "mode": "payment",
        "success_url": "http://127.0.0.1:9/thanks?s={CHECKOUT_SESSION_ID}",
        "client_reference_id": "ord_1",
        "metadata[order_id]": "ord_1",
        "payment_intent_data[metadata][order_id]": "ord_1",
    }
)
INTENT = "amount=2900&currency=eur&confirm=true&payment_method=pm_card_visa"

Request = Callable[[int], bytes]


def written(method: str, path: str, body: str = "", *, key: str = "") -> bytes:
    """A request as a library would send it."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {KEY}",
        "Stripe-Version: 2026-10-28.endive",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        *([f"Idempotency-Key: {key}"] if key else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Line:
    """A connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> Any:
        """The JSON of the answer, which must be a 200."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = await self._reader.readexactly(length)
        assert " 200 " in head.partition("\r\n")[0], body
        return body

    def close(self) -> None:
        self._writer.close()


async def rate(port: int, request: Request) -> float:
    """Requests a second over all connections."""
    numbers, until = count(), time.monotonic() + SECONDS

    async def keep_asking() -> int:
        line, done = await Line.open(port), 0
        while time.monotonic() < until:
            await line.ask(request(next(numbers)))
            done += 1
        line.close()
        return done

    began = time.monotonic()
    answered = await asyncio.gather(*[keep_asking() for _ in range(CONNECTIONS)])
    return sum(answered) / (time.monotonic() - began)


async def measure(port: int) -> dict[str, float]:
    """The rate of each of the usual requests."""
    line = await Line.open(port)
    product = json.loads(await line.ask(written("POST", "/v1/products", "name=The+Quiet+Launch")))["id"]
    session = json.loads(await line.ask(written("POST", "/v1/checkout/sessions", SESSION)))["id"]
    line.close()
    requests: dict[str, Request] = {
        "retrieve a product": lambda n: written("GET", f"/v1/products/{product}"),
        "retrieve a session, line items expanded": lambda n: written(
            "GET", f"/v1/checkout/sessions/{session}?expand[]=line_items"
        ),
        "create a customer": lambda n: written("POST", "/v1/customers", f"email=b{n}@example.com", key=f"cus{n}"),
        "create a session": lambda n: written("POST", "/v1/checkout/sessions", SESSION, key=f"cs{n}"),
        "list ten sessions": lambda n: written("GET", "/v1/checkout/sessions"),
        "pay (PaymentIntent, charge, four events)": lambda n: written(
            "POST", "/v1/payment_intents", INTENT, key=f"pi{n}"
        ),
        "list ten events": lambda n: written("GET", "/v1/events"),
    }
    return {name: await rate(port, request) for name, request in requests.items()}


@contextmanager
def sandbox_on_one_core(data: str) -> Iterator[int]:
    """A sandbox as it is used alone, with nobody to deliver events to; its port."""
    port, cores = free_port(), sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        options = ("--port", str(port), "--smtp-port", str(free_port()), "--webhook-url", "", "--data", data)
        with process("sandbox", *options, cwd=Path.cwd(), env=environment(), output=log) as running:
            os.sched_setaffinity(running.pid, cores[:1])
            os.sched_setaffinity(0, cores[1:] or cores)
            eventually(lambda: _listens(port))
            yield port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("memory", ":memory:"), ("file", f"{folder}/sandbox.db")):
            with sandbox_on_one_core(data) as port:
                for what, figure in asyncio.run(measure(port)).items():
                    sys.stdout.write(f"{name:<8}{what:<44}{figure:>8.0f}/s\n")


if __name__ == "__main__":
    main()
