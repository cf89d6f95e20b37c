"""The tax in each refund: what goes back for a line takes back the same part of the tax that was paid for it, to the cent."""

from collections.abc import Sequence

from core.orders import refunds
from core.orders.payment_lines import Share, spread
from core.orders.refunds import Refund


def write(found: Sequence[Refund], shares: Sequence[Share]) -> None:
    """Write the tax in each of these refunds, oldest first, all of one payment. `shares` are what that was for.

    When all of a payment has gone back, so has all of its tax, in however many refunds.
    """
    amounts, taxes = _by_line(shares)
    left = dict(amounts)
    for refund in found:
        refund.amount_tax = 0
        for line, part in _parts(refund, left).items() if refund.status in refunds.GONE else ():
            before = amounts[line] - left[line]
            refund.amount_tax += _tax(before + part, taxes[line], amounts[line])
            refund.amount_tax -= _tax(before, taxes[line], amounts[line])
            left[line] -= part


def _by_line(shares: Sequence[Share]) -> tuple[dict[str | None, int], dict[str | None, int]]:
    amounts: dict[str | None, int] = {}
    taxes: dict[str | None, int] = {}
    # Where something was credited at the same time, no line's money is its own: then the payment counts as a whole.
    whole = any(share.amount < 0 or share.amount_tax < 0 for share in shares)
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
