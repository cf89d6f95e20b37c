"""Discounts that subscriptions carry on from invoice to invoice: given, taken away, and ended by the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing import subscriptions
from sandbox.catalogue import discounts
from sandbox.ground.errors import StripeError

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def check(account: Account, given: list[Object], currency: str) -> list[Object]:
    """What a request names for a subscription: what is to be redeemed, or a discount that somebody has already, with
    its id. Raises StripeError for what cannot be used."""
    return [discounts.chosen(account, each, currency, f"discounts[{position}]") for position, each in enumerate(given)]


def give(account: Account, subscription: Object, chosen: list[Object]) -> list[str]:
    """Redeem what `check` has found, for a subscription. Announced; the subscription is for the caller to change."""
    return [str(each["id"]) if "id" in each else _give(account, subscription, each) for each in chosen]


def _give(account: Account, subscription: Object, chosen: Object) -> str:
    discount = discounts.for_subscription(account, chosen, subscription)
    discounts.redeem(account, chosen)
    account.emit("customer.discount.created", discount)
    return str(discount["id"])


def replaced(account: Account, subscription: Object, given: list[Object]) -> list[str]:
    """The discounts that a request names instead of those there are: some of them again, others anew."""
    named = give(account, subscription, check(account, given, subscription["currency"]))
    for id in subscription["discounts"]:
        if id not in named:
            _announce_end(account, id)
    return named


def _announce_end(account: Account, id: str) -> None:
    account.timers.cancel("end_discount", id)
    if discount := account.store.get("discount", id):
        account.emit("customer.discount.deleted", discount)


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/subscriptions/{id}/discount: whatever it has of its own. What its customer has stays."""
    subscription = account.find("subscription", call.id)
    if not subscription["discounts"]:
        text = f"No active discount for subscription: {call.id}"
        raise StripeError(404, "invalid_request_error", text, code="resource_missing", param="id")
    first = account.find("discount", subscription["discounts"][0])
    for id in subscription["discounts"]:
        _announce_end(account, id)
    subscriptions.change(account, subscription, discounts=[])
    return discounts.deleted(first)


def end_by_time(account: Account, id: str) -> None:
    """The timer of a discount of some months: they are over."""
    discount = account.find("discount", id)
    subscription = account.store.get("subscription", discount["subscription"] or "")
    if subscription and id in subscription["discounts"]:
        _announce_end(account, id)
        left = [each for each in subscription["discounts"] if each != id]
        subscriptions.change(account, subscription, discounts=left)
    customer = account.store.get("customer", discount["customer"] or "")
    if customer and id in discounts.of_customer(customer):
        discounts.take_from_customer(account, customer)
