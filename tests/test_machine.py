"""What tests ask of this machine they may ask for at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import machine
from tests.machine import free_port, is_within, postgres


def test_nobody_is_given_the_port_of_another() -> None:
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: free_port(), range(64)))
    assert len(set(found)) == 64


def test_a_database_server_that_a_killed_run_has_left_is_nobody_s_by_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with postgres(folder) as left:
        (folder / "postgres").unlink()  # as when the folder went, and the next run has made it anew
        with postgres(folder) as own, postgres(folder) as shared:
            assert own == shared != left
        (folder / "postgres").unlink()


def test_only_a_slow_machine_has_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_within(1.9, 2)
    for sum_takes, longest in ((0.01, 2), (machine._SUM_TAKES, 2), (3 * machine._SUM_TAKES, 6)):
        monkeypatch.setattr(machine, "_seconds_of_a_sum", lambda sum_takes=sum_takes: sum_takes)
        assert is_within(longest - 0.1, 2)
        assert not is_within(longest + 0.1, 2)
    monkeypatch.undo()
    assert not is_within(1_000_000, 2)
