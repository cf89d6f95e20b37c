"""How soon a product can be bought on a slow line: 400 kbit/s, 300 ms until an answer begins, nothing kept from an earlier visit.

    python -m tests.journeys.measure_slow_line [RUNS]

Prints medians: seconds until the price is to be read, until it can be put in the cart by plain HTML and by the page itself,
and how much was fetched for it in how many requests.
"""

import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from tests.browser import launched
from tests.journeys.stand import Stand
from tests.journeys.test_first_html import SLOW

_GIVES_UP = 120_000


@dataclass(frozen=True)
class Visit:
    """Seconds, kilobytes and requests."""

    price: float
    plain: float
    page: float
    kilobytes: float
    requests: float


def visit(browser: Browser, url: str) -> Visit:
    """Look at a product for the first time."""
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        fetched = []
        line = context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", SLOW)
        line.on("Network.loadingFinished", lambda each: fetched.append(each["encodedDataLength"]))
        begun, seen = time.perf_counter(), []
        page.goto(url, wait_until="commit", timeout=_GIVES_UP)
        for sight in (
            "#first .sum",
            "#first button:text('Add to cart')",
            "[data-testid=stMain] button:has-text('Add to cart')",
        ):
            page.wait_for_selector(sight, timeout=_GIVES_UP)
            seen.append(time.perf_counter() - begun)
        return Visit(*seen, sum(fetched) / 1000, len(fetched))


def main(runs: int = 3) -> None:
    """Measure on a stand of its own and print what was found."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, launched(playwright) as browser:
        stand = Stand(Path(folder, "stand"))
        stand.start("storefront")
        try:
            url = f"{stand.url}/p/quiet-launch"
            visit(browser, url)  # after which everything is packed
            found = Visit(*map(median, zip(*(astuple(visit(browser, url)) for _ in range(runs)), strict=True)))
        finally:
            stand.stop("storefront")
    sys.stdout.write(
        f"price {found.price:.1f} s, Add to cart {found.plain:.1f} s in plain HTML and {found.page:.1f} s on the page, "
        f"{found.kilobytes:.0f} kB in {found.requests:.0f} requests   medians of {runs} runs\n"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
