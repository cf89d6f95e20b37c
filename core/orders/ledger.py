"""The ledger of an order: every fact known about its money, read together, and what they come to."""

from dataclasses import dataclass, field

from sqlmodel import Session

from core.gateway.sessions import Money
from core.orders import checkouts, disputes, orders, refunds, subscriptions
from core.orders.checkouts import Checkout, Due
from core.orders.disputes import Dispute
from core.orders.orders import Order, OrderLine
from core.orders.refunds import Refund
from core.orders.status import Facts, GrantState, Payment
from core.orders.subscriptions import Subscription


@dataclass
class Ledger:
    """The facts about one order's money. `paid_later` is what a plan's renewals brought, in minor units."""

    checkouts: list[Checkout]
    due: Due
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    subscription: Subscription | None = None
    paid_later: int = 0

    @property
    def progress(self) -> Payment:
        """How far the payment has come."""
        return checkouts.progress(self.checkouts)

    @property
    def paid(self) -> Checkout | None:
        """The Session that paid for the order: the first that was paid as it was opened, whatever was learned first."""
        return next((row for row in self._received if self.fits(row)), None)

    @property
    def misfit(self) -> str:
        """What came in that was not what was ordered, or an empty string."""
        return next(filter(None, map(self._misfit, self._received)), "")

    @property
    def trouble(self) -> str:
        """The same, until it went back."""
        return next(filter(None, (self._misfit(row) for row in self._received if not self._gone(row))), "")

    def fits(self, row: Checkout) -> bool:
        """Whether a Session's money is what the order costs: of any other, nothing becomes the order's own."""
        return not self._misfit(row)

    @property
    def paid_twice(self) -> bool:
        """Whether more than one Session was paid: the second payment must go back."""
        return len(self._received) > 1

    @property
    def total(self) -> int:
        """All that was paid, in minor units: of an order that was paid twice, both payments, until one goes back."""
        return sum(row.amount_total or 0 for row in self._received) + self.paid_later

    @property
    def refunded(self) -> int:
        """All that went back, in minor units."""
        return refunds.gone(self.refunds)

    @property
    def ended(self) -> bool:
        """Whether its subscription is over."""
        return self.subscription is not None and self.subscription.status in ("canceled", "incomplete_expired")

    def paid_back(self, line: OrderLine) -> bool:
        """Whether the line's own money went back, or all of the order's."""
        whole = bool(self.refunded) and self.refunded >= self.total
        return whole or line.id in refunds.lines_paid_back(self.refunds)

    def facts(self, grants: list[GrantState], *, plan_alone: bool) -> Facts:
        """What the order's status follows from. A plan that ended cancels the order only if nothing else was bought."""
        return Facts(
            payment=self.progress, grants=tuple(grants), total=self.total, refunded=self.refunded,
            dispute=disputes.standing(self.disputes), ended=self.ended and plan_alone,
        )  # fmt: skip

    @property
    def _received(self) -> list[Checkout]:
        return [row for row in self.checkouts if row.money is Money.PAID]

    def _misfit(self, row: Checkout) -> str:
        return checkouts.misfit(row, row, self.due)

    def _gone(self, row: Checkout) -> bool:
        """Whether all that a Session brought went back; a plan's does not say which payment that was."""
        whole = bool(self.refunded) and self.refunded >= self.total
        back = refunds.gone(
            [refund for refund in self.refunds if refund.stripe_payment_intent_id == row.stripe_payment_intent_id]
        )
        return whole or bool(row.stripe_payment_intent_id and back and back >= (row.amount_total or 0))


def read(session: Session, order: Order) -> Ledger:
    """The ledger as it is now. The order must be locked, in a statement before this one.

    An order to which nothing happened but being paid costs one query: `eventful` says that there is more.
    """
    known = checkouts.of_order(session, order.id)
    book = Ledger(known, _due(session, order, known))
    if order.eventful:
        book.refunds = refunds.of_order(session, order.id)
        book.disputes = disputes.of_order(session, order.id)
        book.subscription = subscriptions.made_by(session, book.paid)
        book.paid_later = subscriptions.paid_later(session, order.id)
    return book


def _due(session: Session, order: Order, known: list[Checkout]) -> Due:
    in_trial = order.amount_expected
    if any(checkouts.is_trial(row) for row in known):
        in_trial = sum(
            line.unit_amount * line.quantity for line in orders.lines(session, order.id) if not line.interval
        )
    return Due(order.amount_expected, in_trial, order.currency)
