"""Every command with what it cannot take: one readable line, exit status 2 where the words are wrong, and never a traceback."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from core import cli
from core.command_line import errors
from core.foundation import errors as family
from core.foundation.errors import BadInput, ShopError
from tests import fork_server
from tests.command_line.conftest import Run
from tests.machine import environment
from tests.shop_errors import every_error

# Words that make no sense to anybody, by command: each is refused whatever the shop holds.
WRONG: dict[str, list[list[str]]] = {
    "orders": [["--status", "payed"], ["--limit", "0"], ["--limit", "many"]],
    "order": [[]],
    "resend": [[], ["PW-1", "--nothing"]],
    "refund": [[], ["PW-1", "--line", "one"]],
    "revoke": [["PW-1"], ["PW-1", "--line", "x", "--reason", "r"]],
    "evidence": [[]],
    "events": [["--state", "broken"], ["--limit", "-1"]],
    "replay": [[]],
    "reconcile": [["everything"]],
    "attention": [["now"]],
    "withdrawals": [["--limit", "0"]],
    "customer": [[], ["a@b.com", "--keep"], ["a@b.com", "--erase", "--change-email", "c@d.com"]],
    "sign-in-code": [["notmail"], ["a@b@c.com"], [""]],
    "retention": [["--dry"]],
    "export": [["nothing"], ["journal", "--from", "yesterday", "--to", "2026-01-01"]],
    "doctor": [["--letter-to", "notmail"]],
    "license": [["KEY", "--limit", "0"], ["KEY", "--until", "soon"], ["KEY", "--disable", "--enable"]],
    "signing-key": [["--turn"]],
    "migrate": [["up"]],
    "backup": [[], ["one", "two"]],
    "restore": [[], ["none.backup"], ["none.backup", "--gap", "-1"]],
    "rehearse": [["--patience", "soon"]],
    "catalog apply": [[]],
    "catalog export": [["a", "b"]],
    "catalog list": [["everything"]],
    "report sales": [[], ["--from", "2026-13-01", "--to", "2026-01-01"], ["--from", "2026-01-01"]],
    "report subscriptions": [["--from", "2026-01-01"]],
    "report tax": [["--from", "x", "--to", "y"]],
    "report payouts": [["--from", "x", "--to", "y"]],
    "staff list": [["owners"]],
    "staff invite": [["notmail"], ["a@b.com", "--role", "king"]],
    "staff remove": [["nobody@example.com"]],
    "staff reset-second-factor": [["nobody@example.com"]],
    "api-key create": [["name"], ["name", "--scopes", "everything"], [" ", "--scopes", "seats"]],
    "api-key list": [["x"]],
    "api-key revoke": [[]],
    "demo season": [["--add"]],
    "webhook register": [[]],
    "webhook test": [["a", "b"]],
    "hooks add": [["ftp://x"], ["https://example.com/h", "--topics", "weather"]],
    "hooks list": [["x"]],
    "hooks log": [["--state", "lost"]],
    "hooks rotate": [[]],
    "hooks ping": [[]],
    "hooks on": [[]],
    "hooks off": [[]],
    "hooks remove": [[]],
    "hooks replay": [["we_1", "--since", "yesterday"]],
    "import customers": [["none.csv"]],
    "import orders": [["none.csv"]],
    "import licenses": [["none.csv"]],
    "languages template": [[], ["x.po", "--language", "klingon"]],
    "languages check": [["--everything"]],
    "withdraw accept": [[]],
    "withdraw decline": [["wd_1"]],
}


def commands(command: Any, *before: str) -> list[str]:
    """All that can be typed, in the words that it is typed with."""
    inner = getattr(command, "commands", None)
    if not inner:
        return [" ".join(before)]
    return [each for name, one in inner.items() for each in commands(one, *before, name)]


def test_no_command_is_left_out() -> None:
    assert set(commands(get_command(cli.app))) == set(WRONG)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("command", WRONG)
def test_what_makes_no_sense_is_refused_in_a_line(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cli_settings: None
) -> None:
    for words in WRONG[command]:
        monkeypatch.setattr("sys.argv", ["pushcart", *command.split(), *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (2, ""), (words, said.err)
        assert len(said.err.splitlines()) == 1, said.err
        assert "Error(" not in said.err
        assert "Traceback" not in said.err
        assert "__" not in said.err


@pytest.fixture
def cli_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shop_settings: dict[str, object], database_url: str
) -> None:
    """The environment of the command, in this very process: to start one for each would take minutes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.logs, "set_up", lambda **_: None)
    for name, value in {**shop_settings, "database_url": database_url}.items():
        monkeypatch.setenv(name.upper(), str(value))


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: type(kind).__name__)
def test_every_error_has_words(kind: ShopError) -> None:
    kind.__dict__["__typer_developer_exception__"] = None
    for line in errors.lines(kind):
        assert line.strip()
        assert "__" not in line
        assert f"{type(kind).__name__}(" not in line
        assert "='" not in line


def test_a_group_by_itself_says_what_there_is(folder: Path) -> None:
    said = fork_server.start(
        "core.cli", "report", cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8",
    )  # fmt: skip
    output, complaints = said.communicate(timeout=60)
    assert said.returncode == 2
    assert "Figures for a span of days" in output + complaints


def test_the_words_of_typer_are_one_line() -> None:
    assert errors.of_words(typer.BadParameter("two\nlines")) == "Invalid value: two lines"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_right_and_not_there_ends_with_one(pushcart: Run) -> None:
    said = pushcart("refund", "PW-1", "--line", "9", "--yes")
    assert (said.status, said.complaints) == (1, ["There is no order PW-1."])
    assert issubclass(family.NoSuchLine, BadInput)
