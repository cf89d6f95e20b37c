"""Events: how many a second one process of the sidecar takes, how long each waits, and what it costs."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tests.bench import exactness, stand
from tests.bench.figures import Figures
from tests.bench.load import Plan, Result
from tests.bench.measures import Bench, numbered, percentile, sent, stocked
from tests.bench.stand import Databases, Server
from tests.bench.versions import Version
from tests.fakes import SECRET


@dataclass(frozen=True)
class Case:
    """How requests come: so many in flight, or so many a second."""

    name: str
    in_flight: int = 1
    rate: float = 0


CASES = (
    Case("1 in flight"), Case("8 in flight", 8), Case("32 in flight", 32), Case("open loop, 200/s", rate=200),
)  # fmt: skip
# What share of the requests tells of what was told before, and what share somebody else has signed.
_DUPLICATES, _FORGED = 0.05, 0.02
# Until a process has been asked this often it still imports and compiles.
_WARMING = 200


@dataclass
class _Stall:
    """One version's sidecar on a database of its own, and which orders it was told of."""

    version: Version
    databases: Databases
    server: Server
    url: str
    stock: dict[str, Any]
    next: int = 0
    told: set[str] = field(default_factory=set)

    def take(self, bench: Bench, case: Case, requests: int) -> tuple[Result, dict[str, float]]:
        """Send so many requests; return what became of them, and what they cost."""
        before = stand.cpu(self.server.pid), self.databases.cpu()
        result = sent(self._plan(bench, case, requests), bench.folder_of(self.version, "load"))
        after = stand.cpu(self.server.pid), self.databases.cpu()
        self.told |= numbered(self.stock, self.next, self.next + result.told)
        self.next += requests
        return result, _figures(result, case, after[0] - before[0], after[1] - before[1])

    def _plan(self, bench: Bench, case: Case, requests: int) -> Plan:
        return Plan(
            self.server.port, "/webhooks/stripe", SECRET, self.stock["body"], self.stock["number"], first=self.next,
            end=self.next + requests, requests=requests, seconds=bench.seconds, in_flight=case.in_flight,
            rate=case.rate, duplicates=_DUPLICATES, forged=_FORGED,
            headers={"Content-Type": "application/json; charset=utf-8"},
        )  # fmt: skip


def measure(bench: Bench, figures: Figures) -> None:
    """Measure events on each database."""
    for kind in bench.kinds:
        folder = bench.folder / kind
        folder.mkdir()
        with stand.databases(kind, folder) as databases:
            _measure_on(bench, databases, kind, figures)


def _measure_on(bench: Bench, databases: Databases, kind: str, figures: Figures) -> None:
    orders = _WARMING + bench.requests * len(CASES)
    stocks = {
        version: stocked(bench, version, databases, bench.folder_of(version, f"events_{kind}"), orders=orders)
        for version in bench.versions
    }
    for run in range(bench.runs):
        with ExitStack() as stack:
            stalls = []
            for version in bench.turns(run):
                template, stock = stocks[version]
                url = databases.copy(f"shop_{bench.versions.index(version)}", template)
                server = stack.enter_context(stand.webhook(version, url, bench.folder_of(version, f"events_{kind}")))
                stalls.append(_Stall(version, databases, server, url, stock))
            for stall in stalls:
                stall.take(bench, Case("warming up", 4), _WARMING)
            for case in CASES:
                for stall in stalls:
                    _run(bench, case, stall, figures)


def _run(bench: Bench, case: Case, stall: _Stall, figures: Figures) -> None:
    result, found = stall.take(bench, case, bench.requests)
    name = f"webhook, {stall.databases.name}, {case.name}"
    figures.add(stall.version, name, found)
    wrong = [f"{times} answers: {what}" for what, times in result.wrong.items()]
    wrong += exactness.violations(stall.url, stall.told)
    figures.wrong += [f"{stall.version.name}: {name}: {each}" for each in wrong]


def _figures(result: Result, case: Case, cpu: float, cpu_of_database: float) -> dict[str, float]:
    answered = max(1, len(result.times) + result.forged)  # where nothing is, that is among what is wrong
    found = {
        "requests/s": answered / result.seconds,
        "p50 ms": percentile(result.times, 0.50),
        "p95 ms": percentile(result.times, 0.95),
        "p99 ms": percentile(result.times, 0.99),
        "CPU of the sidecar, ms/request": cpu * 1000 / answered,
    }
    if cpu_of_database:
        found["CPU of the database, ms/request"] = cpu_of_database * 1000 / answered
    return found
