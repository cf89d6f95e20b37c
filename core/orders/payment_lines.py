"""What a payment paid for: which line of its order, with the line's own discount and tax."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlmodel import Field, Session, col, select

from core.catalog import tax
from core.foundation.records import Record, minor_units
from core.foundation.signals import corrections
from core.gateway.objects import id_of
from core.orders.orders import OrderLine
from core.orders.payments import CHECKOUT, FIRST_OF_PLAN, Payment


class PaymentLine(Record, table=True):
    """One line of a payment as Stripe lists it. Amounts in minor units; `order_line_id` is null for what is not of the order.

    `tax_rate` is in per cent, and `tax_reason` Stripe's word for why it is that; both are empty where it says nothing.
    `proration` is whether it bills or credits a change within a period, null where that was not kept.

    A payment of the whole order at its list prices needs none: `of_payment` tells its lines all the same.
    """

    __tablename__ = "payment_lines"

    payment_id: str = Field(primary_key=True, foreign_key="payments.id")
    position: int = Field(primary_key=True)
    order_line_id: str | None = Field(default=None, foreign_key="order_lines.id", index=True)
    quantity: int
    amount_subtotal: int = minor_units()
    amount_discount: int = minor_units()
    amount_tax: int = minor_units()
    amount: int = minor_units()
    tax_rate: str = ""
    tax_reason: str = ""
    proration: bool | None = None


@dataclass(frozen=True)
class Share:
    """What of a payment is for one line of its order, in minor units; `estimated` until Stripe has told."""

    order_line_id: str | None
    quantity: int
    amount_subtotal: int
    amount_discount: int
    amount_tax: int
    amount: int
    tax_rate: str = ""
    tax_reason: str = ""
    estimated: bool = False


@dataclass(frozen=True)
class Item:
    """A line as Stripe has it. `tax_on_top` is what of the tax the price does not include."""

    price: str | None
    unit_amount: int | None
    name: str
    quantity: int
    recurring: bool
    proration: bool
    subtotal: int
    discount: int
    tax: int
    tax_on_top: int
    tax_rate: str = ""
    tax_reason: str = ""


def read_item(line: dict[str, Any]) -> Item:
    """Read a line of a Session, or one of an invoice in the present shape or an older one."""
    return _of_session(line) if line.get("object") == "item" else _of_invoice(line)


def of_orders_payments(session: Session, payments: Sequence[Payment]) -> dict[str, list[PaymentLine]]:
    """The lines that Stripe listed for each of these payments, by the payment's id."""
    found: dict[str, list[PaymentLine]] = {}
    query = select(PaymentLine).where(col(PaymentLine.payment_id).in_([payment.id for payment in payments]))
    for row in session.exec(query.order_by(col(PaymentLine.position))):
        found.setdefault(row.payment_id, []).append(row)
    return found


def write(
    session: Session, payment: Payment, lines: Sequence[OrderLine], listed: Sequence[dict[str, Any]]
) -> list[PaymentLine]:
    """Keep what Stripe lists of a payment that has no such rows yet: of what was paid, nothing changes any more."""
    items = _balanced([read_item(each) for each in listed], payment)
    rows = [
        PaymentLine(
            payment_id=payment.id, position=position, order_line_id=order_line_id, quantity=item.quantity,
            amount_subtotal=item.subtotal, amount_discount=item.discount, amount_tax=item.tax,
            amount=item.subtotal - item.discount + item.tax_on_top, tax_rate=item.tax_rate, tax_reason=item.tax_reason,
            proration=item.proration,
        )
        for position, (item, order_line_id) in enumerate(zip(items, _matched(items, _bought(payment, lines)), strict=True))
    ]  # fmt: skip
    session.flush()  # they refer to the payment, which may be new
    session.add_all(rows)
    corrections.note(session, [payment.paid_at])
    payment.lines_known = True
    payment.amount_subtotal = sum(row.amount_subtotal for row in rows)
    payment.amount_discount = sum(row.amount_discount for row in rows)
    payment.amount_tax = sum(row.amount_tax for row in rows)
    return rows


def of_payment(payment: Payment, listed: Sequence[PaymentLine], lines: Sequence[OrderLine]) -> list[Share]:
    """What of a payment is for which line of its order: as Stripe listed it, else in proportion to the list prices."""
    if listed:
        return [Share(**row.model_dump(exclude={"payment_id", "position", "proration"})) for row in listed]
    bought = _bought(payment, lines)
    if not bought:
        return [not_of_the_order(payment)]
    weights = [line.unit_amount * line.quantity for line in bought]
    once = [0 if line.interval else weight for line, weight in zip(bought, weights, strict=True)]
    if payment.amount_subtotal == sum(once):
        weights = once  # its plans are on trial
    amounts = (payment.amount_subtotal, payment.amount_discount, payment.amount_tax, payment.amount)
    parts = zip(*(spread(amount, weights) for amount in amounts), strict=True)
    return [
        Share(line.id, line.quantity, subtotal, discount, tax, amount, estimated=not payment.lines_known)
        for line, (subtotal, discount, tax, amount) in zip(bought, parts, strict=True)
    ]


def not_of_the_order(payment: Payment) -> Share:
    """All of a payment that was for nothing that was ordered."""
    return Share(
        None, 1, payment.amount_subtotal, payment.amount_discount, payment.amount_tax, payment.amount
    )  # fmt: skip


