"""A business buys at prices that include tax, gets an invoice, and has it made out to another company afterwards."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core.invoicing.invoices import Invoice
from tests import accessibility, builders
from tests.journeys.buyer import WORKS, Buyer
from tests.journeys.stand import LINES, Stand
from tests.machine import eventually

INVOICE = re.compile(r"Invoice \S+-\d{4}")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, schema: Path) -> Iterator[Stand]:
    """A shop for which Stripe takes tax, and which writes invoices for businesses."""
    folder = tmp_path_factory.mktemp("with-tax")
    stand = Stand(folder, schema=schema, sweep_seconds=3600, tax="stripe", invoices="business")
    try:
        stand.start("sandbox", "webhook", "worker", "storefront")
        yield stand
        assert not stand.complaints()
    finally:
        stand.stop(*LINES)


@pytest.fixture
def nora(browser: Browser, stand: Stand) -> Iterator[Buyer]:
    buyer = Buyer(browser, stand, email="nora@lindqvist.example")
    yield buyer
    buyer.leaves()
    assert not buyer.troubles


def papers_of(stand: Stand, kind: str) -> list[str]:
    """The numbers of all papers of a kind that Stripe has, newest first. A draft has none yet."""
    return [each["number"] for each in stand.stripe(kind)["data"] if each["number"]]


def is_known(stand: Stand, number: str) -> bool:
    """Whether the shop has heard of the invoice: a page that is open does not draw itself anew when it does."""
    return number in {row.number for row in builders.rows(stand.shop, Invoice)}


def is_accessible(buyer: Buyer, *, drawn_by_us: bool = False) -> None:
    if not drawn_by_us:
        accessibility.wait_for_rest(buyer.page)
    assert accessibility.findings(buyer.page) == []


def test_a_business_gets_an_invoice_and_has_it_made_out_to_another_company(nora: Buyer, stand: Stand) -> None:
    nora.puts_in_cart("The Quiet Launch")
    nora.sees("Tax is included.")
    nora.goes_to_cart()
    nora.page.get_by_text("I'm buying for a business").click()
    is_accessible(nora)
    nora.goes_to_payment()
    # Whatever changes the tax is reckoned before anybody pays.
    with nora.page.expect_navigation():
        nora.page.get_by_label("Country").select_option("DE")
    nora.page.get_by_label("Tax ID").fill("DE123456789")
    with nora.page.expect_navigation():
        nora.page.keyboard.press("Tab")
    nora.sees("€4.63")
    nora.pays(WORKS)
    nora.returns()
    number = nora.sees_everything_delivered()
    order = stand.order(number)
    assert (order["status"], order["amount_expected"], order["amount_total"]) == ("fulfilled", 2900, 2900)
    eventually(lambda: papers_of(stand, "invoices"))
    [first] = papers_of(stand, "invoices")
    eventually(lambda: is_known(stand, first))

    nora.is_signed_in()
    nora.sees(f"Invoice {first}")
    is_accessible(nora)
    nora.page.get_by_role("link", name=re.compile("^Receipt")).first.evaluate("each => each.target = '_self'")
    nora.clicks("Receipt", "link")
    nora.sees_heading("Receipt")
    for words in (
        "CVR 12345674",
        "Germany",
        "VAT or tax id DE123456789",
        "Of which tax 19% on €24.37",
        f"Invoice {first}",
    ):
        nora.sees(re.compile(re.escape(words)))
    is_accessible(nora, drawn_by_us=True)

    nora.opens("/purchases")
    nora.page.get_by_text("Made out to a company").click()
    nora.page.get_by_label("Company").fill("Lindqvist Studio GmbH")
    nora.page.get_by_label("Street and number").fill("Torstraße 9")
    nora.page.get_by_label("Postcode").fill("10119")
    nora.page.get_by_label("Town").fill("Berlin")
    nora.page.get_by_label("Country, in two letters").fill("DE")
    nora.page.get_by_label("VAT or tax id").fill("DE987654321")
    nora.clicks("Make it out to this company")
    nora.sees("is made out to Lindqvist Studio GmbH now")
    eventually(lambda: len(papers_of(stand, "invoices")) == 2 and papers_of(stand, "credit_notes"))
    second, _ = papers_of(stand, "invoices")
    eventually(lambda: stand.stripe("invoices")["data"][0]["status"] == "paid")
    eventually(lambda: is_known(stand, second))
    nora.looks_again()
    nora.sees(f"Invoice {second}")
    is_accessible(nora)
    expect(nora.page.get_by_role("link", name=INVOICE)).to_have_count(2)
    written = stand.stripe("invoices")["data"][0]
    assert (written["customer_name"], written["total"]) == ("Lindqvist Studio GmbH", 2900)
    assert [each["value"] for each in written["customer_tax_ids"]][-1] == "DE987654321"
    assert stand.order(number)["amount_total"] == 2900
    nora.goes_on_to("/terms")
    nora.sees_heading("Terms")
    is_accessible(nora)
