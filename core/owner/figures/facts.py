"""What the figures sum: for each kind of fact its rows, when each happened, and what it adds to which figure.

Sums of days, sums of a moment ago and the lists behind a number are all made of these, so that they cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlmodel import col

from core.foundation.records import beside
from core.gateway.sessions import Money
from core.orders.balance.entries import BalanceEntry
from core.orders.checkouts import AT_STRIPE, Checkout
from core.orders.disputes import TAKING, Dispute
from core.orders.orders import Order, OrderLine
from core.orders.payment_lines import PaymentLine
from core.orders.payments import CHECKOUT, CREDIT_NOTE, FIRST_OF_PLAN, Payment
from core.orders.refunds import GONE, Refund
from core.orders.subscription_changes import Movement, SubscriptionChange
from core.orders.subscriptions import TRIED, Subscription

# As Stripe words why a subscription was cancelled, where its buyer wanted it so.
WANTED = "cancellation_requested"
CHURNED_INVOLUNTARILY = "churned_involuntarily"

# A column or what is computed of some, by whichever of the many types that these have.
Column = Any


@dataclass(frozen=True, eq=False)
class Fact:
    """One kind of rows. `measures` is what a row adds to which sum, `keys` what those are kept apart by beside the currency.

    `conditions` say which rows count. Whose mode it is, is asked of each row's order, since a join might read all of them.
    """

    name: str
    table: Any
    at: Column
    id: Column
    order_id: Column
    livemode: Column
    currency: Column
    measures: Mapping[str, Column]
    keys: Mapping[str, Column] = field(default_factory=dict)
    conditions: tuple[ColumnElement[bool], ...] = ()

    def rows(self, *wanted: Column) -> Select[Any]:
        """These columns of all of its rows."""
        return select(*wanted).select_from(self.table).where(*self.conditions)


def _mode_of(order_id: Any) -> Column:
    return select(col(Order.livemode)).where(col(Order.id) == order_id).scalar_subquery()


def _if(condition: ColumnElement[bool], number: Any) -> Column:
    return case((condition, number), else_=0)


_ONE: Column = literal(1)
_PAYMENT, _LISTED, _LINE = col(Payment.id), PaymentLine, OrderLine


def _tax_in(discount: Column, taxed: Column, included: Column) -> Column:
    """The tax that a discount would have had in it, in whole minor units: as much of it as of what is left to pay, `taxed`, of
    which `included` is tax. It is 0 where no price includes any, or nothing is left to pay: then nobody says at which rate."""
    twice: Column = literal_column("2")
    # Exact however large the amounts: those of some currencies multiplied are more than fits into 64 bits.
    part, whole = twice * cast(discount, Numeric) * included + taxed, twice * taxed
    credited, back = twice * cast(-discount, Numeric) * -included - taxed, -twice * taxed
    return case(
        (and_(discount > 0, taxed > 0, included > 0), _divided(part, whole)),
        (and_(discount < 0, taxed < 0, included < 0), -_divided(credited, back)),
        else_=0,
    )


def _divided(number: Column, by: Column) -> Column:
    # Each database divides otherwise, but not what is divisible.
    by = cast(by, Numeric)
    return cast(cast(number - number % by, Numeric).op("/")(by), BigInteger)


_LISTED_TAXED: Column = col(_LISTED.amount_subtotal) - col(_LISTED.amount_discount)
_LISTED_INCLUDED: Column = _LISTED_TAXED + col(_LISTED.amount_tax) - col(_LISTED.amount)
_LISTED_TAX_OFF: Column = _tax_in(col(_LISTED.amount_discount), _LISTED_TAXED, _LISTED_INCLUDED)
# Line by line, as each has its own rate and discount; of what Stripe has not listed, of all of it.
_TAX_OFF: Column = case(
    (
        and_(col(Payment.amount_discount) != 0, col(Payment.tax_included) != 0),
        func.coalesce(
            select(cast(func.sum(_LISTED_TAX_OFF), BigInteger))
            .where(col(_LISTED.payment_id) == Payment.id)
            .scalar_subquery(),
            _tax_in(
                col(Payment.amount_discount), col(Payment.amount_subtotal) - col(Payment.amount_discount),
                col(Payment.tax_included),
            ),
        ),
    ),
    else_=0,
)  # fmt: skip
_GROSS: Column = col(Payment.amount_subtotal) - col(Payment.tax_included) - _TAX_OFF
_DISCOUNTS: Column = col(Payment.amount_discount) - _TAX_OFF
_AFTER_DISCOUNT: Column = (
    col(Payment.amount_subtotal) - col(Payment.tax_included) - col(Payment.amount_discount)
)  # fmt: skip
IS_FIRST = col(Payment.billing_reason).in_((CHECKOUT, FIRST_OF_PLAN))
# What a credit note takes off what was bought once, and renews never.
_OFF_PURCHASE = and_(col(Payment.billing_reason) == CREDIT_NOTE, col(Payment.stripe_subscription_id).is_(None))
_OF_PURCHASE = or_(IS_FIRST, _OFF_PURCHASE)

PAYMENTS = Fact(
    "payment", Payment, col(Payment.paid_at), _PAYMENT, col(Payment.order_id), _mode_of(Payment.order_id),
    col(Payment.currency),
    {
        "gross": _GROSS, "discounts": _DISCOUNTS, "tax": col(Payment.amount_tax),
        "credit": _AFTER_DISCOUNT + col(Payment.amount_tax) - col(Payment.amount),
        "renewals": _if(not_(_OF_PURCHASE), _AFTER_DISCOUNT), "spent": _if(_OF_PURCHASE, _AFTER_DISCOUNT),
        # What was paid with what Stripe still owed the buyer cost as much as if it had been charged.
        "purchases": _if(and_(IS_FIRST, _AFTER_DISCOUNT > 0), 1),
    },
)  # fmt: skip
REFUNDS = Fact(
    "refund", Refund, col(Refund.created_at), col(Refund.id), col(Refund.order_id), _mode_of(Refund.order_id),
    col(Refund.currency),
    {"refunds": col(Refund.amount) - col(Refund.amount_tax), "refunded_tax": col(Refund.amount_tax)},
    conditions=(col(Refund.status).in_(GONE),),
)  # fmt: skip
DISPUTES = Fact(
    "dispute", Dispute, col(Dispute.created_at), col(Dispute.id), col(Dispute.order_id), _mode_of(Dispute.order_id),
    col(Dispute.currency),
    {"disputed": col(Dispute.amount), "disputes_won": _if(col(Dispute.status) == "won", col(Dispute.amount))},
    conditions=(TAKING,),
)  # fmt: skip
ORDERS = Fact(
    "order", Order, col(Order.paid_at), col(Order.id), col(Order.id), beside(Order.livemode), col(Order.currency),
    {"orders": _ONE},
)  # fmt: skip
CHECKOUTS = Fact(
    "checkout", Checkout, col(Checkout.created_at), col(Checkout.id), col(Checkout.order_id), _mode_of(Checkout.order_id),
    select(col(Order.currency)).where(col(Order.id) == Checkout.order_id).scalar_subquery(),
    {"opened": _ONE, "converted": _if(col(Checkout.money) == Money.PAID, 1)},
    conditions=(AT_STRIPE,),
)  # fmt: skip

_LISTED_GROSS: Column = col(_LISTED.amount_subtotal) - _LISTED_INCLUDED - _LISTED_TAX_OFF
LISTED_LINES = Fact(
    "payment line", PaymentLine.__table__.join(Payment.__table__, PaymentLine.payment_id == Payment.id),  # type: ignore[attr-defined]
    col(Payment.paid_at), col(_LISTED.payment_id) + "/" + cast(col(_LISTED.position), String), col(Payment.order_id),
    _mode_of(Payment.order_id), col(Payment.currency),
    {
        "quantity": col(_LISTED.quantity), "gross": _LISTED_GROSS,
        "discounts": col(_LISTED.amount_discount) - _LISTED_TAX_OFF,
    },
    keys={
        "product_id": func.coalesce(
            select(col(_LINE.product_id)).where(col(_LINE.id) == _LISTED.order_line_id).scalar_subquery(), ""
        )
    },
)  # fmt: skip
_PRICE: Column = col(_LINE.unit_amount) * col(_LINE.quantity)


def _price_of_order(*, plans: bool) -> Column:
    line = OrderLine.__table__.alias()  # type: ignore[attr-defined]
    query = select(func.sum(line.c.unit_amount * line.c.quantity)).where(line.c.order_id == Payment.order_id)
    return (query if plans else query.where(line.c.interval.is_(None))).scalar_subquery()


# A payment of all that was ordered at its list prices is for the order's own lines, and so is that of a plan on trial for
# those that are no plans.
UNLISTED_LINES = Fact(
    "order line", Payment.__table__.join(OrderLine.__table__, OrderLine.order_id == Payment.order_id),  # type: ignore[attr-defined]
    col(Payment.paid_at), _PAYMENT + "/" + col(_LINE.id), col(Payment.order_id), _mode_of(Payment.order_id),
    col(Payment.currency),
    {
        "quantity": col(_LINE.quantity), "gross": _PRICE,
        "discounts": _if(col(Payment.amount_discount) > 0, col(_LINE.amount_discount)),
    },
    keys={"product_id": col(_LINE.product_id)},
    conditions=(
        IS_FIRST,
        ~exists().where(col(_LISTED.payment_id) == Payment.id),
        or_(
            col(Payment.amount_subtotal) == _price_of_order(plans=True),
            and_(
                col(_LINE.interval).is_(None), col(Payment.amount_subtotal) == _price_of_order(plans=False)
            ),
        ),
    ),
)  # fmt: skip
BALANCE = Fact(
    "balance entry", BalanceEntry, col(BalanceEntry.created_at), col(BalanceEntry.id), col(BalanceEntry.order_id),
    col(BalanceEntry.livemode), col(BalanceEntry.currency),
    {"entries": _ONE, "gross": col(BalanceEntry.gross), "fee": col(BalanceEntry.fee), "net": col(BalanceEntry.net)},
    keys={"origin": type_coerce(col(BalanceEntry.origin), String), "category": col(BalanceEntry.category)},
)  # fmt: skip


def _of_subscription(what: Column) -> Column:
    query = select(what).join(Order, col(Order.id) == Subscription.order_id).select_from(Subscription)
    return query.where(col(Subscription.id) == SubscriptionChange.subscription_id).scalar_subquery()


MOVEMENTS = Fact(
    "subscription change", SubscriptionChange, col(SubscriptionChange.at),
    col(SubscriptionChange.subscription_id) + "/" + cast(col(SubscriptionChange.number), String),
    _of_subscription(col(Order.id)), _of_subscription(col(Order.livemode)), col(SubscriptionChange.currency),
    {"changes": _ONE, "amount": col(SubscriptionChange.monthly_after) - col(SubscriptionChange.monthly_before)},
    keys={
        "kind": case(
            (
                and_(col(SubscriptionChange.kind) == Movement.CHURNED, col(SubscriptionChange.reason) != WANTED),
                literal(CHURNED_INVOLUNTARILY),
            ),
            else_=type_coerce(col(SubscriptionChange.kind), String),
        )
    },
)  # fmt: skip
_PAID_FOR = exists().where(
    col(Payment.stripe_subscription_id) == Subscription.id, col(Payment.amount) > 0,
    col(Payment.paid_at) >= Subscription.trial_end,
)  # fmt: skip
TRIALS = Fact(
    "trial", Subscription, col(Subscription.trial_end), col(Subscription.id), col(Subscription.order_id),
    _mode_of(Subscription.order_id), col(Subscription.currency), {"ended": _ONE, "paid_for": _if(_PAID_FOR, 1)},
    conditions=(TRIED,),
)  # fmt: skip
