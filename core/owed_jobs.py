"""Owed jobs: what an order owes the outside by its facts, each thing once: letters to its buyer and to the owners, questions to
Stripe, and the end of what nobody may use any more."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.kinds import plan_billing
from core.kinds.convergence import Converged
from core.kinds.places import cancellations
from core.kinds.plan_billing import Billing
from core.orders import disputes
from core.orders.ledger import Ledger
from core.orders.orders import Order
from core.orders.payments import RENEWAL, Payment
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import Status
from core.orders.subscriptions import Subscription

# What is older when an order is settled is no news to its buyer any more: it was told by whoever ran the shop before, or they
# know it from their bank.
_NEWS_FOR = timedelta(days=7)
_UNPAID = ("past_due", "unpaid")


@dataclass(frozen=True)
class Due:
    """An order that was settled just now, with what its facts came to. `trouble` is what keeps it from being delivered,
    `first` if it was fulfilled by this."""

    order: Order
    ledger: Ledger
    found: Converged
    billing: Billing
    trouble: str
    first: bool


def owe(session: Session, due: Due, *, now: datetime) -> None:
    """Owe all of it, in the transaction that made it due. By what is made up nobody is owed anything."""
    order, ledger = due.order, due.ledger
    if order.from_season:
        return
    for job, *arguments in _letters(due, now=now) if order.email else ():
        told = (order.id, *arguments)
        outbox.owe(session, job, *told, key=":".join(told), to=order.email)
    for topic in _worries(ledger, due.trouble):
        outbox.owe(session, Job.OWNER_NOTICE, order.id, topic, key=f"{order.id}:{topic}")
    for payment in ledger.payments:
        if not payment.lines_known:
            outbox.owe(session, Job.ASK_STRIPE, payment.id, key=payment.id)
    _owe_ends(session, ledger, due.billing)
    _owe_decided(session, order, ledger)


def _letters(due: Due, *, now: datetime) -> Iterator[tuple[Job, *tuple[str, ...]]]:
    """The letters to the buyer: the job of each, and its arguments behind the order's id."""
    order, ledger, found = due.order, due.ledger, due.found
    # Whoever has paid hears of it, also where not all of it could be delivered.
    if due.first or (ledger.paid and not found.delivered):
        yield (Job.RECEIPT,)
    for ending, lines in (("delivered", found.delivered_late), ("given_up", found.given_up)):
        if lines:
            yield Job.LATE_DELIVERY, ending, ",".join(map(str, lines))
    if order.status is Status.FAILED:
        # One for each attempt that failed: a buyer may try a second bank account, and that may bounce too.
        yield Job.PAYMENT_FAILED, str(max(row.attempt for row in ledger.checkouts))
    for payment in ledger.paid_after_end:
        yield Job.PAID_AFTER_END, payment.id
    if ledger.paid:
        for request in _refunded(ledger, now=now):
            yield Job.REFUNDED, request
        for subscription in filter(None, ledger.own_subscriptions):
            yield from _of_plan(subscription, now=now)
            for payment in ledger.payments:
                if _renews(payment, subscription) and _is_news(payment.paid_at, now):
                    yield Job.RENEWED, payment.id


def _refunded(ledger: Ledger, *, now: datetime) -> list[str]:
    """What was asked to be sent back at once, and of which Stripe has answered for all; what Stripe made by itself is by itself."""
    asked: dict[str, list[Refund]] = {}
    for refund in ledger.refunds:
        asked.setdefault(refund.request or refund.id, []).append(refund)
    return [
        request
        for request, rows in asked.items()
        if not any(row.status is RefundStatus.REQUESTED for row in rows)
        # One that failed since was made all the same: when the letter is written, it is known what to say.
        and any(row.stripe_refund_id and _is_news(row.created_at, now) for row in rows)
    ]


def _of_plan(row: Subscription, *, now: datetime) -> Iterator[tuple[Job, *tuple[str, ...]]]:
    if row.status in _UNPAID and not row.paused and row.unpaid_since and _is_news(row.unpaid_since, now):
        yield Job.RENEWAL_FAILED, row.id, outbox.stamp(row.unpaid_since)
    if row.ends_at and not row.is_over and _is_news(row.canceled_at or now, now):
        # Who has taken it back, and cancels once more, hears of it once more.
        changed = (outbox.stamp(row.end_changed_at),) if row.end_changed_at else ()
        told: tuple[str, ...] = (row.id, outbox.stamp(row.ends_at), *changed)
        yield (Job.PLAN_ENDING, *told)
    for job, at in ((Job.PLAN_PAUSED, row.pause_changed_at), (Job.PLAN_CHANGED, row.plan_changed_at)):
        if at and not row.is_over and _is_news(at, now):
            yield job, row.id, outbox.stamp(at)
    if row.status == "canceled" and row.ended_at and _is_news(row.ended_at, now):
        yield Job.PLAN_ENDED, row.id


def _renews(payment: Payment, row: Subscription) -> bool:
    """Whether a payment was for a further period of a buyer's plan, while it ran, and Stripe has told of the plan since.

    Until when a payment is stands in the plan alone, about which Stripe is asked in the transaction that records the payment.
    """
    assert row.fetched_at  # one that Stripe has not told of is not among the buyer's
    of_plan = payment.stripe_subscription_id == row.id and payment.billing_reason == RENEWAL and payment.amount > 0
    late = row.ended_at is not None and payment.paid_at > row.ended_at
    return of_plan and not late and row.fetched_at >= payment.paid_at


def _is_news(moment: datetime, now: datetime) -> bool:
    return moment > now - _NEWS_FOR


def _owe_ends(session: Session, ledger: Ledger, billing: Billing) -> None:
    """Owe the end of what nobody uses and somebody pays for: once for each thing that may have been the reason.

    Whether it is ended says the shop's policy, when the job is carried out.
    """
    for subscription in billing.unwanted:
        for cause in plan_billing.causes(ledger):
            outbox.owe(session, Job.CANCEL_SUBSCRIPTION, subscription.id, cause, key=f"{subscription.id}:{cause}")


def _owe_decided(session: Session, order: Order, ledger: Ledger) -> None:
    """Owe once more what is to go back for places, once a bank has decided whose the money is: until then none of it could."""
    if not ledger.disputes or ledger.is_disputed:
        return
    decided = ":".join(f"{dispute.id}:{dispute.status}" for dispute in ledger.disputes)
    for cancellation in cancellations.queued(session, order.id):
        outbox.owe(session, Job.PLACE_REFUND, cancellation, key=f"{cancellation}:{decided}")


def _worries(ledger: Ledger, trouble: str) -> list[str]:
    """What the owners must hear of at once, each once."""
    worries = [f"{stage}:{dispute.id}" for dispute in ledger.disputes for stage in disputes.stages(dispute)]
    failed = (RefundStatus.FAILED, RefundStatus.CANCELED)
    worries += [_failure_of(refund) for refund in ledger.refunds if refund.status in failed]
    worries += ["paid_twice"] if ledger.paid_twice else []
    worries += [f"paid_after_end:{payment.id}" for payment in ledger.paid_after_end]
    worries += [f"not_billed:{plan.unbilled_invoice}" for plan in plan_billing.unbilled(ledger.subscriptions)]
    return [*worries, "blocked"] if trouble else worries


def _failure_of(refund: Refund) -> str:
    """One that Stripe never made moved no money; one that it made and that failed later brought the money back."""
    return f"{'refund_failed' if refund.stripe_refund_id else 'refund_refused'}:{refund.id}"
