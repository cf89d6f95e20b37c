"""Disputes and early fraud warnings: what the cardholder's bank says of a payment."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Index, and_, not_
from sqlmodel import Field, Session, col, select

from core.foundation.records import Record, index_where, minor_units
from core.foundation.signals.corrections import Dated
from core.gateway.objects import id_of
from core.orders import setbacks
from core.orders.orders import AdmittedOrder, Order, asked_about

# Stripe's statuses in the order in which a dispute can go through them. `lost` may be appealed, and won after all.
_RANK = (
    "warning_needs_response",
    "warning_under_review",
    "needs_response",
    "under_review",
    "warning_closed",
    "prevented",
    "lost",
    "appeal_needs_response",
    "appeal_under_review",
    "won",
)
# An inquiry is a question: no money has moved, and access stays.
INQUIRY = ("warning_needs_response", "warning_under_review", "warning_closed")
_LOST = ("lost", "prevented", "appeal_needs_response", "appeal_under_review")
# Between currencies a dispute about all of a payment may come to a little less: what leaves no more than a tenth is all.
_NEARLY_ALL = 10


class Stage(StrEnum):
    """What the owners hear of a dispute, each once."""

    INQUIRY = "inquiry"
    INQUIRY_CLOSED = "inquiry_closed"
    DISPUTED = "disputed"
    FUNDS_WITHDRAWN = "funds_withdrawn"
    PREVENTED = "dispute_prevented"
    BLOCKED = "dispute_blocked"
    LOST = "dispute_lost"
    WON = "dispute_won"


class Standing(StrEnum):
    """How a dispute stands for whoever owns the shop."""

    ANSWER = "answer"
    REVIEW = "review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


# By what Stripe calls it; a status that is news to us is looked at by a bank.
STATUSES = {
    Standing.ANSWER: ("needs_response", "warning_needs_response", "appeal_needs_response"),
    Standing.REVIEW: ("under_review", "warning_under_review", "appeal_under_review"),
    Standing.WON: ("won",),
    Standing.LOST: ("lost",),
    Standing.CLOSED: ("warning_closed", "prevented"),
}


class Dispute(Dated, table=True):
    """A chargeback or an inquiry, under Stripe's id. Its status only climbs. `due_by` is when evidence must be in.

    `payment_id` is the payment that it is about, null until that is known. `was_inquiry` if it was ever told of as one;
    `withdrawn` once its money was taken from the balance, which is mostly at once; `withdrawn_later` if that was told after
    the dispute itself.
    """

    __tablename__ = "disputes"
    __table_args__ = (Index("ix_disputes_status_created_at_id", "status", "created_at", "id"),)
    dated: ClassVar[str] = "created_at"
    counted: ClassVar[frozenset[str]] = frozenset(("created_at", "amount", "currency", "status", "withdrawn"))

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    payment_id: str | None = Field(default=None, foreign_key="payments.id", index=True)
    stripe_charge_id: str | None = None
    stripe_payment_intent_id: str | None = None
    amount: int = minor_units()
    currency: str
    reason: str
    status: str
    due_by: datetime | None = None
    was_inquiry: bool = False
    withdrawn: bool = False
    withdrawn_later: bool = False
    created_at: datetime = Field(index=True)

    @property
    def standing(self) -> Standing:
        """How it stands for whoever owns the shop."""
        return next((each for each, names in STATUSES.items() if self.status in names), Standing.REVIEW)


# Stripe prevents some before they take anything: by what it tells the bank, or since the payment was refunded meanwhile.
_BLOCKED = and_(col(Dispute.status) == "prevented", col(Dispute.withdrawn).is_(False))
# That took the money for good, or for as long as an appeal lasts.
LOST = and_(col(Dispute.status).in_(_LOST), not_(_BLOCKED))
# That took money, be it for good or not.
TAKING = and_(col(Dispute.status).not_in(INQUIRY), not_(_BLOCKED))


class FraudWarning(Record, table=True):
    """The issuer's early warning that a payment may be fraud, under Stripe's id: often a dispute follows. Which payment that is its
    PaymentIntent and charge say, null where that was not kept."""

    __tablename__ = "fraud_warnings"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    fraud_type: str
    actionable: bool
    created_at: datetime
    stripe_payment_intent_id: str | None = None
    stripe_charge_id: str | None = None


ACTIONABLE = col(FraudWarning.actionable).is_(True)
index_where(ACTIONABLE, "ix_fraud_warnings_actionable", FraudWarning.id)


@dataclass(frozen=True)
class DisputeFacts:
    """What Stripe said of a dispute. `amount` in minor units."""

    id: str
    charge: str | None
    payment_intent: str | None
    amount: int
    currency: str
    reason: str
    status: str
    due_by: datetime | None
    withdrawn: bool
    created_at: datetime


def read_dispute(dispute: dict[str, Any], *, event: str = "") -> DisputeFacts:
    """Read a `dispute` as Stripe sends it. `event` is the type it came with, if any."""
    due_by = (dispute.get("evidence_details") or {}).get("due_by")
    return DisputeFacts(
        id=dispute["id"],
        charge=id_of(dispute.get("charge")),
        payment_intent=id_of(dispute.get("payment_intent")),
        amount=int(dispute.get("amount") or 0),
        currency=dispute.get("currency") or "",
        reason=dispute.get("reason") or "",
        status=dispute.get("status") or "needs_response",
        due_by=datetime.fromtimestamp(due_by, UTC) if due_by else None,
        withdrawn=event == "charge.dispute.funds_withdrawn" or bool(dispute.get("balance_transactions")),
        created_at=datetime.fromtimestamp(dispute.get("created") or 0, UTC),
    )


def record(session: Session, order_id: AdmittedOrder, known: list[Dispute], facts: DisputeFacts) -> Dispute:
    """Merge what Stripe said into the dispute's row among the order's `known` ones. The order must be locked."""
    row = next((each for each in known if each.id == facts.id), None)
    if row is None:
        row = Dispute(
            id=facts.id, order_id=order_id, stripe_charge_id=facts.charge, amount=facts.amount, currency=facts.currency,
            stripe_payment_intent_id=facts.payment_intent, reason=facts.reason, status=facts.status,
            created_at=facts.created_at,
        )  # fmt: skip
        session.add(row)
        known.append(row)
        known.sort(key=_age)
    elif facts.withdrawn and not row.withdrawn and row.status not in INQUIRY:
        row.withdrawn_later = True
    if _rank(facts.status) >= _rank(row.status):
        row.status = facts.status
        row.due_by = facts.due_by or row.due_by
        # What a bank asks about is not always as much as it takes in the end.
        row.amount, row.currency = facts.amount or row.amount, facts.currency or row.currency
    row.was_inquiry = row.was_inquiry or facts.status in INQUIRY
    row.withdrawn = row.withdrawn or facts.withdrawn
    return row


def record_warning(session: Session, order_id: AdmittedOrder, warning: dict[str, Any]) -> FraudWarning:
    """Keep an early fraud warning; once it is no longer actionable (refunded, disputed) it stays so."""
    row = session.get(FraudWarning, warning["id"])
    if row is None:
        row = FraudWarning(
            id=warning["id"], order_id=order_id, fraud_type=warning.get("fraud_type") or "", actionable=True,
            created_at=datetime.fromtimestamp(warning.get("created") or 0, UTC),
        )  # fmt: skip
        session.add(row)
    row.actionable = row.actionable and bool(warning.get("actionable"))
    row.stripe_payment_intent_id = row.stripe_payment_intent_id or id_of(warning.get("payment_intent"))
    row.stripe_charge_id = row.stripe_charge_id or id_of(warning.get("charge"))
    session.flush()  # the next one may be of the same transaction
    return row


def of_order(session: Session, order_id: str) -> list[Dispute]:
    """The order's disputes, oldest first, as they are now."""
    return of_orders(session, [order_id])


