"""What the payment page says about an order: its lines, its discount, and what will be due again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.billing import subscriptions
from sandbox.checkout import adjustable_quantities, line_items
from sandbox.ground.periods import every, period_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def lines(account: Account, session: Object, typed: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each thing that is bought, with the quantity that was typed for it."""
    return [_line(account, item, typed) for item in account.store.notes(session["id"])["line_items"]]


def _line(account: Account, item: Object, typed: Mapping[str, str]) -> dict[str, Any]:
    product = account.store.get("product", item["price"]["product"]) or {"images": [], "description": None}
    rhythm = item["price"]["recurring"]
    return {
        "name": item["description"],
        "about": product["description"],
        "amount": item["amount_subtotal"],
        "image": product["images"][0] if product["images"] else None,
        "quantity": item["quantity"],
        "bounds": adjustable_quantities.bounds(item),
        "field": adjustable_quantities.name(item),
        "typed": typed[adjustable_quantities.name(item)],
        "unit_amount": line_items.priced(account, item)["unit_amount"],
        "every": every(rhythm) if rhythm else "",
    }


def recurring(account: Account, session: Object) -> dict[str, Any] | None:
    """What will be due again, and when for the first time."""
    notes = account.store.notes(session["id"])
    plans = [item for item in notes["line_items"] if item["price"]["recurring"]]
    if not plans:
        return None
    rhythm, now = plans[0]["price"]["recurring"], account.clock.now()
    return {
        "amount": sum(line_items.priced(account, item)["unit_amount"] * item["quantity"] for item in plans),
        "every": every(rhythm),
        "starts": subscriptions.trial_until(notes["subscription_data"], now) or period_end(now, rhythm),
    }


def discount_name(account: Account, session: Object) -> str | None:
    """The code that was typed, or what the shop calls what it takes off."""
    if not session["discounts"]:
        return None
    given = session["discounts"][0]
    if promotion := account.store.get("promotion_code", given["promotion_code"] or ""):
        return str(promotion["code"])
    coupon = account.store.get("coupon", given["coupon"])
    return str(coupon["name"] or coupon["id"]) if coupon else str(given["coupon"])
