"""The status of an order, and the facts it follows from."""

from collections.abc import Collection
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


class Handed(StrEnum):
    """How far what was bought has been handed over. Derived by `handed_of`, never set by anybody else.

    `missing` was paid for and could not be; `on_hold` may come back; of what `ended` something is over.
    """

    NOTHING = "nothing"
    DELIVERED = "delivered"
    MISSING = "missing"
    ON_HOLD = "on_hold"
    ENDED = "ended"


class Progress(StrEnum):
    """How far the money of an order has come: the furthest of its checkouts."""

    OPEN = "open"
    ENDED = "ended"
    FAILED = "failed"
    PROCESSING = "processing"
    PAID = "paid"


@dataclass(frozen=True)
class Facts:
    """All that an order's status depends on. `total`, `refunded` and `lost` (to disputes) in minor units.

    `disputed` is whether a bank has yet to decide about some of the money, `ended` whether there is nothing left to use.
    """

    progress: Progress
    grants: tuple[GrantState, ...] = ()
    total: int = 0
    refunded: int = 0
    lost: int = 0
    disputed: bool = False
    ended: bool = False


def status_of(facts: Facts) -> Status:
    """The status that follows from the facts. Pure: whoever learns a fact, in whatever order, ends up here."""
    match facts.progress:
        case Progress.OPEN:
            return Status.PENDING
        case Progress.ENDED:
            return Status.CANCELED
        case Progress.FAILED:
            return Status.FAILED
        case Progress.PROCESSING:
            return Status.PROCESSING
        case Progress.PAID:
            return _status_once_paid(facts)


def handed_of(grants: Collection[GrantState]) -> Handed:
    """How far an order was handed over whose grants are in these states: what is worst of them is what somebody looks for."""
    if not grants:
        return Handed.NOTHING
    if GrantState.BLOCKED in grants:
        return Handed.MISSING
    if GrantState.SUSPENDED in grants:
        return Handed.ON_HOLD
    return Handed.ENDED if GrantState.REVOKED in grants else Handed.DELIVERED


def _status_once_paid(facts: Facts) -> Status:
    gone = facts.refunded + facts.lost
    if facts.lost and gone >= facts.total:
        return Status.CHARGED_BACK
    if facts.disputed:
        return Status.DISPUTED
    if facts.refunded and gone >= facts.total:
        return Status.REFUNDED
    if facts.ended:
        return Status.CANCELED
    if gone:
        return Status.PARTIALLY_REFUNDED
    delivered = bool(facts.grants) and GrantState.BLOCKED not in facts.grants
    return Status.FULFILLED if delivered else Status.PAID
