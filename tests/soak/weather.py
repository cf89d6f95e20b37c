"""The weather: everything the sandbox can get wrong at a rate, and processes that are killed and started again."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Event

from tests.journeys.stand import Stand

STORM = {"duplicate_rate": 0.2, "shuffle_rate": 0.2, "drop_rate": 0.1, "api_error_rate": 0.05}
# The worker dies with the third webhook, and with every thirtieth from then on.
_WORKER_FIRST, _WORKER_EVERY = 2, 30


@contextmanager
def storm(stand: Stand, *, seed: int, pause: float, worker_too: bool, stopping: Event) -> Iterator[Counter[str]]:
    """Bad weather inside the block: every `pause` seconds or so the webhook is killed, and now and then the worker.

    Gives what was killed, and how often. Sets `stopping` when something does not come up again.
    """
    kills: Counter[str] = Counter()
    over = Event()
    stand.tell_sandbox("faults", seed=seed, **STORM)
    with ThreadPoolExecutor(1, "weather") as thread:
        striking = thread.submit(_strike_until, over, stand, pause, worker_too, kills)
        striking.add_done_callback(lambda done: stopping.set() if done.exception() else None)
        try:
            yield kills
        finally:
            over.set()
            striking.result()
            stand.tell_sandbox("faults", **dict.fromkeys(STORM, 0))


def _strike_until(over: Event, stand: Stand, pause: float, worker_too: bool, kills: Counter[str]) -> None:
    for strike in count():
        if over.wait(pause):
            return
        struck = ["webhook"] + (["worker"] if worker_too and strike % _WORKER_EVERY == _WORKER_FIRST else [])
        for name in struck:
            stand.kill(name)
            kills[name] += 1
        stand.start(*struck)
