"""Filters of lists that name an object there is not."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from sandbox.account import lists
from sandbox.api import filters
from sandbox.api.operations import HANDLERS
from sandbox.balance import payouts
from tests.sandbox.requests_by_schema import form, leaves, naming, operation
from tests.sandbox.running import World

# What is compared, and names no object.
PLAIN = {
    "active", "allow_redisplay", "arrival_date", "automatic_tax[enabled]", "client_secret", "code", "collection_method", "created",
    "currency", "current_period_end", "current_period_start", "customer_details[email]", "delivery_success",
    "due_date", "email", "ids[]", "inclusive", "is_default", "lookup_keys[]", "page", "payment[type]", "pending", "query",
    "recurring[interval]", "recurring[meter]", "recurring[usage_type]", "shippable", "status", "transfer_group",
    "type", "types[]", "url", "expand[]",
}  # fmt: skip
BOUNDS = ("[gt]", "[gte]", "[lt]", "[lte]")
NAMING = [
    (path, leaf)
    for method, path in HANDLERS
    if method == "GET"
    for leaf in dict.fromkeys(leaf for leaf, _ in leaves(operation(method, path.replace("{id}", "x")).params) if leaf)
    if leaf not in lists.PAGING | PLAIN and not leaf.endswith(BOUNDS)
]


def test_every_filter_that_names_an_object_is_known_as_such() -> None:
    assert {leaf for _, leaf in NAMING} == set(filters.NAMED)


@pytest.mark.parametrize(("path", "leaf"), NAMING)
def test_a_list_of_what_belongs_to_nothing_is_refused(world: World, path: str, leaf: str) -> None:
    given = naming(operation("GET", path).params, leaf, "x_nobody")
    answer = world.raw("GET", f"{path}?{form(given)}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "resource_missing", leaf)
    assert error["message"].startswith("No such ")
    assert error["message"].endswith(": 'x_nobody'")


@pytest.mark.parametrize(
    ("listed", "name"), [("checkout.sessions", "customer"), ("invoices", "customer"), ("subscriptions", "customer")]
)
def test_what_belonged_to_a_deleted_customer_is_still_listed(world: World, listed: str, name: str) -> None:
    bought = world.subscribed()
    world.api.customers.delete(bought.customer)
    service: Any = world.api
    for part in listed.split("."):
        service = getattr(service, part)
    more = {"status": "all"} if listed == "subscriptions" else {}
    assert len(service.list({name: bought.customer, **more}).data) == 1


def test_stripes_words_for_a_missing_customer_are_the_same_as_anywhere(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.charges.list({"customer": "cus_x"})
    assert (refused.value.http_status, refused.value.user_message) == (400, "No such customer: 'cus_x'")


def test_payouts_to_the_one_bank_account_are_listed(world: World) -> None:
    assert world.api.payouts.list({"destination": payouts.BANK_ACCOUNT}).data == []
