"""What a plan's subscription bills for, held against what its buyer may use: what to end, and what to tell the owner."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from core.catalog import products
from core.catalog.products import Kind
from core.kinds import access
from core.orders import checkouts, disputes, orders, refunds
from core.orders.ledger import Ledger
from core.orders.orders import Order, OrderLine
from core.orders.status import Progress
from core.orders.subscriptions import Subscription


@dataclass(frozen=True)
class Billing:
    """`unwanted` are the living subscriptions all of whose lines have ended by money; `worries` are what the owner must
    see of the order's subscriptions, each as `topic: detail`."""

    unwanted: tuple[Subscription, ...] = ()
    worries: tuple[str, ...] = ()


def of_order(session: Session, order: Order, ledger: Ledger) -> Billing:
    """Hold the order's subscriptions against its plans, as its ledger stands. Changes nothing."""
    if not ledger.subscriptions or ledger.progress is not Progress.PAID:
        return Billing()
    ledger.lines = ledger.lines or orders.lines(session, order.id)
    plans = [line for line in ledger.lines if line.kind is Kind.PLAN]
    kept = products.kept_after_refund(session, [line.product_id for line in plans]) if ledger.refunds else set()
    found = look(ledger, plans, kept)
    return replace(found, worries=(*found.worries, *_tried_before(session, order, ledger, plans)))


def _tried_before(session: Session, order: Order, ledger: Ledger, plans: Sequence[OrderLine]) -> list[str]:
    """The earlier order in which its buyer has tried one of these plans, while it is tried again: who buys under which address
    is mostly known only once they have. Of two that were begun side by side it is the one that was placed later."""
    trying = any(each.status == "trialing" for each in ledger.subscriptions)
    if not trying or ledger.paid is None or not checkouts.is_trial(ledger.paid):
        return []
    found = checkouts.tried(
        session, {line.product_id for line in plans}, customer_id=order.customer_id, browser_id=order.browser_id,
        besides=order.cart_id, livemode=order.livemode,
    )  # fmt: skip
    earlier = [each.number for each in found if (each.placed_at, each.order_id) < (order.created_at, order.id)]
    return [f"tried_before: {earlier[0]}"] if earlier else []


def causes(ledger: Ledger) -> list[str]:
    """The ids of the refunds and lost disputes that may have ended it, unless an owner said that the plan goes on."""
    gone = [refund.id for refund in refunds.gone_ones(ledger.refunds)]
    kept = refunds.keeps_subscription(ledger.refunds)
    return [*([] if kept else gone), *(dispute.id for dispute in disputes.lost_ones(ledger.disputes))]


def occasion(ledger: Ledger) -> str:
    """What has ended it last: the request by which money went back, or the lost dispute; an empty string where neither has. However
    many payments went back by one request, it is one occasion."""
    gone = [] if refunds.keeps_subscription(ledger.refunds) else refunds.gone_ones(ledger.refunds)
    found = [
        *((refund.created_at, refund.request or refund.id) for refund in gone),
        *((dispute.created_at, dispute.id) for dispute in disputes.lost_ones(ledger.disputes)),
    ]
    return max(found, default=(None, ""))[1]


def look(ledger: Ledger, plans: Sequence[OrderLine], keeps_after_refund: set[str]) -> Billing:
    """The same from the facts alone: what the living subscriptions of these plans come to."""
    alive = [each for each in ledger.subscriptions if not each.is_over]
    ended = {each.id: _ended(ledger, each, plans, keeps_after_refund) for each in alive}
    billing = [each.id for each in alive if each.bills_on and _lines_of(ledger, each, plans) & ended[each.id]]
    return Billing(
        unwanted=tuple(each for each in alive if _lines_of(ledger, each, plans) <= ended[each.id]),
        worries=(
            *(f"plan_bills_on: {name}" for name in billing),
            *(f"foreign_price: {each}" for each in _foreign(ledger, alive, plans)),
            *(f"plan_beside: {each}" for each in _beside(ledger, alive, plans)),
            *(f"not_billed: {each.id} {each.unbilled_invoice}, {each.unbilled_reason}" for each in unbilled(alive)),
        ),
    )


def unbilled(subscriptions: Iterable[Subscription]) -> list[Subscription]:
    """Those of these that go on though Stripe could not bill for their period."""
    return [each for each in subscriptions if each.unbilled_invoice and not each.is_over]


def _ended(ledger: Ledger, subscription: Subscription, plans: Sequence[OrderLine], keeps: set[str]) -> set[str]:
    """The lines for which nothing that a subscription brought is left. Of two for one line, each is looked at by itself."""
    return {
        line.id
        for line in plans
        if access.ended_with(ledger, line, subscription, keeps_after_refund=line.product_id in keeps)
    }


def _lines_of(ledger: Ledger, subscription: Subscription, plans: Sequence[OrderLine]) -> set[str]:
    """The lines that a subscription bills for: where its items do not say, all plans of the order."""
    named = {item.order_line_id for item in ledger.items_of(subscription) if item.order_line_id}
    return named or {line.id for line in plans}


def _foreign(ledger: Ledger, alive: Sequence[Subscription], plans: Sequence[OrderLine]) -> list[str]:
    """The subscription and price of each foreign item, where a line of the order has no item left that is ours."""
    found = []
    for subscription in alive:
        items = ledger.items_of(subscription)
        without = {line.id for line in plans} - {item.order_line_id for item in items if item.product_id}
        if without:
            found += [f"{subscription.id} {item.stripe_price_id}" for item in items if item.product_id is None]
    return found


def _beside(ledger: Ledger, alive: Sequence[Subscription], plans: Sequence[OrderLine]) -> list[str]:
    """The subscription and price of each plan of ours that is billed beside those of the order's lines: nobody gets it."""
    found = []
    for subscription in alive:
        items = ledger.items_of(subscription)
        if {line.id for line in plans} <= {item.order_line_id for item in items}:
            billed = [each for each in items if each.order_line_id is None and each.quantity * each.unit_amount]
            found += [f"{subscription.id} {each.stripe_price_id}" for each in billed if each.product_id]
    return found
