"""Every command with what it cannot take: one readable line, exit status 2 where the words are wrong, and never a traceback."""

import ast
import importlib
import inspect
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from core import cli, command_line
from core.command_line import arguments, errors
from core.foundation import errors as family
from core.foundation.errors import BadInput, ShopError
from core.shop import Shop
from tests import fork_server
from tests.command_line.conftest import Run
from tests.machine import environment
from tests.shop_errors import every_error

# More than any database counts to.
HUGE = "99999999999999999999"

# Words that make no sense to anybody, by command: each is refused whatever the shop holds.
WRONG: dict[str, list[list[str]]] = {
    "orders": [["--status", "payed"], ["--limit", "0"], ["--limit", "many"], ["--limit", HUGE]],
    "order": [[]],
    "resend": [[], ["PW-1", "--nothing"]],
    "refund": [[], ["PW-1", "--line", "one"], ["PW-1", "--line", HUGE]],
    "revoke": [["PW-1"], ["PW-1", "--line", "x", "--reason", "r"], ["PW-1", "--line", "0", "--reason", "r"]],
    "evidence": [[]],
    "events": [["--state", "broken"], ["--limit", "-1"]],
    "replay": [[]],
    "reconcile": [["everything"], ["--since", "0001-01-01"], ["--since", "yesterday"]],
    "attention": [["now"]],
    "withdrawals": [["--limit", "0"]],
    "customer": [[], ["a@b.com", "--keep"], ["a@b.com", "--erase", "--change-email", "c@d.com"]],
    "sign-in-code": [["notmail"], ["a@b@c.com"], [""]],
    "retention": [["--dry"]],
    "export": [
        ["nothing"],
        ["journal", "--from", "yesterday", "--to", "2026-01-01"],
        ["tax", "--from", "2026-01-01", "--to", "9999-12-31"],
        ["orders", "--from", "2026-02-01", "--to", "2026-01-31"],
    ],
    "doctor": [["--letter-to", "notmail"]],
    "license": [
        ["KEY", "--limit", "0"],
        ["KEY", "--until", "soon"],
        ["KEY", "--until", "9999-12-31"],
        ["KEY", "--disable", "--enable"],
    ],
    "signing-key": [["--turn"]],
    "migrate": [["up"]],
    "backup": [[], ["one", "two"]],
    "restore": [[], ["none.backup"], ["none.backup", "--gap", "-1"]],
    "rehearse": [["--patience", "soon"]],
    "catalog apply": [[]],
    "catalog export": [["a", "b"]],
    "catalog list": [["everything"]],
    "report sales": [[], ["--from", "2026-13-01", "--to", "2026-01-01"], ["--from", "2026-01-01"]],
    "report subscriptions": [
        ["--from", "2026-01-01"],
        ["--from", "2026-02-01", "--to", "2026-01-31"],
        ["--csv", "--json"],
    ],
    "report tax": [
        ["--from", "x", "--to", "y"],
        ["--from", "2026-01-01", "--to", "9999-12-31"],
        ["--from", "2026-01-01", "--to", "2026-01-31", "--csv", "--json"],
    ],
    "report payouts": [
        ["--from", "x", "--to", "y"],
        ["--from", "2026-02-01", "--to", "2026-01-31"],
        ["--from", "2026-01-01", "--to", "2026-01-31", "--csv", "--json"],
    ],
    "staff list": [["owners"]],
    "staff invite": [["notmail"], ["a@b.com", "--role", "king"]],
    "staff limit": [[], ["a@b.com", "much"], ["a@b.com", "-1"], ["a@b.com", "1", "2"]],
    "staff remove": [[], ["a@b.com", "c@d.com"]],
    "staff reset-second-factor": [[], ["--all"]],
    "api-key create": [["name"], ["name", "--scopes", "everything"], [" ", "--scopes", "seats"]],
    "api-key list": [["x"]],
    "api-key revoke": [[]],
    "demo season": [["--add"]],
    "webhook register": [[], ["notaurl"]],
    "webhook test": [["a", "b"]],
    "hooks add": [["ftp://x"], ["https://example.com/h", "--topics", "weather"]],
    "hooks list": [["x"]],
    "hooks log": [["--state", "lost"]],
    "hooks rotate": [[]],
    "hooks ping": [[]],
    "hooks on": [[]],
    "hooks off": [[]],
    "hooks remove": [[]],
    "hooks replay": [
        ["we_1", "--since", "yesterday"],
        ["we_1", "--since", "9999-12-31T23:00-12:00"],
        ["we_1", "--until", "2026-01-01"],
    ],
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


def _ends(command: Any) -> list[Any]:
    """The commands below this one that do something themselves."""
    inner = getattr(command, "commands", None)
    return [end for each in inner.values() for end in _ends(each)] if inner else [command]


def test_every_number_has_a_least_and_a_most() -> None:
    taken = [each for command in _ends(get_command(cli.app)) for each in command.params]
    numbers = [each for each in taken if each.type_descriptor.annotation in (int, float, list[int], list[float])]
    assert len(numbers) > 6
    assert [(each.name, each.help) for each in numbers if None in (each.min, each.max)] == []


def test_every_command_takes_json() -> None:
    without = [
        each.name for each in _ends(get_command(cli.app)) if not any("--json" in one.opts for one in each.params)
    ]
    assert without == []


@given(text=st.one_of(st.text(), st.datetimes().map(str), st.dates().map(str)))
def test_a_day_or_moment_is_one_that_can_be_counted_with(text: str) -> None:
    with suppress(typer.BadParameter):
        arguments.day(text) + timedelta(days=31)
    with suppress(typer.BadParameter):
        arguments.moment(text).astimezone(ZoneInfo("Pacific/Kiritimati")) + timedelta(days=31)


def _called() -> Iterator[tuple[str, str]]:
    """What the commands' modules call of other modules of the core, and what that says of itself."""
    for source in sorted(Path(command_line.__file__).parent.rglob("*.py")):
        tree = ast.parse(source.read_text())
        modules = {
            name.asname or name.name: f"{each.module}.{name.name}"
            for each in ast.walk(tree) if isinstance(each, ast.ImportFrom) and each.module for name in each.names
        }  # fmt: skip
        for each in ast.walk(tree):
            match each:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)) if module in modules:
                    with suppress(ImportError):
                        called = getattr(importlib.import_module(modules[module]), name, None)
                        yield f"{source.stem}: {module}.{name}", inspect.getdoc(called) or ""


