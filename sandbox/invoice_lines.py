"""The lines of an invoice, and the invoice items that wait for the next one (what a change in mid-period costs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import ids, lists, subscription_items
from sandbox.errors import invalid
from sandbox.spec import blank

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.api import Call
    from sandbox.spec import Object


def of_plan(account: Account, item: Object, subscription: Object, *, free: bool = False) -> Object:
    """The line of a subscription item for the period it shows."""
    details = {**_common(subscription["id"]), "invoice_item": None, "subscription_item": item["id"]}
    return line(
        item["price"],
        amount=0 if free else subscription_items.amount(item),
        quantity=item["quantity"],
        description=subscription_items.title(account, item),
        period={"start": item["current_period_start"], "end": item["current_period_end"]},
        parent={
            "type": "subscription_item_details",
            "subscription_item_details": details,
            "invoice_item_details": None,
        },
        subscription=subscription,
    )


def of_extra(sold: Object, subscription: Object) -> Object:
    """The line of something that was bought once, together with a plan. `sold` is Checkout's line item."""
    now = subscription["start_date"]
    return line(
        sold["price"],
        amount=sold["amount_subtotal"],
        quantity=sold["quantity"],
        description=f"{sold['quantity']} × {sold['description']}",
        period={"start": now, "end": now},
        parent=_item_details(ids.new("ii"), subscription["id"], proration=False),
        subscription=subscription,
    )


def of_item(waiting: Object, account: Account, subscription: Object | None) -> Object:
    """The line of an invoice item."""
    price = account.find("price", waiting["pricing"]["price_details"]["price"])
    made = line(
        price,
        amount=waiting["amount"],
        quantity=waiting["quantity"],
        description=waiting["description"],
        period=waiting["period"],
        parent=_item_details(
            waiting["id"], subscription["id"] if subscription else None, proration=waiting["proration"]
        ),
        subscription=subscription,
    )
    return {**made, "discountable": waiting["discountable"]}


def line(
    price: Object,
    *,
    amount: int,
    quantity: int,
    description: str,
    period: Object,
    parent: Object,
    subscription: Object | None,
) -> Object:
    """A line that knows everything but its invoice."""
    return blank(
        "line_item",
        id=ids.new("il"),
        amount=amount,
        currency=price["currency"],
        description=description,
        discount_amounts=[],
        discountable=True,
        # Lines of a subscription mirror its metadata.
        metadata=dict(subscription["metadata"]) if subscription else {},
        parent=parent,
        period=period,
        pretax_credit_amounts=[],
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        quantity=quantity,
        quantity_decimal=str(quantity),
        subscription=subscription["id"] if subscription else None,
        subtotal=amount,
        taxes=[],
    )


def _common(subscription: str | None, *, proration: bool = False) -> Object:
    return {"proration": proration, "proration_details": None, "subscription": subscription}


def _item_details(item: str, subscription: str | None, *, proration: bool) -> Object:
    details = {**_common(subscription, proration=proration), "invoice_item": item}
    return {"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None}


def wait(account: Account, subscription: Object, item: Object, *, amount: int, description: str, since: int) -> Object:
    """Something to be billed with the next invoice of a subscription, for the rest of an item's period."""
    price = item["price"]
    waiting = blank(
        "invoiceitem",
        id=ids.new("ii"),
        amount=amount,
        currency=price["currency"],
        customer=subscription["customer"],
        date=account.clock.now(),
        description=description,
        discounts=[],
        metadata={},
        net_amount=amount,
        parent={
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
        },
        period={"start": since, "end": item["current_period_end"]},
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        proration=True,
        proration_details={"credited_items": None, "discount_amounts": []},
        quantity=item["quantity"],
        quantity_decimal=str(item["quantity"]),
        tax_rates=[],
        test_clock=account.clock.test_clock,
    )
    account.store.save(waiting)
    account.emit("invoiceitem.created", waiting)
    return waiting


def waiting_for(account: Account, subscription: Object) -> list[Object]:
    """What waits for the next invoice of a subscription, oldest first."""
    of_customer = account.store.having("invoiceitem", "customer", subscription["customer"])[::-1]
    return [
        item
        for item in of_customer
        if item["invoice"] is None and item["parent"]["subscription_details"]["subscription"] == subscription["id"]
    ]


def listing(account: Account, call: Call) -> Object:
    """GET /v1/invoiceitems"""

    def pending(item: Object, wanted: bool) -> bool:
        return (item["invoice"] is None) == wanted

    return lists.page(account, call, "invoiceitem", pending=pending)


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/invoiceitems/{id}: only while no invoice has it."""
    item = account.find("invoiceitem", call.id)
    if item["invoice"]:
        raise invalid("This invoice item cannot be deleted: it is already on an invoice.", param="id")
    account.store.delete("invoiceitem", item["id"])
    account.emit("invoiceitem.deleted", item)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}
