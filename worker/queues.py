"""The queues, each with places of its own: what one purpose waits for takes nothing from the others."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event
from time import monotonic
from typing import Any

from core.foundation.jobs import standing
from core.foundation.jobs.kinds import BY_DOMAIN, Queue
from worker.bell import Bell


@dataclass(frozen=True)
class Places:
    """How many jobs of a queue one worker runs at once, how many of these for one domain, and how long it waits after it took some.
    With `goes_on` it looks again as soon as one of them has ended: what takes jobs quickly is not kept waiting."""

    total: int
    per_domain: int | None
    look_every: float
    goes_on: bool = False


# A recipient that keeps the mail server waiting holds its place for less than a second at its first turn, and for up to ten at
# later ones, which are in RETRIES. What waits alone is taken when the bell rings; the seconds are for what comes after it.
PLACES = {
    Queue.CODES: Places(16, 8, look_every=1.0),
    Queue.BUYERS: Places(16, 6, look_every=1.0),
    Queue.STRIPE: Places(8, None, look_every=1.5),
    Queue.RETRIES: Places(16, 4, look_every=4.0),
    # For one endpoint few: one that keeps us waiting until the end holds a place for 15 seconds.
    Queue.WEBHOOKS: Places(16, 4, look_every=0, goes_on=True),
    Queue.OWNERS: Places(2, None, look_every=4.0),
    Queue.EARLIER: Places(8, None, look_every=4.0),
}
# Between two looks into a queue, at least, in seconds.
_AT_LEAST = 0.05
# For how long what queues were set to is not read again, in seconds.
_SETTINGS_HOLD = 20.0
# After so long a queue is looked into though nobody called, in seconds.
_UNCALLED = 20.0
assert {queue for queue, places in PLACES.items() if places.per_domain} == BY_DOMAIN


def register() -> None:
    """Tell DBOS, which keeps the queues in the database."""
    from dbos import DBOS

    for queue, places in PLACES.items():
        DBOS.register_queue(
            queue.value,
            worker_concurrency=places.total,
            partition_worker_concurrency=places.per_domain,
            # Then it asks `_scopes`, which waits for as long as it is to.
            polling_interval_sec=_AT_LEAST,
        )


def calm() -> None:
    """Have DBOS look less often into its own queue, where no job of ours waits. To be called before it is launched."""
    from dbos._dbos import _get_or_create_dbos_registry

    # It offers no setting for this, and looks once a second, which costs more than all else of an idle worker.
    _get_or_create_dbos_registry().get_internal_queue()._polling_interval_sec = 20.0


class _Pause:
    """The time until a queue is looked into, over when the bell rings for it, or one of its jobs has ended. After a look that found
    some it takes `seconds` at least."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._earliest = seconds, 0.0
        self._over, self._ending = Event(), Event()
        self.cut()

    def wait(self) -> None:
        """Return when it is time for the next look; the first is at once."""
        self._ending.wait(max(0.0, self._earliest - monotonic()))
        if not self._ending.is_set():
            self._over.wait(_UNCALLED)
        # Before the look: what ends during it leads to another.
        self._over.clear()

    def found(self) -> None:
        """There is something to take."""
        self._earliest = monotonic() + self._seconds

    def cut(self) -> None:
        """Have the next look come now, if it may."""
        self._over.set()

    def end(self) -> None:
        """Never wait again."""
        self._ending.set()
        self.cut()


