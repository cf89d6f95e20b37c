"""Quantities that the buyer may change on the payment page, within the bounds the shop has set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.catalogue import currency_options, promotion_codes
from sandbox.checkout import carts
from sandbox.ground.errors import StripeError, card_error, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

# Where a line does not say.
LEAST, MOST = 0, 99
LARGEST = 999_999


def check(line: Object, where: str) -> None:
    """Raises StripeError for bounds that the line's own quantity does not keep."""
    given = line.get("adjustable_quantity", {"enabled": False})
    least, most = given.get("minimum", LEAST), given.get("maximum", MOST)
    inside = f"{where}[adjustable_quantity]"
    if most > LARGEST:
        raise _out_of_bounds(f"This value must be less than or equal to {LARGEST}.", f"{inside}[maximum]")
    if least < LEAST:
        raise _out_of_bounds(f"This value must be greater than or equal to {LEAST}.", f"{inside}[minimum]")
    if not given["enabled"]:
        return
    if line["quantity"] > most:
        text = f"The quantity must be less than or equal to `adjustable_quantity.maximum`, which is {most}."
        raise invalid(text, param=f"{inside}[maximum]")
    if line["quantity"] < least:
        text = f"The quantity must be greater than or equal to `adjustable_quantity.minimum`, which is {least}."
        raise invalid(text, param=f"{inside}[minimum]")


def _out_of_bounds(text: str, param: str) -> StripeError:
    return invalid(text, param=param, code="parameter_invalid_integer")


def described(given: Object | None) -> Object | None:
    """What a line item says about it."""
    if given is None:
        return None
    return {"enabled": given["enabled"], "maximum": given.get("maximum"), "minimum": given.get("minimum")}


def bounds(item: Object) -> tuple[int, int] | None:
    """How few and how many the buyer may take, if it is for them to say."""
    given = item["adjustable_quantity"]
    if not given or not given["enabled"]:
        return None
    least, most = given["minimum"], given["maximum"]
    return LEAST if least is None else least, MOST if most is None else most


def name(item: Object) -> str:
    """What the quantity of a line is called on the page."""
    return f"quantity-{item['id']}"


def untouched(account: Account, session: Object) -> dict[str, str]:
    """What stands in the fields before the buyer types."""
    return {name(item): str(item["quantity"]) for item in account.store.notes(session["id"])["line_items"]}


def change(account: Account, session: Object, form: Mapping[str, str]) -> bool:
    """Change an open session to the quantities that were typed; the totals follow. Returns whether any was new.

    Raises StripeError (402), and changes nothing, when they cannot be had. A line of which none is left is gone.
    """
    notes = account.store.notes(session["id"])
    items: list[Object] = notes["line_items"]
    wanted = {item["id"]: _wanted(item, form) for item in items}
    changed = [item for item in items if item["quantity"] != wanted[item["id"]]]
    if not changed:
        return False
    left = [_repriced(account, item, wanted[item["id"]]) for item in items if wanted[item["id"]]]
    _check_left(session, left, changed[0])
    notes["line_items"] = left
    discount = session["discounts"][0] if session["discounts"] else None
    try:
        _recount(account, session, discount)
        carts.check_total(session["amount_total"], session["currency"])
    except StripeError as refused:
        notes["line_items"] = items
        carts.set_discount(account, session, discount)
        raise card_error("field_invalid", str(refused), param=name(changed[0])) from None
    return True


def _recount(account: Account, session: Object, discount: Object | None) -> None:
    carts.set_discount(account, session, None)
    # A code that was typed may ask for more than is left in the cart.
    promotion = account.store.get("promotion_code", (discount or {}).get("promotion_code") or "")
    typed = promotion if session["allow_promotion_codes"] else None
    if typed is None or promotion_codes.typed(account, typed["code"], session):
        carts.set_discount(account, session, discount)


def _wanted(item: Object, form: Mapping[str, str]) -> int:
    if (allowed := bounds(item)) is None or (typed := form.get(name(item))) is None:
        return int(item["quantity"])
    least, most = allowed
    text = typed.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) and least <= int(text) <= most):
        raise card_error("field_invalid", f"Choose a number from {least} to {most}.", param=name(item))
    return int(text)


def _repriced(account: Account, item: Object, quantity: int) -> Object:
    # During a trial, plans cost nothing however many there are.
    priced = currency_options.in_currency(account, item["price"], item["currency"])
    each = priced["unit_amount"] if item["amount_subtotal"] else 0
    return {**item, "amount_subtotal": each * quantity, "quantity": quantity}


def _check_left(session: Object, left: list[Object], changed: Object) -> None:
    if not left:
        raise card_error("field_invalid", "The only item cannot be removed.", param=name(changed))
    if session["mode"] == "subscription" and not any(item["price"]["recurring"] for item in left):
        raise card_error("field_invalid", "The only plan cannot be removed.", param=name(changed))