def of_orders(session: Session, order_ids: Collection[str]) -> list[Dispute]:
    """The same of several orders."""
    query = select(Dispute).where(col(Dispute.order_id).in_(order_ids))
    return sorted(session.exec(query.execution_options(populate_existing=True)), key=_age)


def standing(disputes: Sequence[Dispute]) -> str:
    """What the disputes come to: "lost" if one is, else "open" if one is, else an empty string."""
    if lost_ones(disputes):
        return "lost"
    return "open" if {each.status for each in disputes} - {"won", *_LOST, *INQUIRY} else ""


def stage(dispute: Dispute) -> Stage:
    """Where it stands. An appeal is one more try to win what was lost."""
    match dispute.status:
        case "warning_closed":
            return Stage.INQUIRY_CLOSED
        case status if status in INQUIRY:
            return Stage.INQUIRY
        case "won":
            return Stage.WON
        case "prevented":
            return Stage.PREVENTED if dispute.withdrawn else Stage.BLOCKED
        case status if status in _LOST:
            return Stage.LOST
        case _:
            return Stage.DISPUTED


def stages(dispute: Dispute) -> list[Stage]:
    """All that it has gone through, from its facts alone: the same in whatever order they were learned."""
    now = stage(dispute)
    through = [Stage.INQUIRY] if dispute.was_inquiry else []
    if now not in (Stage.INQUIRY, Stage.INQUIRY_CLOSED):
        through += [Stage.DISPUTED, *([Stage.FUNDS_WITHDRAWN] if dispute.withdrawn_later else [])]
    return [*through, *([now] if now not in through else [])]


