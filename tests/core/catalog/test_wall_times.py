"""Times by the clock on the wall: those that come never, and those that come twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.catalog import catalog_file, wall_times, workshop_terms
from core.foundation.errors import CatalogInvalid

BERLIN = "Europe/Berlin"
FORWARD, BACK = datetime.fromisoformat("2027-03-28T02:30"), datetime.fromisoformat("2027-10-31T02:30")
WORKSHOP = """
[[products]]
id = "clinic"
name = "Clinic"
kind = "workshop"
prices = [{{ id = "clinic-eur", amount = 100, currency = "eur" }}]
dates = [{{ starts_at = {starts}, hours = 2, timezone = "Europe/Berlin", capacity = 3 }}]
"""


def read(folder: Path, starts: str) -> catalog_file.DateEntry:
    path = folder / "catalogue.toml"
    path.write_text(WORKSHOP.format(starts=starts))
    return catalog_file.read(path).products[0].dates[0]


@pytest.mark.parametrize(
    ("wall", "zone", "offsets"),
    [
        (FORWARD, BERLIN, []),
        (BACK, BERLIN, [2, 1]),
        (FORWARD - timedelta(hours=1), BERLIN, [1]),
        (FORWARD + timedelta(hours=1), BERLIN, [2]),
        (FORWARD, "UTC", [0]),
    ],
)
def test_a_wall_time_means_one_moment_or_two_or_none(wall: datetime, zone: str, offsets: list[int]) -> None:
    found = wall_times.moments(wall, zone)
    assert [each.utcoffset() for each in found] == [timedelta(hours=each) for each in offsets]
    assert all(each.replace(tzinfo=None, fold=0) == wall for each in found)


def test_a_file_with_a_time_that_comes_never_or_twice_is_refused_and_told_how_to_say_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogInvalid) as never:
        read(tmp_path, "2027-03-28T02:30:00")
    assert "no clock in Europe/Berlin shows 2027-03-28 02:30" in str(never.value.problems)
    with pytest.raises(CatalogInvalid) as twice:
        read(tmp_path, "2027-10-31T02:30:00")
    for way in ("2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"):
        assert way in str(twice.value.problems)
        assert read(tmp_path, way).begins(datetime.now(UTC)) == datetime.fromisoformat(way)


def test_two_hours_over_a_change_of_clocks_are_two_hours(tmp_path: Path) -> None:
    entry, now = read(tmp_path, "2027-10-31T01:30:00"), datetime.now(UTC)
    assert entry.finishes(now) - entry.begins(now).astimezone(UTC) == timedelta(hours=2)


@pytest.mark.parametrize(("said", "percent"), [({}, 100), ({"cancel_refund": "none"}, 0), ({"cancel_refund": 40}, 40)])
def test_terms_say_until_when_and_how_much(said: dict[str, object], percent: int) -> None:
    terms = workshop_terms.read({"cancel_until": 24, **said})
    assert (terms.percent, terms.until(FORWARD)) == (percent, FORWARD - timedelta(hours=24))
    assert workshop_terms.read({}).until(FORWARD) is None
