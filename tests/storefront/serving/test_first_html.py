"""The first HTML: what a page says before any script has run, to buyers, to search engines and to whoever shows a link to it."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib  # type: ignore[import-untyped]
import pytest
from PIL import Image
from sqlmodel import update
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from core.catalog.products import UPLOADED, Product, ShopText
from core.foundation import database
from core.foundation.errors import StorageUnreachable
from core.foundation.storage import Storage
from core.shop import Shop
from storefront.serving import addresses, first_html
from storefront.serving.addresses import DeadEnds
from storefront.serving.crowd import Crowd
from storefront.serving.plain_html import PlainPages
from storefront.serving.while_away import WhileAway
from tests import builders
from tests.fakes import FakeStripe
from tests.machine import free_port
from webhook.app import create_app

pytestmark = builders.on_sqlite

PAGES = (
    "/",
    "/p/guide",
    "/product?id=clinic",
    "/terms",
    "/imprint",
    "/cart",
    "/owner",
    "/p/nothing",
    "/nowhere",
    "/buy/guide?code=NO",
    "/buy/plan",
)


@pytest.fixture
def browser(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A browser that runs no scripts."""
    monkeypatch.setattr("storefront.process.shop", lambda: shop)
    with shop.transaction() as session:
        session.merge(ShopText(key="terms", text="## All sales\n\nare *final*."))
        session.merge(ShopText(key="intro", text="Books & tools"))
    plain, closed, sidecar = PlainPages(shop), WhileAway(shop), create_app(shop)
    routes: list[BaseRoute] = [
        Mount("/api", app=sidecar),
        *addresses.of_letters(sidecar),
        *first_html.routes(plain, Crowd(most=0), closed),
        *addresses.routes(shop, plain, closed),
    ]
    streamlit = Route("/{rest:path}", lambda _: PlainTextResponse("Streamlit"))
    app = Starlette(routes=[*routes, streamlit], middleware=[Middleware(DeadEnds, known=routes, plain=plain)])
    with TestClient(app, follow_redirects=False) as browser:
        yield browser


def parsed(html: str) -> Element:
    """The document, in which nothing is amiss."""
    found: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    return found


def told(page: Element) -> dict[str, str]:
    """What the head says, by its names."""
    return {each.get("name") or each.get("property") or "": each.get("content", "") for each in page.iter("meta")} | {
        each.get("rel", ""): each.get("href", "") for each in page.iter("link")
    }


def data(page: Element) -> list[dict[str, Any]]:
    scripts = [each.text for each in page.iter("script") if each.get("type") == "application/ld+json"]
    return [json.loads(text or "") for text in scripts]


def text_of(page: Element) -> str:
    """What stands on it, scripts and styles aside."""
    for each in page.iter():
        if each.tag in ("script", "style"):
            each.text = ""
    return " ".join("".join(page.itertext()).split())


@pytest.mark.parametrize("address", PAGES)
def test_each_page_is_sound_html_without_a_word_of_streamlit_s(browser: TestClient, address: str) -> None:
    html = browser.get(address).text
    page = parsed(html)
    assert (page.findtext("head/title") or "").endswith("Shop")
    assert "treamlit" not in text_of(page)
    assert not re.search(r'(src|href)="\./', html), "it may be asked for below any address"


def test_a_product_is_told_whole(browser: TestClient, shop: Shop) -> None:
    name, summary = "Guide", "All that is known."
    with shop.transaction() as session:
        session.exec(update(Product).where(Product.id == "guide").values(name=name, summary=summary))
    page = parsed(browser.get("/p/guide").text)
    url, head = f"{shop.settings.public_url}/p/guide", told(page)
    assert page.findtext("head/title") == f"{name} · Shop"
    assert (head["canonical"], head["og:url"], head["og:title"]) == (url, url, name)
    assert head["description"] == head["og:description"] == head["twitter:description"] == summary
    assert (head["og:image:width"], head["og:image:height"], head["twitter:card"]) == (
        "1200",
        "630",
        "summary_large_image",
    )
    assert head["og:image"] == head["twitter:image"]
    [product] = data(page)
    assert (product["@type"], product["name"], product["offers"][0]["price"]) == ("Product", name, "29.00")
    assert product["offers"][0]["availability"] == "https://schema.org/InStock"
    assert all(each in text_of(page) for each in (name, summary, "€29", "Buy now", "Add to cart"))


def test_a_link_to_it_is_shown_with_its_cover(browser: TestClient) -> None:
    for address in ("/p/guide", "/"):
        where = told(parsed(browser.get(address).text))["og:image"]
        answer = browser.get(urlsplit(where).path)
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(answer.content)).size == (1200, 630)
    assert browser.get("/share/nothing.png").status_code == 404


