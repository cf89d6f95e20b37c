"""Subscription items: each a price, how many of it, and the period that has been billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import events, lists
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.protocol import derived_objects
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def make(
    account: Account, subscription: str, price: Object, *, quantity: int, start: int, end: int, **more: Any
) -> Object:
    """A new item, saved. `more` may hold its metadata."""
    item = blank(
        "subscription_item",
        id=ids.short("si"),
        created=account.clock.now(),
        current_period_end=end,
        current_period_start=start,
        metadata=metadata.fresh(more.get("metadata")),
        plan=derived_objects.plan(price),
        price=events.copy(price),
        quantity=quantity,
        subscription=subscription,
        tax_rates=[],
    )
    return account.store.save(item)


def of(account: Account, subscription: str) -> list[Object]:
    """The items of a subscription, oldest first."""
    return account.store.having("subscription_item", "subscription", subscription)[::-1]


def envelope(account: Account, subscription: str) -> Object:
    """The items as the subscription shows them: copies, so that an announcement can say what they were before."""
    url = f"/v1/subscription_items?subscription={subscription}"
    return derived_objects.envelope(url, [events.copy(item) for item in of(account, subscription)])


def amount(item: Object) -> int:
    """What a whole period of it costs."""
    return int(item["price"]["unit_amount"] * item["quantity"])


def title(account: Account, item: Object) -> str:
    """Such as `5 × Team plan`."""
    product = account.store.get("product", item["price"]["product"])
    return f"{item['quantity']} × {product['name'] if product else item['price']['product']}"


def planned(account: Account, given: Object, *, param: str) -> Object:
    """The recurring price a parameter names. Raises StripeError when it cannot be subscribed to."""
    if "price_data" in given:
        raise invalid("The sandbox does not imitate price_data for subscription items.", param=f"{param}[price_data]")
    id = given.get("price") or given.get("plan")
    if id is None:
        raise invalid(f"Missing required param: {param}[price].", param=f"{param}[price]", code="parameter_missing")
    price = account.find("price", id, param=f"{param}[price]")
    if price["recurring"] is None:
        text = "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
        raise invalid(text, param=f"{param}[price]")
    if not price["active"]:
        raise invalid(
            "The price specified is inactive. This field only accepts active prices.", param=f"{param}[price]"
        )
    return price


def listing(account: Account, call: Call) -> Object:
    """GET /v1/subscription_items"""
    account.find("subscription", call.params["subscription"], param="subscription")
    return lists.page(account, call, "subscription_item")
