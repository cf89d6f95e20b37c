"""Entitlements: how long `GET /entitlements/{person}` takes, also where nothing has changed, beside a route that does nothing."""

from pathlib import Path

from sqlmodel import select

from core.foundation import database
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.integrations import versions
from core.people import api_keys
from core.people.api_keys import Scope
from core.people.customers import Customer
from core.shop import Shop
from tests.bench import stand
from tests.bench.figures import Figures
from tests.bench.load import Plan, Result
from tests.bench.measures import Bench, percentile, sent, stocked
from tests.bench.stand import SECRET_KEY, Server
from tests.bench.versions import HERE
from tests.fakes import FakeStripe

IN_FLIGHT = (1, 8)
_WARMING = 50
# What is asked, by the status that it is answered with.
_ASKED = {200: "entitlements of a person", 304: "entitlements that have not changed"}


def measure(bench: Bench, figures: Figures) -> None:
    """Measure it on each database: of this working copy alone, since earlier ones answer nothing of the kind."""
    for kind in bench.kinds:
        folder = bench.folder / f"entitlements_{kind}"
        folder.mkdir(parents=True)
        with stand.databases(kind, folder) as databases:
            own = bench.folder_of(HERE, f"entitlements_{kind}")
            name, stock = stocked(bench, HERE, databases, own, orders=1, bought=True)
            url = databases.copy(f"shop_{name}", name)
            person, key = _asking(url, own)
            plan = _Asking(f"/entitlements/{person}", key, stock["number"])
            with stand.webhook(HERE, url, own) as sidecar, stand.bare(own) as bare:
                for server in (sidecar, bare):
                    plan.sent(bench, server, 1, requests=_WARMING)
                for run in range(bench.runs):
                    for in_flight in IN_FLIGHT[:: -1 if run % 2 else 1]:
                        for status, what in _ASKED.items():
                            where = f"{what}, {databases.name}, {in_flight} in flight"
                            figures.add(HERE, where, _run(bench, plan, sidecar, bare, in_flight, status, figures))


class _Asking:
    """What is asked, and with which key."""

    def __init__(self, path: str, key: str, number: str) -> None:
        self._path, self._key, self._number = path, key, number

    def sent(self, bench: Bench, server: Server, in_flight: int, *, status: int = 200, requests: int = 0) -> Result:
        """What became of so many questions."""
        count = requests or bench.requests
        headers = {"Authorization": f"Bearer {self._key}"} | ({"If-None-Match": '"1"'} if status == 304 else {})
        plan = Plan(
            [server.port], self._path, "", self._number, self._number, first=0, end=count, requests=count,
            seconds=bench.seconds, in_flight=in_flight, headers=headers, method="GET", expected=status,
        )  # fmt: skip
        return sent(plan, bench.folder_of(HERE, "load"))


def _asking(url: str, folder: Path) -> tuple[str, str]:
    """Somebody who has bought something, whose version is known, and a key to ask with."""
    settings = Settings(database_url=url, storage_url=f"file://{folder}/files", secret_key=SECRET_KEY)
    shop = Shop(settings, database.connect(url), FakeStripe(), Storage(settings.storage_url))
    with shop.transaction() as session:
        key = api_keys.make(session, "bench", [Scope.ENTITLEMENTS], by="bench", now=shop.now()).key
        person = session.exec(select(Customer.id).limit(1)).one()
    versions.catch_up(shop)  # as the worker does soon after a purchase
    assert versions.of(shop, person).version == 1
    shop.engine.dispose()
    return person, key


def _run(
    bench: Bench, plan: _Asking, sidecar: Server, bare: Server, in_flight: int, status: int, figures: Figures
) -> dict[str, float]:
    nothing = plan.sent(bench, bare, in_flight)
    before = stand.cpu(sidecar.pid)
    result = plan.sent(bench, sidecar, in_flight, status=status)
    used = stand.cpu(sidecar.pid) - before
    figures.wrong += [
        f"entitlements: {times} answers: {what}" for what, times in (result.wrong + nothing.wrong).items()
    ]
    answered = max(1, len(result.times))
    return {
        "requests/s": answered / result.seconds,
        "p50 ms": percentile(result.times, 0.50),
        "p50 ms of a route that does nothing": percentile(nothing.times, 0.50),
        "p95 ms": percentile(result.times, 0.95),
        "CPU of the sidecar, ms/request": used * 1000 / answered,
    }
