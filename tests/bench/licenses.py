"""Licences: how long `POST /licenses/validate` takes, beside a route of FastAPI's that does nothing."""

import json
from pathlib import Path

from core.foundation import database
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.licensing import administration, calls
from core.licensing.calls import Call, Question
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


def measure(bench: Bench, figures: Figures) -> None:
    """Measure it on each database: of this working copy alone, since earlier ones answer nothing of the kind."""
    for kind in bench.kinds:
        folder = bench.folder / f"licenses_{kind}"
        folder.mkdir(parents=True)
        with stand.databases(kind, folder) as databases:
            own = bench.folder_of(HERE, f"licenses_{kind}")
            name, stock = stocked(bench, HERE, databases, own, orders=0)
            url = databases.copy(f"shop_{name}", name)
            body = json.dumps({**_key(url, own), "nonce": stock["number"]})
            # Who is counted is turned away after sixty.
            with stand.webhook(HERE, url, own, rate_limits="off") as sidecar, stand.bare(own) as bare:
                for server in (sidecar, bare):
                    _ask(bench, server, body, stock["number"], 1, requests=_WARMING)
                for run in range(bench.runs):
                    for in_flight in IN_FLIGHT[:: -1 if run % 2 else 1]:
                        where = f"validate a licence, {databases.name}, {in_flight} in flight"
                        figures.add(HERE, where, _run(bench, sidecar, bare, body, stock["number"], in_flight, figures))


def _key(url: str, folder: Path) -> dict[str, str]:
    """A key that is in use on one machine, as an app asks about it."""
    settings = Settings(database_url=url, storage_url=f"file://{folder}/files", secret_key=SECRET_KEY)
    shop = Shop(settings, database.connect(url), FakeStripe(), Storage(settings.storage_url))
    with shop.transaction() as session:
        _, text = administration.issue(session, "kit", livemode=False, now=shop.now())
    calls.reply(shop, Call.ACTIVATE, Question(text, "kit", fingerprint="machine"), address="bench")
    shop.engine.dispose()
    return {"key": text, "product": "kit", "fingerprint": "machine"}


def _run(
    bench: Bench, sidecar: Server, bare: Server, body: str, number: str, in_flight: int, figures: Figures
) -> dict[str, float]:
    nothing = _ask(bench, bare, body, number, in_flight)
    before = stand.cpu(sidecar.pid)
    result = _ask(bench, sidecar, body, number, in_flight)
    used = stand.cpu(sidecar.pid) - before
    figures.wrong += [f"licences: {times} answers: {what}" for what, times in (result.wrong + nothing.wrong).items()]
    answered = max(1, len(result.times))
    return {
        "requests/s": answered / result.seconds,
        "p50 ms": percentile(result.times, 0.50),
        "p50 ms of a route that does nothing": percentile(nothing.times, 0.50),
        "p95 ms": percentile(result.times, 0.95),
        "CPU of the sidecar, ms/request": used * 1000 / answered,
    }


def _ask(bench: Bench, server: Server, body: str, number: str, in_flight: int, requests: int = 0) -> Result:
    count = requests or bench.requests
    plan = Plan(
        [server.port], "/licenses/validate", "", body, number, first=0, end=count, requests=count, seconds=bench.seconds,
        in_flight=in_flight, headers={"Content-Type": "application/json"},
    )  # fmt: skip
    return sent(plan, bench.folder_of(HERE, "load"))
