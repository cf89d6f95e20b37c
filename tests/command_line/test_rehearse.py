"""`pushcart rehearse` at a terminal: with real money it does nothing."""

from pathlib import Path

from tests.builders import on_sqlite
from tests.command_line.conftest import begin, end
from tests.core.owner.test_live_mode import LIVE


@on_sqlite
def test_a_live_key_is_refused_in_one_line(folder: Path, database_url: str) -> None:
    said = end(begin("rehearse", folder=folder, **{**LIVE, "database_url": database_url}))
    assert (said.status, said.output) == (1, "")
    assert said.complaints == [
        "The key is a live one: a rehearsal buys with test money only. Set STRIPE_SECRET_KEY to a test key."
    ]
    assert not (folder / "var").exists()


@on_sqlite
def test_a_record_that_could_not_be_kept_is_said_before_anything_is_bought(folder: Path, database_url: str) -> None:
    (folder / "notes").write_text("")
    said = end(begin("rehearse", "--out", "notes/records", folder=folder, database_url=database_url))
    assert (said.status, said.output) == (1, "")
    [line] = said.complaints
    assert line.endswith(": notes/records"), line
