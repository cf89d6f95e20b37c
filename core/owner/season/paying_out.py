"""The payouts of the season: each week all that may be paid out goes to the bank, and once the bank sends it back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import orjson
from sqlmodel import Session, col, select

from core.events import balance_questions, inbox
from core.events.inbox import Told
from core.orders.balance import entries, payouts
from core.orders.balance.entries import BalanceEntry, EntryFacts
from core.owner.season import plot, seasons
from core.owner.season.stripe_objects import event_about, movement
from core.shop import Shop

_EVERY = 7
_ARRIVES = timedelta(days=1)
# Above the numbers of all orders.
_FIRST = 9001


def pay_out_all(shop: Shop, begins: datetime) -> None:
    """Pay out what the orders of the season brought, week by week."""
    for week, day in enumerate(range(_EVERY, seasons.DAYS, _EVERY)):
        at = begins + timedelta(days=day, hours=4)
        if paid := _available(shop, at):
            fails = plot.BAD_WEEK[0] <= day <= plot.BAD_WEEK[1]
            _pay_out(shop, _FIRST + week, paid, at=at, fails=fails)


def _available(shop: Shop, at: datetime) -> list[BalanceEntry]:
    query = select(BalanceEntry).where(
        col(BalanceEntry.id).startswith(seasons.MOVEMENTS, autoescape=True),
        col(BalanceEntry.available_on) <= at,
        col(BalanceEntry.payout_id).is_(None),
    )
    with shop.reading() as session:
        return list(session.exec(query.order_by(col(BalanceEntry.created_at), col(BalanceEntry.id))))


def _pay_out(shop: Shop, number: int, paid: Sequence[BalanceEntry], *, at: datetime, fails: bool) -> None:
    payout = _payout(number, paid, at=at)
    numbers = count(1)

    def moved(amount: int, category: str, when: datetime) -> dict[str, Any]:
        return movement(payout, amount, category, id=f"{seasons.MOVEMENTS}{number}_{next(numbers)}", at=when)

    _tell(shop, "payout.paid", payout, number=number, at=at + _ARRIVES)
    with shop.transaction() as session:
        _list(session, payout["id"], paid, at=at + _ARRIVES)
    balance_questions.take(shop, iter([moved(-payout["amount"], "payout", at)]), payout=payout["id"])
    if fails:
        sent_back = at + 2 * _ARRIVES
        reason = {"failure_code": "account_closed", "failure_message": "The bank could not process this payout."}
        payout.update(status="failed", **reason)
        _tell(shop, "payout.failed", payout, number=number, at=sent_back)
        balance_questions.take(shop, iter([moved(payout["amount"], "payout_reversal", sent_back)]))


def _payout(number: int, paid: Sequence[BalanceEntry], *, at: datetime) -> dict[str, Any]:
    return {
        "id": f"{seasons.PAYOUTS}{number}", "object": "payout", "amount": sum(entry.net for entry in paid),
        "currency": paid[0].currency, "status": "paid", "automatic": True, "livemode": False,
        "created": int(at.timestamp()), "arrival_date": int((at + _ARRIVES).timestamp()), "failure_code": None,
        "failure_message": None, "reconciliation_status": "completed", "metadata": {},
    }  # fmt: skip


def _tell(shop: Shop, kind: str, payout: dict[str, Any], *, number: int, at: datetime) -> None:
    event = event_about(payout, kind, id=f"{seasons.EVENTS}{number}_{payout['status']}", at=at)
    inbox.take(shop, Told(event, orjson.dumps(event).decode(), actor=f"webhook {event['id']}"))


def _list(session: Session, payout_id: str, paid: Sequence[BalanceEntry], *, at: datetime) -> None:
    """Note what is in the payout, as when Stripe has listed it."""
    entries.record(session, [_listed(entry, payout_id) for entry in paid], livemode=False, fetched_at=at)
    payouts.note_listed(session, payout_id, at=at)


def _listed(entry: BalanceEntry, payout_id: str) -> EntryFacts:
    return EntryFacts(
        id=entry.id, source=entry.source, category=entry.category, origin=entry.origin,
        payment_intent=entry.stripe_payment_intent_id, charge=entry.stripe_charge_id, gross=entry.gross, fee=entry.fee,
        net=entry.net, currency=entry.currency, exchange_rate=entry.exchange_rate, original_amount=entry.original_amount,
        original_currency=entry.original_currency, created_at=entry.created_at, available_on=entry.available_on,
        payout=payout_id,
    )  # fmt: skip
