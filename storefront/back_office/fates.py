"""Fates: what becomes of what was handed over, in words for whoever decides it."""

from collections.abc import Sequence

from core.kinds.convergence import Foreseen
from core.orders.status import GrantState
from storefront.words import plain


def of_all(deliveries: Sequence[Foreseen]) -> str:
    """One line of Markdown for each delivery."""
    return "\n".join(f"- **{plain(each.product)}**: {of(each)}" for each in deliveries)


def of(delivery: Foreseen) -> str:
    """What becomes of one delivery."""
    match delivery.before, delivery.after:
        case before, after if before is after:
            return _unchanged(after, keeps=delivery.keeps)
        case _, GrantState.REVOKED:
            return "its buyer loses access now"
        case _, GrantState.SUSPENDED:
            return "is put on hold"
        case _, GrantState.ACTIVE:
            return "its buyer has access again"
        case _:
            return "is still not delivered"


def _unchanged(state: GrantState, *, keeps: bool) -> str:
    match state:
        case GrantState.ACTIVE:
            return "its buyer keeps it, as the product says" if keeps else "its buyer keeps it"
        case GrantState.SUSPENDED:
            return "stays on hold"
        case GrantState.REVOKED:
            return "has ended already"
        case GrantState.BLOCKED:
            return "is still not delivered"
