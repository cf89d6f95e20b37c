from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from sandbox.account.account import Account
from sandbox.account.settings import Settings
from sandbox.api import idempotency
from sandbox.ground.errors import StripeError
from tests.sandbox.running import World


def _post(world: World, body: str, key: str, path: str = "/v1/products") -> tuple[int, str, bool]:
    answer = world.raw("POST", path, body, **{"Idempotency-Key": key})
    assert answer.headers.get("Idempotency-Key", key) == key
    return answer.status_code, answer.text, answer.headers.get("Idempotent-Replayed") == "true"


def test_a_repeated_key_gets_the_same_bytes_and_changes_nothing(world: World) -> None:
    first = _post(world, "name=x&metadata[a]=1&metadata[b]=2", "k1")
    again = _post(world, "metadata[b]=2&metadata[a]=1&name=x", "k1")
    assert (first[2], again[2]) == (False, True)
    assert first[:2] == again[:2]
    assert len(world.api.products.list().data) == 1


def test_a_key_cannot_be_used_for_anything_else(world: World) -> None:
    _post(world, "name=x", "k1")
    for body, path in (("name=y", "/v1/products"), ("name=x", "/v1/customers")):
        status, text, _ = _post(world, body, "k1", path)
        assert status == 400
        assert '"idempotency_error"' in text
        assert "Try using a key other than 'k1'" in text


def test_refused_parameters_leave_the_key_free_but_later_refusals_are_kept(world: World) -> None:
    assert _post(world, "colour=red", "k1")[0] == 400
    assert _post(world, "name=x", "k1")[0] == 200
    refused = _post(world, "product=prod_x&currency=eur&unit_amount=100", "k2", "/v1/prices")
    again = _post(world, "product=prod_x&currency=eur&unit_amount=100", "k2", "/v1/prices")
    assert (refused[0], refused[2], again[2]) == (400, False, True)


def test_a_declined_payment_is_declined_again_under_its_key(world: World) -> None:
    body = "amount=1000&currency=eur&confirm=true&payment_method=pm_card_chargeDeclined"
    assert _post(world, body, "k1", "/v1/payment_intents")[0] == 402
    assert _post(world, body, "k1", "/v1/payment_intents")[2]
    assert world.kinds().count("charge.failed") == 1


def test_a_500_after_the_work_is_repeated_under_its_key(world: World) -> None:
    world.faults(api="500_after", api_next=1)
    assert _post(world, "name=x", "k1")[0] == 500
    assert _post(world, "name=x", "k1")[::2] == (500, True)
    assert [p.name for p in world.api.products.list().data] == ["x"]


@pytest.mark.parametrize("fault", ["429", "500_before"])
def test_a_request_that_was_never_begun_can_be_repeated(world: World, fault: str) -> None:
    world.faults(api=fault, api_next=1)
    assert _post(world, "name=x", "k1")[0] == int(fault[:3])
    assert _post(world, "name=x", "k1")[::2] == (200, False)


def test_a_key_in_use_is_a_conflict_that_is_not_kept(world: World) -> None:
    world.faults(api_seconds=0.5)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _post(world, "name=x", "k1"), range(4)))
    world.faults(api_seconds=0)
    assert sorted({status for status, _, _ in answers}) == [200, 409]
    assert all('"idempotency_key_in_use"' in text for status, text, _ in answers if status == 409)
    assert _post(world, "name=x", "k1")[::2] == (200, True)
    assert len(world.api.products.list().data) == 1


def test_a_request_that_expands_may_be_repeated_and_one_that_expands_more_is_another(world: World) -> None:
    sent = "name=x&expand[]=default_price"
    first, again = (world.raw("POST", "/v1/products", sent, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, again.content) == (200, first.content)
    other = world.raw("POST", "/v1/products", "name=x", **{"Idempotency-Key": "k1"})
    assert other.json()["error"]["type"] == "idempotency_error"


def test_keys_are_ignored_on_get(world: World) -> None:
    for _ in range(2):
        answer = world.raw("GET", "/v1/products", **{"Idempotency-Key": "k1"})
        assert "Idempotent-Replayed" not in answer.headers


def test_a_key_is_forgotten_after_a_day() -> None:
    account = Account(Settings(data=":memory:"), {})
    keys = idempotency.Keys(account)
    assert keys.claim("k1", "/v1/x", {"a": 1}) is None
    keys.keep("k1", idempotency.Answer(200, b"{}", "req_1"))
    keys.release("k1")
    assert keys.claim("k1", "/v1/x", {"a": 1})
    account.clock.ahead = idempotency.KEPT_SECONDS + 1
    assert keys.claim("k1", "/v1/x", {"a": 2}) is None


def test_a_key_has_at_most_255_characters() -> None:
    keys = idempotency.Keys(Account(Settings(data=":memory:"), {}))
    with pytest.raises(StripeError, match="255"):
        keys.claim("k" * 256, "/v1/x", {})


def test_the_sdk_sees_the_errors_as_its_own(world: World) -> None:
    options = {"idempotency_key": "k1"}
    world.api.products.create({"name": "x"}, options)
    with pytest.raises(stripe.IdempotencyError):
        world.api.products.create({"name": "y"}, options)


def _headers(world: World, body: str, path: str = "/v1/products") -> dict[str, str]:
    answer = world.raw("POST", path, body, **{"Idempotency-Key": "k1"})
    names = ("Idempotency-Key", "Original-Request", "Idempotent-Replayed", "Stripe-Should-Retry", "Request-Id")
    return {name: answer.headers[name] for name in names if name in answer.headers}


def test_an_answer_says_which_request_it_was_made_for(world: World) -> None:
    first, again = _headers(world, "name=x"), _headers(world, "name=x")
    assert first["Original-Request"] == first["Request-Id"] == again["Original-Request"] != again["Request-Id"]
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert "Stripe-Should-Retry" not in again


def test_trying_again_is_discouraged_once_a_refusal_is_kept(world: World) -> None:
    for _ in range(2):
        headers = _headers(world, "product=prod_x&currency=eur&unit_amount=100", "/v1/prices")
        assert headers["Stripe-Should-Retry"] == "false"


def test_a_refused_parameter_names_the_key_and_does_not_discourage(world: World) -> None:
    refused = _headers(world, "colour=red")
    assert (refused["Idempotency-Key"], refused["Original-Request"]) == ("k1", refused["Request-Id"])
    assert "Stripe-Should-Retry" not in refused
    assert "Original-Request" not in world.raw("POST", "/v1/products", "name=x").headers


def test_a_key_in_use_invites_to_try_again(world: World) -> None:
    world.faults(api_seconds=0.5)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _headers(world, "name=x"), range(4)))
    world.faults(api_seconds=0)
    assert {answer.get("Stripe-Should-Retry") for answer in answers} == {"true", None}


def test_bytes_are_repeated_in_the_version_they_were_made_in(world: World) -> None:
    headers = {"Idempotency-Key": "k1", "Stripe-Version": "2020-08-27"}
    first, again = (world.raw("POST", "/v1/payment_intents", "amount=1000&currency=eur", **headers) for _ in range(2))
    assert "charges" in first.json()
    assert first.content == again.content
