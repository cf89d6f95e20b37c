"""How many shoppers one storefront process carries.

    python -m tests.bench.shoppers [SHOPPERS …] [--think SECONDS] [--lasts SECONDS] [--tree PATH …]

Each shopper speaks to the process as a browser does, over Streamlit's websocket: opens the shop, opens a product, puts it in
the cart, looks at the cart, then begins again as somebody new, with a time to think between one click and the next. A step
takes from the click until Streamlit says that the page is drawn. Prints medians and 95th percentiles in milliseconds, and
what a step costs the process. `--tree` measures another working copy with the same libraries.
"""

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import httpx
import psutil  # type: ignore[import-untyped]
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests import fork_server
from tests.journeys.stand import CHECKOUT, ROOT, answers
from tests.machine import environment, eventually, free_port

STEPS = ("shop", "product", "add", "cart")
PRODUCT = "quiet-launch"
_GIVES_UP = 60


@dataclass
class Drawn:
    """What can be clicked on a page: buttons by their label, pages by their path; and how much was sent for it."""

    buttons: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    elements: int = 0
    octets: int = 0


@dataclass
class Measured:
    """Milliseconds of each step, and what all of them took of the process."""

    shoppers: int
    steps: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    sizes: dict[str, str] = field(default_factory=dict)
    cpu_seconds: float = 0
    failed: int = 0

    @property
    def times(self) -> list[float]:
        """Those of all steps together."""
        return [taken for step in self.steps.values() for taken in step]

    def line(self) -> str:
        """All steps together, then each."""
        every = self.times
        if not every:
            return f"{self.shoppers:>5} shoppers: {self.failed} failed, nothing else happened"
        each = "  ".join(f"{step} {median(taken):.0f}/{p95(taken):.0f}" for step, taken in self.steps.items() if taken)
        return (
            f"{self.shoppers:>5} shoppers: p50 {median(every):5.0f} ms  p95 {p95(every):6.0f} ms  "
            f"{self.cpu_seconds / len(every) * 1000:6.1f} ms CPU a step  "
            f"{len(every)} steps, {self.failed} failed  ({each})"
        )


class Tab:
    """One tab of a browser, connected to a storefront."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.drawn = Drawn()

    async def clicks(self, state: ClientState) -> None:
        """Send what a browser sends for a click, and wait until the page is drawn."""
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())
        self.drawn = await asyncio.wait_for(self._until_drawn(), _GIVES_UP)

    async def opens(self, page: str, query: str = "") -> None:
        """Go to this page of the navigation."""
        await self.clicks(ClientState(page_script_hash=self.drawn.pages[page], query_string=query))

    async def adds(self, product: str) -> None:
        """On the page of this product, put it in the cart."""
        state = ClientState(page_script_hash=self.drawn.pages["product"], query_string=f"p={product}")
        state.widget_states.widgets.add(id=self.drawn.buttons["Add to cart"], trigger_value=True)
        await self.clicks(state)

    async def _until_drawn(self) -> Drawn:
        drawn = Drawn()
        while True:
            message = await self._socket.recv(decode=False)
            drawn.octets += len(message)
            said = ForwardMsg.FromString(message)
            match said.WhichOneof("type"):
                case "script_finished" if said.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return drawn
                case "navigation":
                    drawn.pages = {page.url_pathname: page.page_script_hash for page in said.navigation.app_pages}
                case "delta":
                    drawn.elements += 1
                    _note(drawn, said)


@asynccontextmanager
async def connected(url: str, cookie: str) -> AsyncIterator[Tab]:
    """A tab of the browser with this cookie, before it has drawn anything."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    protocols = [Subprotocol("streamlit")]
    async with connect(address, additional_headers={"Cookie": cookie}, subprotocols=protocols) as socket:
        yield Tab(socket)


async def cookie_of(url: str, browser: httpx.AsyncClient) -> str:
    """The cookie that a new browser is given with the first page."""
    browser.cookies.clear()
    first = await browser.get(url)
    return "; ".join(f"{name}={value}" for name, value in first.cookies.items())


