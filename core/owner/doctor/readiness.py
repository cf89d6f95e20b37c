"""Readiness: whether what the shop is made of is at work: its database, its worker, and the worker's asking at Stripe."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from core.foundation.signals import heartbeats, milestones
from core.shop import Shop

# A deployment takes this long: meanwhile a worker that is not there is nobody's trouble.
_AWAY = timedelta(minutes=1)
# A pass over ten thousand open orders takes minutes, and more while Stripe limits us.
_UNSWEPT = timedelta(minutes=15)


@dataclass(frozen=True)
class Check:
    """How one part stands. `since` is when it was last heard of, and `age` how long ago that is; None if never."""

    name: str
    ok: bool
    since: datetime | None = None
    age: timedelta | None = None
    error: str = ""


def checks(shop: Shop) -> list[Check]:
    """Every check, in the order in which one needs the other. Raises nothing: what breaks is not ok."""
    return [check(shop, name) for name in CHECKS]


def check(shop: Shop, name: str) -> Check:
    """One of CHECKS. Raises KeyError for another name."""
    look = CHECKS[name]
    try:
        return look(shop)
    except Exception as error:  # a database that does not answer
        return Check(name, ok=False, error=type(error).__name__)


def _database(shop: Shop) -> Check:
    with shop.reading() as session:
        session.execute(text("select 1"))
    return Check("database", ok=True)


def _worker(shop: Shop) -> Check:
    with shop.reading() as session:
        seen = heartbeats.last_seen(session)
    if seen is None:
        return Check("worker", ok=False)
    limit = max(_AWAY, timedelta(seconds=4 * shop.settings.worker_lost_seconds))
    return Check("worker", seen.silence <= limit, seen.at, seen.silence)


def _sweep(shop: Shop) -> Check:
    """Whether a pass of reconciliation ended lately; one that has just begun to work needs not have made one yet."""
    limit = max(_UNSWEPT, timedelta(seconds=20 * shop.settings.sweep_seconds))
    with shop.reading() as session:
        swept = milestones.last(session, milestones.Name.SWEPT)
        working = heartbeats.working_for(session)
    age = shop.now() - swept.at if swept else None
    recent = age is not None and age <= limit
    return Check("sweep", recent or (working is not None and working <= limit), swept.at if swept else None, age)


CHECKS: dict[str, Callable[[Shop], Check]] = {"database": _database, "worker": _worker, "sweep": _sweep}
