"""Browser contexts, lent to one visitor after the other: like new, but that the process of their page knows the shop's scripts."""

from collections import defaultdict
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

VIEWPORT: ViewportSize = {"width": 1280, "height": 900}

_RESTING: defaultdict[tuple[Browser, str], list[BrowserContext]] = defaultdict(list)
_LENT: dict[BrowserContext, tuple[Browser, str]] = {}


def borrowed(browser: Browser, **options: Any) -> tuple[BrowserContext, Page]:
    """A context made with these options, and its empty page: nothing is kept in it of whoever had it before.

    Whoever takes it gives it back: the first page that a process loads costs it twice as much as the next ones.
    """
    kind = (browser, repr(sorted(options.items())))
    context = _RESTING[kind].pop() if _RESTING[kind] else browser.new_context(viewport=VIEWPORT, **options)
    _LENT[context] = kind
    return context, context.pages[0] if context.pages else context.new_page()


def given_back(context: BrowserContext) -> None:
    """Forget what sites have kept in it, and what its pages looked like. Nothing may listen to it any more."""
    kept, *more = context.pages or [context.new_page()]
    for page in more:
        page.close()
    kept.goto("about:blank")
    kept.mouse.move(0, 0)
    kept.set_viewport_size(VIEWPORT)
    kept.emulate_media(color_scheme="light")
    context.unroute_all()
    context.clear_permissions()
    context.set_storage_state({"cookies": [], "origins": []})
    _RESTING[_LENT.pop(context)].append(context)
