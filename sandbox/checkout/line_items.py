"""Line items of a Checkout Session: from prices that exist, or from prices described on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.catalogue import currency_options, products_and_prices
from sandbox.checkout import adjustable_quantities
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

MOST = 100


def check(account: Account, given: list[Object]) -> None:
    """Raises StripeError for what is wrong with the parameters, before anything is made of them."""
    if not given:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    if len(given) > MOST:
        raise invalid(f"You can pass at most {MOST} line items.", param="line_items")
    for position, line in enumerate(given):
        where = f"line_items[{position}]"
        _check_price(account, line, where)
        if "quantity" not in line:
            text = f"Quantity is required. Add `quantity` to `{where}`"
            raise invalid(text, param=f"{where}[quantity]", code="parameter_missing")
        if line["quantity"] < 1:
            text = "This value must be greater than or equal to 1."
            raise invalid(text, param=f"{where}[quantity]", code="parameter_invalid_integer")
        adjustable_quantities.check(line, where)


def _check_price(account: Account, line: Object, where: str) -> None:
    if ("price" in line) == ("price_data" in line):
        text = "You must specify either `price` or `price_data` for each line item."
        raise invalid(text, param=where if "price" not in line else f"{where}[price]")
    if "price" in line:
        price = account.find("price", line["price"], param=f"{where}[price]")
        if not price["active"]:
            text = "The price specified is inactive. This field only accepts active prices."
            raise invalid(text, param=f"{where}[price]")
        return
    data = line["price_data"]
    products_and_prices.unit_amount(data, f"{where}[price_data]")
    if ("product" in data) == ("product_data" in data):
        text = "You must specify either `product` or `product_data` when creating a price."
        raise invalid(text, param=f"{where}[price_data][product]")
    if "product" in data:
        account.find("product", data["product"], param=f"{where}[price_data][product]")


def make(account: Account, given: list[Object], *, currency: str, trial: bool = False) -> list[Object]:
    """The line items, with the prices that had to be made for them saved. During a trial, plans cost nothing."""
    return [_make(account, line, f"line_items[{n}]", currency, trial=trial) for n, line in enumerate(given)]


def priced(account: Account, item: Object) -> Object:
    """The price of a line item as it reads in the currency of its session."""
    return currency_options.in_currency(account, item["price"], item["currency"])


def _make(account: Account, line: Object, where: str, currency: str, *, trial: bool) -> Object:
    if "price" in line:
        price = account.find("price", line["price"], param=f"{where}[price]")
    else:
        price = _described(account, dict(line["price_data"]), f"{where}[price_data]")
    product = account.find("product", price["product"], param=where)
    unit_amount = currency_options.in_currency(account, price, currency)["unit_amount"]
    amount = 0 if trial and price["recurring"] else unit_amount * line["quantity"]
    return blank(
        "item",
        id=ids.new("li"),
        adjustable_quantity=adjustable_quantities.described(line.get("adjustable_quantity")),
        amount_subtotal=amount,
        amount_total=amount,
        currency=currency,
        description=product["name"],
        metadata=metadata.fresh(line.get("metadata")),
        price=dict(price),
        quantity=line["quantity"],
    )


def _described(account: Account, data: Object, where: str) -> Object:
    # What is described on the spot cannot be sold again, so neither the price nor its product is active.
    if described := data.pop("product_data", None):
        data["product"] = products_and_prices.make_product(account, described, active=False)["id"]
    return products_and_prices.make_price(account, data, active=False, where=where)


def listing(account: Account, call: Call) -> Object:
    """GET /v1/checkout/sessions/{id}/line_items, in the order of the cart."""
    session = account.find("checkout.session", call.id)
    return lists.cut(call, account.store.notes(session["id"])["line_items"], "line_item")
