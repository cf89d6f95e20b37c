"""Who may ask, what may be asked, and how refusals read."""

from __future__ import annotations

import base64
from typing import Any, NoReturn

import pytest
import stripe

from sandbox.api.operations import HANDLERS
from sandbox.protocol import forms, spec
from tests.sandbox.running import KEY, World

GOOD = "name=x"
FORM = "application/x-www-form-urlencoded"
DIMENSIONS = "".join(f"&package_dimensions[{name}]=1" for name in ("length", "width", "weight"))
DIMENSIONS += "&package_dimensions[height]="


def _error(answer: object) -> dict[str, str]:
    body: dict[str, dict[str, str]] = answer.json()  # type: ignore[attr-defined]
    assert list(body["error"]) == sorted(body["error"])
    return body["error"]


def test_a_request_without_a_key_is_refused(world: World) -> None:
    answer = world.http.get("/v1/products")
    assert answer.status_code == 401
    assert _error(answer)["message"].startswith("You did not provide an API key.")
    assert answer.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    "key",
    [
        "sk_live_51abcdefghijklmnop",
        "rk_live_51abcdefghijklmnop",
        "sk_live_1",
        "sk_test_",
        "sk_test_a b",
        "sk_test",
        "hello",
    ],
)
def test_only_test_keys_are_accepted_and_refused_keys_are_not_echoed(world: World, key: str) -> None:
    answer = world.raw("GET", "/v1/products", Authorization=f"Bearer {key}")
    assert answer.status_code == 401
    assert _error(answer)["message"].startswith("Invalid API Key provided: ")
    assert "*" in _error(answer)["message"]
    assert key not in answer.text
    # Nor by its two ends.
    shown = _error(answer)["message"].removeprefix("Invalid API Key provided: ")
    assert len(shown.replace("*", "")) < len(key)


@pytest.mark.parametrize(
    "key", ["sk_test_1", "sk_test_123", "sk_test_my-shop-key", "rk_test_a-b", "sk_test_" + "x" * 200]
)
def test_a_test_key_may_be_as_short_and_as_dashed_as_people_write_them(world: World, key: str) -> None:
    assert world.raw("GET", "/v1/products", Authorization=f"Bearer {key}").status_code == 200


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


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "You did not provide an API key."),
        ("Bearer", "You did not provide an API key."),
        (f"Token {KEY}", "You did not provide an API key."),
        ("Basic !!!", "You did not provide an API key."),
        ("Basic " + base64.b64encode(b":secret").decode(), "You did not provide an API key."),
        ("Basic " + base64.b64encode(b"sk_live_51abcdefghijkl:").decode(), "Invalid API Key provided: sk_live_****"),
    ],
)
def test_a_header_without_a_usable_key_is_refused(world: World, header: str, message: str) -> None:
    answer = world.raw("GET", "/v1/products", Authorization=header)
    assert answer.status_code == 401
    assert _error(answer)["message"].startswith(message)
    assert answer.headers["Request-Id"].startswith("req_")


def test_an_unknown_address_is_named_in_the_refusal(world: World) -> None:
    answer = world.raw("GET", "/v1/nothing")
    assert answer.status_code == 404
    assert _error(answer)["message"].startswith("Unrecognized request URL (GET: /v1/nothing).")


