"""The load: Stripe, or buyers, as a process of their own. `python -m tests.bench.load PLAN.json`.

Plain HTTP/1.1 over connections that are kept, each with one request at a time. Events are signed when they are sent, as
Stripe does it. Closed loop: `in_flight` requests at any time. Open loop: `arrivals` say when each is due, whether or not those
before were answered, and a request's time begins when it was due. Prints what became of the requests, as JSON.
"""

import asyncio
import hmac
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import uvloop

# An open loop has so many connections: beyond them requests wait here, and that counts.
_MOST_CONNECTIONS = 64


@dataclass(frozen=True)
class Plan:
    """What to post to these ports in turn: the orders from `first` on, one each, until `requests` were sent or `seconds`
    are over. `arrivals` are seconds from the beginning, one for each request.

    `body` has `number` where the order's number belongs, and `backwards` where that belongs the other way round; it is signed with
    `secret`, if there is one. Forged requests are of the orders before `end`, from there down. A good request is answered with
    `expected`.
    """

    ports: Sequence[int]
    path: str
    secret: str
    body: str
    number: str
    first: int
    end: int
    requests: int
    seconds: float
    backwards: str = ""
    in_flight: int = 1
    arrivals: Sequence[float] = ()
    duplicates: float = 0
    forged: float = 0
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    expected: int = 200


@dataclass
class Result:
    """What became of it. `told` orders from the plan's first on were sent, `times` are in milliseconds and sorted.

    `wrong` counts the answers that were not as they should be.
    """

    told: int = 0
    duplicates: int = 0
    forged: int = 0
    seconds: float = 0
    times: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)


class Load:
    """One run."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.result = plan, Result()
        self._body, self._number, self._backwards = (
            each.encode() for each in (plan.body, plan.number, plan.backwards or plan.number)
        )
        said = "".join(f"{name}: {value}\r\n" for name, value in plan.headers.items())
        self._start = f"{plan.method} {plan.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{said}".encode()
        self._dice = random.Random(plan.first)
        self._left = plan.requests
        self._began = 0.0

    async def run(self) -> Result:
        """Send everything; return when all is answered."""
        connections = _MOST_CONNECTIONS if self.plan.arrivals else self.plan.in_flight
        ports = islice(cycle(self.plan.ports), connections)
        self._began = time.perf_counter()
        await asyncio.gather(*map(self._send, ports))
        self.result.seconds = time.perf_counter() - self._began
        self.result.times.sort()
        return self.result

    async def _send(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (due := await self._turn()) is not None:
            raw, expected = self._next()
            writer.write(raw)
            try:
                status = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.result.wrong[type(error).__name__] += 1
                return
            if status == self.plan.expected:
                self.result.times.append((time.perf_counter() - due) * 1000)
            if status != expected:
                self.result.wrong[f"{status} in place of {expected}"] += 1
        writer.close()

    async def _turn(self) -> float | None:
        """Wait for one's turn; when it was due, or None if nothing is left to be sent."""
        now = time.perf_counter()
        if not self._left or now - self._began > self.plan.seconds:
            return None
        self._left -= 1
        if not self.plan.arrivals:
            return now
        due = self._began + self.plan.arrivals[self.plan.requests - self._left - 1]
        await asyncio.sleep(max(0.0, due - now))
        return due

    def _next(self) -> tuple[bytes, int]:
        """A request, and the status that it should be answered with."""
        plan, result, dice = self.plan, self.result, self._dice.random()
        if dice < plan.forged:
            result.forged += 1
            return self._request(plan.end - result.forged, "whsec_of_somebody_else"), 400
        if dice < plan.forged + plan.duplicates and result.told:
            result.duplicates += 1
            return self._request(plan.first + self._dice.randrange(result.told), plan.secret), 200
        result.told += 1
        return self._request(plan.first + result.told - 1, plan.secret), plan.expected

    def _request(self, number: int, secret: str) -> bytes:
        written = b"%0*d" % (len(self._number), number)
        body = self._body.replace(self._number, written).replace(self._backwards, written[::-1])
        signature = _signature(body, secret) if secret else b""
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (self._start, signature, len(body), body)


def _signature(body: bytes, secret: str) -> bytes:
    at = int(time.time())
    signature = hmac.digest(secret.encode(), b"%d.%b" % (at, body), "sha256").hex()
    return f"Stripe-Signature: t={at},v1={signature}\r\n".encode()


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status of the next answer, once all of it was read."""
    head = await reader.readuntil(b"\r\n\r\n")
    # What has not changed is answered without a body.
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    await reader.readexactly(length)
    return int(head[9:12])


def main(plan: dict[str, Any]) -> dict[str, Any]:
    """Run this plan."""
    return dict(vars(uvloop.run(Load(Plan(**plan)).run())))


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))  # noqa: T201
