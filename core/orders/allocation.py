"""Allocation: how a sum that is to go back spreads over the payments that an order received."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.foundation.errors import AmountTooSmall, NoSuchPayment, NothingToRefund, RefundTooBig
from core.orders import refunds
from core.orders.ledger import Ledger
from core.orders.payments import Payment


@dataclass(frozen=True)
class Refundable:
    """What can still go back of a payment, in minor units, and how much of it for each line of the order."""

    payment_id: str
    left: int
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Portion:
    """What goes back of one payment, in minor units; `lines` says for which lines, if for any in particular."""

    payment_id: str
    amount: int
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to send back: of which lines and which payment, where they say so, and how much at most."""

    amount: int | None = None
    line_ids: tuple[str, ...] = ()
    payment_id: str = ""


def refundable(ledger: Ledger) -> list[Refundable]:
    """What can go back of each payment, the newest first."""
    return [_refundable(ledger, payment) for payment in reversed(ledger.payments)]


def left(payments: Sequence[Refundable]) -> int:
    """All that can go back, in minor units."""
    return sum(payment.left for payment in payments)


def allocate(payments: Sequence[Refundable], wanted: Wanted, *, order_id: str, currency: str) -> list[Portion]:
    """Take what is wanted from the payments in their order, each as far as it goes; all there is, if no amount is named.

    Raises NoSuchPayment, NothingToRefund, AmountTooSmall or RefundTooBig.
    """
    chosen = [payment for payment in payments if wanted.payment_id in ("", payment.payment_id)]
    if not chosen:
        raise NoSuchPayment(payment=wanted.payment_id)
    most = [(payment, _most(payment, wanted.line_ids)) for payment in chosen]
    available = sum(amount for _, amount in most)
    if available <= 0:
        raise NothingToRefund(order_id=order_id)
    rest = available if wanted.amount is None else wanted.amount
    if rest <= 0:
        raise AmountTooSmall(amount=rest, least=1, currency=currency)
    if rest > available:
        raise RefundTooBig(amount=rest, left=available, currency=currency)
    portions = []
    for payment, amount in most:
        if taken := min(rest, amount):
            portions.append(Portion(payment.payment_id, taken, _of_lines(payment, wanted.line_ids, taken)))
            rest -= taken
    return portions


def _refundable(ledger: Ledger, payment: Payment) -> Refundable:
    # Of what a bank has taken, or holds until it has decided, Stripe refunds nothing.
    if ledger.standing(payment):
        return Refundable(payment.id, 0)
    taken = ledger.refunds_of(payment)
    rest = max(payment.amount - refunds.claimed(taken), 0)
    lines = {
        line.id: max(min(ledger.share(payment, line) - refunds.claimed_of_line(taken, line.id), rest), 0)
        for line in ledger.lines
    }
    return Refundable(payment.id, rest, lines)


def _most(payment: Refundable, line_ids: Sequence[str]) -> int:
    if not line_ids:
        return payment.left
    return min(payment.left, sum(payment.lines.get(line_id, 0) for line_id in line_ids))


def _of_lines(payment: Refundable, line_ids: Sequence[str], amount: int) -> dict[str, int]:
    """How a sum spreads over the lines it is for, one after the other."""
    found = {}
    for line_id in line_ids:
        if part := min(amount, payment.lines.get(line_id, 0)):
            found[line_id] = part
            amount -= part
    return found
