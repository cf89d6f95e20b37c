"""A few at once go through the gate of a name, and never wait for who goes through another one's."""

from contextlib import ExitStack
from threading import Thread
from zlib import crc32

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.connections import gates
from core.connections.gates import AT_ONCE, Gates
from tests.machine import eventually


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(gates, "_WAITS", 0.01)


def crowd(through: ExitStack, of: Gates, *names: str) -> None:
    """As many as go through at once are there."""
    for _ in range(AT_ONCE):
        through.enter_context(of.through(*names))


@pytest.mark.usefixtures("impatient")
def test_nobody_waits_for_another_name() -> None:
    ours, others = Gates(), [f"name {number}" for number in range(1000)]
    # Nor one that has any checksum in common with it.
    assert len({crc32(each.encode()) % 64 for each in [*others, "held"]}) == 64
    with ExitStack() as through:
        crowd(through, ours, "held")
        for each in others:
            with ours.through(each):
                pass
        with pytest.raises(PoolTimeout), ours.through("held"):
            pytest.fail("one more went through")
        # Who wants several waits for the one, and keeps nobody from the other.
        with pytest.raises(PoolTimeout), ours.through("free", "held"):
            pytest.fail("one more went through")
        crowd(through, ours, "free")
    with ours.through("held", "free"):
        pass


@pytest.mark.usefixtures("impatient")
def test_what_is_named_twice_is_one_gate() -> None:
    ours = Gates()
    with ExitStack() as through:
        crowd(through, ours, "name", "name")


def test_who_waits_goes_through_when_somebody_leaves() -> None:
    ours, came = Gates(), []

    def goes() -> None:
        with ours.through("name"):
            came.append(True)

    with ExitStack() as through:
        crowd(through, ours, "name")
        waits = Thread(target=goes)
        waits.start()
        eventually(lambda: ours.at("name") == AT_ONCE + 1)
        assert not came
    waits.join()
    assert came


@pytest.mark.usefixtures("impatient")
def test_of_names_that_nobody_wants_nothing_is_kept() -> None:
    ours = Gates()
    with ExitStack() as through:
        crowd(through, ours, "name")
        with pytest.raises(PoolTimeout), ours.through("name", "other"):
            pytest.fail("one more went through")
        assert (ours.at("name"), ours.at("other"), [*ours._gates]) == (AT_ONCE, 0, ["name"])
    with pytest.raises(ZeroDivisionError), ours.through("name"):
        raise ZeroDivisionError
    assert ours._gates == {}
