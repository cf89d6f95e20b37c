"""Opening the shop: what keeps a process from beginning is told in one line, and tells no secret."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from core import opening
from core.command_line import errors
from core.foundation import database, settings
from core.foundation.settings import Settings
from tests.machine import free_port


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder, and no setting but those of the test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as told:
        opening.open_shop()
    return str(told.value)


@pytest.mark.parametrize(
    "address",
    [
        "shop:hunter22@127.0.0.1:{port}/shop",
        "127.0.0.1:{port}/shop?user=shop&password=hunter22",
        "shop:hunter22@127.0.0.1/s?pass=hunter22",
    ],
)
def test_a_database_that_is_not_there_is_said_in_one_line_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(monkeypatch, DATABASE_URL=f"postgresql://{address.format(port=free_port())}")
    assert said.startswith("Pushcart cannot start: the database does not answer: ")
    assert len(said.splitlines()) == 1
    assert "hunter22" not in said


def test_a_file_that_is_no_database_or_cannot_be_made_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    (elsewhere / "notes.db").write_text("Call the bank. " * 400)
    said = {
        path: refusal(monkeypatch, DATABASE_URL=f"sqlite:///{path}") for path in ("notes.db", "notes.db/shop.db", ".")
    }
    no_database = f"file is not a database: {elsewhere / 'notes.db'}"
    assert said["notes.db"] == f"Pushcart cannot start: the database does not answer: {no_database}"
    assert said["notes.db/shop.db"] == f"Pushcart cannot start: File exists: {elsewhere / 'notes.db'}"
    assert (
        said["."] == f"Pushcart cannot start: the database does not answer: unable to open database file: {elsewhere}"
    )
    assert (elsewhere / "notes.db").read_text().startswith("Call the bank."), "what was there is left alone"


def test_a_folder_that_a_key_cannot_be_kept_in_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    (elsewhere / "var").write_text("")
    said = refusal(monkeypatch, DATABASE_URL="sqlite:///shop.db")
    assert said == "Pushcart cannot start: File exists: var"


def test_a_storage_that_cannot_be_had_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    (elsewhere / "files").write_text("")
    said = refusal(monkeypatch, DATABASE_URL="sqlite:///shop.db", STORAGE_URL=f"file://{elsewhere}/files/sold")
    assert said.startswith("Pushcart cannot start: ")
    assert len(said.splitlines()) == 1


def test_a_command_says_in_one_line_what_is_no_fault_of_its_own() -> None:
    password = "hunter22"
    settings.Settings(database_url=f"postgresql://shop:{password}@db/shop")  # known from then on, and masked
    away = OperationalError("select 1", {}, psycopg.OperationalError(f"connection to shop:{password}@db failed\nretry"))
    assert errors.of_this_machine(away) == ["The database does not answer: connection to shop:***[address] failed"]
    assert errors.of_this_machine(PermissionError(13, "Permission denied", "/srv/x.csv")) == [
        "Permission denied: /srv/x.csv"
    ]
    assert errors.of_this_machine(OSError(28, "No space left on device")) == ["No space left on device."]
    assert errors.of_this_machine(ValueError("a fault of ours")) == []
    wrong = OperationalError("select x", {}, sqlite3.OperationalError("no such column: x"))
    wrong.orig.sqlite_errorcode = sqlite3.SQLITE_ERROR  # type: ignore[union-attr]
    assert errors.of_this_machine(wrong) == []


@pytest.mark.parametrize(
    "said",
    [
        'connection failed: FATAL:  password authentication failed for user "shop"',
        "failed to resolve host 'ter22@db'",
        'could not connect to "postgresql://shop:hun@ter22@db/shop"',
    ],
)
def test_no_part_of_a_database_s_password_is_in_why_it_failed(said: str) -> None:
    settings.Settings(database_url="postgresql://shop:hun@ter22@db/shop")
    assert "ter22" not in database.why(OperationalError("select 1", {}, psycopg.OperationalError(said)))
