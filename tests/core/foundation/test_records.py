"""Records: their ids."""

import time

import pytest

from core.foundation import records
from core.foundation.records import new_id

# 2026-11-30, in milliseconds since 1970.
_DAY = 1_796_000_000_000


def _made_at(milliseconds: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(records.time, "time_ns", lambda: milliseconds * 1_000_000 + 999_999)
    return new_id("ord")


def test_ids_are_in_the_order_in_which_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [0, 1, 31, 32, 1023, 1024, 2**20, _DAY, _DAY + 1, _DAY + 1000, _DAY + 86_400_000, 2**48 - 1]
    made = [_made_at(each, monkeypatch) for each in moments]
    assert made == sorted(made)


def test_an_id_begins_with_its_millisecond_as_a_ulid_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # The example of the ULIDs' own specification: 01ARZ3NDEKTSV4RRFFQ69G5FAV is of this moment.
    assert _made_at(1_469_922_850_259, monkeypatch)[:14] == "ord_01arz3ndek"


def test_ids_of_one_millisecond_differ_by_eighty_bits_of_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {_made_at(_DAY, monkeypatch) for _ in range(500)}
    assert len(made) == 500
    assert {len(each) for each in made} == {len("ord_") + 10 + 16}
    assert len({each[:14] for each in made}) == 1
    # Each of the sixteen letters is any of the thirty-two.
    assert all(len({each[place] for each in made}) == 32 for place in range(14, 30))


def test_an_id_is_of_now() -> None:
    before = time.time_ns() // 1_000_000
    letters = new_id("x")[2:12]
    number = 0
    for each in letters:
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(each)
    assert before <= number <= time.time_ns() // 1_000_000
