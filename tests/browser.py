"""A real browser: where it is, and how it is started so that it keeps to this machine."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from time import monotonic, sleep
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    Error,
    Locator,
    LocatorAssertions,
    Playwright,
    TimeoutError,
    expect,
    sync_playwright,
)

PATH = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip

# Seconds until what is there twice is taken for a fault of the page.
ALONE = 15.0


def until_alone(what: Callable[..., Any]) -> Callable[..., Any]:
    """Do something with an element, but wait until it is the only one of its name, as Playwright waits until it is there.

    While Streamlit's script runs, an element whose place changed is on the page twice, until what is left of the run before is
    cleared away. Playwright gives up at once then, in words that name its strict mode.
    """

    @wraps(what)
    def waits(*given: Any, **named: Any) -> Any:
        until = monotonic() + ALONE
        while True:
            try:
                return what(*given, **named)
            except (Error, AssertionError) as trouble:
                if "strict mode violation" not in str(trouble) or monotonic() > until:
                    raise
            sleep(0.05)

    return waits


# A page of the shop whose script runs: what is typed into a field that it draws anew is lost.
RUNNING = "[data-testid=stApp][data-test-script-state=running]"
ACTIONS = (
    "check",
    "clear",
    "click",
    "fill",
    "press",
    "press_sequentially",
    "select_option",
    "set_input_files",
    "uncheck",
)


def when_it_rests(act: Callable[..., Any]) -> Callable[..., Any]:
    """Act as somebody does who sees the page work, and waits; but not for ever, since some pages ask anew by themselves."""

    @wraps(act)
    def waits(element: Locator, *given: Any, **named: Any) -> Any:
        with suppress(TimeoutError):
            element.page.locator(RUNNING).wait_for(state="detached", timeout=3000)
        return act(element, *given, **named)

    return waits


for name in ACTIONS:
    setattr(Locator, name, when_it_rests(getattr(Locator, name)))
for kind in (Locator, LocatorAssertions):
    for name, deed in list(vars(kind).items()):
        if callable(deed) and not name.startswith("_"):
            setattr(kind, name, until_alone(deed))


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
