"""Receipts of our own: who may open one, and what stands on it."""

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from core.catalog.products import ShopText
from core.foundation import signing
from core.foundation.money import Money
from core.invoicing import billing_details, receipts
from core.invoicing.billing_details import Details
from core.journeys import checkout
from core.journeys.checkout import Basket, Item
from core.messages import after_purchase, contents
from core.orders.orders import Order
from core.orders.payments import Payment
from core.owner.order_book import detail
from core.shop import Shop
from tests import builders
from tests.colleagues import signed_in
from tests.conftest import Clock
from tests.core.journeys.test_taxes import learn
from tests.fakes import FakeStripe, session_in
from webhook.app import create_app

NORA, OLE = "nora@lindqvist.example", "ole@berg.example"
ADDRESS = "Nansensgade 41\n1366 Copenhagen"


@pytest.fixture
def taxed(shop: Shop) -> Shop:
    with shop.transaction() as session:
        for key, text in (("name", "Plainwork ApS"), ("address", ADDRESS), ("vat_id", "DK12345674")):
            session.add(ShopText(key=key, text=text))
    return replace(
        shop, settings=shop.settings.model_copy(update={"tax": "stripe", "owner_emails": ("owner@example.com",)})
    )


@pytest.fixture
def paid(taxed: Shop, stripe: FakeStripe) -> Payment:
    """Two guides and a kit at half price, taxed at 19 %, for Nora."""
    link = checkout.start(taxed, builders.a_basket(("guide-eur", 2), "kit-eur", browser="br_nora"))
    session_id = builders.session_id(link)
    stripe.discount(session_id, 50)
    stripe.tax(session_id, 19)
    stripe.pay(session_id, email=NORA, address={"line1": "<b>Torstraße</b> 9", "city": "Berlin"}, tax_id="DE123456789")
    builders.deliver(taxed, stripe.event("completed", session_id))
    learn(taxed, link.order_id)
    [payment] = builders.rows(taxed, Payment)
    return payment


def browser(shop: Shop, *, email: str = "", browser: str = "") -> TestClient:
    """Somebody's browser, signed in or having bought, or neither."""
    client = TestClient(create_app(shop), raise_server_exceptions=False, follow_redirects=False)
    if email:
        row = signed_in(shop, email)
        client.cookies.set(signing.SIGN_IN_COOKIE, signing.sign(shop.signing_key, signing.SIGN_IN, row))
    if browser:
        client.cookies.set(signing.BROWSER_COOKIE, signing.sign(shop.signing_key, signing.BROWSER, browser))
    return client


def test_a_program_that_looks_whether_a_letter_s_link_is_there_hears_what_a_browser_would(shop: Shop) -> None:
    client = browser(shop)
    for path in (
        "receipts/pay_1",
        "order/x",
        "ticket/x",
        "ticket/x/workshop.ics",
        "join/x",
        "waiting/x",
        "unsubscribe/x",
    ):
        looked, opened = client.head(f"/{path}"), client.get(f"/{path}")
        assert (looked.status_code, looked.headers.get("location")) == (
            opened.status_code, opened.headers.get("location"),
        ), path  # fmt: skip
        assert looked.status_code != 405


def test_a_receipt_says_who_sold_what_to_whom_at_which_tax(taxed: Shop, paid: Payment, stripe: FakeStripe) -> None:
    back = stripe.make_refund(paid.stripe_payment_intent_id or "", 1000)
    builders.deliver(taxed, stripe.tell("refund.created", back))
    answer = browser(taxed, email=NORA).get(f"/receipts/{paid.id}")
    assert answer.status_code == 200
    page = answer.text
    for said in (
        "Plainwork ApS", "Nansensgade 41", "VAT id DK12345674", "Nora Lindqvist", "&lt;b&gt;Torstraße&lt;/b&gt; 9", "DE123456789",
        "Field Guide × 2", "€58.00", "Template Kit", "€79.00", "€137.00", "−€68.50", "€68.50", "Of which tax 19% on €57.57",
        "€10.93", "−€10.00", "€58.50",
    ):  # fmt: skip
        assert said in page, said
    assert "<b>Torstraße" not in page
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "font-src 'self'" in answer.headers["content-security-policy"], "the shop's own, as all its pages have them"


@builders.on_sqlite
def test_a_german_receipt_has_no_english_word_of_ours(taxed: Shop, paid: Payment) -> None:
    page = browser(taxed, email=NORA).get(f"/receipts/{paid.id}", headers={"Accept-Language": "de"}).text
    assert "USt-IdNr. DK12345674" in page
    assert "Deutschland" in page
    for english in ("VAT", "Germany", "Of which", "Paid", "Sold by"):
        assert english not in page, english


