"""The ledger of an order: every fact known about its money, read together, and what they come to."""

from dataclasses import dataclass, field

from sqlmodel import Session

from core.gateway.sessions import Money
from core.orders import checkouts, disputes, orders, refunds, subscription_items, subscriptions
from core.orders.checkouts import Checkout, Due
from core.orders.disputes import Dispute
from core.orders.orders import Order, OrderLine
from core.orders.refunds import Refund
from core.orders.status import Facts, GrantState, Payment
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription


@dataclass
class Ledger:
    """The facts about one order's money. `paid_later` is what a plan's renewals brought, in minor units.

    Subscriptions stand oldest first, whichever of them was learned first.
    """

    checkouts: list[Checkout]
    due: Due
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    items: list[SubscriptionItem] = field(default_factory=list)
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
        """Whether its buyer's subscription is over, and if there are several, each of them."""
        return bool(self.own_subscriptions) and all(each and each.is_over for each in self.own_subscriptions)

    @property
    def own_subscriptions(self) -> list[Subscription | None]:
        """Those that the order's buyer pays for, oldest first; None for one of which nothing is known but its id.

        What somebody else bought by a second Session is theirs, and opens nothing here.
        """
        known = {row.id: row for row in self.subscriptions if row.fetched_at}
        own = {row.stripe_subscription_id for row in self._received if self.fits(row) and self._is_buyers(row)}
        unheard = [None for name in own - {None} if name not in known]
        return [*(row for row in self.subscriptions if row.id in own & known.keys()), *unheard]

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

    def items_of(self, subscription: Subscription) -> list[SubscriptionItem]:
        """The items of one of its subscriptions, in Stripe's order."""
        return [item for item in self.items if item.subscription_id == subscription.id]

    def _is_buyers(self, row: Checkout) -> bool:
        """Whether a Session was paid under the address that the order belongs to."""
        return self.paid is not None and row.email.casefold() == self.paid.email.casefold()

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
        book.subscriptions = subscriptions.of_order(session, order.id)
        book.items = subscription_items.of_subscriptions(session, [each.id for each in book.subscriptions])
        book.paid_later = subscriptions.paid_later(session, order.id)
    return book


def _due(session: Session, order: Order, known: list[Checkout]) -> Due:
    in_trial = order.amount_expected
    if any(checkouts.is_trial(row) for row in known):
        in_trial = sum(
            line.unit_amount * line.quantity for line in orders.lines(session, order.id) if not line.interval
        )
    return Due(order.amount_expected, in_trial, order.currency)
