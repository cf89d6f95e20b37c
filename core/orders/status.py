"""The status of an order, and the facts it follows from."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where an order stands. Derived by `status_of`, never set by anybody else."""

    PENDING = "pending"
    PROCESSING = "processing"
    PAID = "paid"
    FULFILLED = "fulfilled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"
    CANCELED = "canceled"
    FAILED = "failed"


class GrantState(StrEnum):
    """Whether a grant may be used: `blocked` is paid for and cannot be delivered until a person helps."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    BLOCKED = "blocked"


class Payment(StrEnum):
    """How far the money of an order has come: the furthest of its checkouts."""

    OPEN = "open"
    ENDED = "ended"
    FAILED = "failed"
    PROCESSING = "processing"
    PAID = "paid"


@dataclass(frozen=True)
class Facts:
    """All that an order's status depends on. `total` and `refunded` in minor units; `dispute` is won, lost, open or none."""

    payment: Payment
    grants: tuple[GrantState, ...] = ()
    total: int = 0
    refunded: int = 0
    dispute: str = ""
    ended: bool = False


def status_of(facts: Facts) -> Status:
    """The status that follows from the facts. Pure: whoever learns a fact, in whatever order, ends up here."""
    match facts.payment:
        case Payment.OPEN:
            return Status.PENDING
        case Payment.ENDED:
            return Status.CANCELED
        case Payment.FAILED:
            return Status.FAILED
        case Payment.PROCESSING:
            return Status.PROCESSING
        case Payment.PAID:
            return _status_once_paid(facts)


def _status_once_paid(facts: Facts) -> Status:
    if facts.dispute == "lost":
        return Status.CHARGED_BACK
    if facts.dispute == "open":
        return Status.DISPUTED
    if facts.refunded and facts.refunded >= facts.total:
        return Status.REFUNDED
    if facts.ended:
        return Status.CANCELED
    if facts.refunded:
        return Status.PARTIALLY_REFUNDED
    delivered = bool(facts.grants) and GrantState.BLOCKED not in facts.grants
    return Status.FULFILLED if delivered else Status.PAID
