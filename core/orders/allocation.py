"""Allocation: how a sum that is to go back spreads over the payments that an order received, and which tax is in it.

What goes back for a line takes back the same part of the tax that was paid for it, to the cent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.foundation.currencies import step_of
from core.foundation.errors import (
    AmountTooSmall,
    AmountUneven,
    NoSuchPayment,
    NothingLeft,
    NothingToRefund,
    RefundTooBig,
)
from core.orders import disputes, refunds
from core.orders.ledger import Ledger
from core.orders.payment_lines import Share, spread
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus


@dataclass(frozen=True)
class Refundable:
    """What can still go back of a payment, in minor units, and how much of it for each line of the order; `why` nothing of it can,
    or no more than that, None where all that has not gone back can."""

    payment_id: str
    left: int
    lines: Mapping[str, int] = field(default_factory=dict)
    why: NothingLeft | None = None


@dataclass(frozen=True)
class Portion:
    """What goes back of one payment, in minor units; `lines` says for which lines, if for any in particular."""

    payment_id: str
    amount: int
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PartShare:
    """What of a refund is taken from one of several PaymentIntents that brought a payment, in minor units, and for which lines."""

    payment_intent: str
    amount: int
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to send back: of which lines and which payment, where they say so, and how much at most."""

    amount: int | None = None
    line_ids: tuple[str, ...] = ()
    payment_id: str = ""


def refundable(ledger: Ledger) -> list[Refundable]:
    """What can go back of each payment, the newest first. By a credit note nothing came in."""
    received = [each for each in ledger.payments if not each.is_note]
    return [_refundable(ledger, payment) for payment in reversed(received)]


def left(payments: Sequence[Refundable]) -> int:
    """All that can go back, in minor units."""
    return sum(payment.left for payment in payments)


