"""What a subscription's invoices say of it: until when it is paid for, and since when something is owed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.gateway.objects import id_of, moment

# Stripe still hopes for an open one, and has given up on the other; a draft is owed by nobody yet, a void one no more.
_UNPAID = ("open", "uncollectible")
# What bills nothing any more, whatever its invoices ask for.
OVER = ("canceled", "incomplete_expired")


@dataclass(frozen=True)
class Standing:
    """`paid_until` is when the last period ends that was paid for; `unpaid_since` is when the first invoice was made that
    is owed, `unpaid_amount` what it asks for in minor units, and `payment_url` Stripe's page to pay it, if it has one;
    `paid_quantities` says, by Stripe's price, how much of it was paid for before that invoice billed a change: none of a price
    that was not billed before. `paid_before` are then Stripe's items that a paid invoice was for, or their prices where it names
    no item; None if not all that was paid for is known."""

    paid_until: datetime | None = None
    unpaid_since: datetime | None = None
    unpaid_amount: int = 0
    payment_url: str = ""
    paid_quantities: Mapping[str, int] = field(default_factory=dict)
    paid_before: frozenset[str] | None = frozenset()


@dataclass(frozen=True)
class Unbilled:
    """An invoice that Stripe could not make out, by its id, and why not in Stripe's words: it stays a draft, which nobody pays, and
    its plan goes on."""

    invoice: str
    reason: str


def read_unbilled(invoices: Sequence[dict[str, Any] | str | None]) -> Unbilled | None:
    """The first of these invoices that could not be made out. Of one that was not expanded nothing is known."""
    for invoice in invoices:
        error = invoice.get("last_finalization_error") if isinstance(invoice, dict) else None
        if isinstance(invoice, dict) and error and invoice.get("status") == "draft":
            return Unbilled(invoice["id"], error.get("code") or error.get("type") or "")
    return None


def needed(subscription: dict[str, Any]) -> bool:
    """Whether a subscription does not say by itself until when it is paid for: one that is over need not, unless it ended before
    its period did."""
    plain = subscription.get("status") in ("active", "trialing") and not subscription.get("pause_collection")
    if subscription.get("status") in OVER:
        return _ended_early(subscription)
    return not plain


def _ended_early(subscription: dict[str, Any]) -> bool:
    items = (subscription.get("items") or {}).get("data") or [subscription]
    ends = max((each.get("current_period_end") or 0 for each in items), default=0)
    return (subscription.get("ended_at") or ends) < ends


def read_standing(invoices: Sequence[dict[str, Any]]) -> Standing:
    """Read the invoices of one subscription, in whatever order."""
    paid = [invoice for invoice in invoices if invoice.get("status") == "paid"]
    newest_paid = max((invoice["created"] for invoice in paid), default=0)
    # What was given up before another one was paid is no longer waited for.
    owed = [invoice for invoice in invoices if _is_owed(invoice) and _still(invoice, newest_paid)]
    first = min(owed, key=lambda invoice: (invoice["created"], invoice["id"]), default=None)
    changed = _credited(first) if first else {}
    return Standing(
        paid_until=moment(max((end for invoice in paid for end in _period_ends(invoice)), default=None)),
        unpaid_since=moment(first["created"]) if first else None,
        unpaid_amount=_left(first) if first else 0,
        payment_url=(first.get("hosted_invoice_url") or "") if first else "",
        paid_quantities=changed,
        paid_before=_paid_before(paid) if changed else frozenset(),
    )


def _paid_before(paid: Sequence[dict[str, Any]]) -> frozenset[str] | None:
    """Stripe lists ten lines of an invoice with it: of one that has more it is not known what else was paid for."""
    if any((invoice.get("lines") or {}).get("has_more") for invoice in paid):
        return None
    return frozenset(filter(None, map(_billed_of, _lines_of(paid))))


def _is_owed(invoice: dict[str, Any]) -> bool:
    return invoice.get("status") in _UNPAID and _left(invoice) > 0


def _left(invoice: dict[str, Any]) -> int:
    return int(invoice.get("amount_due") or 0) - int(invoice.get("amount_paid") or 0)


def _still(invoice: dict[str, Any], newest_paid: int) -> bool:
    return bool(invoice["status"] == "open" or invoice["created"] >= newest_paid)


def _period_ends(invoice: dict[str, Any]) -> list[int]:
    """When the periods of a plan end that an invoice is for; a change within one begins no period."""
    return [line["period"]["end"] for line in _lines(invoice) if _is_plans(line) and not _is_change(line)]


def _billed_of(line: dict[str, Any]) -> str | None:
    return _details(line).get("subscription_item") or _price_of(line)


def _credited(invoice: dict[str, Any]) -> dict[str, int]:
    """How much of each price was credited, because it had been paid for, when a change was billed; nothing of a new one."""
    changes = [line for line in _lines(invoice) if _is_change(line)]
    credited = {str(_price_of(line)): line.get("quantity") or 0 for line in changes if _amount(line) < 0}
    # Where a change of interval begins a new period, the line of that is no change by itself.
    billed = [line for line in (_lines(invoice) if credited else changes) if _amount(line) > 0]
    return {str(_price_of(line)): 0 for line in billed if _price_of(line)} | credited


def _amount(line: dict[str, Any]) -> int:
    return int(line.get("amount") or 0)


def _lines(invoice: dict[str, Any]) -> list[dict[str, Any]]:
    return (invoice.get("lines") or {}).get("data") or []


def _lines_of(invoices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for invoice in invoices for line in _lines(invoice)]


def _details(line: dict[str, Any]) -> dict[str, Any]:
    parent = line.get("parent") or {}
    return parent.get(parent.get("type")) or {}


def _is_plans(line: dict[str, Any]) -> bool:
    return (line.get("parent") or {}).get("type") == "subscription_item_details"


def _is_change(line: dict[str, Any]) -> bool:
    return bool(_details(line).get("proration"))


def _price_of(line: dict[str, Any]) -> str | None:
    return id_of(((line.get("pricing") or {}).get("price_details") or {}).get("price"))
