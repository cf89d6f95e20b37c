"""Payouts: what Stripe sends to the bank, and whether all that is said to be in one adds up to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, col, exists, func, select, update

from core.foundation.records import Record, minor_units, text_enum
from core.foundation.writes.inserts import InsertOnce
from core.gateway.objects import moment
from core.orders.balance.entries import BalanceEntry

# How long to wait before asking again what is in a payout, should it not have worked.
_PATIENCE = timedelta(minutes=15)


class PayoutStatus(StrEnum):
    """How far a payout has come. It only climbs, in this order: the bank may send back what seemed to be paid."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    CANCELED = "canceled"
    FAILED = "failed"


_RANK = list(PayoutStatus)
_UNDERWAY = (PayoutStatus.PENDING, PayoutStatus.IN_TRANSIT)


class Payout(Record, table=True):
    """A payout under Stripe's id. `amount` in minor units; it is negative where Stripe takes money from the bank.

    `listable` says that Stripe has said what is in it, which it never does of one that somebody asked for, and `listed_at`
    when that was read. `told_at` is the moment of which the status and the day of arrival are told.
    """

    __tablename__ = "payouts"

    id: str = Field(primary_key=True)
    livemode: bool
    amount: int = minor_units()
    currency: str
    status: PayoutStatus = text_enum(PayoutStatus, index=True)
    automatic: bool
    arrival_date: datetime = Field(index=True)
    failure_code: str = ""
    failure_message: str = ""
    failed_at: datetime | None = None
    listable: bool
    listed_at: datetime | None = None
    created_at: datetime
    told_at: datetime
    ask_after: datetime


@dataclass(frozen=True)
class PayoutFacts:
    """What Stripe said of a payout. `amount` in minor units."""

    id: str
    livemode: bool
    amount: int
    currency: str
    status: PayoutStatus
    automatic: bool
    arrival_date: datetime
    failure_code: str
    failure_message: str
    listable: bool
    created_at: datetime


def says_enough(payout: dict[str, Any]) -> bool:
    """Whether this is a payout at all: it says how much was paid out, in which currency, and when."""
    return all(payout.get(name) is not None for name in ("amount", "currency", "created"))


def read_payout(payout: dict[str, Any]) -> PayoutFacts:
    """Read a `payout` as Stripe sends it; a status we do not know is taken for pending. `says_enough` must be true of it."""
    status = payout.get("status") or "pending"
    created_at = moment(payout["created"])
    assert created_at
    return PayoutFacts(
        id=payout["id"],
        livemode=bool(payout.get("livemode")),
        amount=int(payout["amount"]),
        currency=payout["currency"],
        status=PayoutStatus(status) if status in set(PayoutStatus) else PayoutStatus.PENDING,
        automatic=bool(payout.get("automatic")),
        arrival_date=moment(payout.get("arrival_date")) or created_at,
        failure_code=payout.get("failure_code") or "",
        failure_message=payout.get("failure_message") or "",
        listable=payout.get("reconciliation_status") == "completed",
        created_at=created_at,
    )


def record(session: Session, facts: PayoutFacts, *, told_at: datetime) -> None:
    """Merge what Stripe said of a payout at that moment. The furthest status counts, and of the same the latest word."""
    _INSERT(session, [_row(facts, told_at)])
    row = session.get_one(Payout, facts.id, with_for_update=True, populate_existing=True)
    if _turn(facts.status, told_at, facts.arrival_date) > _turn(row.status, row.told_at, row.arrival_date):
        row.status, row.told_at, row.arrival_date = facts.status, told_at, facts.arrival_date
    row.listable = row.listable or facts.listable
    row.failure_code = row.failure_code or facts.failure_code
    row.failure_message = row.failure_message or facts.failure_message
    if facts.status is PayoutStatus.FAILED:
        row.failed_at = min(row.failed_at or told_at, told_at)
    session.flush()


def oldest_underway(session: Session, *, livemode: bool) -> datetime | None:
    """When the oldest payout was made whose end is not known yet."""
    underway = select(func.min(Payout.created_at)).where(Payout.livemode == livemode, col(Payout.status).in_(_UNDERWAY))
    return session.exec(underway).one()


def claim_unlisted(session: Session, *, livemode: bool, now: datetime, limit: int) -> list[str]:
    """The payouts whose entries can be asked for and were not read yet. They are due again only after a while."""
    query = (
        select(Payout)
        .where(
            Payout.livemode == livemode, col(Payout.listable), col(Payout.listed_at).is_(None),
            col(Payout.ask_after) <= now,
        )
        .order_by(col(Payout.created_at), col(Payout.id))
        .limit(limit)
    )  # fmt: skip
    found = list(session.exec(query.with_for_update(skip_locked=True)))
    for row in found:
        row.ask_after = now + _PATIENCE
    session.flush()
    return [row.id for row in found]


