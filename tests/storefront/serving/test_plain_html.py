"""The plain pages: given to newcomers when all sessions are taken, with a form that the sidecar takes as it is."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from sqlmodel import select, update
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from core.catalog.products import Price, Product, ShopText
from core.catalog.promotion_codes import PromotionCode
from core.journeys.carts import Cart, CartLine
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.shop import Shop
from storefront.serving import first_html, plain_html
from storefront.serving.crowd import Crowd
from storefront.serving.while_away import WhileAway
from tests import builders
from tests.fakes import FakeStripe
from tests.storefront.buyer_pages.test_shop import many
from webhook.app import create_app


class Form(HTMLParser):
    """What a browser sends for the form on a page when its button is pressed at once."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action, self.fields = "", dict[str, str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given["action"] or ""
        if tag == "input" and (given["type"] != "radio" or "checked" in given):
            self.fields[given["name"] or ""] = given["value"] or ""


@pytest.fixture
def crowd() -> Crowd:
    crowd = Crowd(most=1)
    crowd.enter()
    return crowd


@pytest.fixture
def browser(shop: Shop, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A browser without scripts, in front of a full shop whose pages are drawn anew each time."""
    monkeypatch.setattr("storefront.process.shop", lambda: shop)
    monkeypatch.setattr(plain_html, "_FRESH", 0)
    pages = first_html.routes(plain_html.PlainPages(shop), crowd, WhileAway(shop))
    app = Starlette(routes=[Mount("/api", app=create_app(shop)), *pages])
    with TestClient(app, follow_redirects=False) as browser:
        yield browser


def test_newcomers_get_plain_html_only_while_all_sessions_are_taken(browser: TestClient, crowd: Crowd) -> None:
    for path in ("/", "/shop", "/product?id=guide", "/product?p=guide"):
        assert 'id="root"' not in browser.get(path).text
    crowd.leave()
    for path in ("/", "/product?id=guide"):
        crowd._on_their_way.clear()
        assert 'id="root"' in browser.get(path).text


def test_who_looks_for_their_cart_or_purchases_is_no_newcomer(browser: TestClient) -> None:
    for path in ("/cart", "/thanks", "/purchases"):
        assert 'id="root"' in browser.get(path).text


def test_a_burst_of_newcomers_fills_the_shop_before_any_is_connected(browser: TestClient, crowd: Crowd) -> None:
    crowd.leave()
    assert 'id="root"' in browser.get("/").text
    assert 'id="root"' not in browser.get("/").text


def test_everything_on_the_shelves_is_on_the_shop_page(browser: TestClient) -> None:
    html = browser.get("/").text
    assert set(re.findall(r'href="/product\?id=([\w-]+)"', html)) == {
        "guide", "kit", "plan", "clinic", "full", "yen", "dinar", "gift",
    }  # fmt: skip
    assert "€29" in html


@pytest.mark.parametrize("product", ["guide", "kit", "plan", "clinic"])
def test_the_form_of_a_product_leads_to_its_payment(
    browser: TestClient, shop: Shop, stripe: FakeStripe, product: str
) -> None:
    form = Form(browser.get(f"/product?id={product}").text)
    answer = browser.post(form.action, data=form.fields, headers={"Origin": "http://testserver"})
    (session,) = stripe.sessions.values()
    assert (answer.status_code, answer.headers["location"]) == (303, session["url"])
    assert builders.detail(shop, builders.rows(shop, Order)[0].id)["lines"][0]["product"] == product


@builders.on_sqlite
def test_what_is_sold_out_has_no_form(browser: TestClient) -> None:
    html = browser.get("/product?id=full").text
    assert "Every place is taken." in html
    assert "<form" not in html


@builders.on_sqlite
def test_what_is_not_there_is_404(browser: TestClient) -> None:
    for address in ("/product", "/product?id=nothing", "/product?id=", "/product?id=<script>"):
        answer = browser.get(address)
        assert answer.status_code == 404
        assert "We can&#x27;t find that product" in answer.text
        assert "<script" not in answer.text


@builders.on_sqlite
def test_what_sellers_write_is_text_and_no_html(browser: TestClient, shop: Shop) -> None:
    evil = "<script>alert(1)</script>"
    with shop.transaction() as session:
        session.exec(update(Product).values(name=evil, summary=evil, description=evil + "\n\n**bold**", facts=evil))
        session.merge(ShopText(key="headline", text=evil))
    for address in ("/", "/product?id=guide"):
        html = browser.get(address).text
        assert evil not in html
        assert "&lt;script&gt;" in html
    assert "<strong>bold</strong>" in html


@builders.on_sqlite
def test_no_heading_stands_above_nothing(browser: TestClient, shop: Shop) -> None:
    for gets, there in (([["key", "A key"]], True), ([], False)):
        with shop.transaction() as session:
            session.exec(update(Product).values(description=" \n", gets=gets))
        assert ("What you get" in browser.get("/product?id=guide").text) is there


@builders.on_sqlite
def test_prices_and_places_are_those_of_this_moment(browser: TestClient, shop: Shop) -> None:
    assert 'max="4"' in browser.get("/product?id=clinic").text
    with shop.transaction() as session:
        session.exec(update(Price).where(Price.id == "guide-eur").values(amount=3500))
    builders.opened(shop, ("clinic-eur", 3))
    assert "€35" in browser.get("/product?id=guide").text
    assert 'max="2"' in browser.get("/product?id=clinic").text


@builders.on_sqlite
def test_many_who_ask_at_once_are_answered_by_one_look(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, crowd: Crowd
) -> None:
    monkeypatch.setattr("storefront.process.shop", lambda: shop)
    seconds = [0.0]
    pages = plain_html.PlainPages(shop, clock=lambda: seconds[0])
    looks = []
    ask = pages._ask
    monkeypatch.setattr(pages, "_ask", lambda: looks.append(1) or ask())

    async def asked() -> None:
        for _ in range(50):
            await pages.shop()
        seconds[0] += 1
        await pages.shop()

    asyncio.run(asked())
    assert len(looks) == 2


def test_what_is_put_in_the_cart_by_form_is_in_the_cart_of_the_pages(browser: TestClient, shop: Shop) -> None:
    form = Form(browser.get("/product?id=guide").text)
    answer = browser.post(form.action, data=form.fields | {"then": "cart"})
    assert (answer.headers["location"], builders.rows(shop, Order)) == ("/cart", [])
    assert [(row.price_id, row.quantity) for row in builders.rows(shop, CartLine)] == [("guide-eur", 1)]


@builders.on_sqlite
def test_no_stranger_learns_of_a_draft(browser: TestClient, shop: Shop) -> None:
    with shop.transaction() as session:
        session.exec(update(Product).where(Product.id == "guide").values(active=False, draft=True))
    for address in ("/product?id=guide", "/p/guide", "/buy/guide"):
        assert browser.get(address).status_code == 404
    for address in ("/", "/?q=guide", "/api/products"):
        assert "Field Guide" not in browser.get(address).text


@builders.on_sqlite
def test_the_form_says_what_is_reduced_and_until_when(browser: TestClient, shop: Shop) -> None:
    ends = shop.now() + timedelta(days=2)
    with shop.transaction() as session:
        session.exec(update(Price).where(Price.id == "guide-eur").values(sale_amount=1900, sale_until=ends))
    for address in ("/product?id=guide", "/buy/guide"):
        html = browser.get(address).text
        assert "€19 <s>€29</s>" in html
        assert "Instead of €29, until 25 November 2026." in html
        assert Form(html).fields["shown"] == "guide-eur:1900"
    assert f'"priceValidUntil": "{ends.isoformat()}"' in browser.get("/p/guide").text


@builders.on_sqlite
def test_a_large_shop_is_searched_and_leafed_through_without_scripts(browser: TestClient, shop: Shop) -> None:
    assert 'role="search"' not in browser.get("/").text
    many(shop, 30)
    first, second = browser.get("/").text, browser.get("/?page=2").text
    assert first.count("<section>") == 24
    assert '<link rel="next" href="http://localhost:8501/?page=2">' in first
    assert '<link rel="prev" href="http://localhost:8501/">' in second
    assert '<link rel="canonical" href="http://localhost:8501/?page=2">' in second
    assert "Product 30" not in first
    found = browser.get("/?q=resume").text
    assert (found.count("<section>"), "1 product matches." in found) == (1, True)
    assert 'content="noindex"' in found
    assert "Nothing here is called so." in browser.get("/?q=%22%3E%3Cscript%3E").text
    assert browser.get("/?page=99999999999999999999").status_code == 200


# -- links that lead straight to the payment page


def test_a_link_leads_by_one_button_to_the_payment_of_what_it_names(
    browser: TestClient, shop: Shop, stripe: FakeStripe
) -> None:
    builders.add_code(shop, "SPRING")
    html = browser.get("/buy/guide?price=guide-eur&quantity=2&code=spring").text
    assert '<p class="sum"><s>€58</s> €43.50</p>' in html
    assert "With the code SPRING." in html
    answer = browser.post("/api/checkout/form", data=Form(html).fields)
    (session,) = stripe.sessions.values()
    assert (answer.status_code, answer.headers["location"]) == (303, session["url"])
    (row,) = builders.rows(shop, Checkout)
    assert row.parameters["line_items"][0]["quantity"] == 2
    assert row.parameters["discounts"] == [{"promotion_code": "promo_SPRING"}]


@builders.on_sqlite
def test_whoever_only_looks_where_a_link_leads_orders_and_holds_nothing(
    browser: TestClient, shop: Shop, stripe: FakeStripe
) -> None:
    for _ in range(3):
        answer = browser.get("/buy/clinic?quantity=4")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert '<meta name="robots" content="noindex">' in answer.text
        assert "set-cookie" not in answer.headers
        assert browser.head("/buy/clinic").status_code == 200
    assert builders.rows(shop, Order) == builders.rows(shop, Cart) == []
    assert stripe.calls == []


@pytest.mark.parametrize(
    ("query", "sentence", "fields"),
    [
        ("price=kit-eur&quantity=2", "price that this link names", {"price": "guide-eur", "quantity": "2"}),
        ("quantity=9", "from 1 to 5 at a time", {"price": "guide-eur", "quantity": "5"}),
        ("quantity=0", "from 1 to 5 at a time", {"quantity": "1"}),
        ("quantity=-%31", "from 1 to 5 at a time", {"quantity": "1"}),
        ("quantity=%D9%A3", "from 1 to 5 at a time", {"quantity": "1"}),
        ("quantity=3&code=%3Cscript%3E", "The code &lt;script&gt; isn&#x27;t one", {"quantity": "3", "code": ""}),
        ("amount=30", "this has a fixed price", {"price": "guide-eur"}),
        ("date=clinic/1", "The date that this link names", {"price": "guide-eur"}),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_of_a_link_does_not_hold_is_said_and_the_rest_is_kept(
    browser: TestClient, query: str, sentence: str, fields: dict[str, str]
) -> None:
    html = browser.get(f"/buy/guide?{query}").text
    assert sentence in html
    assert fields.items() <= Form(html).fields.items()


@pytest.mark.parametrize(
    ("amount", "sentence", "field"),
    [
        ("12,50", "", "12.50"), ("5", "", "5.00"), ("", "", "29.00"), ("4.99", "The link names less than €5", "29.00"),
        ("1250.001", "can&#x27;t be read", "29.00"), ("-7", "can&#x27;t be read", "29.00"),
        ("%D9%A3", "can&#x27;t be read", "29.00"),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_a_link_says_what_is_paid_where_buyers_may_in_the_units_of_the_page(
    browser: TestClient, shop: Shop, amount: str, sentence: str, field: str
) -> None:
    with shop.transaction() as session:
        session.get_one(Price, "guide-eur").minimum = 500
    html = browser.get(f"/buy/guide?quantity=2&amount={amount}").text
    assert sentence in html
    assert Form(html).fields["amount"] == field
    assert "€29 is suggested, €5 is the least." in html
    whole = {"12.50": "€25", "5.00": "€10", "29.00": "€58"}[field]
    assert f'<p class="sum">{whole}</p>' in html


@builders.on_sqlite
def test_a_link_with_a_code_to_what_is_free_names_no_payment_page(browser: TestClient, shop: Shop) -> None:
    builders.add_code(shop, "SPRING")
    for code in ("GONE", "SPRING"):
        html = browser.get(f"/buy/gift?code={code}").text
        assert f"The code {code} isn&#x27;t one that takes something off this, or it has ended." in html
        assert "payment page" not in html


@builders.on_sqlite
def test_a_link_to_a_plan_tells_of_the_code_that_it_is_begun_with(browser: TestClient, shop: Shop) -> None:
    builders.add_code(shop, "HELLO", percent=50)
    with shop.transaction() as session:
        session.get_one(Product, "plan").terms = {"introductory_code": "HELLO"}
    html = browser.get("/buy/plan?price=plan-month").text
    assert "With the code HELLO, for the first payment." in html
    assert "€4.50" in html
    answer = browser.post("/api/checkout/form", data=Form(html).fields)
    assert answer.status_code == 303
    (row,) = builders.rows(shop, Checkout)
    assert row.parameters["discounts"] == [{"promotion_code": "promo_HELLO"}]
    # A link's own code that is none leaves the plan's, beside which the payment page has no field.
    html = browser.get("/buy/plan?price=plan-month&code=GONE").text
    assert "The code GONE isn&#x27;t one that takes something off this, or it has ended." in html
    assert "With the code HELLO, for the first payment." in html
    assert "type it on the payment page" not in html
    assert Form(html).fields["code"] == ""


@builders.on_sqlite
def test_a_link_with_a_code_that_repeats_says_for_how_many_payments(browser: TestClient, shop: Shop) -> None:
    builders.add_code(shop, "HELLO", percent=50)
    with shop.transaction() as session:
        session.exec(select(PromotionCode)).one().months = 3
    assert "With the code HELLO, for the first 3 payments." in browser.get("/buy/plan?price=plan-month&code=HELLO").text
    assert "With the code HELLO, for the first payment." in browser.get("/buy/plan?price=plan-year&code=HELLO").text
    assert "With the code HELLO." in browser.get("/buy/guide?code=HELLO").text


@builders.on_sqlite
def test_a_link_to_what_cannot_be_bought_leads_to_its_page(browser: TestClient) -> None:
    for product in ("full", "old"):
        answer = browser.get(f"/buy/{product}?quantity=1")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/product?id={product}")
    assert browser.get("/buy/nothing").status_code == 404


@builders.on_sqlite
def test_nobody_is_told_of_many_codes(browser: TestClient, shop: Shop) -> None:
    builders.add_code(shop, "SPRING")
    for number in range(20):
        browser.get(f"/buy/guide?code=TRY{number}")
    assert "With the code" not in browser.get("/buy/guide?code=SPRING").text
