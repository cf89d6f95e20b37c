"""Behind nginx and behind Caddy, as `deploy/` sets them up: bought, downloaded and signed in over https."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import httpx
import pytest
from playwright.sync_api import Browser

from tests.journeys.buyer import Buyer, order_link_in
from tests.journeys.stand import LINES, Stand
from tests.machine import free_port
from tests.proxies import PROXIES, program


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory, schema: Path) -> Iterator[Stand]:
    """A shop whose address is that of a proxy. Nobody but the proxy reaches its processes."""
    port = free_port()
    stand = Stand(
        tmp_path_factory.mktemp("behind"), schema=schema, app_url=f"https://localhost:{port}", rate_limits="on",
        sweep_seconds=3600,
    )  # fmt: skip
    stand.ports["proxy"] = port
    try:
        stand.start("sandbox", "webhook", "worker", "storefront")
        stand.url = f"https://localhost:{port}"
        yield stand
    finally:
        stand.stop(*LINES)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may look for: those of pytest are shut for all but whoever runs it."""
    found = Path(tempfile.mkdtemp(prefix="proxy-"))
    yield found
    shutil.rmtree(found)


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_guide_is_bought_downloaded_and_found_again(
    browser: Browser, behind: Stand, sold_files: Path, folder: Path, proxy: str
) -> None:
    program(proxy)
    ports = behind.ports
    running = PROXIES[proxy](
        folder, port=ports["proxy"], storefronts=[ports["storefront"]], webhooks=[ports["webhook"]]
    )
    with running:
        nora = Buyer(browser, behind, email=f"nora-{token_hex(3)}@example.com")
        nora.puts_in_cart("The Quiet Launch")
        nora.goes_to_cart()
        nora.goes_to_payment()
        nora.pays()
        nora.returns()
        number = nora.sees_everything_delivered()
        assert nora.downloads("PDF") == (sold_files / "the-quiet-launch.pdf").read_bytes()
        assert all(cookie["secure"] for cookie in nora.context.cookies() if cookie["name"].startswith("pushcart"))

        nora.leaves()
        [receipt] = behind.letters(nora.email)
        link = order_link_in(receipt)
        assert link.startswith(f"{behind.url}/order/")
        later = Buyer(browser, behind, email=nora.email)
        later.opens(link)
        later.clicks(re.compile("^Open order"))
        later.sees(number)
        later.leaves()
        assert not nora.troubles + later.troubles

        with httpx.Client(base_url=behind.url, verify=False) as machine:
            assert machine.post("/webhooks/stripe", content=b"{}").status_code == 400
            assert machine.post("/api/webhooks/stripe", content=b"{}").status_code == 400
            figures = [machine.get(path).status_code for path in ("/metrics", "/api/metrics", "/_stcore/metrics")]
            assert figures == [404, 404, 404]
            made_up = machine.get("/", headers={"X-Forwarded-Host": "evil.example.com", "X-Forwarded-For": "6.6.6.6"})
            assert made_up.status_code == 200
    assert not behind.complaints()
