"""The ledger of an order: every fact known about its money, read together, and what they come to."""

from dataclasses import dataclass, field

from sqlmodel import Session

from core import disputes, payments, refund_facts, subscriptions
from core.disputes import Dispute
from core.orders import Order, OrderLine
from core.payments import Checkout
from core.refund_facts import Refund
from core.status import Facts, GrantState, Payment
from core.stripe_sessions import Money
from core.subscriptions import Subscription


@dataclass
class Ledger:
    """The facts about one order's money. `paid_later` is what a plan's renewals brought, in minor units."""

    checkouts: list[Checkout]
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    subscription: Subscription | None = None
    paid_later: int = 0

    @property
    def progress(self) -> Payment:
        """How far the payment has come."""
        return payments.progress(self.checkouts)

    @property
    def paid(self) -> Checkout | None:
        """The Session that the money came from."""
        return payments.decisive(self.checkouts)

    @property
    def paid_twice(self) -> bool:
        """Whether more than one Session was paid: the second payment must go back."""
        return len([row for row in self.checkouts if row.money is Money.PAID]) > 1

    @property
    def total(self) -> int:
        """All that was paid, in minor units: of an order that was paid twice, both payments, until one goes back."""
        paid = [row.amount_total or 0 for row in self.checkouts if row.money is Money.PAID]
        return sum(paid) + self.paid_later

    @property
    def refunded(self) -> int:
        """All that went back, in minor units."""
        return refund_facts.gone(self.refunds)

    @property
    def ended(self) -> bool:
        """Whether its subscription is over."""
        return self.subscription is not None and self.subscription.status in ("canceled", "incomplete_expired")

    def paid_back(self, line: OrderLine) -> bool:
        """Whether the line's own money went back, or all of the order's."""
        whole = bool(self.refunded) and self.refunded >= self.total
        return whole or line.id in refund_facts.lines_paid_back(self.refunds)

    def facts(self, grants: list[GrantState], *, plan_alone: bool) -> Facts:
        """What the order's status follows from. A plan that ended cancels the order only if nothing else was bought."""
        return Facts(
            payment=self.progress, grants=tuple(grants), total=self.total, refunded=self.refunded,
            dispute=disputes.standing(self.disputes), ended=self.ended and plan_alone,
        )  # fmt: skip


def read(session: Session, order: Order) -> Ledger:
    """The ledger as it is now. The order must be locked, in a statement before this one.

    An order to which nothing happened but being paid costs one query: `eventful` says that there is more.
    """
    known = payments.checkouts(session, order.id)
    if not order.eventful:
        return Ledger(known)
    return Ledger(
        known,
        refund_facts.of_order(session, order.id),
        disputes.of_order(session, order.id),
        subscriptions.of_order(session, order.id),
        subscriptions.paid_later(session, order.id),
    )
