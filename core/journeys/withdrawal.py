"""Deciding about withdrawals: which order is meant, and whether it is accepted. Money goes back by `refund.request`, which
notes the withdrawal as accepted in the very transaction that asks for the money."""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from core.foundation.database import repeatable
from core.foundation.errors import NothingSaid, WithdrawalNotFound
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.rights import withdrawals
from core.rights.withdrawals import Stage, Withdrawal
from core.shop import Shop

# What a letter may say of why.
MOST_REASON = 1000


def assign(shop: Shop, withdrawal_id: str, order_id: str, *, actor: str = "owner", deed: Deed | None = None) -> None:
    """Say which order is meant by a declaration that names none. Raises WithdrawalNotFound, WithdrawalDecided, or with a `deed`
    NotPermitted or DoneAlready."""

    def act(session: Session, who: str, now: datetime) -> None:
        withdrawals.assign(session, withdrawal_id, order_id, actor=who, now=now)

    _carry_out(shop, withdrawal_id, act, f"about {order_id}", also=(order_id,), actor=actor, deed=deed)


def accept_without_refund(shop: Shop, withdrawal_id: str, *, actor: str = "owner", deed: Deed | None = None) -> None:
    """Accept one for which no money is to go back, as it has gone back before or there was none. Raises as `assign`."""

    def act(session: Session, who: str, now: datetime) -> None:
        withdrawals.accept(session, withdrawal_id, by=who, now=now)

    _carry_out(shop, withdrawal_id, act, "accepted, nothing sent back", actor=actor, deed=deed)


def decline(shop: Shop, withdrawal_id: str, *, reason: str, actor: str = "owner", deed: Deed | None = None) -> None:
    """Decline it, and write the reason to whoever declared it. Raises NothingSaid without a reason, else as `assign`."""
    said = reason.strip()[:MOST_REASON]
    if not said:
        raise NothingSaid(field="reason")

    def act(session: Session, who: str, now: datetime) -> None:
        withdrawals.decline(session, withdrawal_id, reason=said, by=who, now=now)

    _carry_out(shop, withdrawal_id, act, "declined", actor=actor, deed=deed)


def acknowledge_again(shop: Shop, withdrawal_id: str, *, deed: Deed) -> str:
    """Have the letter that says that it has arrived sent once more, also after it was decided; returns where it goes.

    Raises WithdrawalNotFound, also where whoever declared it was erased, NotPermitted or DoneAlready.
    """
    now = shop.now()
    with shop.transaction() as session:
        row = session.get(Withdrawal, withdrawal_id)
        if row is None or not row.email:
            raise WithdrawalNotFound(withdrawal=withdrawal_id)
        deeds.begin(
            session, shop.settings, deed, Action.RESEND, subject=withdrawal_id, detail="acknowledgement", now=now
        )
        withdrawals.owe_letter(session, row, Stage.RECEIVED, copy=deed.token)
        return row.email


@repeatable
def _carry_out(
    shop: Shop, withdrawal_id: str, act: Callable[[Session, str, datetime], None], detail: str, *,
    also: tuple[str, ...] = (), actor: str, deed: Deed | None,
) -> None:  # fmt: skip
    now = shop.now()
    with shop.transaction() as session:
        withdrawals.lock_with_order(session, withdrawal_id, *also)
        if deed:
            subject = {"subject": withdrawal_id, "detail": detail}
            actor = deeds.begin(session, shop.settings, deed, Action.WITHDRAWAL, **subject, now=now).role
        act(session, actor, now)
