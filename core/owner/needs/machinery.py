"""What the shop runs on: Stripe's answers and what its key may, stored files, the worker and its jobs."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, select

from core.foundation.jobs import standing
from core.foundation.jobs.standing import dead_jobs
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Milestone, Name
from core.kinds import downloads, file_versions
from core.orders.checkouts import AT_STRIPE, Checkout
from core.owner.doctor import findings, readiness
from core.owner.doctor.readiness import Check
from core.owner.needs.items import Item
from core.shop import Shop

# While versions change, both are at work.
_UPGRADING = timedelta(minutes=5)
# What lacks a permission is asked for again within this time, at least.
_LACKING_FOR = timedelta(minutes=15)


def stripe(session: Session, said: Mapping[Name, Milestone], *, now: datetime) -> Iterator[Item]:
    """What the last calls to Stripe came to: nobody answered, or the key was turned away, or may not do everything."""
    silent, refused, answered = map(said.get, (Name.STRIPE_SILENT, Name.KEY_REFUSED, Name.STRIPE_ANSWERED))
    lacking, page = map(said.get, (Name.PERMISSION_MISSING, Name.PAYMENT_PAGE_REFUSED))
    if silent and _newest(silent, answered, refused):
        yield Item("stripe_unreachable", "stripe", None, silent.at, None, silent.detail, _UNREACHABLE)
    if refused and _newest(refused, answered, silent):
        yield Item("stripe_key_refused", "STRIPE_SECRET_KEY", None, refused.at, None, refused.detail, _NEW_KEY)
    if lacking and lacking.at > now - _LACKING_FOR:
        yield Item("stripe_key_refused", "permissions", None, lacking.at, None, lacking.detail, _PERMISSION)
    if page and not _page_opened_since(session, page.at):
        yield Item("stripe_key_refused", "checkout", None, page.at, None, page.detail, _NO_PAYMENTS)


def _newest(signal: Milestone, *others: Milestone | None) -> bool:
    return all(other is None or other.at < signal.at for other in others)


def _page_opened_since(session: Session, moment: datetime) -> bool:
    opened = select(Checkout.id).where(AT_STRIPE, Checkout.created_at >= moment)
    return session.exec(opened.limit(1)).first() is not None


_UNREACHABLE = "Check this machine's network and Stripe's status page. Nothing is lost: the worker keeps asking."
_NEW_KEY = (
    "Make a new key in Stripe's dashboard, set STRIPE_SECRET_KEY and restart every process. Nothing is lost: refunds and"
    " questions wait for it. Until then nobody can pay."
)
_PERMISSION = "Give the restricted key the permission that Stripe names, in its dashboard. What was asked for waits."
_NO_PAYMENTS = (
    "Buyers cannot pay: Stripe does not let this key open payment pages. Set a key that may write Checkout Sessions; this"
    " item goes with the next page that is opened."
)


def storage(said: Mapping[Name, Milestone]) -> Iterator[Item]:
    """That the storage of the sold files does not answer."""
    if silent := said.get(Name.STORAGE_SILENT):
        yield Item(
            "storage_unreachable", "STORAGE_URL", None, silent.at, None, silent.detail,
            "Buyers get a page instead of their files, and nothing counts. Check the bucket's name, region and credentials with"
            " `pushcart doctor`; this item goes with the next download.",
        )  # fmt: skip


def files(session: Session) -> Iterator[Item]:
    """Sold files that are not where they are kept."""
    for file in downloads.missing(session):
        assert file.missing_since
        yield Item(
            "file_missing", file.name, None, file.missing_since, None, f"{file.product_id} is sold without it",
            "Buyers get a page instead of the file, and nothing counts. Apply the catalogue again from where the file lies, or"
            " see that the shop may read it where it is kept; this item goes with the next download.",
        )  # fmt: skip
    for file, version in file_versions.older_missing(session):
        assert version.missing_since
        yield Item(
            "older_file_missing", file.name, None, version.missing_since, None,
            f"version {version.version or version.number} of {file.product_id}, which is older than what is sold",
            "Whoever buys now gets the newer one. Those whose updates ended before it came get a page instead of their file, and"
            " nothing counts. Put it back where it was kept; this item goes with the next download of it.",
        )  # fmt: skip


def doctor(session: Session) -> Iterator[Item]:
    """What the doctor found wrong when it looked last. The overview shows that by itself, beside what needs a person."""
    if last := findings.last(session):
        for finding in last.wrong:
            yield Item("doctor", finding.check, None, last.at, None, finding.what, finding.how)


def worker(shop: Shop) -> Iterator[Item]:
    """A worker that is not at work, or at work without asking Stripe."""
    worker, sweep = (readiness.check(shop, name) for name in ("worker", "sweep"))
    if not worker.ok:
        yield Item(
            "worker_absent", "worker", None, worker.since or shop.now(), None, _age("last seen", worker),
            "Start the worker (`python -m worker`, or WORKER=embedded). Until then no letter goes out, and what no webhook"
            " told is not asked for.",
        )  # fmt: skip
    elif not sweep.ok:
        yield Item(
            "sweep_overdue", "worker", None, sweep.since or shop.now(), None, _age("last pass ended", sweep),
            "The worker is there, but does not get through asking Stripe. Look at its log for `worker_pass_failed`, and"
            " restart it.",
        )  # fmt: skip


def _age(what: str, check: Check) -> str:
    if check.age is None:
        return f"{what}: never"
    seconds = int(check.age.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600, seconds // 60
    number, unit = next((n, u) for n, u in ((days, "day"), (hours, "hour"), (minutes, "minute"), (1, "minute")) if n)
    return f"{what} {number} {unit}{'' if number == 1 else 's'} ago"


def permissions(said: Mapping[Name, Milestone]) -> Iterator[Item]:
    """What a restricted key may not read, until it may."""
    for name, (read, refused, advice) in _READABLE.items():
        told, last_read = said.get(refused), said.get(read)
        if told and (last_read is None or last_read.at < told.at):
            since = last_read.at if last_read else told.at
            yield Item("permission_missing", name, None, since, None, told.detail, advice)


_GIVEN = " Nothing is lost, and everything else goes on: it is asked for again every hour."
_READABLE = {
    "balance": (
        milestones.Name.BALANCE_READ, milestones.Name.BALANCE_REFUSED,
        "Let the restricted key read Balance transaction sources and Disputes, in Stripe's dashboard among the API keys." + _GIVEN,
    ),
    "payouts": (
        milestones.Name.PAYOUTS_READ, milestones.Name.PAYOUTS_REFUSED,
        "Let the restricted key read Payouts, in Stripe's dashboard among the API keys." + _GIVEN,
    ),
}  # fmt: skip
_LATER_VERSION = (
    "A later version of the shop owes it, which no worker at work knows. Nothing is lost: finish the upgrade, or start a worker of"
    " that version, and it is done."
)


def jobs(shop: Shop, *, limit: int) -> Iterator[Item]:
    """Jobs that gave up, and jobs that no worker at work knows."""
    for job in standing.unknown(shop.engine, limit=limit):
        if job.since < datetime.now(UTC) - _UPGRADING:
            yield Item("unknown_job", job.id, None, job.since, None, f"waits in {job.queue}", _LATER_VERSION)
    for job_id, died_at, error in dead_jobs(shop.engine):
        yield Item("dead_job", job_id, None, died_at, None, error, "Look at the worker's log, and mend the cause.")
