from __future__ import annotations

from collections.abc import Iterator

import pytest
import stripe
from playwright.sync_api import Browser

from tests.browser import for_tests
from tests.sandbox.running import Endpoint, World, running
from tests.sandbox.visitor import PATIENCE, Visitor


@pytest.fixture(scope="session", autouse=True)
def _quiet_sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The SDK would write an id into the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        patch.setattr(stripe, "enable_telemetry", False)
        yield


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture
def own_endpoint() -> Iterator[Endpoint]:
    """For a test that runs a sandbox of its own."""
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture(scope="session")
def _running(endpoint: Endpoint) -> Iterator[World]:
    with running(endpoint) as world:
        yield world


@pytest.fixture
def world(_running: World, endpoint: Endpoint) -> World:
    """A sandbox that has forgotten everything."""
    endpoint.expects = _running.knows
    _running.http.post("/sandbox/reset").raise_for_status()
    endpoint.clear()
    return _running


# It ends with the module, so that the tests after it have their thread's event loop back.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with for_tests(PATIENCE) as found:
        yield found


@pytest.fixture
def visitor(browser: Browser, world: World) -> Iterator[Visitor]:
    """Somebody with a browser. Errors and warnings on its console, and requests to elsewhere, fail the test."""
    made = Visitor(browser, world.settings.base_url)
    yield made
    made.leaves()
