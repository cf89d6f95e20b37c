"""Letters about withdrawals: the acknowledgement that one has arrived, what was decided, and the notice to the owners."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core.foundation.errors import NoOwners
from core.foundation.money import Money
from core.orders import refunds
from core.orders.refunds import RefundStatus
from core.rights import declarations, withdrawals
from core.rights.withdrawals import Stage, Withdrawal
from core.shop import Shop


@dataclass(frozen=True)
class WithdrawalLetter:
    """What a letter about a withdrawal needs: what was declared and when, by the shop's clock; `reason` is why it was declined,
    `amount` what goes back where it was accepted, None if nothing does, and `refused` if Stripe would not send it. What was
    received reads the same whether the order is known or not; where it is not, `which_url` leads to a choice among the orders of
    whoever reads it, if they have any."""

    email: str
    stage: Stage
    reference: str
    name: str
    words: str
    lines: tuple[str, ...]
    at: datetime
    reason: str = ""
    amount: Money | None = None
    refused: bool = False
    which_url: str = ""


@dataclass(frozen=True)
class WithdrawalNotice:
    """What the letter to the owners needs: how many withdrawals are open, and by when the first has to be settled."""

    owners: tuple[str, ...]
    count: int
    answer_by: datetime
    url: str


def receiver(session: Session, withdrawal_id: str) -> str:
    """Where letters about this withdrawal go; an empty string if whoever declared it was erased."""
    row = session.get(Withdrawal, withdrawal_id)
    return row.email if row else ""


def language(session: Session, withdrawal_id: str) -> str:
    """What those letters speak."""
    row = session.get(Withdrawal, withdrawal_id)
    return row.language if row else ""


def about(shop: Shop, withdrawal_id: str, stage: Stage) -> WithdrawalLetter | None:
    """What to write about this stage, or None if whoever declared it was erased."""
    with shop.reading() as session:
        row = session.get(Withdrawal, withdrawal_id)
        if row is None or not row.email:
            return None
        return WithdrawalLetter(
            row.email, stage, row.reference, row.name, row.words, withdrawals.names_of(session, row),
            row.created_at.astimezone(shop.settings.zone), row.reason, *_sent_back(session, row),
            which_url=declarations.choice_link(shop, session, row) if stage is Stage.RECEIVED else "",
        )  # fmt: skip


def to_owners(shop: Shop) -> WithdrawalNotice | None:
    """What to write to the owners now, or None if nothing is open any more. Raises NoOwners."""
    if not shop.settings.owners:
        raise NoOwners
    with shop.reading() as session:
        count, oldest = withdrawals.waiting(session, livemode=shop.settings.livemode)
    if not count or oldest is None:
        return None
    due = (oldest + withdrawals.ANSWER_WITHIN).astimezone(shop.settings.zone)
    return WithdrawalNotice(shop.settings.owners, count, due, f"{shop.settings.public_url}/owner-withdrawals")


def _sent_back(session: Session, row: Withdrawal) -> tuple[Money | None, bool]:
    """What goes back by the refund that it was accepted with, and whether Stripe has refused all of that."""
    asked = refunds.of_request(session, row.request) if row.request else []
    going = [each for each in asked if each.status not in (RefundStatus.CANCELED, RefundStatus.FAILED)]
    amount = Money(sum(each.amount for each in going), going[0].currency) if going else None
    return amount, bool(asked) and not going
