"""Who may ask, what may be asked, and how refusals read."""

from __future__ import annotations

import base64

import pytest
import stripe

from tests.sandbox.running import KEY, World

GOOD = "name=x"


def _error(answer: object) -> dict[str, str]:
    body: dict[str, dict[str, str]] = answer.json()  # type: ignore[attr-defined]
    assert list(body["error"]) == sorted(body["error"])
    return body["error"]


def test_a_request_without_a_key_is_refused(world: World) -> None:
    answer = world.http.get("/v1/products")
    assert answer.status_code == 401
    assert _error(answer)["message"].startswith("You did not provide an API key.")
    assert answer.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize("key", ["sk_live_51abcdefghijklmnop", "rk_live_51abcdefghijklmnop", "sk_test_abc", "hello"])
def test_only_test_keys_are_accepted_and_refused_keys_are_not_echoed(world: World, key: str) -> None:
    answer = world.raw("GET", "/v1/products", Authorization=f"Bearer {key}")
    assert answer.status_code == 401
    assert _error(answer)["message"].startswith("Invalid API Key provided: ")
    assert "*" in _error(answer)["message"]
    assert key not in answer.text or len(key) < 6


@pytest.mark.parametrize("key", ["pk_test_abcdefghijkl", "pk_live_abcdefghijkl"])
def test_a_publishable_key_opens_nothing(world: World, key: str) -> None:
    answer = world.raw("GET", "/v1/products", Authorization=f"Bearer {key}")
    error = _error(answer)
    assert (answer.status_code, error["type"], error["code"]) == (401, "invalid_request_error", "secret_key_required")
    assert error["message"].startswith(
        "This API call cannot be made with a publishable API key. Please use a secret API key. "
    )


@pytest.mark.parametrize("key", [KEY, "rk_test_1234567890"])
def test_a_key_may_come_as_basic_authentication(world: World, key: str) -> None:
    basic = base64.b64encode(f"{key}:".encode()).decode()
    assert world.raw("GET", "/v1/products", Authorization=f"Basic {basic}").status_code == 200


def test_an_unknown_address_is_named_in_the_refusal(world: World) -> None:
    answer = world.raw("GET", "/v1/nothing")
    assert answer.status_code == 404
    assert _error(answer)["message"].startswith("Unrecognized request URL (GET: /v1/nothing).")


def test_what_is_not_imitated_says_so_instead_of_pretending(world: World) -> None:
    answer = world.raw("GET", "/v1/charges/search?query=x")
    assert answer.status_code == 501
    assert "does not imitate" in _error(answer)["message"]


@pytest.mark.parametrize(
    ("body", "code", "param", "message"),
    [
        (GOOD + "&colour=red", "parameter_unknown", "colour", "Received unknown parameter: colour"),
        (GOOD + "&a=1&b=2", "parameter_unknown", "a", "Received unknown parameters: a, b"),
        ("active=true", "parameter_missing", "name", "Missing required param: name."),
        ("name=", "parameter_invalid_empty", "name", "You passed an empty string for 'name'."),
        (GOOD + "&active=yes", None, "active", "Invalid boolean: yes"),
        (GOOD + "&images=x", None, "images", "Invalid array"),
        (GOOD + "&metadata=x", None, "metadata", "Invalid object"),
        (GOOD + "&type=thing", None, "type", "Invalid type: must be one of good, or service"),
    ],
)
def test_a_parameter_is_refused_in_stripes_words(
    world: World, body: str, code: str | None, param: str, message: str
) -> None:
    answer = world.raw("POST", "/v1/products", body)
    error = _error(answer)
    assert answer.status_code == 400
    assert (error["type"], error.get("code"), error["param"]) == ("invalid_request_error", code, param)
    assert error["message"].startswith(message)


def test_a_number_must_be_whole_and_its_place_is_named(world: World) -> None:
    body = "mode=payment&success_url=http://x&line_items[0][price]=p&line_items[0][quantity]=two"
    error = _error(world.raw("POST", "/v1/checkout/sessions", body))
    assert (error["code"], error["param"]) == ("parameter_invalid_integer", "line_items[0][quantity]")
    assert error["message"] == "Invalid integer: two"


def test_an_unknown_object_is_404_in_the_path_and_400_as_a_parameter(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as in_path:
        world.api.prices.retrieve("price_x")
    assert (in_path.value.http_status, in_path.value.code, in_path.value.param) == (404, "resource_missing", "price")
    assert in_path.value.user_message == "No such price: 'price_x'"
    with pytest.raises(stripe.InvalidRequestError) as as_parameter:
        world.api.prices.create({"product": "prod_x", "currency": "eur", "unit_amount": 100})
    assert (as_parameter.value.http_status, as_parameter.value.param) == (400, "product")


def test_a_missing_session_is_named_without_quotes(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.checkout.sessions.retrieve("cs_test_x")
    assert refused.value.user_message == "No such checkout.session: cs_test_x"


def test_answers_name_the_version_that_was_asked_for(world: World) -> None:
    assert world.raw("GET", "/v1/products").headers["Stripe-Version"] == "2026-10-28.endive"
    asked = world.raw("GET", "/v1/products", **{"Stripe-Version": "2024-06-20"})
    assert asked.headers["Stripe-Version"] == "2024-06-20"
    assert world.raw("GET", "/v1/products", **{"Stripe-Version": "newest"}).status_code == 400


def test_the_account_can_be_retrieved(world: World) -> None:
    assert world.api.accounts.retrieve_current().charges_enabled


@pytest.mark.parametrize("form", ["expand[]=product", "expand[0]=product", "expand=product&expand=product"])
def test_arrays_are_read_in_each_way_they_are_written(world: World, form: str) -> None:
    price = world.price()
    assert world.raw("GET", f"/v1/prices/{price.id}?{form}").json()["product"]["object"] == "product"


def test_metadata_is_merged_and_empty_values_unset(world: World) -> None:
    product = world.api.products.create({"name": "x", "metadata": {"a": "1", "b": "2", "0": "zero"}})
    changed = world.api.products.update(product.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata.to_dict() == {"b": "2", "c": "3", "0": "zero"}
    assert world.api.products.update(product.id, {"metadata": ""}).metadata.to_dict() == {}


@pytest.mark.parametrize(
    "metadata",
    [{"k" * 41: "v"}, {"k": "v" * 501}, {f"k{n}": "v" for n in range(51)}],
)
def test_metadata_has_stripes_limits(world: World, metadata: dict[str, str]) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Metadata"):
        world.api.products.create({"name": "x", "metadata": metadata})
