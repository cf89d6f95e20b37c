"""The browser of the journeys: where it is, and how it is started so that it keeps to this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright

PATH = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


def missing() -> str:
    """Why no browser can be started, or an empty string."""
    return (
        "" if os.access(PATH, os.X_OK) else f"there is no browser at {PATH}: install Chromium, or name one in CHROMIUM"
    )


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """A browser without a window."""
    browser = playwright.chromium.launch(executable_path=PATH, args=FLAGS)
    try:
        yield browser
    finally:
        browser.close()
