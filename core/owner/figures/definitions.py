"""What each figure means: one sentence that is printed beside it, and the facts that it sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlmodel import col

from core.orders.balance.entries import Origin
from core.orders.subscription_changes import Movement, SubscriptionChange
from core.owner.figures import facts
from core.owner.figures.facts import CHURNED_INVOLUNTARILY, Fact
from core.owner.figures.received import DISPUTES, PAYOUTS


class Figure(StrEnum):
    """The owner's numbers, by the names that addresses and files use."""

    GROSS = "gross"
    DISCOUNTS = "discounts"
    REFUNDS = "refunds"
    REFUNDED_TAX = "refunded_tax"
    NET = "net"
    TAX = "tax"
    ORDERS = "orders"
    AVERAGE_ORDER = "average_order"
    CONVERSION = "conversion"
    DISPUTED = "disputed"
    RECEIVED = "received"
    FEES = "fees"
    DISPUTE_FEES = "dispute_fees"
    TOP_PRODUCTS = "top_products"
    MRR = "mrr"
    NEW = "new"
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURNED = "churned"
    CHURNED_INVOLUNTARILY = "churned_involuntarily"
    REACTIVATION = "reactivation"
    CHURN = "churn"
    TRIAL_CONVERSION = "trial_conversion"
    ARPU = "arpu"


@dataclass(frozen=True)
class Part:
    """Facts that a figure sums: what each of them adds, and which of them do."""

    fact: Fact
    amount: Any
    conditions: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Definition:
    """What a figure means, and what it is summed of. `since_ever` if it sums what happened before the days as well."""

    sentence: str
    parts: tuple[Part, ...]
    since_ever: bool = False


def _of(fact: Fact, measure: str, *, less: Sequence[str] = (), conditions: tuple[Any, ...] = ()) -> Part:
    amount = fact.measures[measure]
    for each in less:
        amount = amount - fact.measures[each]
    return Part(fact, amount, conditions)


def _moved(*kinds: str, measure: str = "amount") -> tuple[Part, ...]:
    """Changes of these kinds; of all if none is named."""
    if not kinds:
        return (_of(facts.MOVEMENTS, measure),)
    kept = {Movement.CHURNED if kind == CHURNED_INVOLUNTARILY else Movement(kind) for kind in kinds}
    which = (col(SubscriptionChange.kind).in_(kept), facts.MOVEMENTS.keys["kind"].in_(kinds))
    return (_of(facts.MOVEMENTS, measure, conditions=which),)


_OWN = (facts.BALANCE.keys["origin"] == Origin.ORDER.value, facts.BALANCE.keys["category"].not_in(PAYOUTS))
_OWN_DISPUTES = (*_OWN, facts.BALANCE.keys["category"].in_(DISPUTES))

