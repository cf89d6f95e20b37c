"""What the owner of an account does to what is sold, in Stripe's dashboard: promotion codes, and prices that go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.catalogue import coupons, products_and_prices, promotion_codes
from sandbox.protocol import parameters, spec

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def delete_price(account: Account, id: str) -> Object:
    """A price that nobody has bought at is deleted."""
    return products_and_prices.delete_price(account, id)


def make_code(
    account: Account,
    _: str,
    *,
    code: str = "",
    percent_off: float | None = None,
    amount_off: int | None = None,
    currency: str | None = None,
    duration: str = "once",
    duration_in_months: int | None = None,
    max_redemptions: int | None = None,
) -> Object:
    """A promotion code with a coupon of its own: so many percent off, or so much in minor units of a currency. Without
    a code of its own it gets one by chance."""
    off = {"percent_off": percent_off, "amount_off": amount_off, "currency": currency}
    coupon = _checked("/v1/coupons", {**off, "duration": duration, "duration_in_months": duration_in_months})
    wanted = {"code": code or None, "max_redemptions": max_redemptions, "promotion": {"type": "coupon"}}
    promotion = _checked("/v1/promotion_codes", wanted)
    if code:
        promotion_codes.check_code(account, code)
    given = coupons.make(account, coupon)
    made = promotion_codes.make(account, {**promotion, "promotion": {"type": "coupon", "coupon": given["id"]}})
    account.emit("coupon.created", given)
    account.emit("promotion_code.created", made)
    return made


def switch_code(account: Account, id: str) -> Object:
    """A promotion code is deactivated, or is good again."""
    found = account.find("promotion_code", id)
    return promotion_codes.change(account, found, active=not found["active"])


def provide_codes(account: Account) -> None:
    """The promotion codes that the settings want from the start."""
    for code, percent in account.settings.promotion_codes.items():
        promotion_codes.provide(account, code, percent)
    account.commit()


def _checked(path: str, given: Object) -> Object:
    """Parameters as the API would take them. Raises StripeError for those it would not."""
    found = spec.match("POST", path)
    assert found is not None
    return parameters.check(found[0], {key: _sent(value) for key, value in given.items() if value is not None}, None)


def _sent(value: Any) -> Any:
    return value if isinstance(value, dict) else str(value)
