"""No parameter is dropped silently: each is refused by name, said to have no effect, or really used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import app
from sandbox.account import lists
from sandbox.api import unsupported
from sandbox.api.operations import HANDLERS
from sandbox.protocol import spec
from sandbox.protocol.spec import API_VERSION
from tests.sandbox import reading
from tests.sandbox.requests_by_schema import (
    Given,
    bears,
    ends,
    form,
    is_listed,
    leaves,
    merged,
    naming,
    operation,
    unsettable,
)
from tests.sandbox.running import Endpoint, World, running
from tests.sandbox.stages import VALUES, populate, stage

READ: set[str] = set()


@pytest.fixture(scope="module")
def watched() -> Iterator[World]:
    """A sandbox whose handlers are watched while they read."""
    receiver = Endpoint()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "HANDLERS", reading.watching(HANDLERS, READ))
        with running(receiver, webhook_url="") as world:
            yield world
    receiver.close()


def test_only_what_is_looked_at_by_its_name_counts_as_used() -> None:
    read: set[str] = set()
    params = reading.Params({"a": "1", "b": {"c": "2"}, "d": [{"e": "3"}], "f": "4"}, read)
    assert {**params, "f": "5"} == {"a": "1", "b": {"c": "2"}, "d": [{"e": "3"}], "f": "5"}
    assert ("a" in params, params.keys() & {"a"}, params.keys() - {"a"}) == (True, {"a"}, {"b", "d", "f"})
    assert read == set()
    assert (params["a"], params["b"].get("c"), params["d"][0]["e"]) == ("1", "2", "3")
    assert read == {"a", "b", "b[c]", "d", "d[][e]"}


def _parameters(method: str, path: str) -> list[str]:
    """What is in neither table."""
    key = (method, path)
    listed = (*unsupported.REFUSED.get(key, ()), *unsupported.WITHOUT_EFFECT.get(key, ()))
    found = dict.fromkeys(leaf for leaf, _ in leaves(operation(method, _path(path)).params) if leaf)
    return [leaf for leaf in found if not is_listed(listed, leaf) and leaf != "expand[]"]


def _path(path: str, id: str = "x_1") -> str:
    return path.replace("{id}", id)


CHANGING = [key for key in HANDLERS if key[0] != "GET" and _parameters(*key)]


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_every_other_parameter_is_used(watched: World, method: str, path: str) -> None:
    dropped = {}
    for leaf in _parameters(method, path):
        if complaints := list(filter(None, _tries(watched, method, path, leaf))):
            dropped[leaf] = complaints[0]
    assert dropped == {}


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_an_empty_value_is_taken_where_stripe_takes_one(watched: World, method: str, path: str) -> None:
    schema, key = operation(method, _path(path)).params, (method, path)
    listed = (*unsupported.REFUSED.get(key, ()), *unsupported.WITHOUT_EFFECT.get(key, ()))
    for name in [name for name in dict.fromkeys(unsettable(schema)) if not is_listed(listed, name)]:
        id, request = _request(watched, f"{method} {path} {name}", naming(schema, name, ""), name)
        answer = watched.raw(method, _path(path, id), form(request), **{"Stripe-Version": API_VERSION})
        assert answer.status_code == 200, (name, answer.text)


def _request(world: World, begins: str, named: Given, leaf: str) -> tuple[str, Given]:
    """What the operation needs, with one parameter put into it."""
    id, base = stage(world, begins)
    return id, merged(merged(named, base), _only(named, unsupported.segments(leaf)))


def _tries(world: World, method: str, path: str, leaf: str) -> Iterator[str]:
    """Name this parameter in requests. Yields what is wrong: it was not tried, or not used."""
    make = VALUES.get(f"{method} {path} {leaf}") or VALUES.get(leaf)
    values = [make(world)] if make else ends(operation(method, _path(path)).params, leaf)
    for each in values:
        yield _tried(world, method, path, leaf, each)


def _tried(world: World, method: str, path: str, leaf: str, value: Any) -> str:
    name, keys, schema = f"{method} {path} {leaf}", unsupported.segments(leaf), operation(method, _path(path)).params
    id, request = _request(world, name, naming(schema, leaf, value), leaf)
    READ.clear()
    answer = world.raw(method, _path(path, id), form(request), **{"Stripe-Version": API_VERSION})
    said = answer.json()
    if answer.status_code == 400 and said["error"].get("param") == leaf.replace("[]", "[0]"):
        return ""
    if answer.status_code not in (200, 402):
        return f"not tried: {said['error']['message']}"
    if path == "/v1/checkout/sessions":
        said = [said, _paid(world, said["id"])]
    used = leaf.removesuffix("[]") in READ or bears(said, [key for key in keys if key][-1], _at(request, keys))
    return "" if used else "dropped"


def _paid(world: World, session: str) -> Any:
    world.raw("POST", f"/v1/payment_pages/{session}/confirm", "payment_method=pm_card_visa").raise_for_status()
    query = "expand[]=payment_intent&expand[]=subscription&expand[]=line_items.data.price.product"
    return world.raw("GET", f"/v1/checkout/sessions/{session}?{query}").json()


def _only(given: Any, keys: list[str]) -> Any:
    """The request with nothing in it but that one parameter."""
    if not keys:
        return given
    return [_only(given[0], keys[1:])] if keys[0] == "" else {keys[0]: _only(given[keys[0]], keys[1:])}


def _at(given: Any, keys: list[str]) -> Any:
    for key in keys:
        given = given[0] if key == "" else given[key]
    return given


def test_nothing_stands_in_both_tables() -> None:
    for key in unsupported.REFUSED.keys() & unsupported.WITHOUT_EFFECT.keys():
        assert not set(unsupported.REFUSED[key]) & set(unsupported.WITHOUT_EFFECT[key])


LISTED = [
    (method, path, name)
    for table in (unsupported.REFUSED, unsupported.WITHOUT_EFFECT)
    for (method, path), names in table.items()
    for name in names
]


@pytest.mark.parametrize(("method", "path"), dict.fromkeys((method, path) for method, path, _ in LISTED))
def test_the_tables_name_each_parameter_once_and_only_those_there_are(method: str, path: str) -> None:
    assert (method, path) in HANDLERS
    names = [name for *of, name in LISTED if of == [method, path]]
    assert len(set(names)) == len(names)
    known = [leaf for leaf, _ in leaves(operation(method, _path(path)).params)]
    assert [name for name in names if not any(is_listed((name,), leaf) for leaf in known)] == []


def _refused(method: str, path: str) -> list[str]:
    schema = operation(method, _path(path)).params
    names = unsupported.REFUSED[method, path]
    return [leaf for leaf in dict.fromkeys(leaf for leaf, _ in leaves(schema)) if is_listed(names, leaf)]


@pytest.mark.parametrize(("method", "path"), unsupported.REFUSED)
def test_what_is_not_imitated_is_refused_by_name(world: World, method: str, path: str) -> None:
    schema = operation(method, _path(path)).params
    for leaf in _refused(method, path):
        answer = world.raw(method, _path(path), form(naming(schema, leaf)), **{"Stripe-Version": API_VERSION})
        error = answer.json()["error"]
        # The parameter itself, or the one that it is a part of.
        begun = leaf.replace("[]", "[0]").startswith(error["param"])
        said = error["message"] == f"The sandbox does not imitate the parameter {error['param']}."
        assert (answer.status_code, error["type"], said, begun) == (400, "invalid_request_error", True, True), leaf


def test_a_refusal_comes_before_the_idempotency_key_is_used(world: World) -> None:
    refused = world.raw(
        "POST", "/v1/coupons", "percent_off=10&currency_options[usd][amount_off]=1", **{"Idempotency-Key": "once"}
    )
    assert refused.json()["error"]["param"] == "currency_options"
    made = world.raw("POST", "/v1/coupons", "percent_off=10", **{"Idempotency-Key": "once"})
    assert (made.status_code, "Idempotent-Replayed" in made.headers) == (200, False)


def test_what_has_no_effect_is_taken(world: World) -> None:
    hints = "use_stripe_sdk=true&radar_options[session]=rse_1&mandate_data[customer_acceptance][type]=offline"
    answer = world.raw("POST", "/v1/payment_intents", f"amount=2900&currency=eur&{hints}")
    assert answer.status_code == 200


LISTS = [
    (path, leaf)
    for method, path in HANDLERS
    if method == "GET"
    for leaf in _parameters(method, path)
    if leaf not in lists.PAGING and leaf not in ("page", "query")
]


@pytest.fixture(scope="module")
def populated() -> Iterator[World]:
    receiver = Endpoint()
    with running(receiver, webhook_url="") as world:
        populate(world)
        yield world
    receiver.close()


@pytest.mark.parametrize(("path", "leaf"), LISTS)
def test_every_filter_of_a_list_filters(populated: World, path: str, leaf: str) -> None:
    given: Given = {}
    if path == "/v1/customers/{id}/payment_methods":
        path = _path(path, populated.api.customers.list().data[0].id)
    if path == "/v1/subscription_items":
        subscriptions = populated.api.subscriptions.list().data
        given = {"subscription": subscriptions[0].id}
    schema = operation("GET", path).params

    def found(more: Given) -> list[str]:
        answer = populated.raw("GET", f"{path}?{form({**given, **more})}", **{"Stripe-Version": API_VERSION})
        said = answer.json()
        if answer.status_code == 400:
            assert said["error"]["code"] == "resource_missing", said
            return []
        return [each["id"] for each in said["data"]]

    kind = next(inner for name, inner in leaves(schema) if name == leaf)
    values = kind.get("enum") or {"number": [1, 2_000_000_000], "boolean": [True, False]}.get(kind["type"], ["kept"])
    assert any(len(found(naming(schema, leaf, value))) < len(found({})) for value in values if value != "")


LEFT_OUT = [
    (operation.path, hash_, name)
    for operation in spec.every()
    for hash_, schema in operation.params.get("properties", {}).items()
    for name in schema.get(spec.LEFT_OUT, ())
]


def test_everything_that_was_left_out_of_the_description_is_refused_as_not_imitated(world: World) -> None:
    assert len(LEFT_OUT) > 300
    for path, hash_, name in LEFT_OUT:
        needed = "amount=2900&currency=eur" if path == "/v1/payment_intents" else ""
        error = world.raw("POST", _path(path), f"{needed}&{hash_}[{name}][x]=1").json()["error"]
        assert error["message"] == f"The sandbox does not imitate the parameter {hash_}[{name}].", path
        assert error["param"] == f"{hash_}[{name}]"
        also = world.raw("POST", _path(path), f"{needed}&{hash_}[{name}][x]=1&{hash_}[p42][x]=1").json()["error"]
        assert (also["code"], also["message"]) == (
            "parameter_unknown",
            f"Received unknown parameter: {hash_}[p42]",
        )
