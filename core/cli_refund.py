"""The words of `pushcart refund`: what a refund would do, and the question before it."""

import sys
from typing import Any

import typer

from core.fulfillment import Foreseen
from core.journeys.refund import Refunded, RefundPlan
from core.orders.status import GrantState


def describe(plan: RefundPlan) -> str:
    """What would go back, from which payment of which order to which buyer, and what becomes of the deliveries."""
    payment = plan.payment or f"the newest payment of {plan.subscription}"
    test = "" if plan.livemode else " (test money)"
    head = [
        f"{plan.amount.format()} goes back{test}; {plan.left.format()} can still be refunded afterwards.",
        f"  order    {plan.number} ({plan.order_id})",
        f"  payment  {payment}",
        f"  buyer    {plan.customer_id or 'unknown'}",
    ]
    return "\n".join([*head, *(f"  line {each.line}   {each.product}: {_fate(each)}" for each in plan.deliveries)])


def disagreement(plan: RefundPlan, *, yes: bool, as_json: bool) -> str:
    """Say what would be done and ask; return why it must not be done, or an empty string if somebody agrees.

    Scripts agree with `yes`, and read JSON alone.
    """
    if not as_json:
        typer.echo(describe(plan), err=True)
    if yes:
        return ""
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "Nothing was sent: there is nobody to ask here. Scripts say --yes."
    agreed = typer.confirm(f"Send {plan.amount.format()} back?", default=False, err=True)
    return "" if agreed else "Nothing was sent."


def answer(done: Refunded, plan: RefundPlan, order: dict[str, Any]) -> dict[str, Any]:
    """What was done, for scripts: amounts in minor units, the order and its grants as they are now."""
    return {
        "id": done.id, "order_id": done.order_id, "number": plan.number, "amount": done.amount.amount,
        "currency": done.amount.currency, "status": done.status, "left": plan.left.amount,
        "order_status": order["status"], "grants": order["grants"],
    }  # fmt: skip


def _fate(delivery: Foreseen) -> str:
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