def test_what_commands_may_meet_has_words_of_its_own() -> None:
    found = {type(each).__name__: each for each in every_error()}
    # These two are told to people at the owner's pages, who have a role and may press a button twice.
    del found["NotPermitted"], found["DoneAlready"]
    meets = {
        (name, where)
        for where, doc in _called() for raised in re.findall(r"Raises ([^.]+)\.", doc) for name in re.findall(r"\w+", raised)
        if name in found and not type(found[name]).__subclasses__()
    }  # fmt: skip
    assert len({name for name, _ in meets}) > 20
    assert [each for each in sorted(meets) if errors.lines(found[each[0]]) == [errors.by_name(found[each[0]])]] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("command", WRONG)
def test_what_makes_no_sense_is_refused_in_a_line(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cli_settings: None
) -> None:
    capsys.readouterr()  # on a slow machine, that the database of all tests was being made
    for words in WRONG[command]:
        monkeypatch.setattr("sys.argv", ["pushcart", *command.split(), *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (2, ""), (words, said.err)
        assert len(said.err.splitlines()) == 1, said.err
        assert not re.search(r"[^.] `pushcart .* says what it takes", said.err), said.err
        assert "Error(" not in said.err
        assert "Traceback" not in said.err
        assert "__" not in said.err


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "words", [["order", "\udcff"], ["customer", "m\udcfc@b.example"], ["withdraw", "decline", "\udcff"]]
)
def test_words_of_another_alphabet_than_utf_8_are_named(
    words: list[str],
    shop: Shop,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    cli_settings: None,
) -> None:
    assert shop
    monkeypatch.setattr("sys.argv", ["pushcart", *words, *(["--reason", "r"] if words[0] == "withdraw" else [])])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    [line] = capsys.readouterr().err.splitlines()
    assert (ended.value.code, "is no text in UTF-8" in line) == (2, True), line


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
    assert errors.of_words(typer.BadParameter("two\nlines")) == "Invalid value: two lines."


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_right_and_not_there_ends_with_one(pushcart: Run) -> None:
    said = pushcart("refund", "PW-1", "--line", "9", "--yes")
    assert (said.status, said.complaints) == (1, ["There is no order PW-1."])
    assert issubclass(family.NoSuchLine, BadInput)