def note_listed(session: Session, payout_id: str, *, at: datetime) -> None:
    """Note that all entries of a payout are recorded."""
    first = update(Payout).where(col(Payout.id) == payout_id, col(Payout.listed_at).is_(None))
    session.exec(first.values(listed_at=at))


def failed(session: Session, *, livemode: bool) -> list[Payout]:
    """The payouts that the bank sent back, until a later one in the same currency is paid."""
    return [*session.execute(_sent_back(), {"livemode": livemode}).scalars()]


@cache  # what it takes to put together is a hundred times what it takes to be asked
def _sent_back() -> Select[Any]:
    later = aliased(Payout)
    paid_since = exists().where(
        later.livemode == Payout.livemode, later.currency == Payout.currency,  # type: ignore[arg-type]
        col(later.created_at) > Payout.created_at, later.status == PayoutStatus.PAID,  # type: ignore[arg-type]
    )  # fmt: skip
    sent_back = (col(Payout.livemode) == bindparam("livemode"), Payout.status == PayoutStatus.FAILED, ~paid_since)
    return select(Payout).where(*sent_back).order_by(col(Payout.created_at), col(Payout.id))


class Gap(StrEnum):
    """Why a payout is not the sum of what is known to be in it."""

    NONE = ""
    BY_HAND = "paid_out_by_hand"
    NOT_LISTED = "not_listed_yet"
    OTHER_CURRENCY = "other_currency"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Statement:
    """A payout and what is in it. The net of `entries` and `difference` together are its amount, in minor units.

    `apart` is what Stripe lists with it in another currency, which is never added to anything; `gap` names the reason.
    """

    payout: Payout
    entries: tuple[BalanceEntry, ...]
    apart: tuple[BalanceEntry, ...]
    difference: int
    gap: Gap


def state(payout: Payout, listed: Sequence[BalanceEntry]) -> Statement:
    """What is in a payout, and what of its amount that does not explain."""
    # Stripe lists the payout itself among what is in it, and what a failed one brought back in the next.
    inside = [entry for entry in listed if not (entry.source == payout.id and entry.category == "payout")]
    entries = tuple(entry for entry in inside if entry.currency == payout.currency)
    apart = tuple(entry for entry in inside if entry.currency != payout.currency)
    difference = payout.amount - sum(entry.net for entry in entries)
    return Statement(payout, entries, apart, difference, gap(payout, difference, apart=bool(apart)))


def statements(session: Session, *, livemode: bool, since: datetime, before: datetime) -> Iterator[Statement]:
    """The payouts that arrive from one moment to the other, by arrival, each with what is in it, read one by one."""
    arriving = select(Payout).where(
        Payout.livemode == livemode, col(Payout.arrival_date) >= since, col(Payout.arrival_date) < before
    )
    found = session.exec(arriving.order_by(col(Payout.arrival_date), col(Payout.created_at), col(Payout.id))).all()
    for payout in found:
        yield state(payout, entries_of(session, payout.id))


def entries_of(session: Session, payout_id: str) -> list[BalanceEntry]:
    """What Stripe lists as part of a payout, oldest first."""
    query = select(BalanceEntry).where(BalanceEntry.payout_id == payout_id)
    return list(session.exec(query.order_by(col(BalanceEntry.created_at), col(BalanceEntry.id))))


_INSERT = InsertOnce(Payout)


def _row(facts: PayoutFacts, told_at: datetime) -> dict[str, Any]:
    failed_at = told_at if facts.status is PayoutStatus.FAILED else None
    return {**vars(facts), "failed_at": failed_at, "listed_at": None, "told_at": told_at, "ask_after": told_at}


def _turn(status: PayoutStatus, told_at: datetime, arrival: datetime) -> tuple[int, datetime, datetime]:
    return _RANK.index(status), told_at, arrival


def gap(payout: Payout, difference: int, *, apart: bool) -> Gap:
    """Why a payout is not the sum of what is in it; `apart` says that Stripe lists something in another currency with it."""
    if apart:
        return Gap.OTHER_CURRENCY
    if not difference:
        return Gap.NONE
    if not payout.automatic:
        return Gap.BY_HAND
    return Gap.UNEXPLAINED if payout.listed_at else Gap.NOT_LISTED
