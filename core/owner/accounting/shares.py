"""Shares: what a payment was for and what a refund pays back, by kind of product and rate of tax."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sqlmodel import Session, col, select

from core.orders import allocation, orders, payment_lines
from core.orders.allocation import Returned
from core.orders.orders import OrderLine
from core.orders.payment_lines import PaymentLine, Share, spread
from core.orders.payments import Payment
from core.orders.refunds import Refund


@dataclass(frozen=True)
class KindShare:
    """What of a payment was for one kind of product at one rate. `said` is the rate as Stripe told it, and `reason` its word for
    why it is that; both are empty where it did not say."""

    kind: str
    said: str
    reason: str
    net: int
    tax: int
    lines: tuple[str, ...]

    @property
    def rate(self) -> Decimal:
        """The rate in per cent."""
        return Decimal(self.said).quantize(_TENTH) if _is_tenths(self.said) else rate_of(self.net, self.tax, self.said)

    def taxed(self, amount: int) -> Fraction:
        """The tax in such a part of it."""
        whole = self.net + self.tax
        return Fraction(amount * self.tax, whole) if whole > 0 and self.tax > 0 else Fraction(0)

    @property
    def note(self) -> str:
        """Why nothing was taxed where something might have been, such as `reverse charge`."""
        return self.reason.replace("_", " ") if self.reason in _UNTAXED else ""


_TENTH = Decimal("0.1")
# Of these the tax office wants to know, though nothing is owed to it.
_UNTAXED = ("reverse_charge", "customer_exempt", "product_exempt", "not_collecting", "excluded_territory", "zero_rated")


def rate_of(net: int, tax: int, said: str = "") -> Decimal:
    """The rate of a tax in per cent: as it was said, else to a tenth what was taken."""
    if said:
        return Decimal(said)
    return Decimal(round(Fraction(tax * 1000, net))).scaleb(-1) if net else Decimal("0.0")


def _is_tenths(said: str) -> bool:
    return bool(said) and Decimal(said) == Decimal(said).quantize(_TENTH)


@dataclass(frozen=True)
class Bought:
    """What a payment was for, line by line: `included` is what of each line's tax its price includes."""

    shares: Sequence[Share]
    included: Sequence[int]
    kinds: Mapping[str, str]


def of_payments(session: Session, found: Sequence[Payment]) -> dict[str, Bought]:
    """What each of these payments was for."""
    listed = payment_lines.of_orders_payments(session, found) if found else {}
    lines_of = orders.lines_of(session, {payment.order_id for payment in found}) if found else {}
    return {payment.id: _of_lines(payment, listed.get(payment.id, []), lines_of[payment.order_id]) for payment in found}


def _of_lines(payment: Payment, listed: Sequence[PaymentLine], lines_: Sequence[OrderLine]) -> Bought:
    shares = payment_lines.of_payment(payment, listed, lines_)
    if listed:
        included = [each.amount_subtotal - each.amount_discount + each.amount_tax - each.amount for each in shares]
    else:
        included = spread(payment.tax_included, [each.amount_tax for each in shares])
    return Bought(shares, included, {line.id: line.kind.value for line in lines_})


def by_kind(bought: Bought | None) -> list[KindShare]:
    """The same by kind of product and rate; an empty kind for what is of no line."""
    found: dict[tuple[str, str, str], KindShare] = {}
    for share, part in zip(bought.shares, bought.included, strict=True) if bought else ():
        kind = bought.kinds.get(share.order_line_id or "", "") if bought else ""
        net = share.amount_subtotal - share.amount_discount - part
        key = (kind, share.tax_rate, share.tax_reason)
        known = found.get(key, KindShare(*key, 0, 0, ()))
        names = (*known.lines, share.order_line_id or "")
        found[key] = KindShare(*key, known.net + net, known.tax + share.amount_tax, names)
    return list(found.values())


def returned(session: Session, bought: Mapping[str, Bought]) -> dict[str, dict[str, Returned]]:
    """What each refund of these payments takes back of which line: that depends on what went back before it."""
    apart = {name: each.shares for name, each in bought.items() if not allocation.counts_as_whole(each.shares)}
    query = select(Refund).where(col(Refund.payment_id).in_(apart)).order_by(col(Refund.created_at), col(Refund.id))
    made: dict[str, list[Refund]] = {}
    for refund in session.exec(query) if apart else ():
        made.setdefault(refund.payment_id or "", []).append(refund)
    return {
        refund.id: {line or "": part for line, part in parts.items()}
        for name, theirs in made.items()
        for refund, parts in zip(theirs, allocation.returned(theirs, apart[name]), strict=True)
    }


def of_refund(
    refund: Refund, shares: Sequence[KindShare], returned: Mapping[str, Returned]
) -> list[tuple[KindShare, int, int]]:
    """How much of a refund, and of the tax in it, is for which kind of product: as its lines say, and of what they leave
    over as much as each of them cost, and was taxed."""
    shares = shares or [KindShare("", "", "", 0, 0, ())]
    # Of a payment that counts as a whole a line has what the refund names it for, and of its tax what all of that has.
    returned = returned or {line: Returned(amount, 0) for line, amount in refund.lines.items()}
    own = [[returned[line] for line in dict.fromkeys(share.lines) if line in returned] for share in shares]
    amounts = [sum(part.amount for part in each) for each in own]
    taxes = [sum(part.tax for part in each) for each in own]
    rest = spread(refund.amount - sum(amounts), [max(share.net + share.tax, 0) for share in shares])
    amounts = [one + other for one, other in zip(amounts, rest, strict=True)]
    taxed = [share.taxed(amount) for amount, share in zip(amounts, shares, strict=True)]
    rest = spread(refund.amount_tax - sum(taxes), taxed if any(taxed) else amounts)
    taxes = [one + other for one, other in zip(taxes, rest, strict=True)]
    return [part for part in zip(shares, amounts, taxes, strict=True) if part[1] or len(shares) == 1]
