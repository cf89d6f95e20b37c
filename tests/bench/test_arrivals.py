"""A launch day's arrivals are the same each time, come as its curve says, and are replayed at any speed."""

from itertools import pairwise

import pytest

from tests.bench import arrivals


def test_steady_arrivals_are_as_far_apart_as_the_rate_says() -> None:
    assert arrivals.steady(4, 3) == [0, 0.25, 0.5]


def test_a_launch_day_is_the_same_each_time_at_any_speed() -> None:
    day = arrivals.launch_day(1, 500)
    assert len(day) == 500
    assert all(earlier < later for earlier, later in pairwise(day))
    assert arrivals.launch_day(100, 500) == [at / 100 for at in day]


@pytest.mark.parametrize(("first", "beyond"), [(0, 600), (1800, 2400)])
def test_as_many_arrive_as_the_curve_says(first: int, beyond: int) -> None:
    expected = sum(map(arrivals.a_second, range(first, beyond)))
    found = sum(first <= at < beyond for at in arrivals.launch_day(1, 5000))
    assert abs(found - expected) < 4 * expected**0.5
