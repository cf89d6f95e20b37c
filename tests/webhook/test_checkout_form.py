"""Buying by a form of plain HTML: the browser goes to pay, or reads why not."""

import html
import re

import pytest
from sqlmodel import update
from starlette.testclient import TestClient

from core.catalog.products import Price
from core.foundation import signing
from core.foundation.errors import StripeRefused, StripeUnreachable
from core.journeys import carts
from core.journeys.carts import CartView
from core.orders.checkouts import Checkout
from core.orders.orders import Order, OrderLine
from core.rights.consents import Consent
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe

FORM = "/checkout/form"
GUIDE = {"product": "guide", "price": "guide-eur", "quantity": "2"}
CLINIC = {"product": "clinic", "price": "clinic-eur", "quantity": "", "date": "clinic/1"}
PLAN = {"product": "plan", "price": "plan-month"}


def browser_of(shop: Shop, client: TestClient) -> str:
    return signing.in_cookie(shop.signing_key, signing.BROWSER, client.cookies.get(signing.BROWSER_COOKIE))


def fields_of(page: str) -> list[tuple[str, str]]:
    """What the form on a page sends, as it stands there."""
    return re.findall(
        r'<input type="(?:hidden|text|number)" name="(\w+)" value="([^"]*)"', page.partition("</form>")[0]
    )


def cart_of(shop: Shop, client: TestClient) -> CartView:
    with shop.reading() as session:
        return carts.view(session, browser_of(shop, client), now=shop.now())