DEFINITIONS: dict[Figure, Definition] = {
    Figure.GROSS: Definition(
        "Gross sales are the list prices of all that was paid for, renewals included, by the day it was paid, without tax; "
        "what a code made free was not taxed, and its price counts as it is.",
        (_of(facts.PAYMENTS, "gross"),),
    ),
    Figure.DISCOUNTS: Definition(
        "Discounts are what promotion codes took off these prices, without tax: where prices include it, buyers saw more "
        "taken off.",
        (_of(facts.PAYMENTS, "discounts"),),
    ),
    Figure.REFUNDS: Definition(
        "Refunds are money that really went back, on the refund's own day, without its tax.",
        (_of(facts.REFUNDS, "refunds"),),
    ),
    Figure.REFUNDED_TAX: Definition(
        "Refunded tax is the tax in the refunds of these days.", (_of(facts.REFUNDS, "refunded_tax"),)
    ),
    Figure.NET: Definition(
        "Net sales are gross sales less discounts and refunds, without tax; disputes and fees are not taken off.",
        (
            _of(facts.PAYMENTS, "gross", less=("discounts",)),
            Part(facts.REFUNDS, -facts.REFUNDS.measures["refunds"]),
        ),
    ),
    Figure.TAX: Definition("Tax is what buyers paid of it with these sales.", (_of(facts.PAYMENTS, "tax"),)),
    Figure.ORDERS: Definition(
        "Orders are those that were paid on these days, free ones included, and no renewals.",
        (_of(facts.ORDERS, "orders"),),
    ),
    Figure.AVERAGE_ORDER: Definition(
        "The average order is what purchases that cost something brought in before tax and after discounts, by their number, "
        "whether paid or taken off what Stripe owed the buyer; renewals count in neither.",
        (_of(facts.PAYMENTS, "spent"),),
    ),
    Figure.CONVERSION: Definition(
        "Conversion is how many of the Checkouts that were opened on these days have been paid, whenever that was.",
        (_of(facts.CHECKOUTS, "opened"),),
    ),
    Figure.DISPUTED: Definition(
        "Disputed is what cardholders' banks took back, by the day the dispute began; what was won again is taken off, and "
        "an inquiry takes nothing, nor does a dispute that was stopped before.",
        (_of(facts.DISPUTES, "disputed", less=("disputes_won",)),),
    ),
    Figure.RECEIVED: Definition(
        "Received is what the shop's own orders moved on the balance at Stripe, after fees, refunds and disputes, in the "
        "currency in which it is settled.",
        (_of(facts.BALANCE, "net", conditions=_OWN),),
    ),
    Figure.FEES: Definition(
        "Fees are what Stripe kept of the shop's own orders, those of disputes included.",
        (_of(facts.BALANCE, "fee", conditions=_OWN),),
    ),
    Figure.DISPUTE_FEES: Definition(
        "Dispute fees are what Stripe charged for disputes, less what it gave back.",
        (_of(facts.BALANCE, "fee", conditions=_OWN_DISPUTES),),
    ),
    Figure.TOP_PRODUCTS: Definition(
        "A product has sold what its lines cost after discounts, without tax, as far as Stripe has told which payment was for "
        "which line.",
        (_of(facts.PAYMENTS, "gross", less=("discounts",)),),
    ),
    Figure.MRR: Definition(
        "Monthly recurring revenue (MRR) is what active and past due subscriptions bring in a month when the days are over: a "
        "year's price by twelve, without tax, trials, free plans and discounts that end.",
        _moved(),
        since_ever=True,
    ),
    Figure.NEW: Definition(
        "New is the monthly revenue of subscriptions that began to bring in any.", _moved(Movement.NEW)
    ),
    Figure.EXPANSION: Definition(
        "Expansion is by how much subscriptions bring in more a month than before.", _moved(Movement.EXPANSION)
    ),
    Figure.CONTRACTION: Definition(
        "Contraction is by how much subscriptions bring in less a month than before, and still something.",
        _moved(Movement.CONTRACTION),
    ),
    Figure.CHURNED: Definition(
        "Churned is the monthly revenue of subscriptions that ended because they were cancelled, on the day they ended.",
        _moved(Movement.CHURNED),
    ),
    Figure.CHURNED_INVOLUNTARILY: Definition(
        "Churned involuntarily is the same of those that ended for another reason, such as payments that failed.",
        _moved(CHURNED_INVOLUNTARILY),
    ),
    Figure.REACTIVATION: Definition(
        "Reactivation is the monthly revenue of subscriptions that had ended and came back.",
        _moved(Movement.REACTIVATION),
    ),
    Figure.CHURN: Definition(
        "Churn is how many subscriptions ended on these days, by how many were active when they began.",
        _moved(Movement.CHURNED, CHURNED_INVOLUNTARILY, measure="changes"),
    ),
    Figure.TRIAL_CONVERSION: Definition(
        "Trial conversion is how many of the trials that ended in the thirty days up to the last of these have been paid for.",
        (_of(facts.TRIALS, "ended"),),
    ),
    Figure.ARPU: Definition(
        "Average revenue per subscriber (ARPU) is the MRR by the number of subscriptions that bring in any.",
        _moved(),
        since_ever=True,
    ),
}
