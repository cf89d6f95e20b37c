"""What a process has counted since it began, for Prometheus. Each process tells its own, or all of one host tell together, where
PROMETHEUS_MULTIPROC_DIR names a folder that they share."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter

from prometheus_client import Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

EVENTS = Counter("pushcart_stripe_events", "Webhook requests by what became of their event.", ["state"])
CHECKOUTS = Counter("pushcart_checkouts", "Ways to the payment page: opened, or kept from it by what.", ["outcome"])
LETTERS = Counter("pushcart_letter_attempts", "Attempts at letters, by how they ended.", ["outcome"])
JOBS = Counter("pushcart_jobs_run", "Turns of jobs, by whether they ended in an error.", ["job", "outcome"])
REQUESTS = Histogram(
    "pushcart_request_seconds", "How long requests took to answer.", ["method", "route", "status"], buckets=_SECONDS
)
STRIPE_CALLS = Histogram(
    "pushcart_stripe_call_seconds", "How long Stripe took to answer.", ["method", "outcome"], buckets=_SECONDS
)

# Of each request: the library would look at the words anew each time, with a lock.
event_taken = cache(EVENTS.labels)
request_answered = cache(REQUESTS.labels)


@contextmanager
def counted(counter: Counter, outcome: str) -> Iterator[None]:
    """Count what is done meanwhile: under `outcome`, or under the class of the error that it ended in."""
    try:
        yield
    except Exception as error:
        counter.labels(type(error).__name__).inc()
        raise
    counter.labels(outcome).inc()


class Stopwatch:
    """How long something takes, in seconds, from when it is made."""

    def __init__(self) -> None:
        self._begun = perf_counter()

    @property
    def seconds(self) -> float:
        return perf_counter() - self._begun
