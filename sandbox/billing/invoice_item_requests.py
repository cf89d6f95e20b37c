"""Invoice items through the API: made, changed and deleted while they wait or their invoice is a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import lists
from sandbox.billing import invoice_drafts, invoice_items, invoice_lines
from sandbox.catalogue import products_and_prices
from sandbox.ground import currencies, metadata
from sandbox.ground.errors import invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

# Each of these says what the item costs; only one may.
COSTS = ("amount", "unit_amount_decimal", "pricing", "price_data")
NOT_EDITABLE = "Invalid invoice: This invoice is no longer editable"


def create(account: Account, call: Call) -> Object:
    """POST /v1/invoiceitems: for the next invoice of a customer, or for a draft that is named."""
    params = call.params
    if "customer" not in params:
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    customer = account.find("customer", params["customer"], param="customer")
    invoice = _draft(account, params["invoice"], customer) if "invoice" in params else None
    subscription = None
    if id := params.get("subscription"):
        subscription = account.find("subscription", id, param="subscription")
    extra = metadata.fresh(params.get("metadata"))
    price, amount = _cost(account, params)
    now = account.clock.now()
    item = invoice_items.make(
        account,
        price,
        amount=amount,
        customer=customer["id"],
        description=params.get("description") or _title(account, params, price),
        discountable=params.get("discountable", True),
        metadata=extra,
        parent=invoice_items.of_subscription(subscription["id"]) if subscription else None,
        period=params.get("period", {"start": now, "end": now}),
        quantity=params.get("quantity", 1),
    )
    account.store.change(customer, currency=customer["currency"] or price["currency"])
    if invoice:
        put_on(account, invoice, item)
    account.emit("invoiceitem.created", item)
    return item


def _draft(account: Account, id: str, customer: Object) -> Object:
    invoice = account.find("invoice", id, param="invoice")
    if invoice["status"] != "draft":
        raise invalid(NOT_EDITABLE, code="invoice_not_editable")
    if invoice["customer"] != customer["id"]:
        raise invalid(f"The invoice {id} is not one of the customer {customer['id']}.", param="invoice")
    return invoice


def _cost(account: Account, params: Object, item: Object | None = None) -> tuple[Object, int]:
    """The price a request describes, and what so many of it cost. Prices made for the purpose are not active."""
    given = [name for name in COSTS if name in params]
    if len(given) > 1 or ("amount" in given and "quantity" in params):
        clash = [*given, "quantity"][:2]
        raise invalid(f"You may only specify one of these parameters: {', '.join(clash)}.", param=clash[0])
    if not given:
        raise invalid("Missing required param: amount.", param="amount", code="parameter_missing")
    quantity: int = params["quantity"] if "quantity" in params else item["quantity"] if item else 1
    if quantity < 1:
        text = "This value must be greater than or equal to 1."
        raise invalid(text, param="quantity", code="parameter_invalid_integer")
    price = _price(account, params, given[0], item)
    return price, price["unit_amount"] * (1 if given == ["amount"] else quantity)


def _price(account: Account, params: Object, how: str, item: Object | None) -> Object:
    match how:
        case "pricing":
            return _sold_once(account, params["pricing"].get("price", ""))
        case "price_data":
            return products_and_prices.make_price(
                account, params["price_data"], active=False, where="price_data", credit=True
            )
    currency = item["currency"] if item else params.get("currency")
    if currency is None:
        raise invalid("Missing required param: currency.", param="currency", code="parameter_missing")
    unit = {"unit_amount" if how == "amount" else how: params[how], "currency": currencies.checked(currency)}
    products_and_prices.unit_amount(unit, "", credit=True)
    if item:
        product = item["pricing"]["price_details"]["product"]
    else:
        name = params.get("description") or "One-time item"
        product = products_and_prices.make_product(account, {"name": name}, active=False)["id"]
    return products_and_prices.make_price(account, {**unit, "product": product}, active=False, credit=True)


def _sold_once(account: Account, id: str) -> Object:
    price = account.find("price", id, param="pricing[price]")
    if price["recurring"]:
        text = "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`."
        raise invalid(text, param="pricing[price]")
    if not price["active"]:
        text = "The price specified is inactive. This field only accepts active prices."
        raise invalid(text, param="pricing[price]")
    return price


def _title(account: Account, params: Object, price: Object) -> str | None:
    """What Stripe writes on an item for which nothing was written: the product's name."""
    product = account.store.get("product", price["product"])
    return product["name"] if product and ("pricing" in params or "price_data" in params) else None


def put_on(account: Account, invoice: Object, item: Object) -> None:
    """Put an item on a draft, where the newest stands first; or put it there anew after a change."""
    before = invoice_drafts.snapshot(invoice)
    account.store.change(item, invoice=invoice["id"])
    named = invoice_items.subscription_of(item)
    line = invoice_lines.of_item(item, account, account.find("subscription", named) if named else None)
    present = invoice["lines"]["data"]
    there = [invoice_lines.item_of(each) == item["id"] for each in present]
    renewed = [{**line, "id": old["id"]} if same else old for old, same in zip(present, there, strict=True)]
    invoice_drafts.recount(account, invoice, renewed if any(there) else [line, *present])
    invoice_drafts.announce(account, invoice, before)


def update(account: Account, call: Call) -> Object:
    """POST /v1/invoiceitems/{id}: while it waits or its invoice is a draft. Stripe has no event for that."""
    item, params = account.find("invoiceitem", call.id), call.params
    invoice = account.store.get("invoice", item["invoice"] or "")
    if item["invoice"] and invoice is None:
        raise invalid("This invoice item has been deleted.")
    if invoice and invoice["status"] != "draft":
        raise invalid(NOT_EDITABLE, code="invoice_not_editable")
    changes: Object = {key: params[key] for key in ("description", "discountable", "period") if key in params}
    changes["metadata"] = metadata.merge(item["metadata"], params.get("metadata"))
    account.store.change(item, **changes, **_new_cost(account, item, params))
    if invoice:
        put_on(account, invoice, item)
    return item


def _new_cost(account: Account, item: Object, params: Object) -> Object:
    if not params.keys() & {*COSTS, "quantity"}:
        return {}
    if "quantity" in params and not params.keys() & set(COSTS):
        params = {**params, "unit_amount_decimal": item["pricing"]["unit_amount_decimal"]}
    price, amount = _cost(account, params, item)
    quantity = params.get("quantity", item["quantity"])
    return {
        "amount": amount,
        "net_amount": amount,
        "pricing": invoice_items.pricing(price),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
    }


def listing(account: Account, call: Call) -> Object:
    """GET /v1/invoiceitems"""

    def is_pending(item: Object, wanted: bool) -> bool:
        return (item["invoice"] is None) == wanted

    def made(item: Object, bounds: Any) -> bool:
        return lists.within(item["date"], bounds)

    return lists.page(account, call, "invoiceitem", pending=is_pending, created=made)


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/invoiceitems/{id}: while it waits or its invoice is a draft."""
    item = account.find("invoiceitem", call.id)
    invoice = account.store.get("invoice", item["invoice"] or "")
    if item["invoice"] and (invoice is None or invoice["status"] != "draft"):
        text = "Can't delete an invoice item that is attached to an invoice that is no longer editable"
        raise invalid(text)
    account.store.delete("invoiceitem", item["id"])
    if invoice:
        before = invoice_drafts.snapshot(invoice)
        left = [line for line in invoice["lines"]["data"] if invoice_lines.item_of(line) != item["id"]]
        invoice_drafts.recount(account, invoice, left)
        invoice_drafts.announce(account, invoice, before)
    account.emit("invoiceitem.deleted", item)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}
