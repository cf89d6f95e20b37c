"""The ledger of an order: every fact known about its money, read together, and what they come to."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from sqlmodel import Session

from core.foundation.addresses import fold
from core.foundation.writes.rows import read_ahead, read_together
from core.gateway.sessions import Money
from core.orders import (
    checkouts,
    disputes,
    orders,
    payment_lines,
    payments,
    refunds,
    subscription_items,
    subscriptions,
)
from core.orders.checkouts import Checkout, Due
from core.orders.disputes import Dispute
from core.orders.orders import Order, OrderLine
from core.orders.payment_lines import PaymentLine, Share
from core.orders.payments import FIRST_OF_PLAN, Payment
from core.orders.refunds import Refund
from core.orders.status import Facts, GrantState, Progress
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription


@dataclass
class Ledger:
    """The facts about one order's money. `payments` stand oldest first; `listed` is what Stripe says they were for.

    `lines` are the order's own. They are read with what is delivered, so that the usual purchase does not read them twice.
    `decided` says of lines whether an owner takes them back, where that is only planned.
    Subscriptions stand oldest first, whichever of them was learned first.
    """

    checkouts: list[Checkout]
    due: Due
    payments: list[Payment] = field(default_factory=list)
    listed: dict[str, list[PaymentLine]] = field(default_factory=dict)
    lines: Sequence[OrderLine] = ()
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    items: list[SubscriptionItem] = field(default_factory=list)
    decided: Mapping[str, bool] = field(default_factory=dict)

    @cached_property
    def progress(self) -> Progress:
        """How far the payment has come."""
        return checkouts.progress(self.checkouts)

    @cached_property
    def paid(self) -> Checkout | None:
        """The Session that paid for the order: the first that was paid as it was opened, whatever was learned first."""
        return next((row for row in self._received if self.fits(row)), None)

    def hear(self) -> None:
        """A Session has said more of itself: what was found out of them by now may be otherwise."""
        for found in ("paid", "progress", "_received", "_misfits"):
            vars(self).pop(found, None)

    @property
    def misfit(self) -> str:
        """What came in that was not what was ordered, or an empty string."""
        return next(filter(None, map(self._misfit, self._received)), "")

    @property
    def trouble(self) -> str:
        """The same, until it went back."""
        found = ((row, self._misfit(row)) for row in self._received)
        return next((misfit for row, misfit in found if misfit and not self._gone(row)), "")

    def fits(self, row: Checkout) -> bool:
        """Whether a Session's money is what the order costs: of any other, nothing becomes the order's own."""
        return not self._misfit(row)

    @property
    def paid_twice(self) -> bool:
        """Whether more than one Session was paid: the second payment must go back."""
        return len(self._received) > 1

    @property
    def to_pay_back(self) -> list[Payment]:
        """What came in beside the purchase that its buyer keeps, one payment of each Session, for as long as it has not gone back:
        of what somebody else paid nobody has anything, whatever became of the buyer's own."""
        if not self.paid_twice:
            return []
        standing = [(row, payment) for row in self._received if (payment := self._standing_of(row))]
        own = [row for row, _ in standing if self.paid is None or (self.fits(row) and self._is_buyers(row))]
        beside = [payment for row, payment in standing if row not in own[:1]]
        return [payment for payment in beside if payment.amount or payment.stripe_subscription_id]

    def _standing_of(self, row: Checkout) -> Payment | None:
        """What is left of what a Session brought, or of what its subscription brought since; None if nothing is."""
        brought = self.payment_of(row)
        if brought is None or brought.stripe_subscription_id is None:
            return None if brought is None or self.is_gone(brought) else brought
        name = brought.stripe_subscription_id
        over = any(plan.id == name and plan.is_over for plan in self.subscriptions)
        since = [payment for payment in self.payments if payment.stripe_subscription_id == name]
        if over and self._is_buyers(row):
            since = []  # it was used for as long as it was paid for
        left = (each for each in (brought, *since) if each.amount and not self.is_gone(each))
        # What is tried for nothing costs something later.
        return next(left, None if over or brought.amount else brought)

    @property
    def paid_after_end(self) -> list[Payment]:
        """The payments that came in for a plan that had ended, for as long as they have not gone back. What it began with
        is none of them, whenever that was heard of."""
        if not self.subscriptions:
            return []
        ended: dict[str | None, datetime | None] = {plan.id: plan.ended_at for plan in self.subscriptions}
        return [
            payment
            for payment in self.payments
            if (end := ended.get(payment.stripe_subscription_id)) and payment.paid_at > end
            and payment.billing_reason != FIRST_OF_PLAN and payment.amount and not self.is_gone(payment)
        ]  # fmt: skip

    @property
    def total(self) -> int:
        """All that was paid, in minor units."""
        return sum(payment.amount for payment in self.payments)

    @property
    def refunded(self) -> int:
        """All that went back, in minor units. Whatever is said of a payment, no more can go back than came in."""
        if not self.refunds:
            return 0
        unknown = refunds.gone([refund for refund in self.refunds if refund.payment_id is None])
        return min(sum(map(self.back, self.payments)) + unknown, self.total)

    @property
    def ended(self) -> bool:
        """Whether its buyer's subscription is over, and if there are several, each of them."""
        return bool(self.own_subscriptions) and all(each and each.is_over for each in self.own_subscriptions)

    @property
    def own_subscriptions(self) -> list[Subscription | None]:
        """Those that the order's buyer pays for, oldest first; None for one of which nothing is known but its id.

        What somebody else bought by a second Session is theirs, and opens nothing here.
        """
        known = {row.id: row for row in self.subscriptions if row.fetched_at}
        made = [row for row in self._received if row.stripe_subscription_id]
        own = {row.stripe_subscription_id for row in made if self.fits(row) and self._is_buyers(row)}
        unheard = [None for name in own if name not in known]
        return [*(row for row in self.subscriptions if row.id in own & known.keys()), *unheard]

    def is_anothers(self, subscription_id: str | None) -> bool:
        """Whether a subscription began with a Session that somebody else paid than the order's buyer."""
        rows = [row for row in self._received if subscription_id and row.stripe_subscription_id == subscription_id]
        return any(not self._is_buyers(row) for row in rows)

    def is_taken_back(self, line: OrderLine) -> bool:
        """Whether an owner ended access to this line."""
        return self.decided.get(line.id, line.taken_back_at is not None)

    def payment_of(self, row: Checkout) -> Payment | None:
        """What came in by a Session, or None."""
        return payments.named(self.payments, row.stripe_checkout_session_id)

    def refunds_of(self, payment: Payment) -> list[Refund]:
        """The refunds that were taken from a payment."""
        return [refund for refund in self.refunds if refund.payment_id == payment.id]

    def disputes_of(self, payment: Payment) -> list[Dispute]:
        """The disputes about a payment. One of which only the order is known may be about any of them."""
        return [each for each in self.disputes if each.payment_id in (payment.id, None)]

    def standing(self, payment: Payment) -> str:
        """What the disputes about a payment come to: "lost" if they left nothing of it, "open" while one is not decided."""
        about = self.disputes_of(payment)
        if self.lost(payment) < payment.amount - self.back(payment):
            return disputes.standing([each for each in about if each not in disputes.lost_ones(about)])
        return disputes.standing(about)

    def lost(self, payment: Payment) -> int:
        """How much of a payment its disputes took for good, in minor units, of what had not gone back."""
        rest = payment.amount - self.back(payment)
        return disputes.loss(self.disputes_of(payment), of=rest, currency=payment.currency)

    @property
    def partly_lost(self) -> list[Payment]:
        """The payments of which banks took a part for good, while something of what they paid for is open."""
        parts = [each for each in self.payments if self.lost(each) and not self.is_gone(each)]
        kept = {line.id for line in self.lines if not self.is_taken_back(line)}
        return [each for each in parts if kept & {share.order_line_id for share in self.shares(each)}]

    @property
    def is_disputed(self) -> bool:
        """Whether a bank has yet to decide about some of the money."""
        return any(self.standing(payment) == "open" for payment in self.payments)

    def back(self, payment: Payment) -> int:
        """How much of a payment went back, in minor units."""
        found = self.refunds_of(payment)
        return min(refunds.gone(found), payment.amount) if found else 0

    def is_gone(self, payment: Payment) -> bool:
        """Whether nothing of a payment is left: it went back, or was lost to a dispute. What cost nothing is never gone."""
        return bool(payment.amount) and (self.back(payment) >= payment.amount or self.standing(payment) == "lost")

    def shares(self, payment: Payment) -> list[Share]:
        """What of a payment is for which line. Of money that was not what was ordered, nothing is."""
        if any(self._misfit(row) for row in self._received if _brought(row, payment)):
            return [payment_lines.not_of_the_order(payment)]
        return payment_lines.of_payment(payment, self.listed.get(payment.id, ()), self.lines)

    def share(self, payment: Payment, line: OrderLine) -> int:
        """How much of a payment is for this line, in minor units."""
        return sum(share.amount for share in self.shares(payment) if share.order_line_id == line.id)

    def purchases(self, line: OrderLine) -> list[list[Payment]]:
        """The payments that are for this line, oldest first, each purchase apart.

        Those of one subscription are one purchase, each for a period. A second Session that was paid is one of its own. By what was
        credited nothing was bought.
        """
        found: dict[str, list[Payment]] = {}
        for payment in self.payments:
            if not payment.is_note and any(share.order_line_id == line.id for share in self.shares(payment)):
                found.setdefault(payment.stripe_subscription_id or payment.id, []).append(payment)
        return list(found.values())

    def is_of_change(self, payment: Payment, line: OrderLine) -> bool:
        """Whether a payment bills or credits a change of this line's plan alone, within a period that another one is for."""
        listed = [row for row in self.listed.get(payment.id, ()) if row.order_line_id == line.id]
        return bool(listed) and all(row.proration for row in listed)

    def is_paid_back(self, payment: Payment, line: OrderLine) -> bool:
        """Whether what of a payment was for this line went back, or all of it."""
        of_line = refunds.gone_of_line(self.refunds_of(payment), line.id)
        whole = bool(payment.amount) and self.back(payment) >= payment.amount
        return whole or 0 < self.share(payment, line) <= of_line

    def facts(self, grants: list[GrantState], *, plan_alone: bool) -> Facts:
        """What the order's status follows from. A plan that ended cancels the order only if nothing else was bought."""
        taken_back = bool(self.lines) and all(map(self.is_taken_back, self.lines))
        return Facts(
            progress=self.progress, grants=tuple(grants), total=self.total, refunded=self.refunded,
            lost=sum(map(self.lost, self.payments)),
            disputed=self.is_disputed,
            # A plan that ended may be open all the same, since the refund by which it did has failed.
            ended=(self.ended and plan_alone and GrantState.ACTIVE not in grants) or taken_back,
        )  # fmt: skip

    def items_of(self, subscription: Subscription) -> list[SubscriptionItem]:
        """The items of one of its subscriptions, in Stripe's order."""
        return [item for item in self.items if item.subscription_id == subscription.id]

    def _is_buyers(self, row: Checkout) -> bool:
        """Whether a Session was paid under the address that the order belongs to."""
        return self.paid is not None and _person(row) == _person(self.paid)

    @property
    def unattributed(self) -> set[str]:
        """The PaymentIntents of refunds and disputes of which it is not known yet which payment they are about."""
        named: list[Refund | Dispute] = [*self.refunds, *self.disputes]
        unknown = (each.stripe_payment_intent_id for each in named if each.payment_id is None)
        return {name for name in unknown if name}

    def attribute(self, parts: Mapping[str, str] = MappingProxyType({})) -> None:
        """Say of each refund and dispute which payment it is about, as far as that is known. `parts` are the payments that further
        PaymentIntents paid a part of."""
        for refund in self.refunds:
            if refund.payment_id is None and (payment := self._known_as(parts, refund.stripe_payment_intent_id)):
                refund.payment_id = payment.id
        for dispute in self.disputes:
            names = (dispute.stripe_payment_intent_id, dispute.stripe_charge_id)
            if dispute.payment_id is None and (payment := self._known_as(parts, *names)):
                dispute.payment_id = payment.id

    def _known_as(self, parts: Mapping[str, str], *names: str | None) -> Payment | None:
        return payments.named(self.payments, *names, *(parts.get(name) for name in names if name))

    @cached_property
    def _received(self) -> list[Checkout]:
        return [row for row in self.checkouts if row.money is Money.PAID]

    @cached_property
    def _misfits(self) -> dict[str, str]:
        return {row.id: checkouts.misfit(row, row, self.due) for row in self.checkouts}

    def _misfit(self, row: Checkout) -> str:
        return self._misfits[row.id]

    def _gone(self, row: Checkout) -> bool:
        payment = self.payment_of(row)
        return payment is not None and self.is_gone(payment)


