"""The payment page, driven in the forms in which suites written for Stripe's page drive it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import accessibility
from tests.sandbox.running import World
from tests.sandbox.visitor import Visitor

BACK = re.compile(r"/healthz\?s=cs_test_")


def _session(world: World, **more: Any) -> Any:
    return world.session(success_url=f"{world.settings.base_url}/healthz?s={{CHECKOUT_SESSION_ID}}", **more)


def _fill(page: Page, number: str) -> None:
    """By id, as most suites do; with the steps they take in case the page has them."""
    card = page.get_by_test_id("card-accordion-item-button")
    if card.is_visible():
        card.click()
    page.locator("#email").fill("nora@example.com")
    page.locator("#cardNumber").fill(number)
    page.locator("#cardExpiry").fill("12 / 34")
    page.locator("#cardCvc").fill("123")
    page.locator("#billingName").fill("Nora Lindqvist")
    page.locator("#billingCountry").select_option("SE")
    page.locator("#billingPostalCode").fill("111 22")
    save = page.locator("#enableStripePass")
    if save.is_checked():
        save.uncheck()


def _submit(page: Page) -> None:
    page.get_by_test_id("hosted-payment-submit-button").click()


def test_axe_finds_nothing_at_all_on_the_page_when_it_complains_and_when_the_bank_asks(
    world: World, visitor: Visitor
) -> None:
    session, page = _session(world), visitor.page
    page.goto(session.url)
    found = accessibility.findings(page)
    _submit(page)
    page.get_by_role("alert").first.wait_for()
    found += accessibility.findings(page)
    _fill(page, "4000 0000 0000 0002")
    _submit(page)
    page.get_by_role("alert").filter(has_text="declined").first.wait_for()
    found += accessibility.findings(page)
    _fill(page, "4000 0025 0000 3155")
    _submit(page)
    page.wait_for_url(re.compile("/challenge/"))
    found += accessibility.findings(page)
    assert found == []


def test_a_suite_that_fills_by_id_pays(world: World, visitor: Visitor) -> None:
    session, page = _session(world), visitor.page
    page.goto(session.url)
    expect(page.get_by_test_id("product-summary-name")).to_have_text("The Quiet Launch")
    expect(page.locator("#ProductSummary-totalAmount")).to_have_text("€29.00")
    _fill(page, "4242 4242 4242 4242")
    _submit(page)
    page.wait_for_url(BACK)
    paid = world.read(session)
    assert (paid.payment_status, paid.customer_details.email) == ("paid", "nora@example.com")
    assert (paid.customer_details.address.country, paid.customer_details.address.postal_code) == ("SE", "111 22")


def test_a_suite_that_types_into_placeholders_pays(world: World, visitor: Visitor) -> None:
    session, page = _session(world), visitor.page
    page.goto(session.url)
    page.get_by_label("Email").press_sequentially("nora@example.com")
    for placeholder, text in (
        ("1234 1234 1234 1234", "5555555555554444"),
        ("MM / YY", "1234"),
        ("CVC", "123"),
        ("Full name on card", "Nora"),
    ):
        field = page.get_by_placeholder(placeholder)
        field.click()
        field.press_sequentially(text)
    page.get_by_role("checkbox", name=re.compile("save my information", re.I)).check()
    page.locator("#phoneNumber").fill("5065550100")
    page.locator("div.SubmitButton-IconContainer").click()
    page.wait_for_url(BACK)
    charge = world.read(session, "payment_intent.latest_charge").payment_intent.latest_charge
    assert charge.payment_method_details.card.brand == "mastercard"


def test_a_suite_that_fills_by_name_and_label_pays(world: World, visitor: Visitor) -> None:
    session, page = _session(world), visitor.page
    page.goto(session.url)
    for name, text in (("email", "nora@example.com"), ("cardNumber", "4242424242424242"), ("cardExpiry", "12/34")):
        page.fill(f"input[name={name}]", text)
    page.get_by_label("CVC").fill("123")
    page.select_option("select[name=billingCountry]", "DE")
    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.wait_for_url(BACK)
    assert world.read(session).payment_status == "paid"


def test_a_decline_is_said_aloud_and_what_was_typed_stays(world: World, visitor: Visitor) -> None:
    session, page = _session(world), visitor.page
    page.goto(session.url)
    _fill(page, "4000000000009995")
    _submit(page)
    visitor.complains("The card was declined")
    expect(page.locator("#cardNumber")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Your card has insufficient funds.")).to_be_visible()
    expect(page.locator("#billingName")).to_have_value("Nora Lindqvist")
    page.locator("#cardNumber").fill("4242424242424242")
    _submit(page)
    page.wait_for_url(BACK)
    assert world.read(session).payment_status == "paid"


def test_a_bank_that_asks_can_be_answered_both_ways(world: World, visitor: Visitor) -> None:
    session, page = _session(world), visitor.page
    page.goto(session.url)
    _fill(page, "4000002760003184")
    _submit(page)
    page.locator("#test-source-fail-3ds").click()
    visitor.complains("Your bank did not confirm")
    _fill(page, "4000002760003184")
    _submit(page)
    page.locator("#test-source-authorize-3ds").click()
    page.wait_for_url(BACK)
    assert world.read(session).payment_status == "paid"


def test_a_promotion_code_takes_something_off(world: World, visitor: Visitor) -> None:
    coupon = world.api.coupons.create({"percent_off": 20, "duration": "once"})
    world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "AUTUMN"})
    session, page = _session(world, allow_promotion_codes=True), visitor.page
    page.goto(session.url)
    _fill(page, "4242424242424242")
    page.locator("#promotionCode").fill("SPRING")
    page.get_by_role("button", name="Apply").click()
    visitor.complains("SPRING isn't valid")
    page.locator("#promotionCode").fill("AUTUMN")
    page.locator("#promotionCode").press("Enter")
    expect(page.locator("#OrderDetails-TotalAmount")).to_have_text("€23.20")
    expect(page.locator("#cardNumber")).to_have_value("4242424242424242")
    _submit(page)
    page.wait_for_url(BACK)
    assert world.read(session).amount_total == 2320


@pytest.fixture
def phone(browser: Browser, world: World) -> Any:
    made = Visitor(browser, world.settings.base_url, viewport={"width": 390, "height": 844}, color_scheme="dark")
    yield made
    made.leaves()


def test_on_a_phone_a_test_card_is_chosen_by_name_and_nothing_need_be_typed(world: World, phone: Visitor) -> None:
    session, page = _session(world, customer_email="nora@example.com"), phone.page
    page.goto(session.url)
    assert not phone.overflows
    page.get_by_text("Show the item").click()
    expect(page.get_by_test_id("product-summary-name")).to_be_visible()
    page.locator("#cardNumber").fill("4242424242424242")
    page.get_by_label("Declined").check()
    expect(page.locator("#cardNumber")).to_have_value("")
    _submit(page)
    phone.complains("The card was declined")
    page.get_by_label("Works").check()
    page.locator("#email").press("Enter")
    page.wait_for_url(BACK)
    assert world.read(session).payment_status == "paid"


OWN_FIELDS = [
    {"key": "engraving", "type": "text", "label": {"type": "custom", "custom": "Engraving"}},
    {
        "key": "size",
        "type": "dropdown",
        "label": {"type": "custom", "custom": "Size"},
        "dropdown": {"options": [{"label": "Small", "value": "s"}, {"label": "Large", "value": "l"}]},
    },
]


def test_the_shops_own_fields_are_filled_in_by_their_labels(world: World, visitor: Visitor) -> None:
    session, page = _session(world, custom_fields=OWN_FIELDS), visitor.page
    page.goto(session.url)
    _fill(page, "4242424242424242")
    page.get_by_label("Size").select_option("Large")
    _submit(page)
    expect(page.get_by_label("Engraving")).to_have_accessible_description("Engraving is required.")
    expect(page.get_by_label("Size")).to_have_value("l")
    page.get_by_label("Engraving").fill("Nora")
    _submit(page)
    page.wait_for_url(BACK)
    fields = world.read(session).custom_fields
    assert (fields[0].text.value, fields[1].dropdown.value) == ("Nora", "l")


def test_the_total_follows_a_quantity_at_once(world: World, visitor: Visitor) -> None:
    line = {"price": world.price(1000).id, "quantity": 1, "adjustable_quantity": {"enabled": True, "maximum": 3}}
    session, page = _session(world, line_items=[line]), visitor.page
    page.goto(session.url)
    _fill(page, "4242424242424242")
    quantity = page.get_by_label("Quantity")
    quantity.fill("3")
    # Leaving the field is enough, and so is Enter, which elsewhere pays.
    quantity.press("Enter")
    expect(page.locator("#ProductSummary-totalAmount")).to_have_text("€30.00")
    expect(page.locator("#billingName")).to_have_value("Nora Lindqvist")
    quantity.fill("4")
    quantity.blur()
    expect(quantity).to_have_accessible_description("Choose a number from 0 to 3.")
    quantity.fill("2")
    quantity.blur()
    expect(page.locator("#pay")).to_contain_text("Pay €20.00")
    assert world.read(session).status == "open"
    _submit(page)
    page.wait_for_url(BACK)
    assert world.read(session).amount_total == 2000


def test_a_phone_shows_what_can_be_changed_without_unfolding(world: World, phone: Visitor) -> None:
    line = {"price": world.price(1000).id, "quantity": 1, "adjustable_quantity": {"enabled": True}}
    phone.page.goto(_session(world, line_items=[line], custom_fields=OWN_FIELDS).url)
    expect(phone.page.get_by_label("Quantity")).to_be_visible()
    assert not phone.overflows


def test_a_name_without_an_end_stays_within_the_page(world: World, visitor: Visitor) -> None:
    described = {"currency": "eur", "unit_amount": 2900, "product_data": {"name": "W" * 250}}
    session = world.session(line_items=[{"price_data": described, "quantity": 1}])
    for width in (1280, 360):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        visitor.opens(session.url)
        visitor.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        expect(visitor.page.get_by_text("W" * 250)).to_be_visible()
        assert not visitor.overflows


def test_coming_back_to_the_page_never_asks_to_send_a_form_again(world: World, visitor: Visitor) -> None:
    """Neither after a wrong code, nor after a declined card, nor when the page is loaded again."""
    session, page = _session(world, allow_promotion_codes=True), visitor.page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if "/c/pay/" in request.url else None)
    page.goto(session.url)
    _fill(page, "4000000000000002")
    page.locator("#promotionCode").fill("SPRING")
    page.get_by_role("button", name="Apply").click()
    visitor.complains("SPRING isn't valid")
    page.locator("#promotionCode").fill("")
    _submit(page)
    expect(page.locator("#decline")).to_be_visible()
    assert sent == ["GET", "POST", "GET", "POST"]
    page.reload()
    expect(page.locator("#decline")).to_have_count(0)
    page.go_back()
    page.go_forward()
    page.go_back()
    expect(page.locator("#email")).to_be_visible()
    assert "POST" not in sent[4:]
    assert world.read(session).status == "open"


def test_an_element_says_pay_and_nothing_else(world: World, visitor: Visitor) -> None:
    session, page = _session(world), visitor.page
    page.goto(session.url)
    _fill(page, "4242424242424242")
    page.get_by_text("Pay", exact=True).click()
    page.wait_for_url(BACK)
    assert world.read(session).payment_status == "paid"
