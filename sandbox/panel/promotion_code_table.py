"""The panel's table of promotion codes, and the form by which one is made."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sandbox.catalogue import coupons, promotion_codes
from sandbox.ground import currencies
from sandbox.panel.targets import CannotDo

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

PERCENT = "percent"
UNITS: Mapping[str, str] = {PERCENT: "%", "eur": "EUR", "usd": "USD", "gbp": "GBP"}
DURATIONS: Mapping[str, str] = {
    "once": "The first payment",
    "3": "Three months of a plan",
    "12": "A year of a plan",
    "forever": "Every payment of a plan",
}


def row(account: Account, promotion: Object) -> dict[str, Any]:
    """A promotion code, with what its coupon takes off."""
    coupon = account.store.get("coupon", promotion["promotion"]["coupon"])
    good, most = promotion_codes.is_current(account, promotion), promotion["max_redemptions"]
    ended = "Used up or over" if promotion["active"] else "Off"
    return {
        "id": promotion["id"],
        "code": promotion["code"],
        "off": coupons.written(coupon) if coupon else "Nothing: its coupon was deleted",
        "lasts": coupons.lasting(coupon).capitalize() if coupon else "",
        "used": f"{promotion['times_redeemed']} of {most}" if most else str(promotion["times_redeemed"]),
        "state": "Good" if good else ended,
        "tone": "ok" if good else "",
        "actions": [("switch-code", "Switch off" if promotion["active"] else "Switch on")],
    }


def read(form: Mapping[str, str]) -> dict[str, Any]:
    """What `make-code` takes. Raises CannotDo when the form cannot be read."""
    unit, lasting = form.get("unit", PERCENT), form.get("lasting", "once")
    if unit not in UNITS or lasting not in DURATIONS:
        raise CannotDo("Choose from what the form offers.")
    duration = {"duration": lasting} if lasting.isalpha() else {"duration": "repeating", "duration_in_months": lasting}
    return {"code": form.get("code", "").strip(), **_off(form.get("off", "").strip(), unit), **duration}


def _off(text: str, unit: str) -> dict[str, Any]:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise CannotDo("How much the code takes off must be a number, such as 20.") from None
    if unit == PERCENT:
        return {"percent_off": number}
    minor = number.scaleb(currencies.digits(unit))
    if not minor.is_finite() or minor != minor.to_integral_value():
        raise CannotDo(f"{text} {unit.upper()} has more digits after the point than there are.")
    return {"amount_off": int(minor), "currency": unit}
