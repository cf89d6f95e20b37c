"""Buying by HTTP: where to pay, or why not, in words that a script understands."""

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any

import orjson
import pytest
from anyio import to_thread
from anyio.from_thread import BlockingPortal
from fastapi.dependencies.models import Dependant
from starlette.testclient import TestClient
from starlette.types import Message

from core.foundation import signing
from core.foundation.errors import PermissionMissing, StripeKeyRefused, StripeRefused, StripeUnreachable
from core.orders.orders import Order
from core.owner.needs import attention
from core.rights.consents import Consent
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe
from webhook.app import create_app

GUIDE = [{"price": "guide-eur", "quantity": 1}]


def test_a_basket_becomes_an_order_and_a_page_to_pay(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    body = {"cart_id": "c1", "items": [{"price": "guide-eur", "quantity": 2}], "email": "nora@lindqvist.example"}
    answer = client.post("/checkout", json=body)
    assert answer.status_code == 200
    (session,) = stripe.sessions.values()
    assert answer.json() == {"url": session["url"], "order_id": session["client_reference_id"]}
    assert builders.detail(shop, answer.json()["order_id"])["amount_expected"] == 5800


def test_the_same_cart_gets_the_same_page(shop: Shop, client: TestClient) -> None:
    first = client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})
    assert client.post("/checkout", json={"cart_id": "c1", "items": GUIDE}).json() == first.json()


