"""Threads for what waits for somebody outside of the shop: whoever keeps all of these waiting keeps no other request waiting.

What asks the database alone runs in the server's own threads, of which there are as many.
"""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")

_MOST = 40


class Waiting:
    """So many threads for those who wait for the same."""

    def __init__(self) -> None:
        self._room = CapacityLimiter(_MOST)

    async def run(self, act: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """What this returns, once it has been done in one of them."""
        return await to_thread.run_sync(partial(act, *given, **named), limiter=self._room)


# Stripe, and whoever says whether somebody is a person.
AT_PAYMENT = Waiting()
# The disk or bucket on which files lie.
AT_STORAGE = Waiting()
