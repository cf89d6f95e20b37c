"""Events: how many a second one process of the sidecar takes, or two, how long each waits, and what it costs."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tests.bench import arrivals, exactness, stand
from tests.bench.figures import Figures
from tests.bench.load import Plan, Result
from tests.bench.measures import Bench, numbered, percentile, sent, stocked
from tests.bench.stand import Databases, Server
from tests.bench.stock import BACKWARDS, NUMBER
from tests.bench.versions import Version
from tests.fakes import SECRET


@dataclass(frozen=True)
class Case:
    """How requests come, and to how many processes: so many in flight, so many a second, or as on a launch day, so many
    times as fast."""

    name: str
    in_flight: int = 1
    rate: float = 0
    speed: float = 0
    processes: int = 1

    def arrivals(self, requests: int) -> Sequence[float]:
        """When they are due, or nothing where each follows an answer."""
        if self.speed:
            return arrivals.launch_day(self.speed, requests)
        return arrivals.steady(self.rate, requests) if self.rate else ()


CASES = (
    Case("1 in flight"),
    Case("8 in flight", 8),
    Case("32 in flight", 32),
    Case("32 in flight, 2 processes", 32, processes=2),
    Case("open loop, 200/s", rate=200),
    Case("launch day, × 10", speed=10),
    Case("launch day, × 100", speed=100),
    Case("launch day, × 100, 2 processes", speed=100, processes=2),
)
# What share of the requests tells of what was told before, and what share somebody else has signed.
_DUPLICATES, _FORGED = 0.05, 0.02
# Until a process has been asked this often it still imports and compiles.
_WARMING = 400
_PROCESSES = max(case.processes for case in CASES)


@dataclass
class Stall:
    """One version's sidecar, twice, on a database of its own, and which orders it was told of."""

    version: Version
    databases: Databases
    servers: Sequence[Server]
    url: str
    stock: dict[str, Any]
    next: int = 0
    told: set[str] = field(default_factory=set)

    def take(self, bench: Bench, case: Case, requests: int) -> tuple[Result, dict[str, float]]:
        """Send so many requests; return what became of them, and what they cost."""
        before = self._cpu(), self.databases.cpu()
        result = sent(self._plan(bench, case, requests), bench.folder_of(self.version, "load"))
        after = self._cpu(), self.databases.cpu()
        self.told |= numbered(self.stock, self.next, self.next + result.told)
        self.next += requests
        return result, _figures(result, case, after[0] - before[0], after[1] - before[1])

    def _cpu(self) -> float:
        return sum(stand.cpu(server.pid) for server in self.servers)

    def _plan(self, bench: Bench, case: Case, requests: int) -> Plan:
        return Plan(
            [server.port for server in self.servers[: case.processes]], "/webhooks/stripe", SECRET, self.stock["body"],
            NUMBER, backwards=BACKWARDS, first=self.next, end=self.next + requests, requests=requests, seconds=bench.seconds,
            in_flight=case.in_flight, arrivals=case.arrivals(requests), duplicates=_DUPLICATES, forged=_FORGED,
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
                own = bench.folder_of(version, f"events_{kind}")
                servers = [stack.enter_context(stand.webhook(version, url, own)) for _ in range(_PROCESSES)]
                stalls.append(Stall(version, databases, servers, url, stock))
            for stall in stalls:
                stall.take(bench, Case("warming up", 4 * _PROCESSES, processes=_PROCESSES), _WARMING)
            for case in CASES:
                for stall in stalls:
                    _run(bench, case, stall, figures)


def _run(bench: Bench, case: Case, stall: Stall, figures: Figures) -> None:
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
