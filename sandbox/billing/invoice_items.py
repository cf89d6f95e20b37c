"""Invoice items: what is to be billed and waits for an invoice, whether somebody asked for it or a plan was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.ground import ids
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def make(account: Account, price: Object, **values: Any) -> Object:
    """A new item, saved but not announced, of so many of a price."""
    made = blank(
        "invoiceitem",
        id=ids.new("ii"),
        currency=price["currency"],
        date=account.clock.now(),
        discounts=[],
        net_amount=values["amount"],
        pricing=pricing(price),
        quantity_decimal=str(values["quantity"]),
        tax_rates=[],
        test_clock=account.clock.test_clock,
        **values,
    )
    return account.store.save(made)


def of_subscription(id: str, item: str | None = None) -> Object:
    """What says on an item which subscription, and which item of it, it is billed for."""
    details = {"subscription": id, **({"subscription_item": item} if item else {})}
    return {"type": "subscription_details", "subscription_details": details}


def pricing(price: Object) -> Object:
    """What says on an item what one of it costs."""
    return {
        "type": "price_details",
        "price_details": {"price": price["id"], "product": price["product"]},
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def wait(account: Account, subscription: Object, item: Object, *, amount: int, description: str, since: int) -> Object:
    """Something to be billed with the next invoice of a subscription, for the rest of an item's period."""
    waiting = make(
        account,
        item["price"],
        amount=amount,
        customer=subscription["customer"],
        description=description,
        discountable=False,
        metadata={},
        parent=of_subscription(subscription["id"], item["id"]),
        period={"start": since, "end": item["current_period_end"]},
        proration=True,
        proration_details={"credited_items": None, "discount_amounts": []},
        quantity=item["quantity"],
    )
    account.emit("invoiceitem.created", waiting)
    return waiting


def sell(account: Account, customer: Object, sold: Object) -> Object:
    """What was bought at Checkout, for the invoice of that. Stripe has no event for it."""
    now = account.clock.now()
    return make(
        account,
        sold["price"],
        amount=sold["amount_subtotal"],
        customer=customer["id"],
        description=sold["description"],
        discountable=True,
        metadata={},
        period={"start": now, "end": now},
        quantity=sold["quantity"],
    )


def pending(account: Account, customer: str, currency: str) -> list[Object]:
    """What waits for an invoice of a customer, newest first."""
    found = account.store.having("invoiceitem", "customer", customer)
    return [item for item in found if item["invoice"] is None and item["currency"] == currency]


def subscription_of(item: Object) -> str | None:
    """The subscription an item is for; None when any invoice of its customer will do."""
    return item["parent"]["subscription_details"]["subscription"] if item["parent"] else None


def waiting_for(account: Account, subscription: Object, *, loose: bool = False) -> list[Object]:
    """What waits for the next invoice of a subscription, oldest first; `loose` adds what is for no subscription."""
    of_customer = pending(account, subscription["customer"], subscription["currency"])[::-1]
    wanted = (subscription["id"], None) if loose else (subscription["id"],)
    return [item for item in of_customer if subscription_of(item) in wanted]
