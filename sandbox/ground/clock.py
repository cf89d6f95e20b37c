"""The sandbox's time: the computer's, plus however far it has been moved ahead.

What falls due is done *at* the moment it fell due, even when the clock has jumped past it: a year's renewals each
carry their own month. Customers with a test clock live in that clock's time; events and signatures stay in real time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Seconds since 1970. Moving it ahead makes whatever falls due in between happen."""

    def __init__(self) -> None:
        self.ahead = 0.0
        # The test clock in whose time things happen just now; None for the sandbox's own.
        self.test_clock: str | None = None
        self._standing: float | None = None

    def exact(self) -> float:
        """Now, to the microsecond: for ordering and for deadlines."""
        return self.moved() if self._standing is None else self._standing

    def moved(self) -> float:
        """Now by the sandbox's own clock, whatever clock things happen by."""
        return time.time() + self.ahead

    def now(self) -> int:
        """Now in whole seconds, as Stripe stamps its objects."""
        return int(self.exact())

    def real(self) -> float:
        """What the time is outside: receivers refuse events that say otherwise."""
        return time.time()

    @contextmanager
    def standing_at(self, moment: float, test_clock: str | None = None) -> Iterator[None]:
        """Inside, it is that moment, by that test clock or by the sandbox's own."""
        before = self._standing, self.test_clock
        self._standing, self.test_clock = moment, test_clock
        try:
            yield
        finally:
            self._standing, self.test_clock = before
