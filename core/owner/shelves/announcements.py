"""Announcements: telling buyers of a new version of a file, each once, in letters that the worker queues some at a time."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import literal, tuple_, update
from sqlmodel import Session, UTCDateTime, col, select

from core.foundation.errors import DoneAlready, UnknownFile
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.kinds import file_versions, licenses
from core.kinds.downloads import DownloadFile
from core.kinds.file_versions import FileVersion
from core.kinds.grants import Grant
from core.orders.orders import Order
from core.orders.status import GrantState
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

# So many grants are looked at in one turn.
_AT_ONCE = 50


def tell(shop: Shop, file_id: str, *, deed: Deed) -> None:
    """Have everybody told of the newest version of this file who bought before it came, still may have it, and has not taken
    it yet.

    Raises NotPermitted, UnknownFile where buyers get no such file, or DoneAlready if they were told of this version.
    """
    now = shop.now()
    with shop.transaction() as session:
        detail = f"told buyers of {file_id}"
        deeds.begin(session, shop.settings, deed, Action.SHELVES, subject=file_id, detail=detail, now=now)
        version = file_versions.current(session, file_id)
        if version is None:
            raise UnknownFile(file=file_id)
        untold = (col(FileVersion.id) == version.id, col(FileVersion.told_at).is_(None))
        if not session.exec(update(FileVersion).where(*untold).values(told_at=now)).rowcount:
            raise DoneAlready
        outbox.owe(session, Job.TELL_BUYERS, version.id, key=version.id)


def spread(shop: Shop, version_id: str, after: str = "") -> None:
    """Owe the letters to the next of those who are to be told, and then the turn after that, all in one transaction. One that
    was done before does nothing."""
    with shop.transaction() as session:
        version = session.get(FileVersion, version_id, with_for_update=True)
        if version is None or version.told_after != after:
            return
        file = session.get_one(DownloadFile, version.file_id)
        grants = _next(session, file.product_id, after, version, livemode=shop.settings.livemode)
        letters = _letters(session, grants, file, version)
        for each in letters:
            outbox.owe(session, Job.NEW_VERSION, each.order_id, version_id, key=each.key(version_id), to=each.email)
        version.told += len(letters)
        if grants:
            version.told_after = grants[-1].id
            outbox.owe(session, Job.TELL_BUYERS, version_id, grants[-1].id, key=f"{version_id}:{grants[-1].id}")


@dataclass(frozen=True)
class _Letter:
    order_id: str
    email: str

    def key(self, version_id: str) -> str:
        """The letter's own name behind that of its kind: one for each order, of which each person has one told."""
        return f"{self.order_id}:{version_id}"


def _next(session: Session, product_id: str, after: str, version: FileVersion, *, livemode: bool) -> list[Grant]:
    """The next grants of this product that were made before the version came, whatever may be done with them."""
    of_mode = select(Order.livemode).where(Order.id == Grant.order_id).scalar_subquery()
    query = select(Grant).where(Grant.product_id == product_id, of_mode.is_(livemode))
    query = query.where(col(Grant.created_at) < version.released_at)
    if mark := session.get(Grant, after) if after else None:
        here = tuple_(literal(mark.created_at, type_=UTCDateTime()), literal(mark.id))
        query = query.where(tuple_(col(Grant.created_at), col(Grant.id)) > here)
    return list(session.exec(query.order_by(col(Grant.created_at), col(Grant.id)).limit(_AT_ONCE)))


def _letters(
    session: Session, grants: Collection[Grant], file: DownloadFile, version: FileVersion
) -> list[_Letter]:  # fmt: skip
    """Those of these to whose buyers a letter goes: of somebody who bought it several times, for their first that is open."""
    if not grants:
        return []
    query = select(Order).where(col(Order.id).in_({grant.order_id for grant in grants}))
    orders = {order.id: order for order in session.exec(query.where(~col(Order.from_season), col(Order.email) != ""))}
    firsts, taken = _of_customers(session, list(orders.values()), file, version)
    found = []
    for grant in grants:
        order = orders.get(grant.order_id)
        if order and firsts.get(order.customer_id) == grant.id and order.customer_id not in taken:
            found.append(_Letter(order.id, order.email))
    return found


def _of_customers(
    session: Session, orders: Collection[Order], file: DownloadFile, version: FileVersion
) -> tuple[dict[str | None, str], set[str | None]]:  # fmt: skip
    """The first open grant of this product that each of these orders' customers has and that it comes to, and who has taken the
    version already.
    What was bought with test money, or never, opens nothing in a shop that is live."""
    # Read one after the other, and not joined: a database that has two ways to a row would look at all of them.
    whose = select(Order.id, Order.customer_id).where(col(Order.customer_id).in_({each.customer_id for each in orders}))
    mode = {each.livemode for each in orders}
    theirs = dict(session.exec(whose.where(col(Order.livemode).in_(mode), ~col(Order.from_season))).all())
    query = select(Grant).where(col(Grant.order_id).in_(theirs), Grant.product_id == file.product_id)
    grants = session.exec(query.order_by(col(Grant.created_at), col(Grant.id))).all()
    firsts: dict[str | None, str] = {}
    left_out = licenses.uncovered(session, [grant.id for grant in grants], released_at=version.released_at)
    for grant in grants:
        if grant.state is GrantState.ACTIVE and grant.id not in left_out:
            firsts.setdefault(theirs[grant.order_id], grant.id)
    took = file_versions.newest_taken(session, file.id, [grant.id for grant in grants])
    return firsts, {theirs[grant.order_id] for grant in grants if took.get(grant.id, 0) >= version.number}
