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
    BrowserContext,
    Error,
    Locator,
    LocatorAssertions,
    Page,
    Playwright,
    TimeoutError,
    expect,
    sync_playwright,
)

PATH = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Of what is named twice Chromium takes the last: these are what Playwright switches off itself,
_OFF = (
    "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying",
    "OptimizationHints", "PaintHolding", "PreconnectToSearch", "TcpPortRandomizationWin", "ThirdPartyStoragePartitioning",
    # and these pages for what would be typed into the address bar, which took each new context most of a second.
    "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxPopup",
)  # fmt: skip
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", f"--disable-features={','.join(_OFF)}",
    # Certificates in tests are by nobody. Said of the whole browser: where a context alone takes them, each request fails first and
    # is sent again, and Chromium gives one up that met too many of them.
    "--ignore-certificate-errors",
)  # fmt: skip
# No page of a test lives long enough for what the slowest of Chromium's compilers takes to come back.
_SHORT_LIVED = "--js-flags=--no-turbofan"
# For tests that go from site to site: all pages of a context are one process's. Else each way from the shop to where one pays, and
# back, begins a new one, which reads and compiles the shop's scripts anew: that takes it as long again as to draw the page.
ONE_PROCESS = ("--disable-site-isolation-trials", "--renderer-process-limit=1")

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


# In each page: while Streamlit owes the answer to what it was asked, the page says so in an attribute. That its script runs is to
# be seen only once its first word has come back; what is typed or clicked in between is lost when that word draws the page anew.
# Read are the first byte of what is sent (`BackMsg.rerun_script`), and of what comes back `ForwardMsg.script_finished`, unless
# the run ended early for the next one.
WATCH = """(() => {
    const RERUN = 0x5a, FINISHED = 6, EARLY_FOR_RERUN = 2, send = WebSocket.prototype.send, heard = new WeakSet();
    const fields = function* (bytes) {
        let at = 0;
        const number = () => {
            let value = 0, scale = 1, byte;
            do { byte = bytes[at++]; value += (byte & 127) * scale; scale *= 128; } while (byte > 127);
            return value;
        };
        while (at < bytes.length) {
            const tag = number(), value = number();
            if (tag % 8 === 2) at += value;
            yield [Math.floor(tag / 8), value];
        }
    };
    const rests = () => { delete document.documentElement.dataset.asked; };
    const hear = socket => {
        socket.addEventListener("close", rests);
        socket.addEventListener("message", ({ data }) => {
            if (!(data instanceof ArrayBuffer)) return;
            for (const [field, value] of fields(new Uint8Array(data))) {
                const { asked } = document.documentElement.dataset;
                if (field !== FINISHED || value === EARLY_FOR_RERUN || !asked) continue;
                // What came before it is drawn by then.
                setTimeout(() => { if (document.documentElement.dataset.asked === asked) rests(); }, 30);
            }
        });
    };
    let count = 0;
    WebSocket.prototype.send = function (data) {
        if (ArrayBuffer.isView(data) && data[0] === RERUN) {
            document.documentElement.dataset.asked = ++count;
            if (!heard.has(this)) { heard.add(this); hear(this); }
        }
        return send.call(this, data);
    };
})()"""
# A page of the shop whose script is to run, or runs: what is typed into a field that it draws anew is lost.
RUNNING = "html[data-asked], [data-testid=stApp][data-test-script-state=running]"
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


def until_it_rests(page: Page) -> None:
    """Wait until the page's script has run, but not for ever, since some pages ask anew by themselves."""
    with suppress(TimeoutError):
        page.locator(RUNNING).first.wait_for(state="detached", timeout=5000)


def when_it_rests(act: Callable[..., Any]) -> Callable[..., Any]:
    """Act as somebody does who sees the page work, and waits."""

    @wraps(act)
    def waits(element: Locator, *given: Any, **named: Any) -> Any:
        until_it_rests(element.page)
        return act(element, *given, **named)

    return waits


def watched(begin: Callable[..., BrowserContext]) -> Callable[..., BrowserContext]:
    """Begin contexts whose pages say what they wait for."""

    @wraps(begin)
    def begins(browser: Browser, **options: Any) -> BrowserContext:
        context = begin(browser, **options)
        context.add_init_script(WATCH)
        return context

    return begins


setattr(Browser, "new_context", watched(Browser.new_context))  # noqa: B010
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
def launched(playwright: Playwright, *more: str) -> Iterator[Browser]:
    """A browser without a window, with `more` flags than all have."""
    browser = playwright.chromium.launch(executable_path=PATH, args=(*FLAGS, *more))
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def for_tests(patience: float, *more: str) -> Iterator[Browser]:
    """A browser for a fixture, with `more` flags than all have, whose expectations wait so many milliseconds. Where none can be
    started the tests are skipped, and fail when `CI` is set.

    While one is open it occupies the thread's event loop, which other tests need.
    """
    if reason := missing():
        # Where everything must run, a test that is left out is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    expect.set_options(timeout=patience)
    with sync_playwright() as playwright, launched(playwright, _SHORT_LIVED, *more) as found:
        yield found
