"""What tests ask of this machine they may ask for at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.machine import free_port, postgres


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
