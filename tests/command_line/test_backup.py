"""`pushcart backup` and `pushcart restore` at a terminal: what they say, and how they end."""

from pathlib import Path
from typing import Any

from tests.builders import on_sqlite
from tests.command_line.conftest import Run, begin, end


@on_sqlite
def test_a_backup_is_made_and_put_back_where_nothing_is(
    pushcart: Run, folder: Path, shop_settings: dict[str, object], database_url: str
) -> None:
    made: Any = pushcart("backup", "shop.backup", "--json").json
    assert (made["file"], made["files"]) == ("shop.backup", 0)
    refused = pushcart("restore", "shop.backup")
    assert (refused.status, refused.output) == (1, "")
    assert "is not empty" in refused.errors
    fresh = {**shop_settings, "database_url": f"sqlite:///{folder}/new/shop.db"}
    done = end(begin("restore", "shop.backup", folder=folder, **fresh))
    assert done.status == 0, done.errors
    assert "The next order is number 2001." in done.output
    assert "pushcart reconcile" in done.output
    assert end(begin("orders", "--json", folder=folder, **fresh)).json == []