class Locked(NamedTuple):
    """An order that nobody else changes before the transaction ends, and its ledger."""

    order: Order
    book: Ledger


# Those who pay for an order are read after it was locked: what was read before could be older than what another just wrote.
_LOCKED = (orders.LOCKED, checkouts.OF_ORDERS)


def lock_ahead(session: Session, order_ids: Collection[str]) -> None:
    """Have these orders locked with whatever the database is asked next, and read: to `lock` some of them is nothing then."""
    read_ahead(session, _LOCKED, order_ids)


def lock(session: Session, order_ids: Collection[str], *, eventful: bool = False) -> dict[str, Locked]:
    """Those of these orders that there are, each locked and then read; `eventful` if there is to be more to know of them
    than their payment."""
    session.flush()  # what is read is read anew
    found, attempts = read_together(session, _LOCKED, order_ids)
    for order in found:
        order.eventful = order.eventful or eventful
    books = _books(session, found, attempts)
    return {order.id: Locked(order, books[order.id]) for order in found}


def read(session: Session, order: Order) -> Ledger:
    """The ledger of one order as it is now. The order must be locked, in a statement before this one."""
    return _books(session, [order], checkouts.OF_ORDERS.of(session, [order.id]))[order.id]


def _books(session: Session, found: Collection[Order], attempts: Iterable[Checkout]) -> dict[str, Ledger]:
    """The ledgers of these orders, by the order's id, whose attempts to pay are read already.

    To read the rest costs nothing more where nothing was paid yet, and two statements where nothing happened but being paid:
    `eventful` says that there is more.
    """
    known = _by_order(checkouts.in_order(attempts))
    in_trial = _in_trial(session, [row for rows in known.values() for row in rows if checkouts.is_trial(row)])
    books = {
        order.id: Ledger(
            known[order.id],
            Due(order.amount_expected, in_trial.get(order.id, order.amount_expected), order.currency),
        )
        for order in found
    }
    eventful = {order.id: books[order.id] for order in found if order.eventful}
    paid = {each for each, book in books.items() if any(row.money is Money.PAID for row in book.checkouts)}
    _read_payments(session, {each: books[each] for each in books if each in eventful or each in paid})
    _read_events(session, eventful)
    return books


