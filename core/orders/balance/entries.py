"""The balance: every movement of money at Stripe, with what Stripe kept of it, in the currency in which it is settled.

They are kept whoever caused them, since all of them together are what reaches the bank. Whose each was is told by our own
rows or by Stripe, sooner or later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Float, and_
from sqlmodel import Field, Session, col, select, update

from core.foundation.records import constant, index_where, minor_units, text_enum
from core.foundation.signals import corrections
from core.foundation.signals.corrections import Dated
from core.foundation.writes.inserts import InsertOnce
from core.gateway.objects import id_of, moment
from core.orders.orders import AdmittedOrder

# How long to wait before asking again whose a movement was: a quarter of its age, within these bounds.
_SOONEST, _LATEST = timedelta(minutes=15), timedelta(days=1)


class Origin(StrEnum):
    """Who caused a movement. `unknown`: nobody told yet. `foreign`: another shop or app on the same Stripe account.

    `account`: no payment at all, such as a payout or one of Stripe's own fees.
    """

    UNKNOWN = "unknown"
    ORDER = "order"
    FOREIGN = "foreign"
    ACCOUNT = "account"


class BalanceEntry(Dated, table=True):
    """A balance transaction under Stripe's id. `source` is what caused it: a charge, refund, dispute or payout.

    `category` is Stripe's `reporting_category`. `gross`, `fee` and `net` are minor units of `currency`, in which it is
    settled; where the payment was in another one, `original_amount` of that was exchanged at `exchange_rate`. `payout_id` is
    the payout that it is part of, known once Stripe lists what is in that one.
    """

    __tablename__ = "balance_entries"
    dated: ClassVar[str] = "created_at"
    counted: ClassVar[frozenset[str]] = frozenset(
        ("created_at", "gross", "fee", "net", "currency", "category", "origin")
    )

    id: str = Field(primary_key=True)
    livemode: bool
    source: str | None = Field(default=None, index=True)
    category: str
    origin: Origin = text_enum(Origin)
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)
    payout_id: str | None = Field(default=None, index=True)
    stripe_payment_intent_id: str | None = Field(default=None, index=True)
    stripe_charge_id: str | None = Field(default=None, index=True)
    gross: int = minor_units()
    fee: int = minor_units()
    net: int = minor_units()
    currency: str
    exchange_rate: float | None = Field(default=None, sa_type=Float(53))
    original_amount: int | None = minor_units(default=None)
    original_currency: str = ""
    created_at: datetime = Field(index=True)
    available_on: datetime
    fetched_at: datetime
    ask_after: datetime


_UNKNOWN = col(BalanceEntry.origin) == constant(Origin.UNKNOWN)
index_where(_UNKNOWN, "ix_balance_entries_unknown", BalanceEntry.created_at, BalanceEntry.id)


@dataclass(frozen=True)
class EntryFacts:
    """What Stripe says of a balance transaction. Amounts in minor units; `payout` is whose list it was on, if any's."""

    id: str
    source: str | None
    category: str
    origin: Origin
    payment_intent: str | None
    charge: str | None
    gross: int
    fee: int
    net: int
    currency: str
    exchange_rate: float | None
    original_amount: int | None
    original_currency: str
    created_at: datetime | None
    available_on: datetime | None
    payout: str | None


@dataclass(frozen=True)
class Movement:
    """The payment behind some entries: its PaymentIntent, or the charge alone where Stripe tells no more."""

    payment_intent: str | None
    charge: str | None

    @property
    def ids(self) -> list[str]:
        """The ids under which our own rows may know it."""
        return [each for each in (self.payment_intent, self.charge) if each]


def read_entry(transaction: dict[str, Any], *, shop_id: str, payout: str | None = None) -> EntryFacts:
    """Read a `balance_transaction` whose `source` was expanded, as Stripe lists it."""
    said = transaction.get("source")
    source = said if isinstance(said, dict) else {}
    original_amount, original_currency = _original(transaction, source)
    rate = transaction.get("exchange_rate")
    return EntryFacts(
        id=transaction["id"],
        source=id_of(said),
        category=transaction.get("reporting_category") or transaction.get("type") or "",
        origin=_origin(source, shop_id),
        payment_intent=id_of(source.get("payment_intent")),
        charge=source["id"] if source.get("object") == "charge" else id_of(source.get("charge")),
        gross=int(transaction["amount"]),
        fee=int(transaction.get("fee") or 0),
        net=int(transaction["net"]),
        currency=transaction["currency"],
        exchange_rate=None if rate is None else float(rate),
        original_amount=original_amount,
        original_currency=original_currency,
        created_at=moment(transaction["created"]),
        available_on=moment(transaction.get("available_on") or transaction["created"]),
        payout=payout,
    )


def record(session: Session, found: Sequence[EntryFacts], *, livemode: bool, fetched_at: datetime) -> None:
    """Merge what Stripe listed at that moment. Listed later counts, and a payout once told is never forgotten."""
    # Two workers may read the same list: in the same order neither waits for what the other holds.
    facts = {each.id: each for each in sorted(found, key=lambda each: each.id)}
    fresh = [_row(each, livemode=livemode, fetched_at=fetched_at) for each in facts.values()]
    if not fresh:
        return
    corrections.note(session, [facts[entry].created_at for (entry,) in _INSERT(session, fresh)])
    known = select(BalanceEntry).where(col(BalanceEntry.id).in_(facts)).order_by(col(BalanceEntry.id)).with_for_update()
    for row in session.exec(known.execution_options(populate_existing=True)):
        _merge(row, facts[row.id], fetched_at)
    session.flush()


