"""Times what a shop reads again and again, as a script of its own: `python -P tests/bench/reads.py PLAN.json`.

It runs under the code of whichever version is measured. With a `seed` in the plan it fills the database instead. Prints the
median of each read in milliseconds, as JSON.
"""

import json
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from core import tables  # noqa: F401
from core.events import reconciliation
from core.foundation import database
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.owner import reports
from core.owner.needs import attention
from core.people import purchases
from core.shop import Shop
from tests.fakes import FakeStripe

_WARMING, _TIMES = 2, 7


def main(plan: dict[str, Any]) -> dict[str, float]:
    """Fill or read the database of this plan."""
    engine = database.connect(plan["database_url"])
    if plan["seed"]:
        runpy.run_path(plan["seed"])["seed"](engine, plan["orders"])
        if keep_statistics := getattr(database, "keep_statistics", None):
            keep_statistics(engine)  # as the worker does
        return {}
    settings = Settings(
        database_url=plan["database_url"], storage_url=plan["storage_url"], secret_key=plan["secret_key"]
    )
    shop = Shop(settings, engine, FakeStripe(), Storage(settings.storage_url))
    return {name: milliseconds(shop, read) for name, read in READS.items()}


def _order_list(shop: Shop) -> object:
    with shop.reading() as session:
        return reports.order_list(session)


def _pending_orders(shop: Shop) -> object:
    with shop.reading() as session:
        return reports.order_list(session, status="pending")


def _event_list(shop: Shop) -> object:
    with shop.reading() as session:
        return reports.event_list(session)


def _failed_events(shop: Shop) -> object:
    with shop.reading() as session:
        return reports.event_list(session, state="failed")


def _order(shop: Shop) -> object:
    with shop.reading() as session:
        return reports.order_detail(session, "SEED-77")


def _library(shop: Shop) -> object:
    with shop.reading() as session:
        return purchases.library(session, "buyer99@example.org", livemode=False, signing_key=shop.signing_key)


READS: dict[str, Callable[[Shop], object]] = {
    "what needs the owners": attention.items,
    "newest orders": _order_list,
    "pending orders": _pending_orders,
    "newest events": _event_list,
    "failed events": _failed_events,
    "one order": _order,
    "a buyer's purchases": _library,
    "a pass of the worker": reconciliation.sweep,
}


def milliseconds(shop: Shop, read: Callable[[Shop], object]) -> float:
    """How long reading takes, as the median of some times after the first."""
    times = []
    for _ in range(_WARMING + _TIMES):
        began = time.perf_counter()
        read(shop)
        times.append((time.perf_counter() - began) * 1000)
    return median(times[_WARMING:])


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))  # noqa: T201