@pytest.mark.parametrize("path", ["/v1/invoices/upcoming", "/v1/invoices/upcoming/lines"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_word_of_stripes_is_no_id(world: World, method: str, path: str) -> None:
    answer = world.raw(method, path, "customer=cus_1" if method == "POST" else "")
    assert answer.status_code == 404
    assert _error(answer)["message"].startswith(f"Unrecognized request URL ({method}: {path}).")


def test_whatever_is_described_is_carried_out() -> None:
    described = {(method.upper(), path) for path, methods in spec.document()["paths"].items() for method in methods}
    assert described - HANDLERS.keys() == set()


def test_what_is_not_imitated_says_so_instead_of_pretending(world: World) -> None:
    refused = world.raw("POST", "/v1/prices", "currency=eur&product=x&custom_unit_amount[enabled]=true")
    assert refused.status_code == 400
    assert "does not imitate the parameter custom_unit_amount" in _error(refused)["message"]


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
        (GOOD + "&metadata[a][b]=x", None, "metadata[a]", 'Invalid string: {"b"=>"x"}'),
        ("name[first]=x&name[last]=y", None, "name", 'Invalid string: {"first"=>"x", "last"=>"y"}'),
        (GOOD + "&active=", None, "active", "Invalid boolean: "),
        (GOOD + "&images[0][x]=1", None, "images[0]", 'Invalid string: {"x"=>"1"}'),
        (GOOD + "&images[a]=1", None, "images", "Invalid array"),
        (
            GOOD + "&package_dimensions[height]=high",
            "parameter_missing",
            "package_dimensions[length]",
            "Missing required",
        ),
        (GOOD + DIMENSIONS + "high", None, "package_dimensions[height]", "Invalid decimal: high"),
        (GOOD + DIMENSIONS + "nan", None, "package_dimensions[height]", "Invalid decimal: nan"),
        (GOOD + "&default_price_data[x]=1", "parameter_unknown", "default_price_data[x]", "Received unknown parameter"),
        (GOOD + "&a[b=1", None, "a[b", "Invalid parameter name: a[b"),
        (GOOD + "&name[x]=1", None, "name[x]", "Invalid request (check that your POST content is consistent)"),
        (GOOD + "&unit_label=" + "x" * 13, None, "unit_label", "Invalid string: xxxxxxxxxxxxx; must be at most 12 "),
        ("name=" + "x" * 5001, None, "name", f"Invalid string: {'x' * 12}...{'x' * 12}; must be at most 5000 char"),
        (GOOD + "&description=" + "x" * 40_001, None, "description", f"Invalid string: {'x' * 12}...{'x' * 12}; must"),
        (
            GOOD + "&statement_descriptor=" + "X" * 23,
            None,
            "statement_descriptor",
            f"The statement descriptor must be at most 22 characters. {'X' * 23} is 23 characters long.",
        ),
        (GOOD + "&type=thing", None, "type", "Invalid type: must be one of good or service"),
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


@pytest.mark.parametrize(
    ("path", "body", "param", "message"),
    [
        ("/v1/prices", "unit_amount=-1&currency=eur", "unit_amount", "Invalid non-negative integer"),
        ("/v1/prices", "unit_amount=9223372036854775808&currency=eur", "unit_amount", "Invalid integer: 922337203"),
        ("/v1/prices", f"unit_amount={'9' * 5000}&currency=eur", "unit_amount", "Invalid integer: 999"),
        ("/v1/prices", "unit_amount=1.5&currency=eur", "unit_amount", "Invalid integer: 1.5"),
        ("/v1/prices", "unit_amount=%D9%A1&currency=eur", "unit_amount", "Invalid integer: \u0661"),
        ("/v1/payment_intents", "amount=0&currency=eur", "amount", "This value must be greater than or equal to 1."),
        (
            "/v1/coupons",
            "percent_off=5&max_redemptions=0",
            "max_redemptions",
            "This value must be greater than or equa",
        ),
        (
            "/v1/subscriptions",
            "items[0][quantity]=-2",
            "items[0][quantity]",
            "This value must be greater than or equal",
        ),
        (
            "/v1/subscriptions",
            "trial_period_days=731",
            "trial_period_days",
            "This value must be less than or equal to 7",
        ),
        ("/v1/test_helpers/test_clocks", "frozen_time=soon", "frozen_time", "Invalid integer: soon"),
    ],
)
def test_a_number_out_of_bounds_is_refused_before_anything_is_done(
    world: World, path: str, body: str, param: str, message: str
) -> None:
    answer = world.raw("POST", path, body + (f"&product={world.price().product}" if "unit_amount" in body else ""))
    error = _error(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, "parameter_invalid_integer", param)
    assert error["message"].startswith(message)


def test_a_longer_text_is_allowed_where_stripe_allows_it(world: World) -> None:
    assert world.raw("POST", "/v1/products", GOOD + "&description=" + "x" * 40_000).status_code == 200
    body = "evidence[product_description]=" + "x" * 20_000
    assert world.raw("POST", "/v1/disputes/dp_1", body).status_code == 404
    assert world.raw("POST", "/v1/disputes/dp_1", body + "x").status_code == 400
    assert world.raw("POST", "/v1/customers", "name=" + "x" * 256).status_code == 200
    assert world.raw("POST", "/v1/customers", "name=" + "x" * 257).status_code == 400


def test_the_last_of_several_values_counts(world: World) -> None:
    answer = world.raw("POST", "/v1/products?name=a", "name=b&active=true&active=false")
    assert (answer.json()["name"], answer.json()["active"]) == ("b", False)
    assert world.raw("GET", "/v1/products?active=true&active=false").json()["data"][0]["name"] == "b"
    assert world.raw("GET", "/v1/products?created=1&created=2").json()["data"] == []


def test_query_and_body_are_read_together(world: World) -> None:
    answer = world.raw("POST", "/v1/products?metadata[a]=1&expand[]=default_price", GOOD + "&metadata[b]=2")
    assert answer.json()["metadata"] == {"a": "1", "b": "2"}
    bought = world.subscribed()
    item = bought["items"].data[0]
    world.api.subscriptions.update(bought.id, {"items": [{"id": item.id, "quantity": 3}]})
    canceled = world.raw("DELETE", f"/v1/subscriptions/{bought.id}?invoice_now=true", "expand[]=latest_invoice")
    assert canceled.json()["latest_invoice"]["object"] == "invoice"
    assert world.api.invoices.list().data[0].billing_reason == "manual"


def test_a_form_may_come_in_parts(world: World) -> None:
    files: Any = {"name": (None, "x"), "metadata[a]": (None, "1")}
    answer = world.http.post("/v1/products", files=files, headers={"Authorization": f"Bearer {KEY}"})
    assert (answer.json()["name"], answer.json()["metadata"]) == ("x", {"a": "1"})


def _part(name: str, value: str, more: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", _part("name", "x") + "--b--"),
        ("multipart/form-data; boundary=other", _part("name", "x") + "--b--"),
        ("multipart/form-data; boundary=b", "name=x"),
        ("multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=b", _part("name", "x")),
        ("multipart/form-data; boundary=b", _part("name", "x") + _part("active", "true")[:-9]),
        ("multipart/form-data; boundary=b", _part("name", "x" * (2 << 20)) + "--b--"),
        ("multipart/form-data; boundary=b", "".join(_part(f"metadata[{n}]", "x") for n in range(5001)) + "--b--"),
        ("multipart/form-data; boundary=b", _part("name", "x", '; filename="x.txt"') + "--b--"),
        ("multipart/form-data; boundary=", "x"),
        ("multipart/form-data; boundary=" + "b" * 300, "x"),
        (FORM, "name=%zz"),
        (FORM, "name=100%"),
        (FORM, "name=%ff"),
        (FORM, "name=%c3%28"),
        (FORM, "a=1&a[]=2"),
        (FORM, "a[]=1&a=2"),
        (FORM, "a[]=1&a[b]=2"),
        (FORM, "a[b]=1&a[]=2"),
        (FORM, "a[][b]=1&a[]=2"),
        (FORM, "a[]=1&a[][b]=2"),
        (FORM, "a[b]=1&a[b][c]=2&a[b][][d]=3"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_400_and_not_a_500(world: World, kind: str, body: str) -> None:
    answer = world.raw("POST", "/v1/products", body, **{"Content-Type": kind})
    assert (answer.status_code, _error(answer)["type"]) == (400, "invalid_request_error"), answer.text
    assert world.api.products.list().data == []


@pytest.mark.parametrize("kind", [FORM, "application/x-www-form-urlencoded; charset=iso-8859-1"])
def test_a_body_that_is_not_utf_8_is_refused(world: World, kind: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": kind}
    answer = world.http.post("/v1/products", content="name=Grüße".encode("latin-1"), headers=headers)
    assert (answer.status_code, _error(answer)["message"]) == (400, "Invalid request: invalid UTF-8 sequence.")
    assert world.http.post("/v1/products", content="name=Grüße".encode(), headers=headers).json()["name"] == "Grüße"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "application/json",
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded).",
        ),
        ("application/json; charset=utf-8", "Invalid request (check that your POST content type is application/x-www-"),
        ("text/plain; charset=utf-8", "Invalid request: unsupported Content-Type text/plain; charset=utf-8. If error "),
    ],
)
def test_a_body_that_is_no_form_is_refused(world: World, kind: str, message: str) -> None:
    answer = world.raw("POST", "/v1/products", '{"name": "x"}', **{"Content-Type": kind})
    assert answer.status_code == 400
    assert _error(answer)["message"].startswith(message)
    assert "param" not in _error(answer)
    assert world.raw("GET", "/v1/products", **{"Content-Type": kind}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/balance_transactions/txn_1", "/v1/nothing/at/all", "/v1", "/v2/core/events"])
def test_every_address_below_the_api_is_answered_in_stripes_words(world: World, method: str, path: str) -> None:
    answer = world.raw(method, path)
    assert answer.status_code == 404
    assert _error(answer)["message"].startswith(f"Unrecognized request URL ({method}: {path}).")
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Content-Type"] == "application/json"


def test_a_head_request_has_a_status_and_no_body(world: World) -> None:
    answer = world.raw("HEAD", "/v1/products")
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["Request-Id"].startswith("req_")


def test_what_breaks_unexpectedly_is_still_answered_by_the_api(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> NoReturn:
        raise RuntimeError(text)

    monkeypatch.setattr(forms, "decode", broken)
    answer = world.raw("GET", "/v1/products")
    assert (answer.status_code, _error(answer)["type"]) == (500, "api_error")


@pytest.mark.parametrize(
    ("body", "status"), [(b"name=\xff\xfe", 400), (b"name=%ff", 400), (b"name=x&" + b"a=1&" * 5001, 400)]
)
def test_a_body_that_can_hardly_be_read_is_no_failure_of_the_sandbox(world: World, body: bytes, status: int) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = world.http.post("/v1/products", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Request-Id"].startswith("req_")


def test_answers_are_printed_over_several_lines(world: World) -> None:
    answer = world.raw("POST", "/v1/products", GOOD)
    assert answer.text.startswith('{\n  "id": "prod_')
    assert answer.text.endswith("}\n")
    made: dict[str, Any] = answer.json()
    assert (made["livemode"], made["created"] > 1_700_000_000) == (False, True)


def test_an_update_merges_sets_and_unsets_metadata_anywhere(world: World) -> None:
    intent = world.paid(payment_intent_data={"metadata": {"a": "1"}}).payment_intent
    changed = world.raw("POST", f"/v1/payment_intents/{intent}", "metadata[b]=2&metadata[c]=").json()
    assert changed["metadata"] == {"a": "1", "b": "2"}
    assert world.raw("POST", f"/v1/payment_intents/{intent}", "metadata=").json()["metadata"] == {}


def test_metadata_is_counted_after_it_was_merged(world: World) -> None:
    product = world.api.products.create({"name": "x", "metadata": {f"k{n}": "v" for n in range(50)}})
    assert world.api.products.update(product.id, {"metadata": {"k0": "", "more": "v"}}).metadata["more"] == "v"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.products.update(product.id, {"metadata": {"one": "v", "two": "w"}})
    assert refused.value.user_message == "Metadata can have up to 50 keys, but you've set 52."
    assert refused.value.param == "metadata"