def test_a_form_leads_to_the_payment_page(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    answer = client.post(FORM, data=GUIDE)
    (session,) = stripe.sessions.values()
    assert (answer.status_code, answer.headers["location"]) == (303, session["url"])
    (order,) = builders.rows(shop, Order)
    assert (order.id, order.amount_expected) == (session["client_reference_id"], 5800)
    assert order.browser_id == browser_of(shop, client)


@pytest.mark.parametrize("ticked", [True, False])
def test_the_boxes_that_were_ticked_are_kept(shop: Shop, client: TestClient, ticked: bool) -> None:
    service, renewal = next(each for each in client.get("/products").json() if each["id"] == "plan")["consents"]
    agreed = [renewal["version"], service["version"]] if ticked else [renewal["version"]]
    client.post(FORM, data={**PLAN, "consent": agreed})
    assert {row.clause: row.given for row in builders.rows(shop, Consent)} == {"service": ticked, "renewal": True}


def test_what_is_bought_at_once_leaves_the_cart_as_it_was(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    client.post(FORM, data={"product": "kit", "price": "kit-eur", "then": "cart"})
    client.post(FORM, data=GUIDE)
    assert [line.price.id for line in cart_of(shop, client).lines] == ["kit-eur"]
    (paid,) = stripe.sessions
    assert builders.rows(shop, Checkout)[0].parameters["cancel_url"] == "http://localhost:8501/product?id=guide"
    stripe.pay(paid)
    builders.deliver(shop, stripe.event("completed", paid))
    assert [line.price.id for line in cart_of(shop, client).lines] == ["kit-eur"]


def test_what_is_paid_for_can_be_bought_at_once_again(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    client.post(FORM, data=GUIDE)
    (paid,) = stripe.sessions
    stripe.pay(paid)
    builders.deliver(shop, stripe.event("completed", paid))
    assert client.post(FORM, data=GUIDE).status_code == 303
    assert len(builders.rows(shop, Order)) == len(stripe.sessions) == 2


def test_buying_less_at_once_ends_the_page_that_was_open_for_more(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    client.post(FORM, data=GUIDE)
    client.post(FORM, data=GUIDE | {"quantity": "1"})
    first, second = stripe.sessions.values()
    assert (first["status"], second["status"], second["amount_total"]) == ("expired", "open", 2900)
    assert len(builders.rows(shop, Order)) == 1


def test_the_same_form_sent_twice_is_one_purchase(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    first, second = client.post(FORM, data=GUIDE), client.post(FORM, data=GUIDE)
    assert first.headers["location"] == second.headers["location"]
    assert len(builders.rows(shop, Order)) == len(stripe.sessions) == 1


def test_a_place_is_booked_on_the_date_that_was_chosen(shop: Shop, client: TestClient) -> None:
    assert client.post(FORM, data=CLINIC).status_code == 303
    (line,) = builders.rows(shop, OrderLine)
    assert (line.workshop_date_id, line.quantity) == ("clinic/1", 1)


def test_what_is_only_put_in_the_cart_leads_there(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    client.post(FORM, data=GUIDE | {"then": "cart"})
    answer = client.post(FORM, data={"product": "kit", "price": "kit-eur", "then": "cart"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/cart")
    assert {line.price.id for line in cart_of(shop, client).lines} == {"guide-eur", "kit-eur"}
    assert stripe.sessions == {}


def test_a_tab_that_is_opened_once_more_leads_to_the_shop(client: TestClient) -> None:
    refused = client.post(FORM, data=GUIDE | {"quantity": "99"})
    assert refused.status_code == 400
    for answer in (client.get(FORM), client.head(FORM)):
        assert (answer.status_code, answer.headers["location"]) == (303, "http://localhost:8501")


def test_what_is_free_goes_to_the_address_and_its_browser_sees_it(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    gift = {"product": "gift", "price": "gift-eur"}
    mistyped = client.post(FORM, data=gift | {"email": "ann"}).text
    assert "Type your full email" in mistyped
    assert ("email", "ann") in fields_of(mistyped)
    answer = client.post(FORM, data=gift | {"email": "ann@buyer.example"})
    (order,) = builders.rows(shop, Order)
    assert (answer.status_code, answer.headers["location"]) == (
        303, f"http://localhost:8501/thanks?session_id=given_{order.id}",
    )  # fmt: skip
    assert (order.status, order.browser_id, stripe.calls) == ("fulfilled", browser_of(shop, client), [])


@builders.on_sqlite
@pytest.mark.parametrize("code", ["SPRING_24", "25 % off", "Äpfel", "a\u00a0b", "'\"><script>"])
def test_a_code_that_no_code_is_called_stands_there_to_be_mended(shop: Shop, client: TestClient, code: str) -> None:
    answer = client.post(FORM, data=GUIDE | {"code": code})
    assert (answer.status_code, "<script>" in answer.text) == (400, False)
    assert html.unescape(dict(fields_of(answer.text))["code"]) == code


@pytest.mark.parametrize("then", ["", "cart"])
def test_a_quantity_that_cannot_be_had_stands_there_to_be_mended(shop: Shop, client: TestClient, then: str) -> None:
    answer = client.post(FORM, data=GUIDE | {"quantity": "6", "then": then})
    assert '<input type="number" name="quantity" value="6" min="1" max="5" required>' in answer.text
    assert client.post(FORM, data={**dict(fields_of(answer.text)), "quantity": "5"}).status_code == 303
    if then:
        assert [line.quantity for line in cart_of(shop, client).lines] == [5]
    else:
        assert [line.quantity for line in builders.rows(shop, OrderLine)] == [5]


@pytest.mark.parametrize("asked", [{"quantity": "3"}, {"date": "clinic/9"}, {"date": "clinic/3"}])
def test_a_date_that_cannot_be_had_stands_among_those_that_can(shop: Shop, client: TestClient, asked: dict) -> None:
    builders.change_date(shop, "clinic/1", capacity=2)
    builders.add_date(shop, "clinic/2", in_days=30, capacity=4)
    builders.add_date(shop, "clinic/3", in_days=31, capacity=0)
    answer = client.post(FORM, data=CLINIC | asked)
    shown = re.findall(r'type="radio" name="date" value="([^"]*)" required( checked)?', answer.text)
    assert shown == [("clinic/1", " checked"), ("clinic/2", "")]
    assert 'min="1" max="4"' in answer.text
    assert client.post(FORM, data={**dict(fields_of(answer.text)), "date": "clinic/2"}).status_code == 303
    [line] = builders.rows(shop, OrderLine)
    assert (line.workshop_date_id, line.quantity) == ("clinic/2", int(asked.get("quantity", 1)))


def test_places_that_a_browser_holds_already_are_free_to_it(shop: Shop, client: TestClient) -> None:
    builders.change_date(shop, "clinic/1", capacity=2)
    assert client.post(FORM, data=CLINIC | {"quantity": "2"}).status_code == 303
    answer = client.post(FORM, data=CLINIC | {"quantity": "3"})
    assert "Only 2 left on this date." in answer.text
    assert 'max="2"' in answer.text


@builders.on_sqlite
def test_a_form_that_shows_another_price_than_counts_now_charges_neither(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    answer = client.post(FORM, data=GUIDE | {"shown": ["kit-eur:1", "guide-eur:1900"]})
    assert (answer.status_code, "it costs €29.00 now" in answer.text) == (409, True)
    assert stripe.calls == []
    # Who has read that may go on.
    assert client.post(FORM, data=dict(fields_of(answer.text))).status_code == 303
    assert builders.rows(shop, Order)[0].amount_expected == 5800


@pytest.mark.parametrize(
    ("amount", "charged"), [("7,50", 750), ("12", 1200), ("4.99", "€5 is the least"), ("a lot", "such as 12.50")]
)
@builders.on_sqlite
def test_buyers_say_what_they_pay_where_they_may(
    shop: Shop, client: TestClient, amount: str, charged: int | str
) -> None:
    with shop.transaction() as session:
        session.exec(update(Price).where(Price.id == "guide-eur").values(minimum=500))
    answer = client.post(FORM, data=GUIDE | {"amount": amount, "shown": "guide-eur:2900", "quantity": "2"})
    if isinstance(charged, str):
        assert (answer.status_code, charged in answer.text) == (400, True)
        # What was typed stands there to be mended, and nothing else need be said again.
        fields = fields_of(answer.text)
        assert ("amount", amount) in fields
        assert client.post(FORM, data={**dict(fields), "amount": "8"}).status_code == 303
        [line] = builders.rows(shop, OrderLine)
        assert (line.unit_amount, line.quantity) == (800, 2)
    else:
        assert [line.unit_amount for line in builders.rows(shop, OrderLine)] == [charged]


def test_a_code_is_taken_off_from_the_beginning(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    builders.add_code(shop, "SPRING")
    assert client.post(FORM, data=GUIDE | {"code": "spring"}).status_code == 303
    asked = builders.rows(shop, Checkout)[0].parameters
    assert (asked["discounts"], asked.get("allow_promotion_codes")) == ([{"promotion_code": "promo_SPRING"}], None)
    client.post(FORM, data=GUIDE)
    assert [each["status"] for each in stripe.sessions.values()] == ["expired", "open"]


@pytest.mark.parametrize("refused", [False, True])
def test_a_code_that_takes_nothing_off_is_said_to_and_the_rest_is_kept(
    shop: Shop, stripe: FakeStripe, client: TestClient, refused: bool
) -> None:
    if refused:
        builders.add_code(shop, "SPRING")
        stripe.trouble.append(StripeRefused("promotion_code_invalid", "This promotion code is for somebody else"))
    answer = client.post(FORM, data=GUIDE | {"code": "SPRING"})
    assert (answer.status_code, "The code SPRING can&#39;t be used" in answer.text) == (400, True)
    assert '<input type="hidden" name="code" value="">' in answer.text
    # What was typed stands there to be mended, or it is bought without.
    fields = dict(fields_of(answer.text))
    assert (fields["code"], fields["quantity"]) == ("SPRING", "2")
    assert '<input type="text" name="code"' in answer.text
    builders.add_code(shop, "AUTUMN")
    assert client.post(FORM, data=fields | {"code": " autumn "}).status_code == 303
    assert all(row.status in ("pending", "canceled") for row in builders.rows(shop, Order))
    assert client.post(FORM, data=GUIDE).status_code == 303


@pytest.mark.parametrize(
    ("form", "status", "sentence"),
    [
        ({"product": "full", "price": "full-eur"}, 409, "No place can be had on this date any more."),
        ({"product": "old", "price": "old-eur"}, 409, "This is no longer for sale."),
        (GUIDE | {"quantity": "6"}, 400, "You can buy up to 5 of this at a time."),
        (CLINIC | {"date": "clinic/9"}, 400, "That date isn&#39;t offered any more. Choose another one."),
        (GUIDE | {"price": "nothing"}, 400, "Something about this isn&#39;t right any more."),
    ],
)
@builders.on_sqlite
def test_why_not_is_a_page_that_leads_back(
    shop: Shop, stripe: FakeStripe, client: TestClient, form: dict, status: int, sentence: str
) -> None:
    answer = client.post(FORM, data=form)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert sentence in answer.text
    assert f'href="/product?id={form["product"]}"' in answer.text
    assert builders.rows(shop, Order) == []
    assert stripe.calls == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"price=guide-eur", b"product=guide&price=guide-eur&quantity=0", b"product=guide&price=guide-eur&sum=1",
        b"product=%3Cscript%3E&price=guide-eur", b"product=guide&price=guide%00", "product=gu\u00efde&price=guide-eur".encode(),
        b"product=guide&price=guide-eur&again=perhaps", b"product=guide&price=guide-eur&date=" + b"a" * 5000,
        b"&".join([b"product=guide"] * 11),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_no_form_of_ours_sends_is_answered_400_and_leaves_no_trace(
    shop: Shop, stripe: FakeStripe, client: TestClient, body: bytes
) -> None:
    answer = client.post(FORM, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "script" not in answer.text
    assert "set-cookie" not in answer.headers
    assert builders.rows(shop, Order) == []


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "null", "http://testserver.elsewhere.example", "http://["]
)
@builders.on_sqlite
def test_a_form_of_another_site_buys_nothing_and_changes_no_cookie(shop: Shop, client: TestClient, origin: str) -> None:
    answer = client.post(FORM, data=GUIDE, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert builders.rows(shop, Order) == []


@pytest.mark.parametrize("origin", ["http://testserver", "http://localhost:8501"])
@builders.on_sqlite
def test_a_form_of_the_shop_s_own_pages_buys(shop: Shop, client: TestClient, origin: str) -> None:
    assert client.post(FORM, data=GUIDE, headers={"Origin": origin}).status_code == 303


@builders.on_sqlite
def test_who_has_the_plan_already_is_warned_and_may_have_it_once_more(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    client.post(FORM, data=PLAN)
    (paid,) = stripe.sessions
    stripe.pay(paid)
    builders.deliver(shop, stripe.event("completed", paid))
    clock.pass_(seconds=1)
    warned = client.post(FORM, data=PLAN)
    assert warned.status_code == 409
    assert "You already have this plan." in warned.text
    assert '<input type="hidden" name="again" value="true">' in warned.text
    assert client.post(FORM, data=PLAN | {"again": "true", "quantity": "1", "date": ""}).status_code == 303


@builders.on_sqlite
def test_who_has_tried_the_plan_is_told_that_it_costs_and_may_go_on(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    builders.let_try(shop, days=14)
    client.post(FORM, data=PLAN)
    (tried,) = stripe.sessions
    stripe.pay(tried)
    builders.deliver(shop, stripe.event("completed", tried))
    clock.pass_(seconds=1)
    warned = client.post(FORM, data=PLAN)
    assert warned.status_code == 409
    assert "this time it is charged from the first day" in warned.text
    assert client.post(FORM, data=dict(fields_of(warned.text))).status_code == 303
    assert [each["amount_total"] for each in stripe.sessions.values()][1:] == [900]


@builders.on_sqlite
def test_stripe_s_trouble_is_told_without_its_words(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    stripe.trouble.append(StripeUnreachable("rate_limit", "Too many requests of acct_123", "req_1"))
    answer = client.post(FORM, data=GUIDE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "Nothing was charged" in answer.text
    assert "acct_123" not in answer.text