def allocate(payments: Sequence[Refundable], wanted: Wanted, *, order_id: str, currency: str) -> list[Portion]:
    """Take what is wanted from the payments in their order, each as far as it goes; all there is, if no amount is named.

    Stripe sends back what it could have charged: of a line that is left with part of a step of its currency, that part stays.
    Raises NoSuchPayment, NothingToRefund, AmountTooSmall, AmountUneven or RefundTooBig.
    """
    step = step_of(currency)
    if not payments:
        raise NothingToRefund(order_id=order_id, why=NothingLeft.GIVEN)
    chosen = [payment for payment in payments if wanted.payment_id in ("", payment.payment_id)]
    if not chosen:
        raise NoSuchPayment(payment=wanted.payment_id)
    most = [(payment, _most(payment, wanted.line_ids) // step * step) for payment in chosen]
    available = sum(amount for _, amount in most)
    if available <= 0:
        why = _why_nothing(chosen, wanted.line_ids)
        elsewhere = sum(payment.left // step * step for payment in payments)
        raise NothingToRefund(order_id=order_id, why=why, left=elsewhere, currency=currency)
    rest = available if wanted.amount is None else wanted.amount
    if rest <= 0:
        raise AmountTooSmall(amount=rest, least=step, currency=currency)
    if rest % step:
        raise AmountUneven(amount=rest, step=step, currency=currency)
    if rest > available:
        raise RefundTooBig(amount=rest, left=available, currency=currency)
    portions = []
    for payment, amount in most:
        if taken := min(rest, amount):
            portions.append(Portion(payment.payment_id, taken, _of_lines(payment, wanted.line_ids, taken)))
            rest -= taken
    return portions


def left_of_parts(ledger: Ledger, payment: Payment, parts: Mapping[str, int], *, besides: Refund) -> dict[str, int]:
    """How much of each of these parts of a payment can still go back, in minor units, `besides` what this refund takes itself."""
    others = [each for each in ledger.refunds_of(payment) if each.id != besides.id]
    lost = disputes.lost_ones(ledger.disputes_of(payment))
    return {
        name: max(
            amount
            - refunds.claimed([each for each in others if each.stripe_payment_intent_id == name])
            - sum(each.amount for each in lost if each.stripe_payment_intent_id == name),
            0,
        )
        for name, amount in parts.items()
    }  # fmt: skip


def apart(amount: int, lines: Mapping[str, int], left: Mapping[str, int]) -> list[PartShare]:
    """A refund of this amount, for these lines if for any in particular, taken from PaymentIntents of which so much is `left`, in
    their order. What goes beyond that is asked of the first: Stripe says then why it cannot go back."""
    taken, rest = [], amount
    for name, most in left.items():
        if part := min(rest, most):
            taken.append((name, part))
            rest -= part
    if rest:
        taken.append((next(iter(left)), rest))
    of_lines, shares = dict(lines), []
    for name, part in taken:
        own = _of_lines(Refundable("", part, of_lines), list(of_lines), part)
        of_lines = {line: of_line - own.get(line, 0) for line, of_line in of_lines.items()}
        shares.append(PartShare(name, part, own))
    return shares


def _why_nothing(chosen: Sequence[Refundable], line_ids: Sequence[str]) -> NothingLeft:
    """Why nothing of these payments can go back, or nothing of these lines."""
    if any(_most(payment, line_ids) for payment in chosen):
        return NothingLeft.COIN
    if any(payment.left for payment in chosen):
        return NothingLeft.LINES
    return min((payment.why or NothingLeft.BACK for payment in chosen), key=list(NothingLeft).index)


def _why(ledger: Ledger, payment: Payment, rest: int) -> NothingLeft | None:
    """What keeps money of a payment from going back beyond the rest that can."""
    match ledger.standing(payment):
        case "open":
            return NothingLeft.HELD
        case "lost":
            return NothingLeft.LOST
    if ledger.lost(payment):
        return NothingLeft.LOST
    if rest:
        return None
    taken = {refund.status for refund in ledger.refunds_of(payment)}
    for status, why in _UNDER_WAY.items():
        if status in taken:
            return why
    if payment.amount == 0:
        return NothingLeft.CREDIT if payment.billed > 0 else NothingLeft.FREE
    return None


_UNDER_WAY = {
    RefundStatus.REQUESTED: NothingLeft.ASKED, RefundStatus.PENDING: NothingLeft.ON_ITS_WAY,
    RefundStatus.REQUIRES_ACTION: NothingLeft.ON_ITS_WAY,
}  # fmt: skip


def _refundable(ledger: Ledger, payment: Payment) -> Refundable:
    # Of what a bank has taken, or holds until it has decided, Stripe refunds nothing.
    if ledger.standing(payment):
        return Refundable(payment.id, 0, why=_why(ledger, payment, 0))
    taken = ledger.refunds_of(payment)
    rest = max(payment.amount - refunds.claimed(taken) - ledger.lost(payment), 0)
    lines = {
        line.id: max(min(ledger.share(payment, line) - refunds.claimed_of_line(taken, line.id), rest), 0)
        for line in ledger.lines
    }
    return Refundable(payment.id, rest, lines, _why(ledger, payment, rest))


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


@dataclass(frozen=True)
class Returned:
    """What of a refund is for one line, and the tax in it, in minor units."""

    amount: int
    tax: int


def returned(found: Sequence[Refund], shares: Sequence[Share]) -> list[dict[str | None, Returned]]:
    """What each of these refunds, oldest first, all of one payment, takes back of which line. `shares` are what that was for.

    When all of a payment has gone back, so has all of its tax, in however many refunds. Of a payment that `counts_as_whole`
    everything stands under None.
    """
    amounts, taxes = _by_line(shares)
    left = dict(amounts)
    back: list[dict[str | None, Returned]] = []
    for refund in found:
        parts = _parts(refund, left) if refund.status in refunds.GONE else {}
        back.append({})
        for line, part in parts.items():
            before = amounts[line] - left[line]
            tax = _tax(before + part, taxes[line], amounts[line]) - _tax(before, taxes[line], amounts[line])
            back[-1][line] = Returned(part, tax)
            left[line] -= part
    return back


def write_taxes(found: Sequence[Refund], shares: Sequence[Share]) -> None:
    """Write the tax in each of these refunds, oldest first, all of one payment. `shares` are what that was for."""
    for refund, parts in zip(found, returned(found, shares), strict=True):
        refund.amount_tax = sum(part.tax for part in parts.values())


def counts_as_whole(shares: Sequence[Share]) -> bool:
    """Whether something was credited at the same time as it was paid for: then no line's money is its own."""
    return any(share.amount < 0 or share.amount_tax < 0 for share in shares)


def _by_line(shares: Sequence[Share]) -> tuple[dict[str | None, int], dict[str | None, int]]:
    amounts: dict[str | None, int] = {}
    taxes: dict[str | None, int] = {}
    whole = counts_as_whole(shares)
    for share in shares:
        line = None if whole else share.order_line_id
        amounts[line] = amounts.get(line, 0) + share.amount
        taxes[line] = taxes.get(line, 0) + share.amount_tax
    return amounts, taxes


def _parts(refund: Refund, left: dict[str | None, int]) -> dict[str | None, int]:
    """How much of a refund is for which line: as it says, and for all that is left of them where it does not."""
    parts: dict[str | None, int] = {line: min(refund.lines.get(line or "", 0), rest) for line, rest in left.items()}
    rests = {line: rest - parts[line] for line, rest in left.items()}
    more = min(refund.amount - sum(parts.values()), sum(rests.values()))
    if more > 0:
        for line, part in zip(rests, spread(more, list(rests.values())), strict=True):
            parts[line] += part
    return {line: part for line, part in parts.items() if part > 0}


def _tax(amount: int, tax: int, whole: int) -> int:
    return tax * amount // whole
