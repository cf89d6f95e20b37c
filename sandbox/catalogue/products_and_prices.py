"""Products, which are what is sold, and their prices: an amount in a currency, once or every so often. The amount never
changes; the price can be retired."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.catalogue import currency_options
from sandbox.ground import currencies, ids, metadata
from sandbox.ground.errors import StripeError, invalid
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

COPIED = (
    "name", "active", "images", "marketing_features", "package_dimensions", "shippable", "tax_details", "url",
    "description", "statement_descriptor", "tax_code", "unit_label",
)  # fmt: skip


def create_product(account: Account, call: Call) -> Object:
    """POST /v1/products"""
    params = call.params
    if "id" in params and account.store.get("product", params["id"]):
        raise _exists(params["id"])
    data = params.get("default_price_data")
    if data:
        _check_amounts(data, "default_price_data")
    product = make_product(account, params, id=params.get("id"))
    if data:
        price = make_price(account, data, of=product["id"], where="default_price_data")
        account.store.change(product, default_price=price["id"])
        account.emit("price.created", price)
    account.emit("product.created", product)
    return product


def make_product(account: Account, given: Object, *, id: str | None = None, active: bool = True) -> Object:
    """A new product, saved but not announced."""
    now = account.clock.now()
    values = {key: given[key] for key in COPIED if given.get(key, "") != ""}
    product = blank(
        "product",
        **{
            "active": active,
            "default_price": None,
            "tax_code": None,
            "unit_label": None,
            "statement_descriptor": None,
            **values,
            "id": id or ids.short("prod"),
            "created": now,
            "metadata": metadata.fresh(given.get("metadata")),
            "type": given.get("type", "service"),
            "updated": now,
        },
    )
    return account.store.save(product)


def update_product(account: Account, call: Call) -> Object:
    """POST /v1/products/{id}"""
    product = account.find("product", call.id)
    params = call.params
    changes = {key: params[key] if params[key] != "" else None for key in COPIED if key in params}
    for key in ("images", "marketing_features"):
        if key in changes:
            changes[key] = changes[key] or []
    if default := params.get("default_price"):
        changes["default_price"] = account.find("price", default, param="default_price")["id"]
    if described := params.get("tax_details"):
        changes["tax_details"] = blank("product.tax_details", **described)
    changes["metadata"] = metadata.merge(product["metadata"], params.get("metadata"))
    previous = account.store.change(product, **changes)
    if previous:
        previous |= account.store.change(product, updated=account.clock.now())
        account.emit("product.updated", product, previous)
    return product


def delete_product(account: Account, call: Call) -> Object:
    """DELETE /v1/products/{id}: only while it has no prices."""
    product = account.find("product", call.id)
    if account.store.having("price", "product", product["id"]):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.", param="id")
    gone = account.mark_deleted(product)
    account.emit("product.deleted", product)
    return gone


def list_products(account: Account, call: Call) -> Object:
    """GET /v1/products"""
    return lists.page(account, call, "product", ids=lambda product, wanted: product["id"] in wanted)


def _exists(id: str) -> StripeError:
    return invalid("Product already exists.", param="id", code="resource_already_exists")


def create_price(account: Account, call: Call) -> Object:
    """POST /v1/prices"""
    params = call.params
    if ("product" in params) == ("product_data" in params):
        raise invalid("You must specify either `product` or `product_data` when creating a price.", param="product")
    key = params.get("lookup_key")
    if key:
        _free_lookup_key(account, key, transfer=params.get("transfer_lookup_key", False))
    if params.get("billing_scheme", "per_unit") != "per_unit":
        raise invalid("The sandbox does not imitate prices in tiers.", param="billing_scheme")
    _check_amounts(params, "")
    if data := params.get("product_data"):
        product = make_product(account, data, id=data.get("id"), active=data.get("active", True))
        account.emit("product.created", product)
        params = {**params, "product": product["id"]}
    price = make_price(account, params, active=params.get("active", True))
    account.emit("price.created", price)
    return price


def make_price(
    account: Account,
    given: Object,
    *,
    of: str | None = None,
    active: bool = True,
    where: str = "",
    credit: bool = False,
) -> Object:
    """A new price of a product, the one that is given if none is named, saved but not announced. `where` is the path
    of the parameters, for what it may refuse.

    A `credit` may be below zero.
    """
    amount = unit_amount(given, where, credit=credit)
    options = _options(given.get("currency_options") or {}, where)
    currency = currencies.checked(given["currency"], param=_at(where, "currency"))
    product = account.find("product", of or given["product"], param=_at(where, "product"))
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
    account.store.save(price)
    if options:
        currency_options.keep(account, price, options)
    return price


def sold_once(account: Account, name: str, amount: int, currency: str) -> Object:
    """A price that was made for one line of an invoice, and that nobody else can be sold anything at."""
    product = make_product(account, {"name": name}, active=False)["id"]
    given = {"unit_amount": amount, "currency": currency, "product": product}
    return make_price(account, given, active=False, credit=True)


def _check_amounts(given: Object, where: str) -> None:
    """Raises StripeError for what is no price, before anything is made."""
    unit_amount(given, where)
    _options(given.get("currency_options") or {}, where)


def _options(given: Object, where: str) -> dict[str, Object]:
    """What it costs in other currencies. Raises StripeError for what is no amount of them."""
    options = {}
    for currency, option in given.items():
        inside = f"{_at(where, 'currency_options')}[{currency}]"
        if option.get("custom_unit_amount", {}).get("enabled"):
            text = "The sandbox does not imitate prices that the buyer names."
            raise invalid(text, param=f"{inside}[custom_unit_amount][enabled]")
        if "tiers" in option:
            raise invalid("The sandbox does not imitate prices in tiers.", param=f"{inside}[tiers]")
        code = currencies.checked(currency, param=inside)
        options[code] = {
            "tax_behavior": option.get("tax_behavior", "unspecified"),
            "unit_amount": unit_amount({**option, "currency": code}, inside),
        }
    return options


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


def update_price(account: Account, call: Call) -> Object:
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
    if "currency_options" in params:
        currency_options.keep(account, price, _options(params["currency_options"] or {}, ""))
    if previous := account.store.change(price, **changes):
        account.emit("price.updated", price, previous)
    return price


def delete_price(account: Account, id: str) -> Object:
    """A price is deleted, which only Stripe's dashboard can do. Raises StripeError when there is none, or it is in use."""
    price = account.find("price", id)
    if account.find("product", price["product"])["default_price"] == id:
        raise invalid("This price cannot be deleted because it is the default price of its product.")
    if _is_used(account, id):
        raise invalid("This price cannot be deleted because it has been used. Archive it instead.")
    account.store.delete("price", id)
    account.emit("price.deleted", price)
    return {"id": id, "object": "price", "deleted": True}


def _is_used(account: Account, price: str) -> bool:
    sessions = (account.store.notes(each["id"])["line_items"] for each in account.store.all("checkout.session"))
    plans = account.store.all("subscription_item")
    billed = (item["pricing"]["price_details"]["price"] for item in account.store.all("invoiceitem"))
    return (
        any(line["price"]["id"] == price for lines in sessions for line in lines)
        or any(item["price"]["id"] == price for item in plans)
        or price in billed
    )


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


def list_prices(account: Account, call: Call) -> Object:
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
