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
# later ones are in RETRIES. Each look is paid for also when there is nothing to do, so that only what somebody awaits at a
# screen is looked for more than once in a second.
PLACES = {
    Queue.CODES: Places(16, 8, look_every=1.0),
    Queue.BUYERS: Places(32, 12, look_every=1.0),
    Queue.STRIPE: Places(8, None, look_every=1.5),
    Queue.RETRIES: Places(12, 4, look_every=4.0),
    Queue.OWNERS: Places(2, None, look_every=4.0),
    Queue.EARLIER: Places(8, None, look_every=4.0),
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


def calm() -> None:
    """Have DBOS look less often into its own queue, where no job of ours waits. To be called before it is launched."""
    from dbos._dbos import _get_or_create_dbos_registry

    # It offers no setting for this, and looks once a second: a third of what an idle worker would cost.
    _get_or_create_dbos_registry().get_internal_queue()._polling_interval_sec = 20.0