class Shopper:
    """Somebody new who clicks their way to the cart."""

    def __init__(self, url: str, measured: Measured) -> None:
        self._url = url
        self._measured = measured

    async def visits(self, browser: httpx.AsyncClient, *, think: float, until: float) -> None:
        """From the first page to the cart, as far as there is time."""
        async with connected(self._url, await cookie_of(self._url, browser)) as tab:
            await self._takes("shop", tab, tab.clicks(ClientState()))
            for step in STEPS[1:]:
                await asyncio.sleep(random.uniform(0.5, 1.5) * think)
                if time.monotonic() > until:
                    return
                await self._takes(step, tab, _step(tab, step))
            # What was put in the cart is there.
            self._measured.failed += "Go to payment" not in tab.drawn.buttons

    async def _takes(self, step: str, tab: Tab, click: Awaitable[None]) -> None:
        begun = time.perf_counter()
        await click
        self._measured.steps[step].append((time.perf_counter() - begun) * 1000)
        self._measured.sizes[step] = f"{tab.drawn.elements} elements, {tab.drawn.octets / 1000:.1f} kB"


async def _step(tab: Tab, step: str) -> None:
    match step:
        case "product":
            await tab.opens("product", f"p={PRODUCT}")
        case "add":
            await tab.adds(PRODUCT)
        case "cart":
            await tab.opens("cart")


def _note(drawn: Drawn, said: ForwardMsg) -> None:
    element = said.delta.new_element
    match element.WhichOneof("type"):
        case "button":
            drawn.buttons[element.button.label] = element.button.id
        case "exception":
            raise AssertionError(element.exception.message)


async def load(url: str, server: psutil.Process, shoppers: int, *, think: float, lasts: float) -> Measured:
    """So many shoppers at once, who arrive one after the other within one time to think."""
    measured = Measured(shoppers)
    until = time.monotonic() + lasts

    async def shops() -> None:
        await asyncio.sleep(random.uniform(0, think))
        async with httpx.AsyncClient(timeout=_GIVES_UP, verify=False) as browser:
            while time.monotonic() < until:
                try:
                    await Shopper(url, measured).visits(browser, think=think, until=until)
                except (OSError, TimeoutError, httpx.HTTPError, WebSocketException):
                    measured.failed += 1
                await asyncio.sleep(random.uniform(0.5, 1.5) * think)

    before = server.cpu_times()
    async with asyncio.TaskGroup() as group:
        for _ in range(shoppers):
            group.create_task(shops())
    after = server.cpu_times()
    measured.cpu_seconds = after.user + after.system - before.user - before.system
    return measured


@contextmanager
def storefront(tree: Path, *, forked: bool = False, **settings: object) -> Iterator[tuple[str, psutil.Process]]:
    """A storefront of that working copy in a folder of its own; its address and its process. Of this working copy it may be
    `forked`: it is there sooner, but what it takes is not to be compared with others that are not."""
    folder = Path(tempfile.mkdtemp(prefix="shoppers-"))
    for name in CHECKOUT:
        (folder / name).symlink_to(tree / name)
    port = free_port()
    env = environment(storefront_port=port, webhook_port=free_port(), sandbox_port=free_port(), **settings)
    words = ("streamlit", "run", "storefront/app.py", "--server.port", str(port))
    with (folder / "storefront.log").open("wb") as log:
        how = {"cwd": folder, "env": env, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        if forked:
            running = fork_server.start(*words, **how)
        else:
            env["PYTHONPATH"] = str(folder)
            env["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), env["PATH"]))
            running = subprocess.Popen(words, **how)
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(partial(answers, f"{url}/api/healthz"))
        yield url, psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(folder, ignore_errors=True)


def p95(taken: list[float]) -> float:
    """What 95 in 100 were within, at most."""
    return quantiles(taken, n=20, method="inclusive")[-1] if len(taken) > 1 else taken[0]


def main() -> None:
    """Measure each of the working copies with each number of shoppers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shoppers", type=int, nargs="*", default=[1, 10, 25, 50])
    parser.add_argument("--think", type=float, default=5, help="seconds between two clicks, on average")
    parser.add_argument("--lasts", type=float, default=20, help="seconds for each number of shoppers")
    parser.add_argument("--tree", type=Path, action="append", help="a working copy; this one by default")
    chosen = parser.parse_args()
    for tree in chosen.tree or [ROOT]:
        with storefront(tree.resolve()) as (url, server):
            # So that nobody waits for what is done once.
            once = asyncio.run(load(url, server, 1, think=0.01, lasts=2))
            _say(f"{tree.resolve()}, {chosen.think:g} s to think")
            _say("; ".join(f"{step}: {size}" for step, size in once.sizes.items()))
            for shoppers in chosen.shoppers:
                _say(asyncio.run(load(url, server, shoppers, think=chosen.think, lasts=chosen.lasts)).line())
                _say(f"      {server.memory_info().rss / 1e6:.0f} MB")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
