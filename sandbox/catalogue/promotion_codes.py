"""Promotion codes: what a buyer types to get a coupon's discount."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.account import lists
from sandbox.catalogue import coupons
from sandbox.ground import ids, metadata
from sandbox.ground.errors import StripeError, invalid
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

CODE = re.compile(r"^[A-Za-z0-9-]{1,500}$")


def create(account: Account, call: Call) -> Object:
    """POST /v1/promotion_codes"""
    made = make(account, call.params)
    account.emit("promotion_code.created", made)
    return made


def make(account: Account, params: Object) -> Object:
    """A new promotion code, saved but not announced. Older requests name the coupon directly, newer ones through
    `promotion`. Raises StripeError when there is no such coupon, or the code is in use."""
    id, where = params.get("coupon"), "coupon"
    if id is None:
        id, where = params["promotion"].get("coupon", ""), "promotion[coupon]"
    coupon = account.find("coupon", id, param=where)
    code = params.get("code") or ids.chance(8).upper()
    check_code(account, code)
    limits: dict[str, Any] = params.get("restrictions", {})
    made = blank(
        "promotion_code",
        id=ids.new("promo"),
        active=params.get("active", True),
        code=code,
        created=account.clock.now(),
        customer=params.get("customer"),
        expires_at=params.get("expires_at"),
        max_redemptions=params.get("max_redemptions"),
        metadata=metadata.fresh(params.get("metadata")),
        promotion={"type": "coupon", "coupon": coupon["id"]},
        restrictions={
            "first_time_transaction": limits.get("first_time_transaction", False),
            "minimum_amount": limits.get("minimum_amount"),
            "minimum_amount_currency": limits.get("minimum_amount_currency"),
        },
    )
    return account.store.save(made)


def provide(account: Account, code: str, percent: int) -> None:
    """See to it that there is a code which takes so much off, unless there ever was one of that name. Nobody is told:
    it was there before anybody listened."""
    if not any(known["code"].lower() == code.lower() for known in account.store.all("promotion_code")):
        coupon = coupons.make(account, {"percent_off": percent, "name": f"{percent} % off"})
        make(account, {"code": code, "promotion": {"type": "coupon", "coupon": coupon["id"]}})


def check_code(account: Account, code: str) -> None:
    """Raises StripeError for what cannot be a code, or is one already."""
    if not CODE.match(code):
        raise invalid("Promotion codes may only contain letters, digits and hyphens.", param="code")
    if _active(account, code):
        raise invalid(f"An active promotion code with `code: {code}` already exists.", param="code")


def update(account: Account, call: Call) -> Object:
    """POST /v1/promotion_codes/{id}"""
    found = account.find("promotion_code", call.id)
    changes: Object = {
        key: call.params[key] for key in ("active", "expires_at", "max_redemptions") if key in call.params
    }
    changes["metadata"] = metadata.merge(found["metadata"], call.params.get("metadata"))
    return change(account, found, **changes)


def change(account: Account, promotion: Object, **changes: Any) -> Object:
    """Change a promotion code; announced, when anything is new. Raises StripeError for a code that another has taken."""
    if changes.get("active") and not promotion["active"]:
        check_code(account, promotion["code"])
    if previous := account.store.change(promotion, **changes):
        account.emit("promotion_code.updated", promotion, previous)
    return promotion


def listing(account: Account, call: Call) -> Object:
    """GET /v1/promotion_codes"""
    return lists.page(
        account,
        call,
        "promotion_code",
        code=lambda promotion, code: promotion["code"].lower() == code.lower(),
        coupon=lambda promotion, coupon: promotion["promotion"]["coupon"] == coupon,
    )


def typed(account: Account, code: str, session: Object) -> Object | None:
    """The promotion code a buyer typed, if it may be used for this session."""
    found = _active(account, code.strip())
    return found if found and _usable(account, found, session) else None


def checked(account: Account, id: str, *, param: str) -> Object:
    """The promotion code named by a parameter. Raises StripeError when it cannot be redeemed."""
    found = account.find("promotion_code", id, param=param)
    if not is_current(account, found):
        raise _cannot(found["id"], param)
    return found


def _cannot(id: str, param: str) -> StripeError:
    return invalid(f"This promotion code cannot be redeemed: {id}.", param=param, code="coupon_expired")


def _active(account: Account, code: str) -> Object | None:
    codes = account.store.all("promotion_code")
    return next((p for p in codes if p["active"] and p["code"].lower() == code.lower()), None)


def is_current(account: Account, promotion: Object) -> bool:
    """Whether it could be redeemed now, by whomever it is meant for."""
    coupon = account.store.get("coupon", promotion["promotion"]["coupon"])
    until, most = promotion["expires_at"], promotion["max_redemptions"]
    return (
        promotion["active"]
        and coupon is not None
        and coupons.usable(account, coupon)
        and (until is None or until > account.clock.now())
        and (most is None or promotion["times_redeemed"] < most)
    )


def _usable(account: Account, promotion: Object, session: Object) -> bool:
    coupon = account.store.get("coupon", promotion["promotion"]["coupon"])
    limits = promotion["restrictions"]
    least, least_currency = limits["minimum_amount"], limits["minimum_amount_currency"]
    return (
        is_current(account, promotion)
        and coupon is not None
        and coupon["currency"] in (None, session["currency"])
        and promotion["customer"] in (None, session["customer"])
        and (least is None or (least_currency == session["currency"] and session["amount_subtotal"] >= least))
        and not (limits["first_time_transaction"] and _bought_before(account, session))
    )


def _bought_before(account: Account, session: Object) -> bool:
    customer = session["customer"]
    return customer is not None and any(
        charge["customer"] == customer and charge["paid"] for charge in account.store.all("charge")
    )
