"""The shop's days: local midnights, days of 23 and 25 hours, and as much of the days before as has elapsed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.owner.figures.days import Days, Step, day_of, hour_of, hours, midnight, pieces, step_of

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
# Put forward or back at midnight, by half an hour, or over a whole day.
ODD = ("Africa/Cairo", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo")


def test_a_day_begins_at_local_midnight_and_may_have_23_or_25_hours() -> None:
    summer, winter = date(2026, 3, 29), date(2026, 10, 25)
    assert Days(summer, summer, COPENHAGEN).start == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert [len(hours(day, COPENHAGEN)) for day in (summer, winter, date(2026, 7, 1))] == [23, 25, 24]


@given(
    zone=st.sampled_from(ODD).map(ZoneInfo),
    at=st.integers(1_100_000_000, 1_800_000_000).map(lambda stamp: datetime.fromtimestamp(stamp, UTC)),
)
def test_every_moment_is_in_exactly_one_day_and_hour(zone: ZoneInfo, at: datetime) -> None:
    day = day_of(at, zone)
    assert midnight(day, zone) <= at < midnight(day + timedelta(days=1), zone)
    begun = [hour for hour in hours(day, zone) if hour <= at]
    assert begun[-1] == hour_of(at, zone)
    assert at - begun[-1] < timedelta(hours=1)


def test_days_that_have_elapsed_are_compared_with_the_same_number_before() -> None:
    month = Days(date(2026, 11, 1), date(2026, 11, 30), COPENHAGEN)
    over = month.before(now=datetime(2026, 12, 24, tzinfo=UTC))
    assert (over.first, over.last, over.cut) == (date(2026, 10, 2), date(2026, 10, 31), None)
    begun = month.before(now=datetime(2026, 11, 3, 11, 30, tzinfo=UTC))
    assert (begun.first, begun.last) == (date(2026, 10, 2), date(2026, 10, 4))
    assert begun.end.astimezone(COPENHAGEN) == datetime(2026, 10, 4, 12, 30, tzinfo=COPENHAGEN)


@pytest.mark.parametrize(
    ("step", "first"),
    [(Step.DAY, date(2026, 11, 26)), (Step.WEEK, date(2026, 11, 23)), (Step.MONTH, date(2026, 11, 1))],
)
def test_weeks_begin_on_monday_and_months_with_their_first(step: Step, first: date) -> None:
    assert step_of(date(2026, 11, 26), step) == first


def test_days_that_follow_each_other_are_taken_together() -> None:
    days = [date(2026, 11, number) for number in (5, 1, 2, 3, 9)]
    assert [[day.day for day in each] for each in pieces(days, most=2)] == [[1, 2], [3], [5], [9]]