def is_news(dispute: Dispute, told: Stage) -> bool:
    """Whether this stage is worth telling now: of what is over, only how it ended."""
    now = stage(dispute)
    return told is now or (told is Stage.FUNDS_WITHDRAWN and now is Stage.DISPUTED)


def lost_ones(disputes: Sequence[Dispute]) -> list[Dispute]:
    """Those that took the money for good, or for as long as an appeal lasts."""
    return [dispute for dispute in disputes if dispute.status in _LOST and stage(dispute) is not Stage.BLOCKED]


def loss(disputes: Sequence[Dispute], *, of: int, currency: str) -> int:
    """How much these took for good of what a payment had left, in minor units: all of it where none says how much."""
    lost = lost_ones(disputes)
    taken = sum(dispute.amount for dispute in lost)
    untold = any(dispute.amount <= 0 or dispute.currency != currency for dispute in lost)
    return of if untold or (of - taken) * _NEARLY_ALL <= of else taken


def without_payment(session: Session, *, livemode: bool, now: datetime, limit: int) -> list[tuple[str, str]]:
    """The PaymentIntents that disputes of this mode name, of which it is not known yet which payment they made, each with
    its order."""
    named = col(Dispute.stripe_payment_intent_id)
    query = select(named, Dispute.order_id).join(Order, col(Order.id) == Dispute.order_id)
    query = query.where(
        col(Dispute.payment_id).is_(None), named.is_not(None), *asked_about(livemode=livemode),
        ~setbacks.resting(named, now=now),
    )  # fmt: skip
    return [(name, order_id) for name, order_id in session.exec(query.distinct().limit(limit)) if name]


def entry(dispute: Dispute) -> list[str]:
    """What the order's history says of a dispute, from its facts alone."""
    if dispute.status in ("won", "lost", "prevented", "warning_closed"):
        return [f"dispute:{dispute.id}", f"dispute_{dispute.status}:{dispute.id}"]
    return [f"dispute:{dispute.id}"]


def _rank(status: str) -> int:
    return _RANK.index(status) if status in _RANK else _RANK.index("under_review")


def _age(dispute: Dispute) -> tuple[datetime, str]:
    return dispute.created_at, dispute.id
