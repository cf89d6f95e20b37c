"""The lines of an invoice: plans, things that were bought once, and invoice items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing import subscription_items
from sandbox.catalogue import currency_options
from sandbox.ground import ids
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def of_plan(account: Account, item: Object, subscription: Object, *, free: bool = False) -> Object:
    """The line of a subscription item for the period it shows."""
    details = {**_common(subscription["id"]), "invoice_item": None, "subscription_item": item["id"]}
    return line(
        subscription_items.priced(account, item),
        amount=0 if free else subscription_items.amount(account, item),
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


def of_extra(account: Account, sold: Object, subscription: Object) -> Object:
    """The line of something that was bought once, together with a plan. `sold` is Checkout's line item."""
    now = subscription["start_date"]
    return line(
        currency_options.in_currency(account, sold["price"], sold["currency"]),
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
        currency_options.in_currency(account, price, waiting["currency"]),
        amount=waiting["amount"],
        quantity=waiting["quantity"],
        description=waiting["description"],
        period=waiting["period"],
        parent=_item_details(
            waiting["id"], subscription["id"] if subscription else None, proration=waiting["proration"]
        ),
        subscription=subscription,
    )
    if subscription is None:
        made["metadata"] = dict(waiting["metadata"])
    return {**made, "discountable": waiting["discountable"]}


def item_of(line: Object) -> str | None:
    """The invoice item a line stands for; None for the line of a plan."""
    return (line["parent"]["invoice_item_details"] or {}).get("invoice_item")


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