@builders.on_sqlite
def test_a_receipt_opens_for_its_buyer_and_for_nobody_else(taxed: Shop, paid: Payment) -> None:
    path = f"/receipts/{paid.id}"
    assert browser(taxed, browser="br_nora").get(path).status_code == 200
    for other in (browser(taxed), browser(taxed, email=OLE), browser(taxed, browser="br_ole")):
        refused = other.get(path)
        assert (refused.status_code, refused.headers["location"]) == (303, "http://localhost:8501/purchases")


@builders.on_sqlite
def test_by_the_link_of_a_letter_a_receipt_opens_after_a_click_and_shows_no_address(taxed: Shop, paid: Payment) -> None:
    path, somebody = f"/receipts/{paid.id}", browser(taxed)
    link = contents.about_order(taxed, paid.order_id).receipt_url.removeprefix("http://localhost:8501")
    asked = somebody.get(link)
    assert asked.status_code == 200
    assert "Open the receipt" in asked.text
    assert (somebody.get(path).status_code, len(somebody.cookies)) == (303, 0)
    clicked = somebody.post(link)
    assert (clicked.status_code, clicked.headers["location"]) == (303, f"/api{path}")
    page = somebody.get(path).text
    assert "Nora Lindqvist" in page
    assert "Germany" in page
    assert "€68.50" in page
    for hidden in ("Torstra", NORA, "Berlin"):
        assert hidden not in page
    assert somebody.get(link).headers["location"] == f"/api{path}"
    assert browser(taxed).get(f"{path}?token={link}").status_code == 303
    somebody.get("/sign-out")
    assert somebody.get(path).status_code == 303
    # Who was written to by mistake keeps the letter, and not what it opened.
    somebody.post(link)
    with taxed.transaction() as session:
        session.get_one(Order, paid.order_id).customer_id = None
    assert somebody.get(path).status_code == 303
    assert somebody.post(link).headers["location"].startswith("/purchases?letter=")


def numbers(shop: Shop) -> dict[str, str]:
    """The number of the receipt of each payment that is known."""
    with shop.reading() as session:
        return {row.id: receipts.of_payment(session, shop, row.id).number for row in session.exec(select(Payment))}


