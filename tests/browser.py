"""A real browser: where it is, and how it is started so that it keeps to this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

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


@contextmanager
def for_tests(patience: float) -> Iterator[Browser]:
    """A browser for a fixture, whose expectations wait so many milliseconds. Where none can be started the tests are
    skipped, and fail when `CI` is set.

    While one is open it occupies the thread's event loop, which other tests need.
    """
    if reason := missing():
        # Where everything must run, a test that is left out is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    expect.set_options(timeout=patience)
    with sync_playwright() as playwright, launched(playwright) as found:
        yield found
