"""Taxes: reckoned by Stripe, kept to the cent with rate, country and evidence, and never a reason to doubt a payment."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from core.catalog import tax
from core.catalog.products import Kind, Price, Product
from core.events import questions
from core.gateway.sessions import CheckoutState, Money, read_session
from core.invoicing import invoices
from core.journeys import checkout
from core.orders import allocation, checkouts, orders, payment_lines, payments
from core.orders.checkouts import Checkout, Due
from core.orders.orders import Order
from core.orders.payment_lines import Share
from core.orders.payments import Payment
from core.orders.status import Status
from core.owner.accounting import tax as tax_file
from core.owner.figures.days import Days
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.orders import rows
from tests.core.orders.rows import DAY
from tests.fakes import FakeStripe

RATES = ("0", "5", "5.5", "7", "8.875", "19", "20", "25")


@pytest.fixture
def taxed(shop: Shop) -> Shop:
    """A shop for which Stripe reckons the tax. Its guide comes without, everything else with it included."""
    with shop.transaction() as session:
        session.get_one(Price, "guide-eur").tax_behavior = "exclusive"
        session.get_one(Product, "clinic").tax_code = "in_the_room"
    return replace(shop, settings=shop.settings.model_copy(update={"tax": "stripe"}))


def parameters(shop: Shop, *items: str | tuple[str, int], **more: Any) -> dict[str, Any]:
    link = checkout.start(shop, replace(builders.a_basket(*items), **more))
    with shop.reading() as session:
        return checkouts.of_order(session, link.order_id)[-1].parameters


def learn(shop: Shop, order_id: str) -> None:
    """The worker asks what is not known of the order's payments."""
    with shop.reading() as session:
        names = session.exec(select(Payment.id).where(Payment.order_id == order_id)).all()
    for name in names:
        questions.ask(shop, name)


@builders.on_sqlite
def test_stripe_is_asked_for_tax_on_each_thing_as_what_it_is(taxed: Shop) -> None:
    asked = parameters(taxed, "guide-eur", "kit-eur", "clinic-eur")
    assert asked["automatic_tax"] == {"enabled": True}
    assert asked["billing_address_collection"] == "required"
    assert asked["tax_id_collection"] == {"enabled": True}
    found = [
        (each["price_data"]["tax_behavior"], each["price_data"]["product_data"]["tax_code"])
        for each in asked["line_items"]
    ]
    assert found == [("exclusive", "txcd_10000000"), ("inclusive", "txcd_10202000"), ("inclusive", "txcd_20060044")]


@builders.on_sqlite
def test_a_plan_is_taxed_as_a_service_and_a_business_must_name_its_tax_id(taxed: Shop, stripe: FakeStripe) -> None:
    asked = parameters(taxed, "plan-month", business=True)
    price = stripe.prices[asked["line_items"][0]["price"]]
    assert price["tax_behavior"] == "inclusive"
    assert stripe.products[price["product"]]["tax_code"] == "txcd_10103000"
    assert asked["tax_id_collection"] == {"enabled": True, "required": "if_supported"}
    assert "invoice_creation" not in asked


@builders.on_sqlite
def test_a_shop_without_tax_asks_for_nothing_of_it(shop: Shop) -> None:
    asked = parameters(shop)
    assert not asked.keys() & {"automatic_tax", "billing_address_collection", "tax_id_collection", "invoice_creation"}
    assert "tax_behavior" not in asked["line_items"][0]["price_data"]


@builders.on_sqlite
def test_a_basket_for_a_business_is_another_purchase(taxed: Shop) -> None:
    first = checkout.start(taxed, builders.a_basket())
    same = checkout.start(taxed, builders.a_basket())
    other = checkout.start(taxed, replace(builders.a_basket(), business=True))
    assert (first.url == same.url, first.url == other.url, first.order_id == other.order_id) == (True, False, True)


