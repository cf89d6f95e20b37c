"""Prices: an amount in a currency, once or every so often. The amount never changes; the price can be retired."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.catalogue import products
from sandbox.ground import currencies, ids, metadata
from sandbox.ground.errors import invalid
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def create(account: Account, call: Call) -> Object:
    """POST /v1/prices"""
    params = call.params
    if ("product" in params) == ("product_data" in params):
        raise invalid("You must specify either `product` or `product_data` when creating a price.", param="product")
    key = params.get("lookup_key")
    if key:
        _free_lookup_key(account, key, transfer=params.get("transfer_lookup_key", False))
    if params.get("billing_scheme", "per_unit") != "per_unit":
        raise invalid("The sandbox does not imitate prices in tiers.", param="billing_scheme")
    unit_amount(params, "")
    currencies.checked(params["currency"])
    if data := params.get("product_data"):
        product = products.make(account, data, id=data.get("id"), active=data.get("active", True))
        account.emit("product.created", product)
        params = {**params, "product": product["id"]}
    price = make(account, params, active=params.get("active", True))
    account.emit("price.created", price)
    return price


def make(account: Account, given: Object, *, active: bool = True, where: str = "", credit: bool = False) -> Object:
    """A new price, saved but not announced. `where` is the path of the parameters, for what it may refuse.

    A `credit` may be below zero.
    """
    amount = unit_amount(given, where, credit=credit)
    currency = currencies.checked(given["currency"], param=_at(where, "currency"))
    product = account.find("product", given["product"], param=_at(where, "product"))
    recurring = given.get("recurring")
    price = blank(
        "price",
        id=ids.new("price"),
        active=active,
        billing_scheme="per_unit",
        created=account.clock.now(),
        currency=currency,
        lookup_key=given.get("lookup_key"),
        metadata=metadata.fresh(given.get("metadata")),
        nickname=given.get("nickname"),
        product=product["id"],
        recurring=_recurring(recurring) if recurring else None,
        tax_behavior=given.get("tax_behavior", "unspecified"),
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    return account.store.save(price)


def _recurring(given: Object) -> Object:
    if given.get("usage_type", "licensed") != "licensed":
        raise invalid("The sandbox does not imitate metered prices.", param="recurring[usage_type]")
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": "licensed",
    }


def unit_amount(given: Object, where: str, *, credit: bool = False) -> int:
    """The amount in minor units. Raises StripeError when it is missing, no whole number, or out of bounds."""
    if "unit_amount" in given:
        amount, param = given["unit_amount"], _at(where, "unit_amount")
    elif "unit_amount_decimal" in given:
        param = _at(where, "unit_amount_decimal")
        amount = _whole(given["unit_amount_decimal"], param)
    else:
        text = f"Missing required param: {_at(where, 'unit_amount')}."
        raise invalid(text, param=_at(where, "unit_amount"), code="parameter_missing")
    if amount < 0 and not credit:
        raise invalid("Invalid non-negative integer", param=param, code="parameter_invalid_integer")
    currencies.check_maximum(amount, currencies.checked(given["currency"], param=_at(where, "currency")), param=param)
    return int(amount)


def _whole(text: str, param: str) -> int:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise invalid(f"Invalid decimal: {text}", param=param) from None
    if number != number.to_integral_value():
        raise invalid("The sandbox does not imitate amounts below the smallest unit.", param=param)
    return int(number)


def update(account: Account, call: Call) -> Object:
    """POST /v1/prices/{id}"""
    price = account.find("price", call.id)
    params = call.params
    changes: Object = {key: params[key] for key in ("active", "tax_behavior") if key in params}
    if "nickname" in params:
        changes["nickname"] = params["nickname"] or None
    if "lookup_key" in params:
        if params["lookup_key"] and params["lookup_key"] != price["lookup_key"]:
            _free_lookup_key(account, params["lookup_key"], transfer=params.get("transfer_lookup_key", False))
        changes["lookup_key"] = params["lookup_key"] or None
    changes["metadata"] = metadata.merge(price["metadata"], params.get("metadata"))
    if previous := account.store.change(price, **changes):
        account.emit("price.updated", price, previous)
    return price


def _free_lookup_key(account: Account, key: str, *, transfer: bool) -> None:
    holder = next(iter(account.store.having("price", "lookup_key", key)), None)
    if holder is None:
        return
    if not transfer:
        text = (
            f"A price (`{holder['id']}`) already uses that lookup key. Use `transfer_lookup_key=true` to move it to "
            "this price."
        )
        raise invalid(text, param="lookup_key")
    previous = account.store.change(holder, lookup_key=None)
    account.emit("price.updated", holder, previous)


def listing(account: Account, call: Call) -> Object:
    """GET /v1/prices"""
    return lists.page(
        account,
        call,
        "price",
        lookup_keys=lambda price, keys: price["lookup_key"] in keys,
        recurring=lambda price, wanted: (price["recurring"] or {}).items() >= wanted.items(),
    )


def _at(where: str, name: str) -> str:
    return f"{where}[{name}]" if where else name
