"""The sandbox's time: the computer's, plus however far it has been moved ahead."""

from __future__ import annotations

import time


class Clock:
    """Seconds since 1970. Moving it ahead makes whatever falls due in between happen."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def exact(self) -> float:
        """Now, to the microsecond: for ordering and for deadlines."""
        return time.time() + self.ahead

    def now(self) -> int:
        """Now in whole seconds, as Stripe stamps its objects."""
        return int(self.exact())