def test_the_facts_of_a_taxed_purchase_are_kept(taxed: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(taxed, ("guide-eur", 2), "kit-eur")
    stripe.discount(session_id, 10)
    stripe.tax(session_id, 19)
    address = {"line1": "Kastanienallee 1", "postal_code": "10435", "city": "Berlin"}
    paid = stripe.pay(session_id, address=address, tax_id="DE123456789")
    stripe.charge_of(paid["payment_intent"])["payment_method_details"] = {"type": "card", "card": {"country": "AT"}}
    builders.deliver(taxed, stripe.event("completed", session_id))
    learn(taxed, order_id)
    with taxed.reading() as session:
        order = session.get_one(Order, order_id)
        lines = orders.lines(session, order_id)
        [payment] = session.exec(select(Payment)).all()
    # 5800 less a tenth, plus 19 %; 7900 less a tenth, of which 19 % are tax.
    assert (order.status, order.attention) == (Status.FULFILLED, "")
    assert (order.amount_subtotal, order.amount_discount, order.amount_tax) == (13700, 1370, 991 + 1135)
    assert order.amount_total == 13700 - 1370 + 991
    assert (order.country, order.card_country, order.tax_id) == ("DE", "AT", "DE123456789")
    assert order.address == "Kastanienallee 1\n10435 Berlin"
    assert [(line.amount_tax, line.tax_rate, line.tax_reason) for line in lines] == [
        (991, "19", "standard_rated"), (1135, "19", "standard_rated"),
    ]  # fmt: skip
    assert (payment.country, payment.tax_included, payment.lines_known) == ("DE", 1135, True)


@builders.on_sqlite
def test_who_owes_the_tax_themselves_is_told_apart_in_the_tax_file(taxed: Shop, stripe: FakeStripe) -> None:
    for cart, percent, reason in (("a", 19, "standard_rated"), ("b", 0, "reverse_charge"), ("c", 0, "not_collecting")):
        order_id, session_id = builders.opened(taxed, "kit-eur", cart=cart)
        stripe.tax(session_id, percent, reason=reason)
        stripe.pay(session_id)
        builders.deliver(taxed, stripe.event("completed", session_id))
        learn(taxed, order_id)
    day = taxed.now().date()
    with taxed.reading() as session:
        found = tax_file.of_days(session, Days(day, day, taxed.settings.zone), livemode=False)
    assert [(each["country"], each["tax_rate"], each["treatment"], each["net"], each["tax"]) for each in found] == [
        ("DE", "0.0", "not collecting", 7900, 0), ("DE", "0.0", "reverse charge", 7900, 0), ("DE", "19.0", "", 6639, 1261),
    ]  # fmt: skip


@builders.on_sqlite
def test_a_taxed_plan_keeps_rate_and_evidence_at_first_and_the_rate_at_each_renewal(
    taxed: Shop, stripe: FakeStripe
) -> None:
    order_id, session_id = builders.opened(taxed, ("plan-month", 3))
    stripe.tax(session_id, 25)
    paid = stripe.pay(session_id)
    stripe.charge_of(stripe.payment_of(paid["subscription"]) or "")["payment_method_details"] = {
        "type": "card", "card": {"country": "DK"},
    }  # fmt: skip
    builders.deliver(taxed, stripe.tell("invoice.paid", stripe.invoices[paid["invoice"]]))
    builders.deliver(taxed, stripe.event("completed", session_id))
    learn(taxed, order_id)
    with taxed.reading() as session:
        order, [line] = session.get_one(Order, order_id), orders.lines(session, order_id)
    assert (order.status, order.attention, order.card_country) == (Status.FULFILLED, "", "DK")
    assert (line.tax_rate, line.amount_tax) == ("25", 540)


@builders.on_sqlite
def test_an_invoice_that_is_written_after_the_payment_was_told_of_is_waited_for(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    shop = replace(shop, settings=shop.settings.model_copy(update={"invoices": "always"}))
    order_id, session_id = builders.opened(shop, "guide-eur")
    written = stripe.pay(session_id)["invoice"]
    stripe.sessions[session_id]["invoice"] = None
    builders.deliver(shop, stripe.event("completed", session_id))
    learn(shop, order_id)
    with shop.reading() as session:
        assert invoices.of_orders(session, [order_id]) == {}
        assert payments.with_unknown_lines(session, livemode=False, now=shop.now(), limit=5)
    stripe.sessions[session_id]["invoice"] = written
    learn(shop, order_id)
    with shop.reading() as session:
        [row] = invoices.of_orders(session, [order_id])[order_id]
        assert row.number == stripe.invoices[written]["number"]
        assert payments.with_unknown_lines(session, livemode=False, now=shop.now(), limit=5) == []
    assert stripe.invoices[written]["metadata"]["order_id"] == order_id


@builders.on_sqlite
def test_an_invoice_that_is_never_written_is_not_waited_for_any_longer_than_an_hour(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    shop = replace(shop, settings=shop.settings.model_copy(update={"invoices": "always"}))
    order_id, session_id = builders.opened(shop, "guide-eur")
    stripe.pay(session_id)
    stripe.sessions[session_id]["invoice"] = None
    builders.deliver(shop, stripe.event("completed", session_id))
    clock.pass_(hours=1, minutes=1)
    learn(shop, order_id)
    with shop.reading() as session:
        assert payments.with_unknown_lines(session, livemode=False, now=shop.now(), limit=5) == []


@pytest.mark.parametrize(
    ("setting", "business", "wanted"),
    [("off", True, False), ("business", False, False), ("business", True, True), ("always", False, True)],
)
@builders.on_sqlite
def test_an_invoice_is_asked_for_as_the_setting_says(shop: Shop, setting: str, business: bool, wanted: bool) -> None:
    shop = replace(shop, settings=shop.settings.model_copy(update={"invoices": setting}))
    asked = parameters(shop, business=business)
    assert ("invoice_creation" in asked) is wanted
    assert ("automatic_tax" in asked) is False


@st.composite
def sales(draw: st.DrawFn) -> dict[str, Any]:
    """A Session's lines as Stripe reckons them: each tax rounded by itself, in the price or on top of it."""
    rate = Decimal(draw(st.sampled_from(RATES)))
    percent = draw(st.integers(0, 100))
    lines = []
    for number in range(draw(st.integers(1, 4))):
        unit, quantity = draw(st.integers(50, 99_999)), draw(st.integers(1, 20))
        included = draw(st.booleans())
        subtotal = unit * quantity
        off = subtotal * percent // 100
        amount = subtotal - off
        levied = int((amount * rate / (100 + rate if included else 100)).to_integral_value(ROUND_HALF_UP))
        said = {"percentage": float(rate), "effective_percentage": float(rate), "inclusive": included}
        lines.append(
            {
                "object": "item", "description": f"Thing {number}", "quantity": quantity, "amount_subtotal": subtotal,
                "amount_discount": off, "amount_tax": levied, "amount_total": amount + (0 if included else levied),
                "price": {"id": f"price_{number}", "unit_amount": unit, "recurring": None},
                "taxes": [{"amount": levied, "rate": said, "taxability_reason": "standard_rated"}],
            }
        )  # fmt: skip
    return {"currency": draw(st.sampled_from(["eur", "usd", "jpy", "kwd"])), "lines": lines, "rate": tax.written(rate)}


def _session(sold: dict[str, Any]) -> dict[str, Any]:
    def total(name: str) -> int:
        return sum(line[name] for line in sold["lines"])

    return {
        "id": "cs_1", "status": "complete", "payment_status": "paid", "currency": sold["currency"], "metadata": {},
        "amount_subtotal": total("amount_subtotal"), "amount_total": total("amount_total"), "payment_intent": "pi_1",
        "total_details": {"amount_discount": total("amount_discount"), "amount_tax": total("amount_tax")},
        "customer_details": {"email": "nora@lindqvist.example", "address": {"country": "FR"}},
    }  # fmt: skip


@given(sales())
def test_neither_tax_that_is_included_nor_tax_on_top_is_an_amount_mismatch(sold: dict[str, Any]) -> None:
    facts = read_session(_session(sold))
    row = Checkout(
        id="checkout:ord_1:1", order_id="ord_1", attempt=1, expires_at=DAY, created_at=DAY, ask_after=DAY,
        state=CheckoutState.COMPLETE, money=Money.PAID,
        parameters={"allow_promotion_codes": True, "automatic_tax": {"enabled": True}},
    )  # fmt: skip
    ordered = sum(line["price"]["unit_amount"] * line["quantity"] for line in sold["lines"])
    assert checkouts.misfit(row, facts, Due(ordered, ordered, sold["currency"])) == ""
    assert "amount_mismatch" in checkouts.misfit(row, facts, Due(ordered + 1, ordered + 1, sold["currency"]))


@given(sales(), st.integers(1, 99))
def test_lines_add_up_to_the_payment_and_refunds_give_back_all_of_its_tax(sold: dict[str, Any], part: int) -> None:
    facts = read_session(_session(sold))
    items = [payment_lines.read_item(line) for line in sold["lines"]]
    assert sum(item.subtotal - item.discount + item.tax_on_top for item in items) == facts.amount_total
    assert sum(item.tax for item in items) == facts.amount_tax
    assert {item.tax_rate for item in items} == {sold["rate"]}
    shares = [
        Share(
            str(place), item.quantity, item.subtotal, item.discount, item.tax, item.subtotal - item.discount + item.tax_on_top
        )
        for place, item in enumerate(items)
    ]  # fmt: skip
    whole = facts.amount_total or 0
    first = whole * part // 100
    refunds = [rows.back("pi_1", amount) for amount in (first, whole - first) if amount]
    allocation.write_taxes(refunds, shares)
    assert sum(refund.amount_tax for refund in refunds) == (facts.amount_tax if whole else 0)
    assert all(0 <= refund.amount_tax <= refund.amount for refund in refunds)


@given(st.sampled_from(RATES), st.integers(1_000, 10_000_000))
def test_the_rate_of_an_invoices_line_is_found_again(rate: str, net: int) -> None:
    levied = int((Decimal(rate) * net / 100).to_integral_value(ROUND_HALF_UP))
    found = Decimal(tax.roundest_rate(levied, net))
    assert int((found * net / 100).to_integral_value(ROUND_HALF_UP)) == levied
    if net >= 100_000:
        assert found == Decimal(rate)


@pytest.mark.parametrize(
    ("taxes", "rate", "reason"),
    [
        ([], "", ""),
        ([{"amount": 19, "taxability_reason": "standard_rated"}], "", "standard_rated"),
        ([{"rate": {"percentage": 19.0}, "taxability_reason": "reverse_charge"}], "19", "reverse_charge"),
        ([{"rate": {"percentage": 5.0}}, {"rate": {"percentage": 9.975}}], "14.975", ""),
        ([{"rate": {"percentage": 20.0, "effective_percentage": 0}}], "0", ""),
    ],
)
def test_a_lines_rate_is_what_its_taxes_say_together(taxes: list[dict[str, Any]], rate: str, reason: str) -> None:
    assert (tax.rate_said(taxes), tax.reason_said(taxes)) == (rate, reason)


@pytest.mark.parametrize(
    ("kind", "chosen", "code"),
    [
        (Kind.DOWNLOAD, "", "txcd_10000000"), (Kind.LICENSE, "", "txcd_10202000"), (Kind.PLAN, "", "txcd_10103000"),
        (Kind.WORKSHOP, "", "txcd_20060045"), (Kind.WORKSHOP, "in_the_room", "txcd_20060044"),
        (Kind.DOWNLOAD, "txcd_10401100", "txcd_10401100"),
    ],
)  # fmt: skip
def test_a_product_is_to_the_tax_office_what_its_kind_is_or_its_seller_says(kind: Kind, chosen: str, code: str) -> None:
    assert tax.code_of(kind, chosen) == code
