"""The worker: runs the jobs that transactions owe, takes over those of workers that are gone, and asks Stripe for what no
webhook told."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import structlog

from core.attendance import demo_waiting, waiting
from core.attendance import reminders as workshop_reminders
from core.connections import postgres
from core.correspondence import digest
from core.events import reconciliation
from core.foundation import database
from core.foundation.jobs import standing
from core.foundation.jobs.kinds import APPLICATION, APPLICATION_VERSION
from core.foundation.settings import Settings
from core.foundation.signals import heartbeats
from core.foundation.signals.heartbeats import Kind
from core.integrations import versions
from core.journeys.billing import plans_at_stripe
from core.licensing import expiries
from core.messages import letters
from core.outgoing import attempts
from core.owner.accounting import tax_days
from core.owner.doctor import examination
from core.owner.figures import closing
from core.owner.shelves import promotions, uploads
from core.privacy import retention
from core.rights import reminders as plan_reminders
from core.shop import Shop
from core.traffic import rate_limits
from worker import jobs, queues
from worker.breaker import Breaker
from worker.sending import Post

log = structlog.get_logger()

# Of the time after which a silent worker counts as gone: it may miss a beat or two.
BEATS = 4
# So often it is looked whether the shop was examined today, in seconds.
EXAMINES = 600.0
# After an update there may be many to look at; in between others have their turn.
ROUNDS = 10
# Seconds: so much later than at eight the weekly digest may go out.
DIGEST_EVERY = 60.0
# So often it is looked whose plan renews, or whose trial ends, within days.
REMINDS = 600.0
# So often the database is to know how its rows are spread.
STATISTICS = 600.0
# So often what is kept long enough is looked for.
RETAINS = 600.0
# Seconds: so much later than its clock says an offer may end, and a reminder go out.
WORKSHOPS_EVERY = 60.0


@contextmanager
def start(shop: Shop, *, kind: Kind = Kind.WORKER) -> Iterator[None]:
    """Run the worker in threads of this process until the block is left. Jobs in flight go on in another, or at the next start."""
    worker = _Worker(shop, kind)
    stopping = Event()
    threads = [
        Thread(target=_repeat, args=(every, act, stopping), name=name, daemon=True)
        for name, every, act in (
            ("heartbeat", shop.settings.worker_lost_seconds / BEATS, worker.beat),
            ("reconciliation", shop.settings.sweep_seconds, worker.sweep),
            ("sums of days", shop.settings.sweep_seconds, worker.keep_sums),
            ("statistics", STATISTICS, worker.keep_statistics),
            ("doctor", EXAMINES, worker.examine),
            ("rate limits", 60.0, worker.forget),
            ("uploads", shop.settings.sweep_seconds, worker.clean_up),
            ("plans at Stripe", REMINDS, worker.tell_of_plans),
            ("promotion codes", shop.settings.sweep_seconds, worker.look_at_codes),
            ("digest", DIGEST_EVERY, worker.owe_digest),
            ("plan reminders", REMINDS, worker.remind),
            ("retention", RETAINS, worker.retain),
            ("entitlements", shop.settings.sweep_seconds, worker.look_at_entitlements),
            ("workshops", WORKSHOPS_EVERY, worker.keep_workshops),
        )
    ]
    try:
        worker.join()
        worker.beat()
        demo_waiting.let_wait(shop)
        for thread in threads:
            thread.start()
        yield
    finally:
        stopping.set()
        for thread in threads:
            if thread.is_alive():
                thread.join(timeout=5)
        worker.end()


# What DBOS says of what it began when its run had already ended, whether as an error of its own or in a sentence.
_ENDED = ("accessed before DBOS was launched", "cannot schedule new futures after shutdown")


def _is_of_this_run(record: logging.LogRecord) -> bool:
    """Whether what DBOS says is not of a job that it took, or had in flight, when its run ended: it is done in another, and that
    is no error."""
    error = record.exc_info[1] if record.exc_info else ""
    return not any(words in f"{record.getMessage()} {error}" for words in _ENDED)


class _Worker:
    """One run after the other: a run that the others took for gone, as after a long pause, is followed by a new one."""

    def __init__(self, shop: Shop, kind: Kind) -> None:
        self._shop = shop
        self._kind = kind
        self._lost_after = timedelta(seconds=shop.settings.worker_lost_seconds)
        self._run: str | None = None
        self._ending = Event()
        self._look_no_more: Callable[[], None] = lambda: None

    def join(self) -> None:
        """Begin a run: from here on this process takes jobs."""
        from dbos import DBOS

        with self._shop.transaction() as session:
            now = heartbeats.database_time(session)
            run = heartbeats.begin(session, self._kind, host=socket.gethostname(), pid=os.getpid(), now=now)
        logging.getLogger("dbos").setLevel(logging.WARNING)
        logging.getLogger("dbos").addFilter(_is_of_this_run)
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._shop.settings.direct_database,
                "application_version": APPLICATION_VERSION,
                # Never the host's name: a container that restarts has another, and two on one host the same.
                "executor_id": run,
                "run_migrations": False,
                # As everywhere: what an error says does not name what was to be written, and nothing is waited for without end.
                "db_engine_kwargs": {"hide_parameters": True, "connect_args": _limited(self._shop.settings)},
                # No job sends another one a message: by itself it looks a hundred times a second whether one has.
                "notification_coalesce_sec": 0.5,
                "log_level": "WARNING",
                "enable_otlp": False,
            }
        )
        self._ending = Event()
        jobs.register(Post(self._shop, run, Breaker(), self._ending))
        queues.calm()
        DBOS.launch()
        queues.register()
        self._look_no_more = queues.look_first()
        self._run = run

    def beat(self) -> None:
        """Say that this run is at work, and take over what others left. If they took it for gone, begin another."""
        if self._run is None or not self._is_at_work(self._run):
            log.warning("worker_begins_again", ended=self._run)
            self._stop()
            self.join()
        self._take_over()

    def sweep(self) -> None:
        """Ask Stripe for what no webhook told."""
        report = reconciliation.sweep(self._shop)
        if report.healed or report.failed:
            log.info("swept", checked=report.checked, healed=report.healed, failed=report.failed)

    def forget(self) -> None:
        """Remove what nobody counts by any more, and the log of outgoing webhooks that is older than a month."""
        with self._shop.transaction() as session:
            rate_limits.forget(session, now=self._shop.now())
            attempts.forget(session, now=self._shop.now())

    def keep_sums(self) -> None:
        """Sum the days that are over, for whoever looks at the figures, and what was taxed on them."""
        closing.keep_all(self._shop)
        tax_days.keep(self._shop)

    def keep_statistics(self) -> None:
        """Let the database know how its rows are spread by now."""
        database.keep_statistics(self._shop.engine)

    def examine(self) -> None:
        """See once a day whether all is as it must be, for the owners' pages to say."""
        examination.examine_daily(self._shop)

    def clean_up(self) -> None:
        """Throw away the uploads that nobody has gone on with."""
        if thrown_away := uploads.clean(self._shop):
            log.info("uploads_thrown_away", uploads=thrown_away)

    def tell_of_plans(self) -> None:
        """Have Stripe know the plans that it does not know in this mode yet."""
        plans_at_stripe.tell_missing(self._shop)

    def look_at_codes(self) -> None:
        """Ask Stripe about the promotion codes."""
        promotions.look(self._shop)

    def owe_digest(self) -> None:
        """Owe the owners their letter about the week that is over, if its time has come."""
        digest.owe_due(self._shop)

    def remind(self) -> None:
        """Owe the letters before a yearly renewal and a trial's end."""
        if owed := plan_reminders.owe(self._shop):
            log.info("plan_reminders_owed", reminders=owed)

    def retain(self) -> None:
        """Remove, or forget in part, what was kept long enough."""
        if done := {name: count for name, count in retention.run(self._shop).items() if count}:
            log.info("retained", **done)

    def look_at_entitlements(self) -> None:
        """Give new versions to the entitlements of those who may use something else than before, and tell of the licences that
        have expired."""
        for _ in range(ROUNDS):
            if not expiries.tell(self._shop):
                break
        for _ in range(ROUNDS):
            if not versions.catch_up(self._shop):
                break

    def keep_workshops(self) -> None:
        """End what was offered to those who wait, and remind those who have a place."""
        waiting.end_offers(self._shop)
        workshop_reminders.owe_due(self._shop)

    def end(self) -> None:
        """End the run, so that the others need not wait to take over what it leaves."""
        run = self._run
        self._stop()
        if run is None:
            return
        try:
            with self._shop.transaction() as session:
                heartbeats.end(session, run, now=heartbeats.database_time(session))
        except database.TROUBLE as error:
            if not database.is_away(error):
                raise
            # The others will notice that it is silent, and wait for that long.
            log.warning("worker_end_not_noted", said=database.why(error))

    def _stop(self) -> None:
        from dbos import DBOS

        self._run = None
        self._ending.set()
        self._look_no_more()
        DBOS.destroy()

    def _is_at_work(self, run: str) -> bool:
        with self._shop.transaction() as session:
            now = heartbeats.database_time(session)
            silence = heartbeats.beat(session, run, now=now)
            # Who was silent itself, as all are while the database restarts, lets the others speak first.
            if silence is not None and silence < self._lost_after:
                gone = heartbeats.end_silent(session, silent_for=self._lost_after, now=now)
                if gone:
                    letters.release(session, gone)
                    log.warning("workers_gone", runs=gone)
        return silence is not None

    def _take_over(self) -> None:
        """Enqueue again what is in the hands of workers that are not at work. DBOS sees to it that their own late results
        count for nothing."""
        from dbos import DBOS

        # In this order: a worker that starts in between has its heartbeat before it has jobs.
        holding = standing.executors(self._shop.engine)
        with self._shop.reading() as session:
            gone = holding - heartbeats.at_work(session)
        if gone:
            log.info("taking_over", runs=sorted(gone))
            DBOS._recover_pending_workflows(sorted(gone))


def _limited(chosen: Settings) -> dict[str, str]:
    """How DBOS connects: to SQLite as it likes."""
    if chosen.direct_database.startswith("sqlite"):
        return {}
    return {"application_name": "dbos_transact", "options": postgres.options()}


def _repeat(every: float, act: Callable[[], None], stopping: Event) -> None:
    while not stopping.wait(every):
        try:
            act()
        except Exception as error:  # the database may be restarting: the next pass will tell
            log.error("worker_pass_failed", act=act.__name__, error=repr(error))
