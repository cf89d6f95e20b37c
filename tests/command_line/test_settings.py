"""Settings with mistakes, and the secret that a demo makes for itself."""

import os
import stat
from pathlib import Path

import pytest

from core.foundation.settings import Settings
from tests.command_line.conftest import begin, end


def test_each_mistake_in_the_settings_is_one_line_that_names_its_variable(folder: Path) -> None:
    mistakes = {
        "stripe_secret_key": "pk_test_1", "stripe_webhook_secret": "whsec_one,,", "webhook_port": 0,
        "database_url": "mysql://elsewhere", "app_url": "shop.example.com",
    }  # fmt: skip
    said = end(begin("orders", folder=folder, **mistakes))
    assert (said.status, said.output) == (1, "")
    heading, *lines = said.complaints
    assert heading == "Pushcart cannot start, these settings need a look:"
    assert {line.split(":")[0].strip() for line in lines} == {name.upper() for name in mistakes}
    assert len(lines) == len(mistakes)
    assert not any(folder.iterdir())


def test_processes_that_start_at_once_agree_on_one_secret_that_nobody_else_can_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for round_ in range(25):
        place = folder / str(round_)
        place.mkdir()
        os.chdir(place)
        assert len(_signing_keys_of(4)) == 1
        kept = place / "var" / "secret_key"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert [each.name for each in kept.parent.iterdir()] == ["secret_key"]


def _signing_keys_of(processes: int) -> set[str]:
    """The keys that this many processes come by, all of them let go at the same moment."""
    gate_out, gate_in = os.pipe()
    answers_out, answers_in = os.pipe()
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            try:
                os.close(gate_in)
                os.read(gate_out, 1)  # returns when the other end is closed
                os.write(answers_in, Settings().signing_key.encode() + b"\n")
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    for each in (gate_out, gate_in, answers_in):
        os.close(each)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * processes
    with open(answers_out) as answers:
        found = answers.read().splitlines()
    assert len(found) == processes
    return set(found)


def test_a_secret_is_kept_from_one_start_to_the_next(folder: Path) -> None:
    assert end(begin("sign-in-code", "owner@example.com", folder=folder)).status == 0
    kept = folder / "var" / "secret_key"
    first = kept.read_text()
    assert len(first) >= 32
    assert end(begin("sign-in-code", "owner@example.com", folder=folder)).status == 0
    assert kept.read_text() == first