def test_the_browser_is_remembered_as_the_one_that_bought(shop: Shop, client: TestClient) -> None:
    answer = client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("pushcart_browser=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    browser = signing.in_cookie(shop.signing_key, signing.BROWSER, answer.cookies["pushcart_browser"])
    assert builders.order(shop, answer.json()["order_id"]).browser_id == browser
    client.post("/checkout", json={"cart_id": "c2", "items": GUIDE})
    assert {order.browser_id for order in builders.rows(shop, Order)} == {browser}


@builders.on_sqlite
def test_whatever_asks_the_database_is_one_thing_to_do_in_a_thread(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each there are, threads wait for each other once more."""
    handed_over: list[object] = []
    run_sync = to_thread.run_sync

    async def heard(deed: Callable[..., Any], *given: Any, **named: Any) -> Any:
        handed_over.append(deed)
        return await run_sync(deed, *given, **named)

    monkeypatch.setattr(to_thread, "run_sync", heard)
    for number in range(2):
        assert client.post("/checkout", json={"cart_id": f"c{number}", "items": GUIDE}).status_code == 200
        assert len(handed_over) == number + 1
    form = {"product": "guide", "price": "guide-eur"}
    assert client.post("/checkout/form", data=form, follow_redirects=False).status_code == 303
    assert len(handed_over) == 3


def _asked_for(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    for each in dependant.dependencies:
        yield each.call
        yield from _asked_for(each)


def _dependants(router: Any) -> Iterator[Dependant]:
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from _dependants(route.original_router)
        elif hasattr(route, "dependant"):
            yield route.dependant


def test_what_routes_ask_for_takes_a_thread_only_where_it_asks_the_database() -> None:
    """FastAPI runs whatever is a plain function in one, at each request."""
    found = {call for dependant in _dependants(create_app()) for call in _asked_for(dependant)}
    assert len(found) > 2
    assert {getattr(call, "__qualname__", "") for call in found if not iscoroutinefunction(call)} == {
        "caller_for.<locals>.check"
    }


def test_a_forged_browser_cookie_is_nobodys(shop: Shop, client: TestClient) -> None:
    client.cookies.set("pushcart_browser", "br_somebody_elses")
    answer = client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})
    assert builders.order(shop, answer.json()["order_id"]).browser_id != "br_somebody_elses"


def test_no_metadata_names_a_person(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    client.post("/checkout", json={"cart_id": "c1", "items": GUIDE, "email": "nora@lindqvist.example"})
    ((parameters, _),) = stripe.by_key.values()
    browser = builders.rows(shop, Order)[0].browser_id
    parameters.pop("customer_email")
    assert "nora" not in str(parameters)
    assert browser not in str(parameters)


def test_what_a_buyer_agreed_to_comes_along_and_without_it_nothing_is_agreed_to(shop: Shop, client: TestClient) -> None:
    [asked] = next(each for each in client.get("/products").json() if each["id"] == "guide")["consents"]
    assert (asked["box"], asked["wording"][:18]) == (True, "Deliver it at once")
    body = {"cart_id": "c1", "items": GUIDE}
    for said, given in (({}, False), ({"consents": [asked["version"]]}, True), ({}, True), ({"consents": []}, False)):
        assert client.post("/checkout", json=body | said).status_code == 200
        assert [row.given for row in builders.rows(shop, Consent)] == [given]


BAD = [
    {"cart_id": "c1", "items": GUIDE, "consents": ["x" * 65]},
    {},
    [],
    {"cart_id": "c1"},
    {"cart_id": "c1", "items": []},
    {"cart_id": "", "items": GUIDE},
    {"cart_id": "c" * 65, "items": GUIDE},
    {"cart_id": "c 1", "items": GUIDE},
    {"cart_id": "c1\u0000", "items": GUIDE},
    {"cart_id": 7, "items": GUIDE},
    {"cart_id": "c1", "items": GUIDE, "surprise": 1},
    {"cart_id": "c1", "items": [{"price": "nothing", "quantity": 1}]},
    {"cart_id": "c1", "items": [{"price": "guide\u0000", "quantity": 1}]},
    {"cart_id": "c1", "items": [{"price": "guide-eur", "quantity": 0}]},
    {"cart_id": "c1", "items": [{"price": "guide-eur", "quantity": -1}]},
    {"cart_id": "c1", "items": [{"price": "guide-eur", "quantity": 1.5}]},
    {"cart_id": "c1", "items": [{"price": "guide-eur", "quantity": 6}]},
    {"cart_id": "c1", "items": [{"price": "guide-eur", "quantity": 10**12}]},
    {"cart_id": "c1", "items": [{"price": "guide-eur", "sum": 1}]},
    {"cart_id": "c1", "items": [{"price": "guide-eur"}, {"price": "yen-jpy"}]},
    {"cart_id": "c1", "items": [{"price": "plan-month"}, {"price": "plan-year"}]},
    {"cart_id": "c1", "items": GUIDE, "email": "nora"},
    {"cart_id": "c1", "items": GUIDE, "email": "a@b.c, d@e.f"},
    {"cart_id": "c1", "items": GUIDE, "email": "nora\u0000@lindqvist.example"},
    {"cart_id": "c1", "items": GUIDE, "email": "a" * 250 + "@b.example"},
    {"cart_id": "c1", "items": GUIDE, "email": "x@example..com"},
    {"cart_id": "c1", "items": GUIDE, "email": "name@gmail"},
    {"cart_id": "c1", "items": GUIDE, "again": "perhaps"},
]


def test_what_makes_no_sense_is_answered_400_and_leaves_no_trace(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    for body in BAD:
        answer = client.post("/checkout", json=body)
        assert answer.status_code == 400, body
        assert answer.json()["error"] in ("BadInput", "UnknownPrice", "BadQuantity", "MixedBasket", "AddressUnfit"), (
            body
        )
    assert client.post("/checkout", content=b"{").status_code == 400
    assert client.post("/checkout").status_code == 400
    assert builders.rows(shop, Order) == []
    assert stripe.calls == []


@pytest.mark.parametrize(
    ("price", "error"),
    [
        (
            "full-eur",
            {
                "error": "SoldOut", "product": "full", "left": 0, "date": "full/1",
                "starts_at": "2026-12-01T17:00:00+00:00", "timezone": "UTC",
            },
        ),
        ("old-eur", {"error": "Withdrawn", "product": "old"}),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_cannot_be_had_is_409(shop: Shop, client: TestClient, price: str, error: dict) -> None:
    answer = client.post("/checkout", json={"cart_id": "c1", "items": [{"price": price}]})
    assert (answer.status_code, answer.json()) == (409, error)


def test_a_plan_that_this_browser_has_already_is_409_until_it_is_wanted_again(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    plan = [{"price": "plan-month"}]
    first = client.post("/checkout", json={"cart_id": "c1", "items": plan}).json()
    session_id = builders.session_in(first["url"])
    stripe.pay(session_id)
    builders.deliver(shop, stripe.event("completed", session_id))
    answer = client.post("/checkout", json={"cart_id": "c2", "items": plan})
    assert (answer.status_code, answer.json()) == (
        409, {"error": "PlanHeld", "product": "plan", "order_id": first["order_id"]}
    )  # fmt: skip
    assert client.post("/checkout", json={"cart_id": "c2", "items": plan, "again": True}).status_code == 200


@builders.on_sqlite
def test_a_plan_that_this_browser_has_tried_is_409_until_it_is_wanted_without_a_trial(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    builders.let_try(shop, days=14)
    plan = [{"price": "plan-month"}]
    first = client.post("/checkout", json={"cart_id": "c1", "items": plan}).json()
    tried = builders.session_in(first["url"])
    assert stripe.sessions[tried]["amount_total"] == 0
    stripe.pay(tried)
    builders.deliver(shop, stripe.event("completed", tried))
    answer = client.post("/checkout", json={"cart_id": "c2", "items": plan})
    assert (answer.status_code, answer.json()) == (
        409, {"error": "TrialUsed", "product": "plan", "order_id": first["order_id"]}
    )  # fmt: skip
    wanted = client.post("/checkout", json={"cart_id": "c2", "items": plan, "again": True}).json()
    assert stripe.sessions[builders.session_in(wanted["url"])]["amount_total"] == 900


@builders.on_sqlite
def test_whoever_only_types_an_address_is_not_told_what_its_owner_has(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    builders.bought(shop, stripe, "plan-month")
    body = {"cart_id": "c2", "items": [{"price": "plan-month"}], "email": "nora@lindqvist.example"}
    assert client.post("/checkout", json=body).status_code == 200


def test_a_cart_that_is_paid_is_409(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id = builders.bought(shop, stripe, cart="c1")
    answer = client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})
    assert (answer.status_code, answer.json()["error"], answer.json()["order_id"]) == (409, "AlreadyPaid", order_id)


@builders.on_sqlite
def test_a_cart_whose_money_settles_is_409(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    _, session_id = builders.opened(shop, cart="c1")
    stripe.pay(session_id, slowly=True)
    answer = client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})
    assert (answer.status_code, answer.json()["error"]) == (409, "StillSettling")


@builders.on_sqlite
def test_an_unreachable_stripe_is_503_and_says_when_to_try_again(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    stripe.trouble.append(StripeUnreachable("rate_limit", "Too many requests", "req_1"))
    answer = client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert client.post("/checkout", json={"cart_id": "c1", "items": GUIDE}).status_code == 200


@builders.on_sqlite
def test_a_refusing_stripe_is_502_and_no_reason_to_wait(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    stripe.trouble.append(StripeRefused("parameter_unknown", "Received unknown parameter", "req_1"))
    answer = client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})
    assert answer.status_code == 502
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("refusal", [StripeKeyRefused, PermissionMissing])
def test_a_key_that_is_turned_away_is_503_and_tells_the_buyer_nothing_of_it(
    shop: Shop, stripe: FakeStripe, client: TestClient, refusal: type[StripeKeyRefused]
) -> None:
    stripe.trouble.append(refusal("api_key_expired", "Expired API Key provided: sk_test_****1234", "req_1"))
    answer = client.post("/checkout", json={"cart_id": "c1", "items": GUIDE})
    assert (answer.status_code, answer.json()) == (503, {"error": refusal.__name__})
    assert [(item.topic, item.subject) for item in attention.items(shop)] == [("stripe_key_refused", "checkout")]
    assert client.post("/checkout", json={"cart_id": "c1", "items": GUIDE}).status_code == 200
    assert attention.items(shop) == []


def test_an_item_may_name_its_date_and_without_one_the_date_is_named_in_the_answer(
    shop: Shop, client: TestClient
) -> None:
    builders.add_date(shop, "clinic/2", in_days=24)
    listed = {product["id"]: product for product in client.get("/products").json()}["clinic"]["dates"]
    assert [(date["id"], date["left"], date["timezone"]) for date in listed] == [
        ("clinic/1", 5, "Europe/Copenhagen"),
        ("clinic/2", 5, "Europe/Copenhagen"),
    ]
    for cart, item, date in (("c1", {"date": "clinic/2"}, 1), ("c2", {}, 0)):
        answer = client.post("/checkout", json={"cart_id": cart, "items": [{"price": "clinic-eur", **item}]})
        assert answer.json()["dates"] == [{"id": listed[date]["id"], "starts_at": listed[date]["starts_at"]}]
        assert builders.dates_of(shop, answer.json()["order_id"]) == [listed[date]["id"]]
    assert set(client.post("/checkout", json={"cart_id": "c3", "items": GUIDE}).json()) == {"url", "order_id"}


@builders.on_sqlite
def test_a_date_that_is_none_of_the_products_is_400(shop: Shop, client: TestClient) -> None:
    for item in ({"price": "clinic-eur", "date": "full/1"}, {"price": "guide-eur", "date": "clinic/1"}):
        answer = client.post("/checkout", json={"cart_id": "c1", "items": [item]})
        assert (answer.status_code, answer.json()["error"]) == (400, "UnknownDate")
    answer = client.post("/checkout", json={"cart_id": "c1", "items": [{"price": "clinic-eur", "date": "1; drop"}]})
    assert answer.status_code == 400


@builders.on_sqlite
@pytest.mark.parametrize("path", ["/checkout", "/seats", "/entitlements/lookup", "/owner/uploads"])
def test_a_body_that_no_call_has_is_not_read_to_its_end(client: TestClient, portal: BlockingPortal, path: str) -> None:
    sent, told = [], []

    async def endless() -> Message:
        sent.append(64 * 1024)
        return {"type": "http.request", "body": b" " * sent[-1], "more_body": len(sent) < 1000}

    async def tell(message: Message) -> None:
        told.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "root_path": "", "query_string": b"", "scheme": "http",
        "http_version": "1.1", "headers": [(b"content-type", b"application/json")], "client": ("127.0.0.1", 1),
        "server": ("shop.example", 80),
    }  # fmt: skip
    portal.call(client.app, scope, endless, tell)
    assert told[0]["status"] == 413
    assert orjson.loads(told[1]["body"]) == {"error": "TooLarge", "most_bytes": 1024 * 1024}
    assert sum(sent) <= 1024 * 1024 + sent[0]
