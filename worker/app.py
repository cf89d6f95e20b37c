"""The worker: runs the jobs that transactions owe, and asks Stripe for what no webhook told."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog

from core import outbox, reconciliation
from core.shop import Shop
from worker import jobs

log = structlog.get_logger()


@contextmanager
def start(shop: Shop) -> Iterator[None]:
    """Run the worker in threads of this process until the block is left. Jobs in flight go on at the next start."""
    from dbos import DBOS

    logging.getLogger("dbos").setLevel(logging.WARNING)
    dbos = DBOS(
        config={
            "name": outbox.APPLICATION,
            "system_database_url": shop.settings.database_url,
            "application_version": outbox.APPLICATION_VERSION,
            # One machine's restart takes up that machine's jobs, and nobody else's.
            "executor_id": socket.gethostname(),
            "run_migrations": False,
            # As everywhere: what an error says does not name what was to be written.
            "db_engine_kwargs": {"hide_parameters": True},
            "log_level": "WARNING",
            "enable_otlp": False,
        }
    )
    jobs.register(shop)
    stopping = Event()
    sweeper = Thread(target=_sweep_until, args=(shop, stopping), name="reconciliation", daemon=True)
    try:
        dbos.launch()
        DBOS.register_queue(outbox.QUEUE, worker_concurrency=8, polling_interval_sec=0.5)
        sweeper.start()
        yield
    finally:
        stopping.set()
        DBOS.destroy()
        if sweeper.is_alive():
            sweeper.join(timeout=5)


def _sweep_until(shop: Shop, stopping: Event) -> None:
    while not stopping.wait(shop.settings.sweep_seconds):
        try:
            report = reconciliation.sweep(shop)
        except Exception as error:  # the database may be restarting: the next pass will tell
            log.error("sweep_failed", error=repr(error))
            continue
        if report.healed or report.failed:
            log.info("swept", checked=report.checked, healed=report.healed, failed=report.failed)
