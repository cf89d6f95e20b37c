"""Coupons: so much off, or so many percent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ground import currencies, ids, metadata
from sandbox.ground.errors import invalid
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def create(account: Account, call: Call) -> Object:
    """POST /v1/coupons"""
    coupon = make(account, call.params)
    account.emit("coupon.created", coupon)
    return coupon


def make(account: Account, params: Object) -> Object:
    """A new coupon, saved but not announced. Raises StripeError when it takes nothing off, or is there already."""
    if account.store.get("coupon", params.get("id", "")):
        raise invalid("Coupon already exists.", param="id", code="resource_already_exists")
    _check(params)
    amount = params.get("amount_off")
    coupon = blank(
        "coupon",
        id=params.get("id") or ids.chance(8),
        amount_off=amount,
        created=account.clock.now(),
        currency=currencies.checked(params["currency"]) if amount else None,
        duration=params.get("duration", "once"),
        duration_in_months=params.get("duration_in_months"),
        max_redemptions=params.get("max_redemptions"),
        metadata=metadata.fresh(params.get("metadata")),
        name=params.get("name"),
        percent_off=params.get("percent_off"),
        redeem_by=params.get("redeem_by"),
        valid=True,
    )
    if products := params.get("applies_to", {}).get("products"):
        account.store.notes(coupon["id"])["products"] = products
    return account.store.save(coupon)


def _check(params: Object) -> None:
    if ("percent_off" in params) == ("amount_off" in params):
        raise invalid("You must pass either percent_off or amount_off, and not both.", param="percent_off")
    if "percent_off" in params and not 0 < params["percent_off"] <= 100:
        raise invalid("Invalid percent_off: must be greater than 0 and at most 100", param="percent_off")
    if "amount_off" in params:
        if params["amount_off"] < 1:
            text = "This value must be greater than or equal to 1."
            raise invalid(text, param="amount_off", code="parameter_invalid_integer")
        if "currency" not in params:
            text = "Missing required param: currency."
            raise invalid(text, param="currency", code="parameter_missing")
        currency = currencies.checked(params["currency"])
        currencies.check_step(params["amount_off"], currency, param="amount_off")
    if params.get("duration") == "repeating" and not params.get("duration_in_months"):
        text = "Missing required param: duration_in_months."
        raise invalid(text, param="duration_in_months", code="parameter_missing")


def update(account: Account, call: Call) -> Object:
    """POST /v1/coupons/{id}"""
    coupon = account.find("coupon", call.id)
    changes: Object = {"metadata": metadata.merge(coupon["metadata"], call.params.get("metadata"))}
    if "name" in call.params:
        changes["name"] = call.params["name"] or None
    if previous := account.store.change(coupon, **changes):
        account.emit("coupon.updated", coupon, previous)
    return coupon


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/coupons/{id}: its promotion codes no longer work; discounts already given stay."""
    coupon = account.find("coupon", call.id)
    account.store.delete("coupon", coupon["id"])
    account.emit("coupon.deleted", {**coupon, "valid": False})
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def usable(account: Account, coupon: Object) -> bool:
    """Whether it may be redeemed now."""
    by, most = coupon["redeem_by"], coupon["max_redemptions"]
    return (by is None or by > account.clock.now()) and (most is None or coupon["times_redeemed"] < most)


def written(coupon: Object) -> str:
    """What it takes off, such as `20 %` or `€5.00`."""
    if coupon["amount_off"] is not None:
        return currencies.written(coupon["amount_off"], coupon["currency"])
    return f"{coupon['percent_off']:g} %"


def lasting(coupon: Object) -> str:
    """Of what, such as `the first payment` or `3 months`."""
    if months := coupon["duration_in_months"]:
        return f"{months} month{'' if months == 1 else 's'}"
    return "every payment" if coupon["duration"] == "forever" else "the first payment"


def redeem(account: Account, coupon: Object) -> None:
    """Count one use of it."""
    account.store.change(coupon, times_redeemed=coupon["times_redeemed"] + 1)
    account.store.change(coupon, valid=usable(account, coupon))
