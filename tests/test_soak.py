"""A small soak of the whole shop: the large one is `python -m tests.soak`."""

from functools import partial
from pathlib import Path

from core.kinds import offers
from core.owner import publishing
from core.shop import Shop
from tests.builders import at_once
from tests.proxies import has
from tests.soak import fates
from tests.soak.run import soak


def test_every_payment_is_delivered_exactly_once_whatever_the_weather(database_url: str, tmp_path: Path) -> None:
    on_postgres = database_url.startswith("postgresql")
    result = soak(
        tmp_path / "stand", database_url,
        purchases=fates.BUYERS_FOR_ALL, seed=7, pause=3, sweep_seconds=5, worker_too=False, at_once=8,
        # On PostgreSQL two of each process do the work, where there is a proxy to put in front of them: two workers tell of
        # everything in half the time, and here they alone do.
        doubled=on_postgres and has("caddy"), tells=on_postgres,
    )  # fmt: skip
    assert result.violations == []
    assert result.figures["killed"]["webhook"]
    assert set(result.figures["fates"]) == set(fates.DEALT)


def test_processes_that_open_an_empty_demo_at_once_all_find_its_shelves_full(bare_shop: Shop) -> None:
    assert at_once(*[partial(publishing.fill_demo, bare_shop)] * 4) == [None] * 4
    with bare_shop.reading() as session:
        assert len(offers.shelf(session, now=bare_shop.now())) == 9
