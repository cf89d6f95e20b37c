"""Signing in and out: a ticket becomes a cookie, a forged one is nobody, and the end comes on the server."""

from dataclasses import replace

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from starlette.testclient import TestClient

from core.foundation import signing
from core.people import sign_in
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from webhook.app import create_app

NORA = "nora@lindqvist.example"


BROWSER = "br_1"


@pytest.fixture
def client(shop: Shop, client: TestClient) -> TestClient:
    """A browser that has seen a page of the shop."""
    return on_its_browser(shop, client)


def on_its_browser(shop: Shop, client: TestClient, browser: str = BROWSER) -> TestClient:
    client.cookies.set(signing.BROWSER_COOKIE, signing.sign(shop.signing_key, signing.BROWSER, browser))
    return client


def a_ticket(shop: Shop) -> str:
    """A ticket of somebody who has shown that the address is theirs, as it stands in an address."""
    with shop.transaction() as session:
        ticket = sign_in.begin(session, shop, NORA)
    return sign_in.handed_to(shop, ticket, BROWSER)


def who(shop: Shop, client: TestClient) -> str | None:
    """Whom a page would take this browser for."""
    cookie = client.cookies.get("pushcart_sign_in")
    sign_in_id = signing.in_cookie(shop.signing_key, signing.SIGN_IN, cookie)
    with shop.reading() as session:
        return sign_in.who(session, sign_in_id, now=shop.now())


def test_a_ticket_becomes_a_cookie_that_no_script_can_read(shop: Shop, client: TestClient) -> None:
    answer = client.get(f"/sign-in/{a_ticket(shop)}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/purchases")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/", "max-age="))
    assert who(shop, client) == NORA


@pytest.mark.parametrize(("address", "secure"), [("https://shop.example", True), ("http://localhost:8501", False)])
@builders.on_sqlite
def test_where_the_shop_is_encrypted_its_cookies_go_no_other_way(
    shop: Shop, client: TestClient, address: str, secure: bool
) -> None:
    encrypted = replace(shop, settings=shop.settings.model_copy(update={"app_url": address}))
    browser = on_its_browser(shop, TestClient(create_app(encrypted), follow_redirects=False))
    answer = browser.get(f"/sign-in/{a_ticket(shop)}")
    assert ("; secure" in answer.headers["set-cookie"].lower()) is secure


def test_an_address_that_signs_in_does_so_on_its_own_browser_alone(shop: Shop, client: TestClient) -> None:
    address = f"/sign-in/{a_ticket(shop)}"
    # As whoever reads it in the log of a proxy, or is led to it by somebody who wants them to buy for another's account.
    for browser in ("", "br_2"):
        other = TestClient(create_app(shop), follow_redirects=False)
        answer = (on_its_browser(shop, other, browser) if browser else other).get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/purchases")
        assert "set-cookie" not in answer.headers
    with shop.transaction() as session:
        unbound = sign_in.begin(session, shop, NORA)
    for ticket in (unbound, sign_in.handed_to(shop, unbound, "")):
        assert "set-cookie" not in client.get(f"/sign-in/{ticket}").headers
        assert "set-cookie" not in TestClient(create_app(shop)).get(f"/sign-in/{ticket}").headers
    client.get(address)
    assert who(shop, client) == NORA


