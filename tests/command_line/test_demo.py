"""`pushcart demo`: the season of sales, for somebody at a terminal."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.owner import publishing
from core.owner.season import making, plot
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run, begin, end
from tests.fakes import SECRET


@pytest.fixture
def demo(folder: Path, tmp_path: Path, database_url: str) -> Run:
    """Run a command in a demo of its own."""
    settings: dict[str, object] = {
        "storage_url": f"file://{tmp_path}/files", "secret_key": "a secret of sixteen letters",
        "stripe_webhook_secret": SECRET, "database_url": database_url,
    }  # fmt: skip
    return lambda *words: end(begin(*words, folder=folder, **settings))


# Of both databases the season itself is tested; this is what the command says of it. That it makes all of one is seen where an
# owner has a demo for months.
@builders.on_sqlite
def test_the_season_is_made_once_and_removed_once(demo: Run, bare_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    publishing.fill_demo(bare_shop)
    acts = [replace(act, number=number) for number, act in enumerate(plot.acts()[::40], 1)]
    monkeypatch.setattr(plot, "acts", lambda: acts)
    making.fill(bare_shop, progress=lambda _done, _of: None)
    again = demo("demo", "season")
    assert (again.status, again.complaints) == (
        1,
        ["A season of sales is in this shop already. `pushcart demo season --remove` takes it out."],
    )
    assert len(demo("orders", "--json").json) == 10  # type: ignore[arg-type]
    removed = demo("demo", "season", "--remove")
    assert removed.output == "The season's 10 orders are gone, with all that belonged to them.\n"
    assert demo("orders", "--json").json == []
    assert demo("demo", "season", "--remove").complaints == ["There is no season of sales in this shop."]


def test_a_shop_of_ones_own_is_not_filled(pushcart: Run) -> None:
    refused = pushcart("demo", "season")
    assert (refused.status, refused.complaints) == (
        1,
        ["Only the demo has a season of sales: this shop has a key of Stripe's."],
    )
