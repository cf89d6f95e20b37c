"""Somebody who looks at the sandbox's pages with a real browser."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, expect

PATIENCE = 15_000
# What the browser itself notes when a page answers that a payment was refused, a form mistyped, or a letter is gone.
ANSWERED = re.compile(r"the server responded with a status of (402|404|422)")


class Visitor:
    """One browser with one tab. Whatever goes wrong behind the scenes is kept in `troubles`."""

    def __init__(self, browser: Browser, base_url: str, **more: Any) -> None:
        given: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **more}
        self.context = browser.new_context(base_url=base_url, **given)
        self.context.set_default_timeout(PATIENCE)
        self.troubles: list[str] = []
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.troubles.append(f"script: {error.error}"))
        self.context.on("request", lambda request: self._watch(request.url))
        self.page = self.context.new_page()

    def opens(self, address: str) -> None:
        self.page.goto(address)

    def says(self, words: str | re.Pattern[str]) -> None:
        """The page has said, once, that this was done."""
        expect(self.page.locator("main [role=status]")).to_contain_text(words)

    def complains(self, words: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("alert")).to_contain_text(words)

    def presses(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("button", name=name).first.click()

    @property
    def overflows(self) -> bool:
        """Whether the page can be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    def leaves(self) -> None:
        self.context.close()
        assert not self.troubles, self.troubles

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not ANSWERED.search(message.text):
            self.troubles.append(f"{message.type} on {message.page.url if message.page else '?'}: {message.text}")

    def _watch(self, url: str) -> None:
        if urlsplit(url).hostname not in ("127.0.0.1", "localhost", None):
            self.troubles.append(f"left the machine: {url}")