def _read_payments(session: Session, books: Mapping[str, Ledger]) -> None:
    received = payments.of_orders(session, books) if books else []
    listed = payment_lines.of_orders_payments(session, received) if received else {}
    for payment in received:
        books[payment.order_id].payments.append(payment)
        if payment.id in listed:
            books[payment.order_id].listed[payment.id] = listed[payment.id]


def _read_events(session: Session, books: Mapping[str, Ledger]) -> None:
    if not books:
        return
    for refund in refunds.of_orders(session, books):
        books[refund.order_id].refunds.append(refund)
    for dispute in disputes.of_orders(session, books):
        books[dispute.order_id].disputes.append(dispute)
    plans = {plan.id: plan for plan in subscriptions.of_orders(session, books)}
    for plan in plans.values():
        books[plan.order_id].subscriptions.append(plan)
    for item in subscription_items.of_subscriptions(session, list(plans)) if plans else []:
        books[plans[item.subscription_id].order_id].items.append(item)


def _by_order(rows: Iterable[Checkout]) -> dict[str, list[Checkout]]:
    found = defaultdict[str, list[Checkout]](list)
    for row in rows:
        found[row.order_id].append(row)
    return found


def _brought(row: Checkout, payment: Payment) -> bool:
    """Whether a payment came in by a Session, or by the subscription that this made."""
    plan = row.stripe_subscription_id
    return row.stripe_checkout_session_id == payment.stripe_checkout_session_id or (
        plan is not None and plan == payment.stripe_subscription_id
    )


def _person(row: Checkout) -> tuple[str, str]:
    """Who a Session was paid by: by the address, or by what stands for somebody who was erased."""
    return fold(row.email), row.erased_as


def _in_trial(session: Session, tried: Collection[Checkout]) -> dict[str, int]:
    """What is left to pay of the orders whose plans are tried for nothing at first, in minor units."""
    lines = orders.lines_of(session, {row.order_id for row in tried}) if tried else {}
    once = {order_id: [line for line in each if not line.interval] for order_id, each in lines.items()}
    return {order_id: sum(line.unit_amount * line.quantity for line in each) for order_id, each in once.items()}