@pytest.mark.parametrize("image", ["covers/gone.svg", "", "pictures/0/gone.png"])
def test_a_product_without_a_picture_is_shown_by_its_name(browser: TestClient, shop: Shop, image: str) -> None:
    with shop.transaction() as session:
        session.exec(update(Product).where(Product.id == "guide").values(image=image, name="A guide " * 12))
    found = Image.open(io.BytesIO(browser.get("/share/guide.png").content))
    assert len(found.getcolors(1 << 20) or ()) > 2, "there is writing on it"


def test_while_its_cover_cannot_be_had_nothing_else_is_shown_for_long(
    browser: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_storage: Storage, _key: str) -> bytes:
        raise StorageUnreachable(said="TimeoutError")

    key = f"{UPLOADED}{'0' * 64}/cover.png"
    with shop.transaction() as session:
        session.exec(update(Product).where(Product.id == "guide").values(image=key))
    with monkeypatch.context() as away:
        away.setattr(Storage, "read", silent)
        answer = browser.get("/share/guide.png")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert browser.get("/share/guide.png").status_code == 200


def test_each_date_of_a_workshop_is_an_event(browser: TestClient) -> None:
    product, *events = data(parsed(browser.get("/p/clinic").text))
    assert product["@type"] == "Product"
    assert events
    assert all(each["@type"] == "Event" and each["startDate"] < each["endDate"] for each in events)
    assert data(parsed(browser.get("/p/full").text))[0]["offers"][0]["availability"] == "https://schema.org/SoldOut"


def test_what_sellers_write_ends_no_script_and_no_tag(browser: TestClient, shop: Shop) -> None:
    evil = '</script><script>alert(1)</script>"><b>'
    with shop.transaction() as session:
        session.exec(update(Product).where(Product.id == "guide").values(name=evil, summary=evil, image_alt=evil))
    html = browser.get("/p/guide").text
    assert "alert(1)</script>" not in html
    assert data(parsed(html))[0]["name"] == evil


def test_texts_of_the_seller_s_are_pages_of_their_own(browser: TestClient, shop: Shop) -> None:
    page = parsed(browser.get("/terms").text)
    assert "All sales are final." in text_of(page)
    assert told(page)["canonical"] == f"{shop.settings.public_url}/terms"


def test_what_only_a_script_can_show_says_so_and_is_not_searched(browser: TestClient) -> None:
    for address in ("/cart", "/purchases", "/owner-orders"):
        html = browser.get(address).text
        assert told(parsed(html))["robots"] == "noindex"
        assert re.search("<noscript>.*JavaScript.*</noscript>", html)


