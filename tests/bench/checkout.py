"""Checkouts: how long `POST /checkout` takes beyond what the sandbox needs of it, and how many statements."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.bench import exactness, stand
from tests.bench.figures import Figures
from tests.bench.load import Plan
from tests.bench.measures import Bench, numbered, percentile, sent, stocked
from tests.bench.stand import Databases, Server
from tests.bench.stock import BACKWARDS, NUMBER
from tests.bench.versions import HERE, Version

IN_FLIGHT = (1, 8)
_WARMING = 50
_BODY = '{"cart_id": "cart_load_%s", "items": [{"price": "guide-eur"}]}'
_SANDBOX_KEY = "sk_test_pushcart_sandbox"


@dataclass
class _Stall:
    """One version's sidecar on a database of its own; carts up to `next` were posted to it."""

    version: Version
    server: Server
    url: str
    stock: dict[str, Any]
    next: int = 0


def measure(bench: Bench, figures: Figures) -> None:
    """Measure checkouts on each database."""
    for kind in bench.kinds:
        folder = bench.folder / f"checkout_{kind}"
        folder.mkdir()
        with stand.databases(kind, folder) as databases, stand.sandbox(HERE, folder) as stripe:
            _measure_on(bench, databases, kind, stripe, figures)


def _measure_on(bench: Bench, databases: Databases, kind: str, stripe: Server, figures: Figures) -> None:
    folders = {version: bench.folder_of(version, f"checkouts_{kind}") for version in bench.versions}
    stocks = {version: stocked(bench, version, databases, folders[version], orders=0) for version in bench.versions}
    for run in range(bench.runs):
        with ExitStack() as stack:
            stalls = []
            for version in bench.turns(run):
                template, stock = stocks[version]
                url = databases.copy(f"shop_{bench.versions.index(version)}", template)
                sidecar = stand.webhook(version, url, folders[version], sandbox_port=stripe.port)
                stalls.append(_Stall(version, stack.enter_context(sidecar), url, stock))
            for stall in stalls:
                _post(bench, stall, _WARMING, 4)
            for in_flight in IN_FLIGHT:
                for stall in stalls:
                    name = f"checkout, {databases.name}, {in_flight} in flight"
                    figures.add(stall.version, name, _run(bench, stall, in_flight, stripe, name, figures))


def _run(bench: Bench, stall: _Stall, in_flight: int, stripe: Server, name: str, figures: Figures) -> dict[str, float]:
    alone = sent(_at_stripe(bench, stall, stripe, in_flight), bench.folder_of(stall.version, "load"))
    before = stand.cpu(stall.server.pid)
    result = _post(bench, stall, bench.requests, in_flight)
    used = stand.cpu(stall.server.pid) - before
    wrong = [f"{times} answers: {what}" for what, times in (result.wrong + alone.wrong).items()]
    wrong += exactness.violations(stall.url, numbered(stall.stock, 0, stall.next), exactness.OPENED)
    figures.wrong += [f"{stall.version.name}: {name}: {each}" for each in wrong]
    p50, answered = percentile(result.times, 0.50), max(1, len(result.times))
    return {
        "requests/s": answered / result.seconds,
        "p50 ms": p50,
        "p50 ms beyond the sandbox's": p50 - percentile(alone.times, 0.50),
        "p95 ms": percentile(result.times, 0.95),
        "CPU of the sidecar, ms/request": used * 1000 / answered,
        "statements": stall.stock["statements"],
    }


def _post(bench: Bench, stall: _Stall, requests: int, in_flight: int) -> Any:
    plan = Plan(
        [stall.server.port], "/checkout", "", _BODY % stall.stock["number"], NUMBER, backwards=BACKWARDS, first=stall.next,
        end=stall.next + requests, requests=requests, seconds=bench.seconds, in_flight=in_flight,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    result = sent(plan, bench.folder_of(stall.version, "load"))
    stall.next += result.told
    return result


def _at_stripe(bench: Bench, stall: _Stall, stripe: Server, in_flight: int) -> Plan:
    """The shop's own request to Stripe, without the shop."""
    requests = min(bench.requests, 200)
    # The number belongs somewhere: the sandbox does not mind what the buyer comes back to.
    asked = {**stall.stock["parameters"], "cancel_url": "http://localhost:8501/cart?number=NUMBER"}
    return Plan(
        [stripe.port], "/v1/checkout/sessions", "", urlencode([*_form(asked)]).replace("NUMBER", NUMBER), NUMBER,
        first=0, end=requests, requests=requests, seconds=bench.seconds, in_flight=in_flight,
        headers={"Authorization": f"Bearer {_SANDBOX_KEY}", "Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip


def _form(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """What the SDK makes of parameters: `line_items[0][quantity]=1`."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from _form(inner, f"{name}[{key}]" if name else str(key))
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
