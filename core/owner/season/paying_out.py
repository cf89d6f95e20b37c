"""The payouts of the season: each week all that may be paid out goes to the bank, and once the bank sends it back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, count
from typing import Any, cast

import orjson
from sqlmodel import col, select

from core.events import balance_questions, inbox
from core.events.inbox import Told
from core.gateway.client import Stripe
from core.orders.balance.entries import BalanceEntry
from core.owner.season import plot, seasons
from core.owner.season.payment_objects import Object, event_about, movement
from core.shop import Shop

_EVERY = 7
_ARRIVES = timedelta(days=1)
# Above the numbers of all orders.
_FIRST = 9001


@dataclass(frozen=True)
class _StripeOfPayout:
    """Stripe, asked about one payout: what is in it, beside the payout itself."""

    paid: Sequence[BalanceEntry]
    itself: Object

    def transactions_of_payout(self, payout: str) -> Iterator[Object]:
        return chain(map(_as_listed, self.paid), [self.itself])


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
    payout, numbers, arrives = _payout(number, paid, at=at), count(1), at + _ARRIVES

    def moved(amount: int, category: str, when: datetime) -> Object:
        return movement(payout, amount, category, id=f"{seasons.MOVEMENTS}{number}_{next(numbers)}", at=when)

    stripe = cast(Stripe, _StripeOfPayout(paid, moved(-payout["amount"], "payout", at)))
    then = replace(shop, stripe=stripe, now=lambda: arrives)
    _tell(then, "payout.paid", payout, number=number)
    balance_questions.read_payout(then, payout["id"])
    if fails:
        sent_back = arrives + _ARRIVES
        then = replace(shop, now=lambda: sent_back)
        reason = {"failure_code": "account_closed", "failure_message": "The bank could not process this payout."}
        payout.update(status="failed", **reason)
        _tell(then, "payout.failed", payout, number=number)
        balance_questions.take(then, iter([moved(payout["amount"], "payout_reversal", sent_back)]))


def _payout(number: int, paid: Sequence[BalanceEntry], *, at: datetime) -> Object:
    return {
        "id": f"{seasons.PAYOUTS}{number}", "object": "payout", "amount": sum(entry.net for entry in paid),
        "currency": paid[0].currency, "status": "paid", "automatic": True, "livemode": False,
        "created": int(at.timestamp()), "arrival_date": int((at + _ARRIVES).timestamp()), "failure_code": None,
        "failure_message": None, "reconciliation_status": "completed", "metadata": {},
    }  # fmt: skip


def _tell(shop: Shop, kind: str, payout: Object, *, number: int) -> None:
    event = event_about(payout, kind, id=f"{seasons.EVENTS}{number}_{payout['status']}", at=shop.now())
    inbox.take(shop, Told(event, orjson.dumps(event).decode(), actor=f"webhook {event['id']}"))


def _as_listed(entry: BalanceEntry) -> Object:
    """A movement as Stripe had listed it when it happened."""
    source: dict[str, Any] = {
        "id": entry.source, "currency": entry.currency, "amount": abs(entry.gross),
        "payment_intent": entry.stripe_payment_intent_id, "charge": entry.stripe_charge_id,
    }  # fmt: skip
    return {
        "id": entry.id, "source": source, "reporting_category": entry.category, "amount": entry.gross, "fee": entry.fee,
        "net": entry.net, "currency": entry.currency, "exchange_rate": None, "created": int(entry.created_at.timestamp()),
        "available_on": int(entry.available_on.timestamp()),
    }  # fmt: skip
