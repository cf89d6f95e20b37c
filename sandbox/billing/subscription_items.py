"""Subscription items: each a price, how many of it, and the period that has been billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import events, lists
from sandbox.catalogue import currency_options
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.protocol import derived_objects
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def make(account: Account, subscription: str, price: Object, **values: Any) -> Object:
    """A new item, saved; `described` says of what."""
    return account.store.save(described(account, subscription, price, **values))


def described(
    account: Account, subscription: str, price: Object, *, quantity: int, start: int, end: int, **more: Any
) -> Object:
    """A new item, not kept. `more` may hold its metadata."""
    return blank(
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


def of(account: Account, subscription: str) -> list[Object]:
    """The items of a subscription, oldest first."""
    return account.store.having("subscription_item", "subscription", subscription)[::-1]


def envelope(account: Account, subscription: str) -> Object:
    """The items as the subscription shows them: copies, so that an announcement can say what they were before."""
    url = f"/v1/subscription_items?subscription={subscription}"
    return derived_objects.envelope(url, [events.copy(item) for item in of(account, subscription)])


def priced(account: Account, item: Object) -> Object:
    """Its price as it reads in the currency of its subscription."""
    currency = account.find("subscription", item["subscription"])["currency"]
    return currency_options.in_currency(account, item["price"], currency)


def amount(account: Account, item: Object) -> int:
    """What a whole period of it costs."""
    return int(priced(account, item)["unit_amount"] * item["quantity"])


def title(account: Account, item: Object) -> str:
    """Such as `5 × Team plan`."""
    product = account.store.get("product", item["price"]["product"])
    return f"{item['quantity']} × {product['name'] if product else item['price']['product']}"


def restarts(subscription: Object, given: list[Object]) -> bool:
    """Whether changes bring another interval, so that a period begins anew. A trial goes on to its end."""
    if subscription["status"] == "trialing":
        return False
    rhythm = subscription["items"]["data"][0]["price"]["recurring"]
    return any(_other_rhythm(change, rhythm) for change in given)


def _other_rhythm(change: Object, rhythm: Object) -> bool:
    price = change.get("price")
    if not price or change.get("deleted"):
        return False
    return any(price["recurring"][key] != rhythm[key] for key in ("interval", "interval_count"))


def changed(account: Account, subscription: Object, change: Object) -> Object | None:
    """The item as a change leaves it, not kept; None when it is gone."""
    item = change["item"]
    if item is None:
        sold = subscription["items"]["data"][0]
        return described(
            account,
            subscription["id"],
            change["price"],
            quantity=change.get("quantity", 1),
            start=sold["current_period_start"],
            end=sold["current_period_end"],
            metadata=change.get("metadata"),
        )
    if change.get("deleted"):
        return None
    price = change.get("price", item["price"])
    return {
        **item,
        "metadata": metadata.merge(item["metadata"], change.get("metadata")),
        "plan": derived_objects.plan(price),
        "price": dict(price),
        "quantity": change.get("quantity", item["quantity"]),
    }


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