def claim_unknown(session: Session, *, livemode: bool, now: datetime, limit: int) -> list[Movement]:
    """The payments of which nobody has told yet whose they are, oldest first. They are due again only after a while."""
    query = (
        select(BalanceEntry)
        .where(BalanceEntry.livemode == livemode, _UNKNOWN, col(BalanceEntry.ask_after) <= now)
        .order_by(col(BalanceEntry.created_at), col(BalanceEntry.id))
        .limit(limit)
    )
    found = list(session.exec(query.with_for_update(skip_locked=True)))
    for row in found:
        row.ask_after = now + min(max((now - row.created_at) / 4, _SOONEST), _LATEST)
    session.flush()
    payments = {row.stripe_payment_intent_id or row.stripe_charge_id: row for row in found}
    return [Movement(row.stripe_payment_intent_id, row.stripe_charge_id) for row in payments.values()]


def is_foreign(session: Session, movement: Movement) -> bool:
    """Whether another entry of this payment is known to be none of this shop's."""
    query = select(BalanceEntry.id).where(_of(movement), BalanceEntry.origin == Origin.FOREIGN)
    return session.exec(query.limit(1)).first() is not None


def assign(session: Session, movement: Movement, order_id: AdmittedOrder) -> None:
    """Note that all that moved for this payment was the order's."""
    _tell(session, movement, origin=Origin.ORDER, order_id=order_id)


def disown(session: Session, movement: Movement) -> None:
    """Note that a payment is none of this shop's. What is known to be an order's stays so."""
    _tell(session, movement, origin=Origin.FOREIGN, order_id=None)


def of_order(session: Session, order_id: str) -> list[BalanceEntry]:
    """What moved for an order, oldest first."""
    query = select(BalanceEntry).where(BalanceEntry.order_id == order_id)
    return list(session.exec(query.order_by(col(BalanceEntry.created_at), col(BalanceEntry.id))))


def _tell(session: Session, movement: Movement, *, origin: Origin, order_id: str | None) -> None:
    told = update(BalanceEntry).where(_of(movement), col(BalanceEntry.origin) == Origin.UNKNOWN)
    changed = told.values(origin=origin, order_id=order_id).returning(col(BalanceEntry.created_at))
    corrections.note(session, session.exec(changed).scalars())


def _of(movement: Movement) -> ColumnElement[bool]:
    if movement.payment_intent:
        return col(BalanceEntry.stripe_payment_intent_id) == movement.payment_intent
    return and_(
        col(BalanceEntry.stripe_charge_id) == movement.charge, col(BalanceEntry.stripe_payment_intent_id).is_(None)
    )


_INSERT = InsertOnce(BalanceEntry, returning="id")


def _row(facts: EntryFacts, *, livemode: bool, fetched_at: datetime) -> dict[str, Any]:
    return {
        **_values(facts), "id": facts.id, "livemode": livemode, "source": facts.source, "origin": facts.origin,
        "order_id": None, "payout_id": facts.payout, "stripe_payment_intent_id": facts.payment_intent,
        "stripe_charge_id": facts.charge, "created_at": facts.created_at, "fetched_at": fetched_at,
        "ask_after": fetched_at,
    }  # fmt: skip


def _values(facts: EntryFacts) -> dict[str, Any]:
    return {
        "category": facts.category, "gross": facts.gross, "fee": facts.fee, "net": facts.net, "currency": facts.currency,
        "exchange_rate": facts.exchange_rate, "original_amount": facts.original_amount,
        "original_currency": facts.original_currency, "available_on": facts.available_on,
    }  # fmt: skip


def _merge(row: BalanceEntry, facts: EntryFacts, fetched_at: datetime) -> None:
    row.payout_id = row.payout_id or facts.payout
    # Amounts stay as they are at Stripe; when the money is available may change until it is.
    if fetched_at > row.fetched_at:
        row.sqlmodel_update({**_values(facts), "fetched_at": fetched_at})


def _origin(source: dict[str, Any], shop_id: str) -> Origin:
    if source.get("object") != "charge":
        return Origin.UNKNOWN if source.get("payment_intent") or source.get("charge") else Origin.ACCOUNT
    # A payment of ours names shop and order; only that of a plan does not, and it has a customer. Others are not asked about.
    names = source.get("metadata") or {}
    ours_perhaps = names.get("shop_id") == shop_id if names.get("order_id") else source.get("customer")
    return Origin.UNKNOWN if ours_perhaps else Origin.FOREIGN


def _original(transaction: dict[str, Any], source: dict[str, Any]) -> tuple[int | None, str]:
    """What moved before it was exchanged, with the sign of the movement: Stripe tells it on the source alone."""
    currency = source.get("currency") or ""
    amount = source.get("amount_captured") or source.get("amount")
    if not currency or amount is None:
        return None, ""
    if currency == transaction["currency"]:
        return int(transaction["amount"]), currency
    return int(amount) if transaction["amount"] > 0 else -int(amount), currency
