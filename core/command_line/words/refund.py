"""The words of `pushcart refund`: what a refund would do, and the question before it."""

import sys
from typing import Any

import typer

from core.command_line.answers import tell
from core.journeys.refund import Refunded, RefundPlan
from core.kinds.convergence import Foreseen
from core.orders.refunds import RefundStatus
from core.orders.status import GrantState


def describe(plan: RefundPlan) -> str:
    """What would go back, from which payments of which order to which buyer, and what becomes of the deliveries."""
    test = "" if plan.livemode else " (test money)"
    several = len(plan.parts) > 1
    head = [
        f"{plan.amount.format()} goes back{test}; {plan.left.format()} can still be refunded afterwards.",
        f"  order    {plan.number} ({plan.order_id})",
        *(f"  payment  {part.payment}{f': {part.amount.format()}' if several else ''}" for part in plan.parts),
        f"  buyer    {plan.customer_id or 'unknown'}",
    ]
    lines = [f"  line {each.line}   {each.product}: {fate(each)}" for each in plan.deliveries]
    ends = [f"  plan     {name} is cancelled at once; --keep-subscription lets it bill on" for name in plan.ends]
    ends += [f"  plan     {name} goes on billing; --cancel-subscription ends it at once" for name in plan.bills_on]
    return "\n".join([*head, *lines, *ends])


def disagreement(plan: RefundPlan, *, yes: bool, as_json: bool) -> str:
    """Say what would be done and ask; return why it must not be done, or an empty string if somebody agrees.

    Scripts agree with `yes`, and read JSON alone.
    """
    if not as_json:
        tell(describe(plan))
    return unconfirmed(f"Send {plan.amount.format()} back?", "Nothing was sent", yes=yes, as_json=as_json)


def unconfirmed(question: str, otherwise: str, *, yes: bool, as_json: bool) -> str:
    """Ask whoever sits at the terminal; return why it must not be done, or an empty string if they agree."""
    if yes:
        return ""
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return f"{otherwise}: there is nobody to ask here. Scripts say --yes."
    return "" if typer.confirm(question, default=False, err=True) else f"{otherwise}."


def said(done: Refunded, plan: RefundPlan) -> str:
    """What was done, for people: a line for each payment, if there are several."""
    if len(done.parts) == 1:
        return f"{done.amount.format()} of {plan.number}: {_outcome(done.status)}."
    return "\n".join(
        f"{part.amount.format()} of {plan.number}, from {part.payment}: {_outcome(part.status)}." for part in done.parts
    )


def _outcome(status: RefundStatus) -> str:
    match status:
        case RefundStatus.SUCCEEDED | RefundStatus.FAILED:
            return f"the refund has {status}"
        case RefundStatus.REQUIRES_ACTION:
            return "the refund waits for somebody to act"
        case RefundStatus.CANCELED:
            return "the refund was canceled"
        case _:
            return f"the refund is {status}"


def answer(done: Refunded, plan: RefundPlan, order: dict[str, Any]) -> dict[str, Any]:
    """What was done, for scripts: amounts in minor units, the order and its grants as they are now."""
    return {
        "id": done.id, "order_id": done.order_id, "number": plan.number, "amount": done.amount.amount,
        "currency": done.amount.currency, "status": done.status, "left": plan.left.amount,
        "parts": [
            {"id": part.id, "payment": part.payment, "amount": part.amount.amount, "status": part.status}
            for part in done.parts
        ],
        "subscriptions": {"cancelled": list(plan.ends), "billing_on": list(plan.bills_on)},
        "order_status": order["status"], "grants": order["grants"],
    }  # fmt: skip


def fate(delivery: Foreseen) -> str:
    """What becomes of one delivery, in words."""
    match delivery.before, delivery.after:
        case before, after if before is after:
            return f"stays {before}{', as the product lets its buyers keep it' if delivery.keeps else ''}"
        case _, GrantState.REVOKED:
            return "access ends"
        case _, GrantState.SUSPENDED:
            return "access is suspended"
        case GrantState.BLOCKED, _:
            return "is still not delivered"
        case _:
            return f"becomes {delivery.after}"