def tax_included(payment: Payment, listed: Sequence[PaymentLine]) -> int:
    """What of a payment's tax its prices include, in minor units: as Stripe listed it, else what its amount leaves over."""
    if listed:
        return sum(row.amount_subtotal - row.amount_discount + row.amount_tax - row.amount for row in listed)
    over = payment.amount_subtotal - payment.amount_discount + payment.amount_tax - payment.amount
    return max(0, min(payment.amount_tax, over))


def spread(amount: int, weights: Sequence[int | Fraction]) -> list[int]:
    """An amount in minor units in parts as these weights say, to the cent: what is left over goes to the largest rests."""
    if len(weights) == 1:
        return [amount]
    whole = sum(weights)
    if whole <= 0:
        weights, whole = [1] * len(weights), len(weights)
    sign, amount = (-1, -amount) if amount < 0 else (1, amount)
    parts = [amount * weight // whole for weight in weights]
    rests = [amount * weight % whole for weight in weights]
    for place in sorted(range(len(weights)), key=lambda each: (-rests[each], each))[: amount - sum(parts)]:
        parts[place] += 1
    return [sign * part for part in parts]


def _bought(payment: Payment, lines: Sequence[OrderLine]) -> list[OrderLine]:
    """The lines that a payment can be for, or a credit note: all of the order's at first, its plans alone ever after."""
    noted = payment.is_note and not payment.stripe_subscription_id
    first = noted or payment.billing_reason in (CHECKOUT, FIRST_OF_PLAN)
    return [line for line in lines if first or line.interval]


def _of_session(line: dict[str, Any]) -> Item:
    price = line.get("price") or {}
    subtotal, discount = int(line.get("amount_subtotal") or 0), int(line.get("amount_discount") or 0)
    return Item(
        price=price.get("id"),
        unit_amount=price.get("unit_amount"),
        name=line.get("description") or "",
        quantity=line.get("quantity") or 0,
        recurring=bool(price.get("recurring")),
        proration=False,
        subtotal=subtotal,
        discount=discount,
        tax=int(line.get("amount_tax") or 0),
        tax_on_top=int(line.get("amount_total") or 0) - subtotal + discount,
        tax_rate=tax.rate_said(line.get("taxes") or []),
        tax_reason=tax.reason_said(line.get("taxes") or []),
    )


def _of_invoice(line: dict[str, Any]) -> Item:
    parent, pricing, old_price = line.get("parent") or {}, line.get("pricing") or {}, line.get("price") or {}
    details = parent.get(parent.get("type")) or {}
    taxes = [*(line.get("taxes") or []), *(line.get("tax_amounts") or [])]
    on_top = [each for each in taxes if not (each.get("inclusive") or each.get("tax_behavior") == "inclusive")]
    proration = bool(details.get("proration") or line.get("proration"))
    unit = pricing.get("unit_amount_decimal") or old_price.get("unit_amount")
    levied = sum(int(each.get("amount") or 0) for each in taxes)
    return Item(
        price=id_of((pricing.get("price_details") or {}).get("price")) or old_price.get("id"),
        unit_amount=None if unit is None else int(float(unit)),
        name=line.get("description") or "",
        quantity=line.get("quantity") or 0,
        recurring=proration or "subscription" in (parent.get("type") or line.get("type") or ""),
        proration=proration,
        subtotal=int(line.get("amount") or 0),
        discount=sum(int(each.get("amount") or 0) for each in line.get("discount_amounts") or []),
        tax=levied,
        tax_on_top=sum(int(each.get("amount") or 0) for each in on_top),
        tax_rate=_rate_of(taxes, levied),
        tax_reason=tax.reason_said(taxes),
    )


def _rate_of(taxes: Sequence[dict[str, Any]], levied: int) -> str:
    """The rate of a line of an invoice, which says of how much each tax is and not at which rate."""
    return tax.roundest_rate(levied, max((int(each.get("taxable_amount") or 0) for each in taxes), default=0))


def _balanced(items: list[Item], payment: Payment) -> list[Item]:
    """With each line's part of a discount that Stripe names for the whole alone."""
    missing = payment.amount_discount - sum(item.discount for item in items)
    if missing <= 0:
        return items
    parts = spread(missing, [max(item.subtotal - item.discount, 0) for item in items])
    return [Item(**{**vars(item), "discount": item.discount + part}) for item, part in zip(items, parts, strict=True)]


# What tells which line of the order one of Stripe's is, from the surest to what is left.
_SAME: tuple[Callable[[Item, OrderLine], bool], ...] = (
    lambda item, line: bool(item.price) and item.price == line.stripe_price_id,
    lambda item, line: (
        (item.unit_amount, item.quantity) == (line.unit_amount, line.quantity) and line.name in item.name
    ),
    lambda item, line: (item.unit_amount, item.quantity) == (line.unit_amount, line.quantity),
    lambda item, line: item.unit_amount == line.unit_amount,
    # A plan that has changed its price is still the plan.
    lambda item, _line: item.recurring,
)


def _matched(items: Sequence[Item], lines: Sequence[OrderLine]) -> list[str | None]:
    """For each of Stripe's lines the line of the order that it is, or None. Each of the order's is taken once.

    What a change of a plan adds or takes off stands beside that plan.
    """
    found: list[str | None] = [None] * len(items)
    for same in _SAME:
        for place, item in enumerate(items):
            fitting = (
                line
                for line in lines
                if bool(line.interval) == item.recurring
                and same(item, line)
                and (item.proration or line.id not in _taken(items, found))
            )
            found[place] = found[place] or next((line.id for line in fitting), None)
    return found


def _taken(items: Sequence[Item], found: Sequence[str | None]) -> set[str]:
    return {line_id for item, line_id in zip(items, found, strict=True) if line_id and not item.proration}
