"""The timeline: what happened to an order, in words. Its history has names for machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.foundation.money import Money
from core.orders.history import FulfillmentLog
from core.orders.orders import OrderLine


class Tone(StrEnum):
    """What a moment means for the shop."""

    GOOD = "good"
    PLAIN = "plain"
    BACK = "back"
    BAD = "bad"


@dataclass(frozen=True)
class Moment:
    """One thing that happened. `event` is what the history calls it."""

    at: datetime
    title: str
    detail: str
    actor: str
    tone: Tone
    event: str


# By the name of an event, up to its first colon: what happened, and what that means.
_TITLES: dict[str, tuple[str, Tone]] = {
    "given": ("Given by the shop", Tone.GOOD),
    "rebuilt": ("Written again from Stripe, since a backup was put back", Tone.PLAIN),
    "checkout": ("Went to the payment page", Tone.PLAIN),
    "paid": ("Paid", Tone.GOOD),
    "fulfilled": ("Everything was handed over", Tone.GOOD),
    "granted": ("{line} was handed over", Tone.GOOD),
    "blocked": ("{line} could not be handed over", Tone.BAD),
    "plan_held": ("Has this plan already, in another order", Tone.BAD),
    "canceled": ("The payment page was left or ran out", Tone.PLAIN),
    "failed": ("The payment failed", Tone.BAD),
    "processing": ("The bank is settling the payment", Tone.PLAIN),
    "declined": ("A card was declined", Tone.PLAIN),
    "paid_twice": ("Paid twice", Tone.BAD),
    "paid_after_end": ("Paid for a plan that had ended", Tone.BAD),
    "refund_requested": ("A refund of {money} was asked for", Tone.BACK),
    "refund": ("Stripe took on a refund", Tone.BACK),
    "refund_failed": ("A refund failed", Tone.BAD),
    "refund_canceled": ("A refund was called off", Tone.BAD),
    "dispute": ("A bank asks about the payment", Tone.BAD),
    "dispute_won": ("The dispute was won", Tone.GOOD),
    "dispute_lost": ("The dispute was lost", Tone.BAD),
    "dispute_prevented": ("The dispute was prevented", Tone.PLAIN),
    "dispute_warning_closed": ("The bank's question was closed", Tone.GOOD),
    "fraud_warning": ("The bank warns of fraud", Tone.BAD),
    "taken_back": ("Access to {line} was taken back", Tone.BACK),
    "given_back": ("Access to {line} was given back", Tone.GOOD),
    "address_changed": ("The address was changed", Tone.PLAIN),
    "withdrawal": ("The buyer withdrew from the contract", Tone.BACK),
    "withdrawal_accepted": ("The withdrawal was accepted", Tone.BACK),
    "withdrawal_declined": ("The withdrawal was declined", Tone.PLAIN),
    "erased": ("The buyer was erased", Tone.PLAIN),
    "place_handed_over": ("A place was handed to somebody else", Tone.PLAIN),
    "date_moved": ("The date of the workshop was moved while they paid", Tone.PLAIN),
    "place_moved": ("A place was moved to another date", Tone.PLAIN),
    "place_bound": ("It was too late to give up the place that was moved, and it stays so", Tone.PLAIN),
    "plan_switched": ("The plan is billed for another interval", Tone.PLAIN),
    "places_canceled": ("Places were canceled", Tone.BACK),
    "seats_changed": ("The plan has another number of seats", Tone.PLAIN),
    "seat_given": ("A seat of the plan was given", Tone.PLAIN),
    "seat_taken": ("A seat of the plan was taken away", Tone.PLAIN),
    "seat_freed": ("A seat of the plan is free: who had it has another one", Tone.PLAIN),
    "resent": ("The receipt was sent again", Tone.PLAIN),
}
# What those who do things without signing in are called.
_ACTORS = {
    "buyer": "the buyer", "checkout": "the buyer", "return page": "the buyer came back", "stripe": "Stripe told us",
    "worker": "we asked Stripe", "owner": "an owner", "support": "support",
}  # fmt: skip


def of(history: Sequence[FulfillmentLog], lines: Sequence[OrderLine]) -> tuple[Moment, ...]:
    """What happened, newest first."""
    return tuple(_moment(row, lines) for row in reversed(history))


def _moment(row: FulfillmentLog, lines: Sequence[OrderLine]) -> Moment:
    name, _, subject = row.event.partition(":")
    title, tone = _TITLES.get(name, (name.replace("_", " ").capitalize(), Tone.PLAIN))
    if "{line}" in title:
        title = title.format(line=_line(subject.partition(":")[0], lines))
    if "{money}" in title:
        amount = Money(int(row.detail), lines[0].currency).format() if row.detail.isdecimal() and lines else "money"
        return Moment(row.created_at, title.format(money=amount), "", _actor(row.actor), tone, row.event)
    return Moment(row.created_at, title, row.detail.replace("_", " "), _actor(row.actor), tone, row.event)


def _line(number: str, lines: Sequence[OrderLine]) -> str:
    position = int(number) if number.isdecimal() else 0
    return lines[position - 1].name if 1 <= position <= len(lines) else "Something"


def _actor(actor: str) -> str:
    return _ACTORS.get(actor, actor)
