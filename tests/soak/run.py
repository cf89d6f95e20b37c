"""One soak from beginning to end: processes up, storm and crowd, calm, one reconciliation, the audit."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from core.foundation.jobs.kinds import Queue
from core.shop import Shop
from tests import fork_server
from tests.journeys.stand import ROOT, Stand
from tests.machine import eventually
from tests.soak import audit, books
from tests.soak.aftermath import Aftermath
from tests.soak.books import Books
from tests.soak.callers import Caller, listed
from tests.soak.crowd import CODES, Crowd
from tests.soak.doubled import MORE, Doubled, two_of_each
from tests.soak.weather import storm
from worker.queues import PLACES

CATALOGUE = ROOT / "tests" / "soak" / "catalogue.toml"
_SECRET = "a secret for one soak only"
# What is to happen when all is calm happens soon, or something is stuck: in so many seconds, and as many more as purchases
# were made, since the worker asks Stripe about some things a few times a second at most.
_CALM_WITHIN = 240
_BETWEEN_LOOKS = 0.3


@dataclass
class Result:
    """What came of it: figures to read, what must not be, and the books in which that was looked up."""

    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    books: Books | None = None


def soak(
    folder: Path,
    database_url: str,
    *,
    purchases: int,
    seed: int,
    pause: float = 4,
    sweep_seconds: float = 20,
    worker_too: bool = True,
    at_once: int = 12,
    doubled: bool = False,
    tells: bool = True,
    say: Callable[[str], None] = lambda _line: None,
) -> Result:
    """Let so many people buy in bad weather, and look at what is left. Ends whatever it started, come what may. `doubled`
    lets two of each process do the work, behind a proxy; of those the first ones are killed. `tells` has a program of the
    seller's told of everything: few messages at a time, so that the last comes long after all else has been done."""
    stand = (Doubled if doubled else Stand)(
        folder, database_url=database_url, secret_key=_SECRET, sweep_seconds=sweep_seconds, sandbox_settle_seconds=2,
        sandbox_retry_seconds=",".join(["1"] * 120), **({} if tells else {"ops_webhook_url": ""}),
    )  # fmt: skip
    shop = stand.shop
    result, stopping, closing = Result(), Event(), ExitStack()
    caller = Caller(stand, stopping, Counter())
    try:
        with _timed(result, "start", say):
            stand.start("sandbox", "webhook", "worker")
            if isinstance(stand, Doubled):
                two_of_each(stand)
                closing.enter_context(stand.proxy())
            stand.pushcart("catalog", "apply", str(CATALOGUE))
            for code, (percent, duration) in CODES.items():
                stand.happens("make-code", "", code=code, percent_off=percent, duration=duration)
        aftermath = Aftermath(caller, shop)
        crowd = Crowd(stand, caller, aftermath.befall, seed=seed, at_once=at_once, stopping=stopping)
        weather = storm(stand, seed=seed, pause=pause, worker_too=worker_too, stopping=stopping)
        with _timed(result, "storm", say), weather as kills:
            crowd.buy(purchases)
        with _timed(result, "calm", say):
            eventually(_now_and_then(lambda: _is_calm(stand)), seconds=_CALM_WITHIN + purchases)
        with _timed(result, "reconcile", say):
            report = _reconciled(stand, within=_CALM_WITHIN + purchases)
        with _timed(result, "jobs", say):
            _wait_until_idle(stand, shop, within=_CALM_WITHIN + purchases)
        with _timed(result, "audit", say):
            found = result.books = books.read(stand, shop, aftermath.deeds)
            result.violations += [*crowd.odd, *audit.violations(found)]
            # Every page that is still open expires: then nothing may be held any more.
            stand.tell_sandbox("act/expire-all")
            _wait_until_idle(stand, shop, within=_CALM_WITHIN + purchases)
            closed = audit.violations(books.read(stand, shop, aftermath.deeds))
            result.violations += [f"after all pages were closed: {wrong}" for wrong in closed]
        # A worker that is killed between handing a letter over and noting so hands it over again. All the crowd's addresses
        # are at one domain, so that not more are under way at once than have places there.
        sent_again = _outcome(found)["letters"]["sent again after a kill"]
        under_way = sum(PLACES[queue].per_domain or 0 for queue in (Queue.BUYERS, Queue.RETRIES))
        if sent_again > under_way * kills["worker"]:
            result.violations.append(
                f"{sent_again} letters were sent twice, and the worker was killed {kills['worker']} times"
            )
        result.violations += [f"reconcile could not heal {each}" for each in report["failed"]]
        result.figures |= _figures(purchases, result, caller.count, kills, report) | _post(stand) | _outcome(found)
        return result
    finally:
        closing.close()
        stand.stop("webhook", "worker", "sandbox", *MORE)
        caller.close()


