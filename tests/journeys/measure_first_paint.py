"""How soon a first-time visitor sees the shop, beside an empty Streamlit page with the same settings.

    python -m tests.journeys.measure_first_paint [RUNS]

Both are opened in turns, each time with an empty cache. Prints medians in milliseconds.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from signal import SIGTERM
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from tests.browser import launched
from tests.journeys.stand import ROOT, Stand, answers, has_ended, tell
from tests.machine import eventually, free_port

EMPTY_PAGE = 'import streamlit as st\n\nst.write("Nothing here yet.")\n'
TILE = "[class*='st-key-tile-']"
ON_SHOP, ON_EMPTY_PAGE = (f"{TILE} h2", f"{TILE} img"), ("[data-testid='stMarkdownContainer'] p",)

# Notes when the first element of each kind is there to be seen; a picture, once it is loaded.
WATCH = """(selectors) => {
    const seen = selectors.map(() => 0);
    const look = () => {
        selectors.forEach((selector, i) => {
            const it = document.querySelector(selector);
            if (!seen[i] && it && it.getClientRects().length && it.complete !== false) seen[i] = performance.now();
        });
        if (seen.every(Boolean)) window.contentSeen = seen;
        else requestAnimationFrame(look);
    };
    look();
}"""
CONTENT_SEEN = "() => window.contentSeen"
FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Sight:
    """Milliseconds from opening a page to its first paint, to its first text, and to its first picture as well."""

    paint: float
    text: float
    picture: float


@dataclass(frozen=True)
class Comparison:
    """The medians of both pages."""

    shop: Sight
    empty: Sight

    @property
    def ratio(self) -> Sight:
        pairs = zip(astuple(self.shop), astuple(self.empty), strict=True)
        return Sight(*(shop / empty for shop, empty in pairs))


def compare(browser: Browser, shop: str, empty: str, *, runs: int) -> Comparison:
    """Open both pages in turns, after each was opened once for nothing."""
    seen: dict[str, list[Sight]] = {shop: [], empty: []}
    for _ in range(runs + 1):
        seen[shop].append(_look(browser, shop, ON_SHOP))
        seen[empty].append(_look(browser, empty, ON_EMPTY_PAGE))
    return Comparison(_median(seen[shop][1:]), _median(seen[empty][1:]))


@contextmanager
def empty_page(folder: Path, stand: Stand) -> Iterator[str]:
    """The address of an empty Streamlit app with the shop's config and fonts."""
    folder.mkdir()
    (folder / "empty.py").write_text(EMPTY_PAGE)
    (folder / ".streamlit").symlink_to(ROOT / ".streamlit")
    (folder / "static").symlink_to(ROOT / "storefront" / "static")
    port = free_port()
    running = stand.launch(f"exec streamlit run empty.py --server.port {port}", folder / "empty.log", cwd=folder)
    try:
        eventually(lambda: answers(f"http://localhost:{port}/_stcore/health"), seconds=60)
        yield f"http://localhost:{port}"
    finally:
        tell(running, SIGTERM)
        has_ended(running)


def main(runs: int = 9) -> None:
    """Measure on a stand of its own and print what was found."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, launched(playwright) as browser:
        stand = Stand(Path(folder, "stand"))
        stand.start("storefront")
        try:
            with empty_page(Path(folder, "empty"), stand) as empty:
                found = compare(browser, stand.url, empty, runs=runs)
        finally:
            stand.stop("storefront")
    sys.stdout.write(f"{'':<12}{'first paint':>12}{'text':>12}{'picture':>12}   medians of {runs} runs, in ms\n")
    for name, sight, digits in (("shop", found.shop, 0), ("empty page", found.empty, 0), ("ratio", found.ratio, 2)):
        sys.stdout.write(f"{name:<12}" + "".join(f"{value:>12.{digits}f}" for value in astuple(sight)) + "\n")


def _look(browser: Browser, url: str, selectors: tuple[str, ...]) -> Sight:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(f"({WATCH})({json.dumps(selectors)})")
    page.goto(url, wait_until="commit")
    paint, seen = (page.wait_for_function(moment).json_value() for moment in (FIRST_PAINT, CONTENT_SEEN))
    context.close()
    return Sight(paint, seen[0], max(seen))


def _median(sights: list[Sight]) -> Sight:
    return Sight(*map(median, zip(*map(astuple, sights), strict=True)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
