"""Whoever writes into a SQLite file does so in their turn, whichever process they are of."""

import fcntl
from pathlib import Path
from threading import Thread
from time import monotonic

from core.connections.turns import Turns
from tests.machine import eventually


def is_locked(path: Path) -> bool:
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_who_was_just_there_waits_behind_who_waits_already(tmp_path: Path) -> None:
    # As two processes have them: each opens the files by itself.
    mine, theirs = Turns(tmp_path / "shop.db"), Turns(tmp_path / "shop.db")
    order: list[str] = []

    def takes(turns: Turns, name: str) -> None:
        with turns.taken():
            order.append(name)

    waits = Thread(target=takes, args=(theirs, "theirs"))
    with mine.taken():
        waits.start()
        eventually(lambda: is_locked(tmp_path / "shop.db-next"))
    takes(mine, "mine")
    waits.join()
    assert order == ["theirs", "mine"]


def test_nobody_is_within_another_ones_turn(tmp_path: Path) -> None:
    within, most = 0, 0

    def takes(turns: Turns) -> None:
        nonlocal within, most
        for _ in range(50):
            with turns.taken():
                within += 1
                most = max(most, within)
                within -= 1

    both = [Turns(tmp_path / "shop.db") for _ in range(2)]
    threads = [Thread(target=takes, args=(both[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_waits_too_long_goes_on_without(tmp_path: Path) -> None:
    stuck, patient = Turns(tmp_path / "shop.db"), Turns(tmp_path / "shop.db", patience=0)
    with stuck.taken(), patient.taken():
        pass
    with patient.taken(), patient.taken():  # of two threads of a process it is the same
        pass
    with stuck.taken():  # and nothing of it is left
        pass


def test_who_was_stopped_in_its_turn_is_waited_for_once_and_not_each_time(tmp_path: Path) -> None:
    stopped, others = Turns(tmp_path / "shop.db"), Turns(tmp_path / "shop.db", patience=0.5)
    with stopped.taken():
        with others.taken():
            pass
        began = monotonic()
        for _ in range(20):
            with others.taken():
                pass
        assert monotonic() - began < 5  # and not 20 times half a second
    # It has gone on: from the next turn on it is waited for again.
    with others.taken():
        pass
    order: list[str] = []

    def takes() -> None:
        with others.taken():
            order.append("others")

    waits = Thread(target=takes)
    with stopped.taken():
        waits.start()
        eventually(lambda: is_locked(tmp_path / "shop.db-next"))
        order.append("the one that went on")
    waits.join()
    assert order == ["the one that went on", "others"]
