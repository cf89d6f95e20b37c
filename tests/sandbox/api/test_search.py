"""Stripe's search query language, on objects that were just made."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World

UNREADABLE = "We were unable to parse your search query"


@pytest.fixture
def customers(world: World) -> World:
    for name, email, metadata in [
        ("Nora Lind", "nora@example.com", {"tier": "gold", "order id": "7"}),
        ("Jonas Berg", "jonas@example.com", {"tier": "silver"}),
        ('Ada "The" O\'Neil', "ada@example.org", {}),
    ]:
        world.api.customers.create({"name": name, "email": email, "metadata": metadata})
    return world


def _emails(world: World, query: str, **more: Any) -> list[str]:
    return [c.email.partition("@")[0] for c in world.api.customers.search({"query": query, **more}).data]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("email:'NORA@example.com'", ["nora"]),
        ('name~"lind"', ["nora"]),
        ("email~'example.com'", ["jonas", "nora"]),
        ("-email~'example.com'", ["ada"]),
        ("metadata['tier']:'gold'", ["nora"]),
        ('metadata["order id"]:"7"', ["nora"]),
        ("-metadata['tier']:'gold'", ["ada", "jonas"]),
        ("metadata['tier']:null", ["ada"]),
        ("-metadata['tier']:null", ["jonas", "nora"]),
        ("metadata['tier']:'gold' OR metadata['tier']:'silver'", ["jonas", "nora"]),
        ("email~'example' and -name~'Nora' AND -name~'Jonas'", ["ada"]),
        ("email~'example' metadata['tier']:'silver'", ["jonas"]),
        (r'name:"ada \"the\" o\'neil"', ["ada"]),
        ("phone:null name~'Jonas'", ["jonas"]),
        ("created>0", ["ada", "jonas", "nora"]),
        ("created<1000", []),
        ("name:'null'", []),
    ],
)
def test_customers_are_found(customers: World, query: str, found: list[str]) -> None:
    assert _emails(customers, query) == found


def test_numbers_are_compared(world: World) -> None:
    for amount in (1000, 2000, 3000):
        world.api.payment_intents.create({"amount": amount, "currency": "usd"})

    def amounts(query: str) -> list[int]:
        return [i.amount for i in world.api.payment_intents.search({"query": query}).data]

    assert amounts("amount>1000") == [3000, 2000]
    assert amounts("amount>=1000 AND amount<3000") == [2000, 1000]
    assert amounts("amount<=1000") == amounts("amount:1000") == amounts("amount='1000'") == [1000]
    assert amounts("-amount:1000 status:'requires_payment_method' currency:'USD'") == [3000, 2000]


def test_each_kind_of_object_has_fields_of_its_own(world: World) -> None:
    subscription = world.subscribed()
    charge = world.api.charges.list().data[0]
    invoice = world.api.invoices.list({"subscription": subscription.id}).data[0]
    api = world.api
    card = "payment_method_details.card.last4:4242 AND refunded:'false' AND disputed:false"
    assert [c.id for c in api.charges.search({"query": card}).data] == [charge.id]
    assert api.charges.search({"query": "payment_method_details.card.brand:'amex'"}).data == []
    of_plan = f"subscription:'{subscription.id}' AND total>900 AND status:'paid' AND number~'-0001'"
    assert [i.id for i in api.invoices.search({"query": of_plan}).data] == [invoice.id]
    active = "status:'active' AND canceled_at:null"
    assert [s.id for s in api.subscriptions.search({"query": active}).data] == [subscription.id]
    price = subscription["items"].data[0].price
    assert [p.id for p in api.prices.search({"query": f"product:'{price.product}' type:'recurring'"}).data] == [
        price.id
    ]
    assert [p.id for p in api.products.search({"query": "active:'true' name~'quiet'"}).data] == [price.product]


def test_pages_follow_each_other(world: World) -> None:
    made = [world.api.products.create({"name": f"Kit {n}"}).id for n in range(5)]
    first = world.api.products.search({"query": "name~'kit'", "limit": 2, "expand": ["total_count"]})
    assert (first.object, first.has_more, first.total_count, first.url) == (
        "search_result", True, 5, "/v1/products/search",
    )  # fmt: skip
    # What is made in the meantime is newer and does not shift the pages.
    world.api.products.create({"name": "Kit 6"})
    assert [p.id for p in first.auto_paging_iter()] == made[::-1]
    whole = world.api.products.search({"query": "name~'kit'"})
    assert (whole.has_more, whole.next_page, "total_count" in whole) == (False, None, False)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.products.search({"query": "name~'kit'", "page": "nonsense"})
    assert refused.value.param == "page"


def test_what_is_found_can_be_expanded(world: World) -> None:
    intent = world.paid().payment_intent
    found = world.api.payment_intents.search({"query": "status:'succeeded'", "expand": ["data.latest_charge"]})
    assert found.data[0].latest_charge.payment_intent == intent
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        world.api.payment_intents.search({"query": "status:'succeeded'", "expand": ["data.amount"]})


def test_what_is_deleted_is_no_longer_found(customers: World) -> None:
    id = customers.api.customers.search({"query": "name~'Nora'"}).data[0].id
    customers.api.customers.delete(id)
    assert _emails(customers, "name~'Nora'") == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("asdf", UNREADABLE),
        ("", "empty string for 'query'"),
        ("   ", UNREADABLE),
        ("email:", UNREADABLE),
        ("email:nora", UNREADABLE),
        ("email:'nora", UNREADABLE),
        ("email:'a'name:'b'", UNREADABLE),
        ("(email:'a')", UNREADABLE),
        ("email:'a' AND", UNREADABLE),
        ("AND email:'a'", UNREADABLE),
        ("email:'a' AND name:'b' OR name:'c'", "cannot combine AND and OR"),
        ("email:'a' name:'b' or name:'c'", "cannot combine AND and OR"),
        ("foo:'bar'", "Field `foo` is an unsupported search field for resource `customers`."),
        ("metadata:'bar'", "Field `metadata` is an unsupported search field"),
        ("email['x']:'bar'", "Field `email` is an unsupported search field"),
        ("metadata['x']~'bar'", "Operator `~` is not supported for the field `metadata`."),
        ("email>'bar'", "Operator `>` is not supported for the field `email`."),
        ("created~'100'", "Operator `~` is not supported for the field `created`."),
        ("created>'yesterday'", "is numeric"),
        ("email~'no'", "at least 3 characters"),
        (" ".join(["email~'example'"] * 11), "up to 10 query clauses"),
    ],
)
def test_queries_that_cannot_be_answered_are_refused(world: World, query: str, sentence: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.customers.search({"query": query})
    assert (refused.value.http_status, refused.value.param) == (400, "query")
    assert sentence in refused.value.user_message


def test_a_search_needs_a_query(world: World) -> None:
    refused = world.raw("GET", "/v1/invoices/search")
    assert refused.json()["error"]["message"] == "Missing required param: query."
