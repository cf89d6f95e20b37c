"""Orders that need a person: paid and not delivered, lost, billed otherwise than they were sold, withdrawn from."""

from collections.abc import Iterator
from functools import cache

from sqlalchemy import or_
from sqlmodel import col, select

from core.foundation.money import Money
from core.journeys.checkout_sessions.lost_orders import LostOrder
from core.orders.orders import NEEDS_ATTENTION, Order
from core.orders.status import Status
from core.owner.needs.items import LIVEMODE, Item, Kind
from core.rights.withdrawals import State, Withdrawal


@cache
def lost() -> Kind:
    """Payments for orders that this database does not have and that could not be written again."""
    lost = select(LostOrder).where(LostOrder.livemode == LIVEMODE)
    return Kind(lost, LostOrder.order_id, (LostOrder.found_at, LostOrder.id), _lost_order)


def _lost_order(row: LostOrder) -> Iterator[Item]:
    paid = f"{Money(row.amount, row.currency).format()} for {row.number or row.order_id}: {row.reason}"
    yield Item("order_lost", row.id, None, row.found_at, None, paid, _LOST)


_LOST = (
    "Its buyer has paid, and the order is not in this database, perhaps since a backup was put back. Where something is missing,"
    " apply the catalogue that has it: then the order is written again by itself, or at once by `pushcart reconcile`. Else give"
    " its buyer what they bought by hand, or refund it in Stripe's dashboard; this item goes with the refund."
)


@cache
def troubled() -> Kind:
    """Orders that were paid and could not be delivered, or of which something else is not right."""
    bills = or_(*(col(Order.attention).contains(topic) for topic in _BILLING))
    troubled = select(Order).where(NEEDS_ATTENTION, col(Order.status).not_in(_SETTLED_OTHERWISE) | bills)
    return Kind(troubled, Order.id, (Order.updated_at, Order.id), _order)


def _order(row: Order) -> Iterator[Item]:
    for line in row.attention.splitlines():
        topic, _, subject = line.partition(": ")
        topic = topic.partition(":")[0]
        if said := advice(topic, subject, number=row.number, status=row.status):
            known = topic in _PAYMENTS or topic in _BILLING
            yield Item(topic, row.number, row.id, row.updated_at, None, subject if known else line, said)


def advice(topic: str, subject: str, *, number: str, status: Status) -> str:
    """What to do about an order that needs a person for this; `subject` is the payment or the like that is meant. Nothing where the
    money went back, and nothing goes on all the same."""
    if topic not in _BILLING and status in _SETTLED_OTHERWISE:
        return ""
    known = _PAYMENTS.get(topic) or _BILLING.get(topic) or _BLOCKED.get(topic, _BLOCKED[""])
    return known.format(number=number, payment=subject)


# The money went back: what could not be delivered need not be.
_SETTLED_OTHERWISE = (Status.REFUNDED, Status.CHARGED_BACK)
# What goes on whatever became of the order's money.
_BILLING = {
    "plan_bills_on": "Its buyer may not use the plan, and Stripe bills on. Cancel the subscription in Stripe's dashboard.",
    "foreign_price": "At Stripe the plan has a price that the catalogue does not know, so access stays as it was paid for."
    " Bring the price into the catalogue, or the plan back to one of its own.",
    "not_billed": "Stripe could not make out this invoice, so its buyer is not charged for a period that they use. Mend the"
    " reason at Stripe, as by correcting the customer's address, and finalize the draft there; or delete it, if they shall not"
    " pay.",
    "plan_beside": "At Stripe a plan of the catalogue is billed with this order, which did not buy it: nobody gets it. Take it out"
    " of the subscription in Stripe's dashboard, and sell it to its buyer by an order of its own.",
}
# What is about one payment, or one cancellation of places, which is named.
_PAYMENTS = {
    "paid_twice": "It was paid on two payment pages. Send this payment back with"
    " `pushcart refund {number} --payment {payment}`; or the other one, if the same buyer paid both. What somebody else paid"
    " gives them nothing.",
    "paid_after_end": "It was paid for a plan that had ended, and gives no access. Send it back with"
    " `pushcart refund {number} --payment {payment}`, or sell its buyer the plan again.",
    "partly_lost": "A bank took a part of {payment} for good. The rest is yours, and what was bought stays open, as after a"
    " refund of a part; a plan bills on. End access with `pushcart revoke {number} --reason WHY`, or set this aside.",
    "tried_before": "Its buyer has tried this plan before, with order {payment}, and does once more for nothing: that it was they"
    " was known only when they had bought it. End the trial in Stripe's dashboard, which charges them now, or set this aside; it"
    " goes when the trial ends.",
    "other_external_id": "It was bought for {payment}, as your programs call somebody, and paid under an address of somebody else:"
    " by that id they are told nothing of it. If the two are one person, merge them on the page of either.",
    "place_not_paid_back": "A place was given up, and less is left of what was paid than is to go back for it: nothing was sent"
    " back. Agree with its buyer on how much, and refund that.",
}
_BLOCKED = {
    "sold_out": "Paid after the places were gone. Refund it, or raise the number of places and replay its event.",
    "date_canceled": "Paid while its date was being canceled. Refund it, or agree on another date with its buyer.",
    "date_passed": "Paid after its workshop had begun. Refund it, or agree on another date with its buyer.",
    "amount_mismatch": "Paid a different amount than was ordered. Compare it in Stripe, then refund or correct it.",
    "currency_mismatch": "Paid in another currency than was ordered. Compare it in Stripe, then refund it.",
    "": "It is paid and could not be delivered. Mend the cause and replay its event, or refund it.",
}


@cache
def withdrawals() -> Kind:
    """Withdrawals that nobody has decided about."""
    waiting = select(Withdrawal).where(Withdrawal.state == State.OPEN)
    return Kind(waiting, Withdrawal.order_id, (Withdrawal.created_at, Withdrawal.id), _withdrawal)


def _withdrawal(row: Withdrawal) -> Iterator[Item]:
    sure = "" if row.order_id else ", not matched with an order"
    yield Item(
        "withdrawal", row.id, row.order_id, row.created_at, row.answer_by, f"{row.reference or 'no order named'}{sure}",
        "Accept it, which sends the money back, or decline it with a reason: on the page of withdrawals, or by"
        " `pushcart withdraw`.",
    )  # fmt: skip
