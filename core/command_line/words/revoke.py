"""The words of `pushcart revoke`: what becomes of the deliveries, and the question before it."""

from typing import Any

from core.command_line.answers import tell
from core.command_line.words import refund
from core.journeys.revocation import Revocation


def disagreement(plan: Revocation, *, restore: bool, yes: bool, as_json: bool) -> str:
    """Say what would be done and ask; return why it must not be done, or an empty string if somebody agrees."""
    if not as_json:
        tell(describe(plan))
    question = "Give it back?" if restore else "End access?"
    return refund.unconfirmed(question, "Nothing was done", yes=yes, as_json=as_json)


def describe(plan: Revocation) -> str:
    """Which order it is about, and what becomes of each of its deliveries."""
    fates = (f"  line {each.line}   {each.product}: {refund.fate(each)}" for each in plan.deliveries)
    return "\n".join(["No money moves.", f"  order    {plan.number} ({plan.order_id})", *fates])


def said(plan: Revocation, *, restore: bool) -> str:
    """What was done."""
    done = "was given back, as far as its money allows" if restore else "has ended"
    return f"Access to {', '.join(f'line {line}' for line in plan.lines)} of {plan.number} {done}."


def answer(plan: Revocation, order: dict[str, Any]) -> dict[str, Any]:
    """What was done, for scripts: the order and its grants as they are now."""
    return {
        "order_id": plan.order_id, "number": plan.number, "lines": list(plan.lines), "order_status": order["status"],
        "grants": order["grants"],
    }  # fmt: skip
