"""Pages: what a click costs the storefront, how many shoppers it carries, and a launch day on which most of them get plain HTML.

Shoppers speak to it as browsers do, in Streamlit's own messages over websockets (`python -m tests.bench.shoppers` has them
alone, and tells each step). The load is another process on the same machine, and takes its share of it.
"""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil  # type: ignore[import-untyped]

from tests.bench import arrivals, exactness, stand
from tests.bench.figures import Figures
from tests.bench.load import Plan
from tests.bench.measures import Bench, percentile, sent
from tests.bench.shoppers import PRODUCT, STEPS, Measured, load, p95, storefront
from tests.bench.versions import HERE, Version

# From so many shoppers on it is looked how many more it carries, and by how many more each time.
FIRST, MORE = 50, 50
MOST = 600
THINK = 5.0
TOO_LONG = 1000
_NUMBER = "00000000"
# Of a launch day: what comes in a second.
VIEWS, PURCHASES = 300, 20


def measure(bench: Bench, figures: Figures) -> None:
    """Measure clicks, shoppers and the launch day."""
    for version in bench.versions:
        with storefront(version.folder) as (url, server):
            _shop(bench, version, url, server, figures)
    launch_day(bench, figures)


def _shop(bench: Bench, version: Version, url: str, server: psutil.Process, figures: Figures) -> None:
    asyncio.run(load(url, server, 1, think=0.01, lasts=2))  # so that nobody waits for what is done once
    for _ in range(bench.runs):
        alone = asyncio.run(load(url, server, 1, think=0.05, lasts=bench.seconds))
        figures.add(version, "pages, one shopper", _of_one(alone))
        figures.wrong += [f"{version.name}: {alone.failed} visits failed"] if alone.failed else []
    carried, slowest = 0, 0.0
    for shoppers in range(FIRST, MOST + 1, MORE):
        # As long as a visit takes and half as long again, so that all of them are there together.
        found = asyncio.run(load(url, server, shoppers, think=THINK, lasts=max(bench.seconds, 6 * THINK)))
        slowest = p95(found.times)
        if found.failed or slowest > TOO_LONG:
            break
        carried = shoppers
    told = {"carried within a second": carried, "p95 ms of the first that were too many": slowest}
    figures.add(version, f"pages, shoppers who think for {THINK:g} s", told)


def _of_one(alone: Measured) -> dict[str, float]:
    each = {f"p50 ms of {step}": percentile(sorted(alone.steps[step]), 0.5) for step in STEPS if alone.steps[step]}
    return {"CPU ms a click": alone.cpu_seconds * 1000 / len(alone.times), "p95 ms": p95(alone.times), **each}


def launch_day(bench: Bench, figures: Figures) -> None:
    """All sessions are taken: whoever comes looks at plain pages, and some of them buy by its form."""
    folder = bench.folder_of(HERE, "launch")
    database = f"sqlite:///{folder}/shop.db"
    with stand.sandbox(HERE, folder) as stripe:
        settings = {"most_sessions": 1, "rate_limits": "off", "database_url": database}
        at_stripe = f"http://127.0.0.1:{stripe.port}"
        with storefront(HERE.folder, stripe_api_base=at_stripe, **settings) as (url, server):
            for _ in range(bench.runs):
                _day(bench, url, server, figures)
        with closing(exactness.connected(database)) as connection:
            [(orders, sessions)] = connection.execute(
                "select count(*), count(distinct order_id) from checkouts where stripe_checkout_session_id <> ''"
            ).fetchall()
    if orders != sessions:
        figures.wrong.append(f"launch day: {orders} payment pages of {sessions} orders")


def _day(bench: Bench, url: str, server: psutil.Process, figures: Figures) -> None:
    seconds, port = bench.seconds, int(url.rpartition(":")[2])
    page = urlopen(f"{url}/p/{PRODUCT}").read().decode()
    # Nobody has agreed to the order's number: it only makes each form another.
    fields = [*re.findall(r'name="(product|price|consent)" value="([^"]+)"', page), ("consent", _NUMBER)]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    views = _plan(port, "GET", f"/p/{PRODUCT}", _NUMBER, VIEWS, seconds, 200, {})
    buys = _plan(port, "POST", "/api/checkout/form", urlencode(fields), PURCHASES, seconds, 303, form)
    before = server.cpu_times()
    with ThreadPoolExecutor() as both:
        folders = (bench.folder_of(HERE, "views"), bench.folder_of(HERE, "purchases"))
        seen, bought = both.map(sent, (views, buys), folders)
    after = server.cpu_times()
    for name, plan, result in (("views", views, seen), ("purchases", buys, bought)):
        figures.add(HERE, f"launch day, {name}", {
            "wanted/s": plan.requests / seconds, "answered/s": len(result.times) / result.seconds,
            "p50 ms": percentile(result.times, 0.5), "p95 ms": percentile(result.times, 0.95),
        })  # fmt: skip
        figures.wrong += [f"launch day, {name}: {times} answers: {what}" for what, times in result.wrong.items()]
    used = after.user + after.system - before.user - before.system
    # However long it took: all that was wanted was answered, and this is what it took of the process.
    figures.add(HERE, "launch day", {"cores of the storefront to keep up": used / seconds})


def _plan(
    port: int, method: str, path: str, body: str, rate: int, seconds: float, expected: int, headers: dict[str, str]
) -> Plan:
    requests = int(rate * seconds)
    return Plan(
        [port], path, "", body, _NUMBER, first=0, end=requests, requests=requests, seconds=seconds * 3,
        arrivals=arrivals.steady(rate, requests), headers=headers, method=method, expected=expected,
    )  # fmt: skip
