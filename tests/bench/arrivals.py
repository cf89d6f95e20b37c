"""Arrivals: when requests are due, in seconds from the beginning."""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice

# A day on which something is launched: some ten thousand orders, of which the day would have had as many of itself as come
# one in twenty seconds. The others follow the letter that announces it, fewer and fewer.
USUAL = 0.05
FIRST = 3.2
FADING = 1800.0


def steady(rate: float, count: int) -> list[float]:
    """So many requests, so many a second."""
    return [number / rate for number in range(count)]


def launch_day(speed: float, count: int) -> Sequence[float]:
    """The first so many orders of a launch day from its letter on, at so many times the speed. Always the same ones."""
    return [at / speed for at in islice(_orders(random.Random(7)), count)]


def a_second(at: float) -> float:
    """How many orders a second a launch day has when so many seconds have passed since its letter."""
    return USUAL + FIRST * math.exp(-at / FADING)


def _orders(dice: random.Random) -> Iterator[float]:
    """As they come by chance: candidates at the highest rate, of which as many are kept as the hour has."""
    most = a_second(0)
    for at in accumulate(iter(lambda: dice.expovariate(most), None)):
        if dice.random() < a_second(at) / most:
            yield at