def look_first() -> Callable[[], None]:
    """Have DBOS look into a queue when a job waits there. To be called when it is launched; what is returned, before it is ended.

    It would read the queue's settings, the application's versions and the jobs at each look, and mostly there is none; and write
    twice a second what becomes of jobs whose time has come, which is mostly nothing.
    """
    from dbos._dbos import _get_dbos_instance

    dbos: Any = _get_dbos_instance()
    system = dbos._sys_db
    pauses = {queue.value: _Pause(places.look_every) for queue, places in PLACES.items()}
    bell = Bell(system, lambda queue: pauses[queue].cut())
    _cut_when_jobs_end(
        dbos._active_workflows_set, {queue.value: pauses[queue.value] for queue in PLACES if PLACES[queue].goes_on}
    )
    system.background_job_lock = partial(_due, bell, system.background_job_lock)
    system.dequeue_scopes = partial(_scopes, system, pauses)
    system.get_queue, system.list_queues = _Settings(system.get_queue), _Settings(system.list_queues)
    system.get_queue_partitions = partial(_domains, dbos)
    # A job of a later version waits for a worker that knows it: here it could only be failed.
    known = standing.is_known(system.tables.workflow_status, system.engine)
    system._claim_gate = lambda _queue, _domain: [known]

    def end() -> None:
        bell.end()
        for pause in pauses.values():
            pause.end()

    return end


@contextmanager
def _due(bell: Bell, lock: Callable[[str], AbstractContextManager[bool]], name: str) -> Iterator[bool]:
    """DBOS's lock around what it does each second for jobs that were put off: not to be had while the time of none has come. It
    would also end those that take too long, of which there are none here."""
    if not bell.may_be_due():
        yield False
        return
    with lock(name) as taken:
        yield taken


def _cut_when_jobs_end(active: Any, pauses: Mapping[str, _Pause]) -> None:
    """DBOS keeps what it runs in `active`, and has no other word of a job's end."""
    remove = active._remove

    def removed(job_id: str, bucket: tuple[str, str | None] | None) -> None:
        remove(job_id, bucket)
        if bucket and bucket[0] in pauses:
            pauses[bucket[0]].cut()

    active._remove = removed


def _scopes(system: Any, pauses: Mapping[str, _Pause], name: str) -> list[None]:
    """Where DBOS takes jobs of a queue from: the one place there is, or nowhere while none waits."""
    pause = pauses.get(name)
    if pause:
        pause.wait()
    if not standing.is_waiting(system.engine, system.tables.workflow_status, name):
        return []
    if pause:
        pause.found()
    return [None]


class _InOrder(list[str]):
    """A list that stays in its order: DBOS shuffles the domains before it takes jobs for one after the other. Of thousands of
    domains with a letter each, that of a letter which somebody awaits would have its turn by chance."""

    def __setitem__(self, _place: Any, _value: Any) -> None:
        """Changes nothing."""


def _domains(dbos: Any, queue: str) -> list[str]:
    """The domains for which jobs of this queue are to be taken now: those of the jobs that come next, without any that has all the
    places which one may have."""
    active = dbos._active_workflows_set
    with active._lock:
        running = Counter(each[1] for entries in active._m.values() for each in entries if each and each[0] == queue)
    places = PLACES[Queue(queue)]
    most = places.per_domain or 0
    full = [domain for domain, count in running.items() if count >= most]
    system = dbos._sys_db
    found = standing.next_partitions(system.engine, system.tables.workflow_status, queue, besides=full)
    # Half of the places at most, as long as they are not over: the other half is for what comes first at the next looks, so that
    # it is not worded and handed over beside many others.
    room = max(1, places.total // 2 - running.total())
    return _InOrder([*dict.fromkeys(found)][:room])


class _Settings:
    """What queues are set to, read again when it was read a while ago: nobody but a worker that starts writes it."""

    def __init__(self, read: Callable[..., Any]) -> None:
        self._read = read
        self._known: dict[tuple[str, ...], tuple[float, Any]] = {}

    def __call__(self, *name: str, **more: Any) -> Any:
        """The settings of the queue of this name, or None if there is none; without a name all that there are."""
        since, found = self._known.get(name, (0.0, None))
        if not found or monotonic() - since > _SETTINGS_HOLD:
            found = self._read(*name, **more)
            self._known[name] = monotonic(), found
        return found