@pytest.mark.parametrize(
    "address",
    [
        "/p/nothing", "/product?id=nothing", "/product", "/nowhere", "/cart/more", "/static/x.js", "/p/%00",
        "/order/%2E%2E/x", "/%2E%2E/x", "/C:/x",
        "/_stcore/nope", "/_stcore/agent/openapi.json",
        "/order/x/y", "/ticket/x/y", "/ticket/x/y/z", "/join/x/y", "/waiting/x/y", "/waiting/",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404_with_a_way_on(browser: TestClient, address: str) -> None:
    answer = browser.get(address)
    assert answer.status_code == 404
    assert 'href="/">See everything in the shop' in answer.text
    assert 'id="root"' not in answer.text


def test_what_the_interface_refuses_is_json_whoever_refuses_it(browser: TestClient) -> None:
    for method, address, refused in (
        ("GET", "/api/%00", (400, "BadInput")),
        ("POST", "/api/checkout%00", (400, "BadInput")),
        ("GET", "/api/downloads/%2E%2E%2Fx", (400, "BadInput")),
        ("GET", "/api/nowhere", (404, "NotFound")),
        ("GET", "/api/", (404, "NotFound")),
        ("GET", "/api", (404, "NotFound")),
        ("POST", "/api", (404, "NotFound")),
        ("DELETE", "/api/products", (405, "MethodNotAllowed")),
        ("GET", f"/api/pictures/{'0' * 64}/none.png", (404, "NotFound")),
    ):
        answer = browser.request(method, address)
        assert (answer.status_code, answer.json()) == (refused[0], {"error": refused[1]}), address
    assert browser.delete("/api/products").headers["allow"] == "GET"
    broken = browser.post("/api/licenses/validate", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert broken.status_code in range(400, 500)
    assert broken.headers["content-type"] == "application/json"


def test_an_address_of_a_letter_leads_there_with_a_slash_behind_it_as_well(browser: TestClient) -> None:
    for address in ("/order/x", "/ticket/x", "/ticket/x/workshop.ics", "/join/x", "/waiting/x"):
        assert browser.get(address).text != "Streamlit"
        # Streamlit sends whoever asks so to the address without it.
        assert browser.get(f"{address}/").text == "Streamlit"


def test_who_follows_a_link_of_the_interface_that_does_not_open_reads_why(browser: TestClient) -> None:
    as_browsers_ask = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for address, status, leads_to in (
        ("/api/account/data.json", 403, "/purchases"),
        ("/api/owner/orders.csv", 403, "/owner"),
        ("/api/owner/evidence/ord_1", 403, "/owner"),
        ("/api/nowhere", 404, ""),
        ("/api/owner/accounts/nothing.csv", 400, "/owner"),
    ):
        answer = browser.get(address, headers=as_browsers_ask)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8"), address
        assert f'href="http://localhost:8501{leads_to}"' in answer.text, address
        assert answer.headers["cache-control"] == "private, no-store"
        assert browser.get(address).headers["content-type"] == "application/json"
    assert browser.post("/api/checkout", headers=as_browsers_ask).headers["content-type"] == "application/json"


def test_streamlit_answers_for_its_own_addresses_alone(browser: TestClient) -> None:
    for address in ("/_stcore/health", "/_stcore/host-config", "/media/x.png", "/cart/", "/oauth2callback"):
        assert browser.get(address).text == "Streamlit"


def test_a_contract_is_withdrawn_from_without_a_script_as_well(browser: TestClient) -> None:
    html = browser.get("/withdraw", params={"order": 'SH-1001"'}).text
    (address,) = re.findall(r'<noscript>.*?<a href="(/api/withdraw[^"]*)">Withdraw from contract here</a>', html)
    assert address == "/api/withdraw?order=SH-1001%22"
    form = browser.get(address).text
    assert 'value="SH-1001&#34;"' in form
    assert "<form method" in form


def test_search_engines_find_what_may_be_found(browser: TestClient, shop: Shop) -> None:
    robots = browser.get("/robots.txt").text
    assert f"Sitemap: {shop.settings.public_url}/sitemap.xml" in robots
    assert "Disallow: /owner" in robots
    found = re.findall("<loc>([^<]*)</loc>", browser.get("/sitemap.xml").text)
    paths = [urlsplit(each).path for each in found]
    assert {"/", "/p/guide", "/p/clinic", "/terms"} <= set(paths)
    assert all(browser.get(path).status_code == 200 for path in paths)


def test_the_icon_is_one(browser: TestClient) -> None:
    icon = Image.open(io.BytesIO(browser.get("/favicon.ico").content))
    assert icon.format == "ICO"


def test_a_product_off_the_shelves_keeps_its_page(browser: TestClient, shop: Shop) -> None:
    with shop.transaction() as session:
        session.exec(update(Product).where(Product.id == "guide").values(active=False))
    answer = browser.get("/p/guide")
    assert (answer.status_code, "This is no longer for sale." in answer.text) == (200, True)
    assert browser.get("/share/guide.png").status_code == 200


def test_the_form_puts_in_the_cart_as_well(browser: TestClient, stripe: FakeStripe) -> None:
    page = parsed(browser.get("/p/guide").text)
    fields = {
        each.get("name", ""): each.get("value", "") for each in page.iter("input") if each.get("type") == "hidden"
    }
    [button] = [each for each in page.iter("button") if each.text == "Add to cart"]
    answer = browser.post("/api/checkout/form", data=fields | {button.get("name", ""): button.get("value", "")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/cart")
    assert not stripe.sessions


def test_it_goes_out_packed(browser: TestClient) -> None:
    for address in ("/", "/nowhere"):
        assert browser.get(address).headers["content-encoding"] == "gzip"
        assert "content-encoding" not in browser.get(address, headers={"Accept-Encoding": "identity"}).headers


def test_while_the_database_is_away_every_page_says_so_and_asks_again(
    browser: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = database.connect(f"postgresql://127.0.0.1:{free_port()}/shop")
    monkeypatch.setattr(Shop, "reading", lambda _: database.reading(engine))
    for address in ("/", "/p/guide", "/cart", "/terms"):
        answer = browser.get(address)
        page = parsed(answer.text)
        assert (answer.status_code, [each.get("http-equiv") for each in page.iter("meta")].count("refresh")) == (503, 1)
        assert "We'll be right back" in text_of(page)
    for address in ("/sitemap.xml", "/favicon.ico", "/apple-touch-icon.png", "/share.png", "/share/guide.png"):
        assert browser.get(address).status_code == 503, address
        assert browser.get(address).headers["retry-after"] == "5"
    assert browser.get("/robots.txt").status_code == 200
    assert browser.get("/nowhere").status_code == 404
    engine.dispose()