@contextmanager
def _timed(result: Result, name: str, say: Callable[[str], None]) -> Iterator[None]:
    began = time.monotonic()
    yield
    result.figures[f"{name}, seconds"] = round(time.monotonic() - began, 1)
    say(f"{name}: {result.figures[f'{name}, seconds']} s")


def _is_calm(stand: Stand) -> bool:
    """Every debit and every refund has come to its end, and every event has arrived that is not lost for good."""
    debits = [
        session["payment_intent"]
        for session in listed(stand, "checkout/sessions")
        if (session["status"], session["payment_status"]) == ("complete", "unpaid")
    ]
    if any(stand.stripe(f"payment_intents/{debit}")["status"] == "processing" for debit in debits):
        return False
    if any(refund["status"] == "pending" for refund in listed(stand, "refunds")):
        return False
    pending = httpx.get(
        f"{stand.sandbox_url}/sandbox/deliveries.json?state=pending&limit={books.EVERYTHING}", timeout=60
    )
    return all(each["next_at"] is None for each in pending.json())


def _reconciled(stand: Stand, *, within: float) -> dict[str, Any]:
    """What `pushcart reconcile --json` prints, whether or not it could heal everything."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = fork_server.start(
        "core.cli", "reconcile", "--json", cwd=stand.folder, env=stand.env, **streams, text=True
    )
    said, complained = running.communicate(timeout=within)
    assert said, complained
    report: dict[str, Any] = json.loads(said)
    return report


def _wait_until_idle(stand: Stand, shop: Shop, *, within: float) -> None:
    """Until no job is left, nor an event that one of them caused, nor a job for that."""
    for _ in range(2):
        eventually(_now_and_then(lambda: not books.jobs_left(shop)), seconds=within)
        eventually(_now_and_then(lambda: _is_calm(stand)), seconds=within)
    eventually(_now_and_then(lambda: not books.jobs_left(shop)), seconds=within)


def _now_and_then(look: Callable[[], bool]) -> Callable[[], bool]:
    """The same look, but without hurry: to look through all that Stripe holds takes the time of those who are waited for."""

    def looks() -> bool:
        if found := look():
            return found
        time.sleep(_BETWEEN_LOOKS)
        return False

    return looks


def _figures(
    purchases: int, result: Result, count: Counter[str], kills: Counter[str], report: dict[str, Any]
) -> dict[str, Any]:
    return {
        "purchases": purchases,
        "purchases per second": round(purchases / result.figures["storm, seconds"], 1),
        "buyers": {what: times for what, times in sorted(count.items()) if not what.startswith("fate: ")},
        "fates": {what[6:]: times for what, times in sorted(count.items()) if what.startswith("fate: ")},
        "killed": dict(kills),
        "reconcile": {"checked": report["checked"], "healed": len(report["healed"]), "failed": report["failed"]},
    }


def _post(stand: Stand) -> dict[str, Any]:
    """How the sandbox's events travelled."""
    url = f"{stand.sandbox_url}/sandbox/deliveries.json?limit={books.EVERYTHING}"
    deliveries = httpx.get(url, timeout=120).json()
    of_event = Counter(each["event"] for each in deliveries)
    return {
        "events": {
            "events": len(of_event),
            "deliveries": len(deliveries),
            "delivered": sum(each["state"] == "delivered" for each in deliveries),
            "lost for good": sum(each["state"] == "pending" for each in deliveries),
            "sent twice": sum(copies > 1 for copies in of_event.values()),
            "retried": sum(len(each["attempts"]) > 1 for each in deliveries),
        }
    }


def _outcome(found: Books) -> dict[str, Any]:
    by = Counter(
        entry["actor"].split()[0]
        for order in found.orders.values()
        for entry in order["log"]
        if entry["event"] == "fulfilled"
    )
    letters = [each for each in found.letters if each["to"].startswith("buyer")]
    return {
        "orders": dict(Counter(order["status"] for order in found.orders.values())),
        "fulfilled by": dict(by),
        "money": {
            name: sum(order[name] or 0 for order in found.orders.values())
            for name in ("amount_total", "amount_refunded")
        },
        "letters": {"sent": len(letters), "sent again after a kill": len(letters) - len(audit.distinct(letters))},
    }
