"""The machinery: the jobs that the shop owes, the processes at work, and how the last pass of reconciliation went.

A pass and a job's next turn can be asked for by a click.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.events import reconciliation
from core.events.attempts import Report
from core.foundation.jobs import standing
from core.foundation.jobs.standing import JobRow, Stage
from core.foundation.settings import Mistake
from core.foundation.signals import heartbeats, milestones
from core.foundation.signals.heartbeats import Run
from core.foundation.signals.milestones import Milestone, Name
from core.owner import live_mode
from core.owner.doctor import examination, findings, readiness
from core.owner.doctor.findings import Examination, Finding
from core.owner.doctor.readiness import Check
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.privacy import retention, sizes
from core.privacy.sizes import Sizes
from core.shop import Shop

# Of what is dead one wants to see all; of what waits, whether much does.
_SHOWN = {Stage.WAITING: 10, Stage.RUNNING: 10, Stage.DEAD: 100}
_RUNS = 6


@dataclass(frozen=True)
class LastPass:
    """The pass of reconciliation that ended last. `silent` is what Stripe's silence is known by, empty if it answers."""

    ended_at: datetime
    age: timedelta
    said: str
    silent: str


@dataclass(frozen=True)
class Machinery:
    """All of it as it stands. Of `jobs` at most so many of each stage are here as anybody reads; `retained` is when what was kept
    long enough was looked for last."""

    checks: tuple[Check, ...]
    mistakes: tuple[Mistake, ...]
    jobs: dict[Stage, tuple[JobRow, ...]]
    runs: tuple[Run, ...]
    last_pass: LastPass | None
    examination: Examination | None
    retained: Milestone | None
    sizes: Sizes

    def is_more(self, stage: Stage) -> bool:
        """Whether there may be more jobs of this stage than are here."""
        return len(self.jobs[stage]) == _SHOWN[stage]


def look(shop: Shop) -> Machinery:
    """Everything but the events. Only what the database says: nobody else is asked."""
    with shop.reading() as session:
        runs = heartbeats.newest(session, limit=_RUNS)
        last_pass = _last_pass(
            *milestones.last_of(session, (Name.SWEPT, Name.STRIPE_SILENT, Name.STRIPE_ANSWERED)),
            now=shop.now(),
        )
        examined = findings.last(session)
        retained, size = retention.last(session), sizes.look(session)
        goods = live_mode.demo_goods(session) if not shop.settings.demo else []
    return Machinery(
        tuple(readiness.checks(shop)), (*live_mode.mistakes(shop.settings), *goods),
        {stage: tuple(standing.jobs(shop.engine, stage, limit=most)) for stage, most in _SHOWN.items()},
        tuple(runs), last_pass, examined, retained, size,
    )  # fmt: skip


def retry_job(shop: Shop, job_id: str, *, deed: Deed) -> bool:
    """Let a dead job have its turn again; False if it is not dead (any more). Raises NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.MEND, subject=job_id, detail="retry", now=shop.now())
    return standing.retry(shop.engine, job_id)


def reconcile(shop: Shop, *, deed: Deed, progress: Callable[[str], object]) -> Report:
    """One pass over everything that may have been missed, also over what rests; `progress` is told of each object.

    Stripe is asked: it may take minutes. Raises NotPermitted or DoneAlready.
    """
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.MEND, subject="reconciliation", now=shop.now())
    return reconciliation.sweep(shop, everything=True, progress=progress)


def examine(shop: Shop, *, deed: Deed, progress: Callable[[str], object]) -> Sequence[Finding]:
    """Have the doctor look at everything; `progress` is told of each check. It may take a minute.

    Raises NotPermitted or DoneAlready.
    """
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.MEND, subject="doctor", now=shop.now())
    return examination.examine(shop, progress=progress)


def _last_pass(
    swept: milestones.Milestone | None,
    silent: milestones.Milestone | None,
    answered: milestones.Milestone | None,
    *,
    now: datetime,
) -> LastPass | None:
    if swept is None:
        return None
    is_silent = silent and (answered is None or answered.at < silent.at)
    return LastPass(swept.at, now - swept.at, swept.detail, silent.detail if silent and is_silent else "")
