"""`pushcart demo`: the season of sales, for somebody at a terminal."""

from pathlib import Path

import pytest

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


# Of both databases the season itself is tested; this is what the command says of it.
@builders.on_sqlite
def test_the_season_is_made_once_and_removed_once(demo: Run) -> None:
    assert demo("demo", "season", "--json").json == {"orders": 400}
    again = demo("demo", "season")
    assert (again.status, again.complaints) == (
        1,
        ["A season of sales is in this shop already. `pushcart demo season --remove` takes it out."],
    )
    assert len(demo("orders", "--json", "--limit", "500").json) == 400  # type: ignore[arg-type]
    removed = demo("demo", "season", "--remove")
    assert removed.output == "The season's 400 orders are gone, with all that belonged to them.\n"
    assert demo("orders", "--json").json == []
    assert demo("demo", "season", "--remove").complaints == ["There is no season of sales in this shop."]


def test_a_shop_of_ones_own_is_not_filled(pushcart: Run) -> None:
    refused = pushcart("demo", "season")
    assert (refused.status, refused.complaints) == (
        1,
        ["Only the demo has a season of sales: this shop has a key of Stripe's."],
    )