def test_signing_out_ends_it_on_the_server(shop: Shop, client: TestClient) -> None:
    client.get(f"/sign-in/{a_ticket(shop)}")
    copy = client.cookies["pushcart_sign_in"]
    answer = client.get("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "pushcart_sign_in" not in client.cookies
    client.cookies.set("pushcart_sign_in", copy)
    assert who(shop, client) is None


def test_a_ticket_of_somebody_who_signed_out_lets_nobody_in(shop: Shop, client: TestClient) -> None:
    ticket = a_ticket(shop)
    client.get(f"/sign-in/{ticket}")
    client.get("/sign-out")
    assert "set-cookie" not in client.get(f"/sign-in/{ticket}").headers


@pytest.mark.parametrize("forged", ["", "nora@lindqvist.example", "in_1", "eyJ.x.y", "\u00e9"])
@builders.on_sqlite
def test_a_forged_cookie_is_nobody(shop: Shop, forged: str) -> None:
    assert signing.in_cookie(shop.signing_key, signing.SIGN_IN, forged) == ""


@builders.on_sqlite
def test_an_edited_or_borrowed_cookie_is_nobody(shop: Shop, client: TestClient) -> None:
    client.get(f"/sign-in/{a_ticket(shop)}")
    real = client.cookies["pushcart_sign_in"]
    borrowed = signing.sign(shop.signing_key, signing.BROWSER, signing.read(shop.signing_key, signing.SIGN_IN, real))
    for cookie in (real[:-1], "A" + real[1:], borrowed, signing.sign("x" * 16, signing.SIGN_IN, "in_1")):
        client.cookies.clear()
        client.cookies.set("pushcart_sign_in", cookie)
        assert who(shop, client) is None


def test_a_sign_in_ends_by_itself_after_months(shop: Shop, client: TestClient, clock: Clock) -> None:
    client.get(f"/sign-in/{a_ticket(shop)}")
    clock.pass_(days=89)
    assert who(shop, client) == NORA
    clock.pass_(days=2)
    assert who(shop, client) is None


@pytest.mark.parametrize("ticket", ["nonsense", "e30.x.y"])
@builders.on_sqlite
def test_a_ticket_that_is_no_good_leads_back_to_where_one_is_made(shop: Shop, client: TestClient, ticket: str) -> None:
    answer = client.get(f"/sign-in/{ticket}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/purchases")
    assert "set-cookie" not in answer.headers


@builders.on_sqlite
def test_a_ticket_works_for_two_minutes(shop: Shop, client: TestClient) -> None:
    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - 121

    with shop.transaction() as session:
        ticket = sign_in.begin(session, shop, NORA)
    sign_in_id = signing.read(shop.signing_key, signing.TICKET, ticket)
    late = URLSafeTimedSerializer(shop.signing_key, salt="pushcart.ticket", signer=Earlier).dumps(sign_in_id)
    assert "set-cookie" not in client.get(f"/sign-in/{sign_in.handed_to(shop, late, BROWSER)}").headers
    handed = URLSafeTimedSerializer(shop.signing_key, salt="pushcart.entrance", signer=Earlier).dumps([ticket, BROWSER])
    assert "set-cookie" not in client.get(f"/sign-in/{handed}").headers


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "@evil.example",
     "", " //evil.example"],
)  # fmt: skip
@builders.on_sqlite
def test_nobody_is_sent_on_to_another_site(shop: Shop, client: TestClient, elsewhere: str) -> None:
    for path in (f"/sign-in/{a_ticket(shop)}", "/sign-out"):
        answer = client.get(path, params={"next": elsewhere})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


@builders.on_sqlite
def test_people_are_sent_on_to_where_they_were(shop: Shop, client: TestClient) -> None:
    answer = client.get(f"/sign-in/{a_ticket(shop)}", params={"next": "/thanks?session_id=cs_1"})
    assert answer.headers["location"] == "/thanks?session_id=cs_1"


@builders.on_sqlite
@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False)])
def test_a_cookie_travels_encrypted_alone_where_the_shop_does(shop: Shop, scheme: str, secure: bool) -> None:
    settings = shop.settings.model_copy(update={"app_url": f"{scheme}://shop.berg-and-sons.com"})
    client = on_its_browser(shop, TestClient(create_app(replace(shop, settings=settings)), follow_redirects=False))
    cookies = [
        client.get(f"/sign-in/{a_ticket(shop)}").headers["set-cookie"],
        client.post("/checkout", json={"cart_id": "c1", "items": [{"price": "guide-eur"}]}).headers["set-cookie"],
    ]
    assert ["secure" in cookie.lower().split("; ") for cookie in cookies] == [secure, secure]
