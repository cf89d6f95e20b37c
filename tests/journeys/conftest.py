"""A stand that all journeys share, a browser, and buyers who come with a fresh one each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from playwright.sync_api import Browser

from tests.browser import ONE_PROCESS, for_tests
from tests.journeys.buyer import PATIENCE, Buyer
from tests.journeys.stand import LINES, ROOT, Stand

Arrive = Callable[..., Buyer]


# Both end with this folder, so that the tests after it have their thread's event loop back.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with for_tests(PATIENCE, *ONE_PROCESS) as found:
        yield found


@pytest.fixture(scope="session")
def schema(sqlite_templates: Path) -> Path:
    """A migrated database for stands to begin with: that the shop also makes one out of nothing is seen in `test_starting`."""
    return sqlite_templates / "migrated.db"


@pytest.fixture(scope="package")
def _stand(tmp_path_factory: pytest.TempPathFactory, browser: Browser, schema: Path) -> Iterator[Stand]:
    # The worker sweeps only where a journey says so: else it would help the others along.
    stand = Stand(
        tmp_path_factory.mktemp("stand"),
        schema=schema,
        sweep_seconds=3600,
        sandbox_settle_seconds=3600,
        sandbox_retry_seconds=",".join(["1"] * 60),
    )
    try:
        stand.start("sandbox", "webhook", "worker", "storefront")
        yield stand
    finally:
        stand.stop(*LINES)


@pytest.fixture
def expected_complaints() -> list[str]:
    """Words of the log lines that a test provokes; it adds them itself."""
    return []


@pytest.fixture
def stand(_stand: Stand, expected_complaints: list[str]) -> Iterator[Stand]:
    """The running shop. A test during which any of its processes complains fails."""
    yield _stand
    assert not _stand.complaints(expected_complaints)


@pytest.fixture
def arrive(browser: Browser, stand: Stand) -> Iterator[Arrive]:
    """Has somebody of this name arrive with a browser, its language and an address of their own. Its trouble fails the test."""
    buyers: list[Buyer] = []

    def new(name: str, language: str = "en-GB") -> Buyer:
        buyers.append(Buyer(browser, stand, email=f"{name}-{token_hex(3)}@example.com", language=language))
        return buyers[-1]

    yield new
    for buyer in buyers:
        buyer.leaves()
    assert not [trouble for buyer in buyers for trouble in buyer.troubles]


@pytest.fixture
def sold_files() -> Path:
    """The files that the demo sells."""
    return ROOT / "core" / "catalog" / "demo" / "files"
