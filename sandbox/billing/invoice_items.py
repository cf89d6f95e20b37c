"""Invoice items: what is to be billed and waits for an invoice, whether somebody asked for it or a plan was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.billing import subscription_items
from sandbox.catalogue import currency_options
from sandbox.ground import ids, periods
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def make(account: Account, price: Object, **values: Any) -> Object:
    """A new item, saved but not announced, of so many of a price."""
    return account.store.save(_described(account, price, **values))


def _described(account: Account, price: Object, **values: Any) -> Object:
    return blank(
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


def for_change(
    account: Account,
    subscription: Object,
    before: Object | None,
    after: Object | None,
    since: int,
    *,
    only_credit: bool,
) -> list[Object]:
    """The invoice items for the rest of a period in which an item became another, not kept."""
    if before and after and (before["price"]["id"], before["quantity"]) == (after["price"]["id"], after["quantity"]):
        return []
    credit = _rest(account, subscription, before, since, sign=-1) if before else None
    charge = _rest(account, subscription, after, since, sign=1) if after and not only_credit else None
    return [item for item in (credit, charge) if item]


def for_credit(account: Account, subscription: Object, since: int) -> list[Object]:
    """The invoice items for what is left of all that was paid for, not kept."""
    items = subscription_items.of(account, subscription["id"])
    return [credit for item in items if (credit := _rest(account, subscription, item, since, sign=-1))]


def _rest(account: Account, subscription: Object, item: Object, since: int, *, sign: int) -> Object | None:
    """What is left of an item's period, credited or charged."""
    start, end = item["current_period_start"], item["current_period_end"]
    part = periods.share(
        subscription_items.amount(account, item), subscription["currency"], start=start, end=end, since=since
    )
    if not part:
        return None
    words = "Remaining" if sign > 0 else "Unused"
    return _described(
        account,
        subscription_items.priced(account, item),
        amount=sign * part,
        customer=subscription["customer"],
        description=f"{words} time on {subscription_items.title(account, item)}",
        discountable=False,
        metadata={},
        parent=of_subscription(subscription["id"], item["id"]),
        period={"start": since, "end": end},
        proration=True,
        proration_details={"credited_items": None, "discount_amounts": []},
        quantity=item["quantity"],
    )


def wait(account: Account, items: list[Object]) -> None:
    """Keep these for the next invoice, and announce them."""
    for item in items:
        account.store.save(item)
        account.emit("invoiceitem.created", item)


def sell(account: Account, customer: Object, sold: Object) -> Object:
    """What was bought at Checkout, for the invoice of that. Stripe has no event for it."""
    now = account.clock.now()
    return make(
        account,
        currency_options.in_currency(account, sold["price"], sold["currency"]),
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
