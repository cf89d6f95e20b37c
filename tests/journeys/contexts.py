"""Browser contexts, lent to one visitor after the other: like new, but that the shop's scripts lie in them compiled."""

from collections import defaultdict
from typing import Any

from playwright.sync_api import Browser, BrowserContext

_RESTING: defaultdict[tuple[Browser, str], list[BrowserContext]] = defaultdict(list)
_LENT: dict[BrowserContext, tuple[Browser, str]] = {}


def borrowed(browser: Browser, **options: Any) -> BrowserContext:
    """A context made with these options, without pages, cookies or anything else that a site keeps.

    Whoever takes it gives it back: the first page in a new one costs twice as much as in one that has seen the shop.
    """
    kind = (browser, repr(sorted(options.items())))
    context = _RESTING[kind].pop() if _RESTING[kind] else browser.new_context(**options)
    _LENT[context] = kind
    return context


def given_back(context: BrowserContext) -> None:
    """Close its pages and forget what sites have kept in it. Nothing may listen to it any more."""
    for page in context.pages:
        page.close()
    context.unroute_all()
    context.clear_permissions()
    context.set_storage_state({"cookies": [], "origins": []})
    _RESTING[_LENT.pop(context)].append(context)