@builders.on_sqlite
def test_a_receipt_keeps_its_number_whatever_is_learned_later(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    invoices = []
    for _ in range(3):
        clock.pass_(days=31)
        invoices.append(stripe.renew(name))
    known: dict[str, str] = numbers(shop)
    assert list(known.values()) == [builders.order(shop, order_id).number]
    for invoice in reversed(invoices):  # the first that was paid is told of last
        builders.deliver(shop, stripe.tell("invoice.paid", invoice))
        now = numbers(shop)
        assert known.items() <= now.items()
        known = now
    assert len(set(known.values())) == 4
    assert all(number.startswith(builders.order(shop, order_id).number) for number in known.values())


@builders.on_sqlite
def test_the_receipt_of_an_order_that_was_paid_at_its_second_page_has_the_order_s_number(
    shop: Shop, stripe: FakeStripe
) -> None:
    basket = Basket("cart_1", (Item("guide-eur", 1),))
    checkout.start(shop, basket)
    link = checkout.start(shop, replace(basket, items=(Item("guide-eur", 2),)))
    stripe.pay(session_in(link.url))
    builders.deliver(shop, stripe.event("completed", session_in(link.url)))
    assert list(numbers(shop).values()) == [builders.order(shop, link.order_id).number]


@builders.on_sqlite
def test_the_receipts_of_an_order_that_was_paid_twice_keep_their_numbers(shop: Shop, stripe: FakeStripe) -> None:
    _, first = builders.opened(shop, "guide-eur")
    second = stripe.recover(first)["id"]
    stripe.pay(second)
    stripe.pay(first)
    known: dict[str, str] = {}
    for paid in (second, first):
        builders.deliver(shop, stripe.event("completed", paid))
        assert known.items() <= numbers(shop).items()
        known = numbers(shop)
    assert len(set(known.values())) == 2


@builders.on_sqlite
def test_the_letter_about_a_renewal_opens_the_receipt_of_that_payment(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    [renewal] = [row.id for row in builders.rows(shop, Payment) if row.billing_reason == "subscription_cycle"]
    letter = after_purchase.about_renewed(shop, order_id, renewal)
    assert letter
    link, somebody = letter.receipt_url.removeprefix("http://localhost:8501"), browser(shop)
    assert "Open the receipt" in somebody.get(link).text
    assert somebody.post(link).headers["location"] == f"/api/receipts/{renewal}"
    assert numbers(shop)[renewal] in somebody.get(f"/receipts/{renewal}").text
    # A payment of another order is no way of this one's.
    other = somebody.post(link.replace(renewal, "in_of_another"))
    assert other.headers["location"] == f"/order?id={order_id}"


@pytest.mark.parametrize(
    ("language", "settled", "paid"),
    [("en", "Settled with your balance", "Paid"), ("de", "Mit Ihrem Guthaben verrechnet", "Bezahlt")],
)
@builders.on_sqlite
def test_what_was_settled_with_a_balance_at_stripe_stands_on_the_receipt(
    shop: Shop, stripe: FakeStripe, clock: Clock, language: str, settled: str, paid: str
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 3))
    credited = stripe.raise_seats(name, 1)
    clock.pass_(days=31)
    renewed = stripe.renew(name)
    renewed.update(amount_due=500, amount_paid=500, starting_balance=-400, ending_balance=0)
    clock.pass_(days=30)
    # Less than can be charged was left to pay before.
    late = stripe.renew(name)
    late.update(amount_due=930, amount_paid=930, starting_balance=30, ending_balance=0)
    for invoice in (credited, renewed, late):
        builders.deliver(shop, stripe.tell("invoice.paid", invoice))
    here = browser(shop, email=NORA)

    def sums(invoice: dict[str, Any]) -> list[tuple[str, str]]:
        page = here.get(f"/receipts/{invoice['id']}", headers={"Accept-Language": language}).text
        return re.findall(r'<th scope="row">([^<]*)</th><td class="amount">([^<]*)</td>', page)

    def money(amount: int) -> str:
        return Money(amount, "eur").format(language)

    assert sums(credited) == [(settled, money(1800)), (paid, money(0))]
    assert sums(renewed) == [(settled, f"−{money(400)}"), (paid, money(500))]
    assert sums(late) == [(settled, money(30)), (paid, money(930))]
    price = detail.sheet(shop, order_id).price
    assert (price.settled.amount, price.total.amount) == (400 - 1800 - 30, 2700 + 500 + 930)


@builders.on_sqlite
def test_tax_on_top_is_not_told_as_included_where_some_was_settled_with_a_balance(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    renewed = stripe.renew(name)
    tax = {"amount": 171, "taxable_amount": 900, "tax_behavior": "exclusive", "taxability_reason": "standard_rated"}
    renewed["lines"]["data"][0]["taxes"] = [tax]
    renewed.update(total=1071, total_taxes=[tax], amount_due=671, amount_paid=671, starting_balance=-400)
    builders.deliver(shop, stripe.tell("invoice.paid", renewed))
    price = detail.sheet(shop, order_id).price
    assert (price.tax_included, price.settled.amount) == (False, 400)
    assert price.tax == Money(171, "eur")
    assert price.subtotal == Money(1800, "eur")
    assert price.total == Money(900 + 671, "eur")
    page = browser(shop, email=NORA).get(f"/receipts/{renewed['id']}").text
    assert "€1.71" in page
    assert '<th scope="row">Settled with your balance</th><td class="amount">−€4.00</td>' in page


@builders.on_sqlite
def test_the_buttons_of_a_receipt_lead_to_what_they_name(taxed: Shop, paid: Payment) -> None:
    letter = contents.about_order(taxed, paid.order_id)
    somebody, kit = browser(taxed), letter.deliveries[1]
    link = letter.order_url.removeprefix("http://localhost:8501")
    for to, way in ((kit.grant_id, f"&to={kit.grant_id}"), ("", ""), ("gr_<b>", ""), ("//evil.example", "")):
        clicked = somebody.post(link, params={"to": to})
        assert clicked.headers["location"] == f"/order?id={paid.order_id}{way}"
    assert somebody.get("/order/forged").headers["location"] == "/purchases?letter=forged"
    said = somebody.get(link.replace("/order/", "/order/x"))
    assert said.status_code == 303


@builders.on_sqlite
def test_whoever_works_here_sees_every_receipt_and_nobody_else_does(taxed: Shop, paid: Payment) -> None:
    path = f"/owner/receipts/{paid.id}"
    assert browser(taxed, email="owner@example.com").get(path).status_code == 200
    assert browser(taxed, email="owner@example.com").get("/owner/receipts/pi_nobody").status_code == 404
    for other in (browser(taxed), browser(taxed, email=NORA)):
        assert other.get(path).status_code == 403


@builders.on_sqlite
def test_what_a_buyer_wrote_about_their_company_stands_on_the_receipt(taxed: Shop, paid: Payment) -> None:
    company = Details("Berg & Co", "Storgata 1", "NO", postal_code="0155", city="Oslo", tax_id="NO 923 456 783 MVA")
    billing_details.write(taxed, paid.order_id, company, email=NORA)
    page = browser(taxed, email=NORA).get(f"/receipts/{paid.id}").text
    for said in ("Berg &amp; Co", "Storgata 1", "0155 Oslo", "Norway", "NO923456783MVA"):
        assert said in page
    assert "Torstra" not in page
    assert f"correct_invoices:{paid.order_id}:1" in builders.jobs(taxed)
