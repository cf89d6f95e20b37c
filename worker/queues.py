"""The queues, each with places of its own: what one purpose waits for takes nothing from the others."""

from dataclasses import dataclass

from core.foundation.outbox import BY_DOMAIN, Queue


@dataclass(frozen=True)
class Places:
    """How many jobs of a queue one worker runs at once, how many of these for one domain, and how often it looks."""

    total: int
    per_domain: int | None
    look_every: float


# A recipient that keeps the mail server waiting holds its place for as long as mail.py waits, at its first turn only:
# later ones are in RETRIES. What is awaited by somebody at a screen is looked for more often.
PLACES = {
    Queue.CODES: Places(16, 8, look_every=0.5),
    Queue.BUYERS: Places(32, 12, look_every=0.75),
    Queue.STRIPE: Places(8, None, look_every=1.0),
    Queue.RETRIES: Places(8, 2, look_every=2.0),
    Queue.OWNERS: Places(2, None, look_every=3.0),
    Queue.EARLIER: Places(8, None, look_every=5.0),
}
assert {queue for queue, places in PLACES.items() if places.per_domain} == BY_DOMAIN


def register() -> None:
    """Tell DBOS, which keeps the queues in the database."""
    from dbos import DBOS

    for queue, places in PLACES.items():
        DBOS.register_queue(
            queue.value,
            worker_concurrency=places.total,
            partition_worker_concurrency=places.per_domain,
            polling_interval_sec=places.look_every,
        )
