"""Invoices and their corrections at the sandbox: what Stripe is asked for, and that no step is taken twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.admission import Refused
from core.foundation.errors import DetailsTooLate, DetailsUnfit, OrderNotFound, StripeUnreachable
from core.gateway.invoice_calls import StripeInvoices
from core.invoicing import billing_details, corrections, invoices, receipts
from core.invoicing.billing_details import Details
from core.invoicing.invoices import Invoice
from core.journeys import checkout, ownership
from core.orders.payments import Payment
from core.privacy import erasure
from core.shop import Shop
from tests import builders
from tests.contract.sandbox_side import CARD, TYPED, SandboxSide
from tests.core.journeys.test_taxes import learn
from tests.sandbox.running import KEY

NORA = "nora@lindqvist.example"
COMPANY = Details(
    "Lindqvist Studio GmbH", "Torstraße 9", "de", postal_code="10119", city="Berlin", tax_id="DE 123 456 789"
)


@pytest.fixture
def shop(sandbox: SandboxSide) -> Shop:
    """A shop that takes tax and writes an invoice of everything."""
    settings = sandbox.shop.settings.model_copy(update={"tax": "stripe", "invoices": "always"})
    return replace(sandbox.shop, settings=settings)


def bought(shop: Shop, sandbox: SandboxSide, *items: str | tuple[str, int], learned: bool = True) -> str:
    """An order that was paid by card from Germany, of which the worker has learned all; its id."""
    link = checkout.start(shop, builders.a_basket(*items))
    session_id = builders.session_id(link)
    typed = {**TYPED, "cardNumber": CARD, "billingCountry": "DE"}
    assert sandbox.world.http.post(f"/c/pay/{session_id}", data=typed).status_code == 303
    assert not isinstance(ownership.take_in(shop, shop.stripe.retrieve_checkout(session_id), actor="test"), Refused)
    if learned:
        learn(shop, link.order_id)
    return link.order_id


class Breaking(StripeInvoices):
    """Stripe's invoices, which go silent after so many calls that change something: before it is done, or just after."""

    def __init__(self, base: str, *, after: int, done: bool) -> None:
        super().__init__(KEY, base=base)
        self.left, self.done = after, done

    def _ask(self, call: Any) -> dict[str, Any]:
        if self.left == 0 and not self.done:
            raise StripeUnreachable("api_connection_error", "no answer")
        answer = super()._ask(call)
        if self.left == 0:
            raise StripeUnreachable("api_connection_error", "no answer")
        self.left -= 1
        return answer


def test_an_invoice_is_known_with_its_number_and_says_who_sells(shop: Shop, sandbox: SandboxSide) -> None:
    order_id = bought(shop, sandbox, ("guide-eur", 2), "kit-eur")
    with shop.reading() as session:
        [row] = invoices.of_orders(session, [order_id])[order_id]
        receipt = receipts.of_payment(session, shop, row.payment_id)
    written = sandbox.world.api.invoices.retrieve(row.id)
    assert (row.number, row.hosted_url) == (written.number, written.hosted_invoice_url)
    assert [(each.name, each.value) for each in written.custom_fields or []] == [("Order", receipt.order_number)]
    assert (written.metadata or {})["order_id"] == order_id
    assert (receipt.total.amount, receipt.taxes[0].tax.amount, receipt.taxes[0].rate) == (13700, 926 + 1261, "19")
    assert [each.number for each in receipt.papers] == [row.number]
    page = sandbox.world.http.get(str(row.hosted_url).partition("12111")[2] or f"/invoice/{row.id}")
    assert page.status_code == 200
    assert row.number in page.text


def test_a_correction_takes_the_old_invoice_back_and_writes_it_anew(shop: Shop, sandbox: SandboxSide) -> None:
    order_id = bought(shop, sandbox, ("guide-eur", 2), "kit-eur")
    billing_details.write(shop, order_id, COMPANY, email=NORA)
    theirs = StripeInvoices(KEY, base=sandbox.world.settings.base_url)
    corrections.correct(shop, order_id, "1", theirs)
    with shop.reading() as session:
        old, new = invoices.of_orders(session, [order_id])[order_id]
        receipt = receipts.of_payment(session, shop, old.payment_id)
    assert (new.replaces, new.revision, new.number != old.number) == (old.id, 1, True)
    written = sandbox.world.api.invoices.retrieve(new.id).to_dict(for_json=True)
    before = sandbox.world.api.invoices.retrieve(old.id).to_dict(for_json=True)
    assert (written["status"], written["total"], written["customer_name"]) == ("paid", before["total"], COMPANY.name)
    assert written["customer_address"]["city"] == "Berlin"
    assert [each["value"] for each in written["customer_tax_ids"]] == ["DE123456789"]
    assert sum(each["amount"] for each in written["total_taxes"]) == sum(
        each["amount"] for each in before["total_taxes"]
    )
    assert before["post_payment_credit_notes_amount"] == before["total"]
    assert [(each.title, each.number) for each in receipt.papers] == [
        ("Invoice", old.number), ("Credit note", f"{old.number}-CN-01"), ("Invoice", new.number),
    ]  # fmt: skip
    assert receipt.buyer == ("Lindqvist Studio GmbH", "Torstraße 9", "10119 Berlin", "Germany")
    assert receipt.tax_id == "DE123456789"
    # No money moved, and the new invoice is no payment.
    assert len(builders.rows(shop, Payment)) == 1
    assert builders.order(shop, order_id).amount_total == before["total"]


# Each step once, every other one with an answer that was lost.
@pytest.mark.parametrize(("after", "done"), [(step, step % 2 == 0) for step in range(7)])
def test_a_correction_that_breaks_off_is_taken_up_where_it_was(
    shop: Shop, sandbox: SandboxSide, after: int, done: bool
) -> None:
    order_id = bought(shop, sandbox, "kit-eur")
    billing_details.write(shop, order_id, COMPANY, email=NORA)
    base = sandbox.world.settings.base_url
    with pytest.raises(StripeUnreachable):
        corrections.correct(shop, order_id, "1", Breaking(base, after=after, done=done))
    for _ in range(2):
        corrections.correct(shop, order_id, "1", StripeInvoices(KEY, base=base))
    with shop.reading() as session:
        rows = invoices.of_orders(session, [order_id])[order_id]
    assert len(rows) == 2
    api = sandbox.world.api
    assert len(api.invoices.list({"limit": 10}).data) == 2
    assert len(api.credit_notes.list({"limit": 10}).data) == 1
    assert {each.status for each in api.invoices.list({"limit": 10}).data} == {"paid"}


def test_details_that_were_written_again_are_corrected_once_more(shop: Shop, sandbox: SandboxSide) -> None:
    order_id = bought(shop, sandbox, "kit-eur")
    theirs = StripeInvoices(KEY, base=sandbox.world.settings.base_url)
    billing_details.write(shop, order_id, COMPANY, email=NORA)
    again = billing_details.write(shop, order_id, COMPANY, email=NORA)
    assert again.revision == 1
    other = billing_details.write(shop, order_id, replace(COMPANY, name="Lindqvist Ateljé AB"), email=NORA)
    assert other.revision == 2
    # The first job is late: what it was to say is said no more.
    corrections.correct(shop, order_id, "1", theirs)
    corrections.correct(shop, order_id, "2", theirs)
    with shop.reading() as session:
        assert [row.revision for row in invoices.of_orders(session, [order_id])[order_id]] == [0, 2]


def test_details_that_were_written_before_the_invoice_was_known_correct_it_when_it_is(
    shop: Shop, sandbox: SandboxSide
) -> None:
    order_id = bought(shop, sandbox, "kit-eur", learned=False)
    billing_details.write(shop, order_id, COMPANY, email=NORA)
    theirs = StripeInvoices(KEY, base=sandbox.world.settings.base_url)
    corrections.correct(shop, order_id, "1", theirs)
    learn(shop, order_id)
    with shop.reading() as session:
        [first] = invoices.of_orders(session, [order_id])[order_id]
    assert f"correct_invoices:{order_id}:1:{first.id}" in builders.jobs(shop)
    corrections.correct(shop, order_id, "1", theirs)
    with shop.reading() as session:
        assert [row.revision for row in invoices.of_orders(session, [order_id])[order_id]] == [0, 1]


def test_a_number_that_stripe_refuses_stands_on_the_invoice_all_the_same(shop: Shop, sandbox: SandboxSide) -> None:
    order_id = bought(shop, sandbox, "kit-eur")
    billing_details.write(shop, order_id, replace(COMPANY, tax_id="1234567890123456"), email=NORA)
    corrections.correct(shop, order_id, "1", StripeInvoices(KEY, base=sandbox.world.settings.base_url))
    with shop.reading() as session:
        new = invoices.of_orders(session, [order_id])[order_id][-1]
    fields = sandbox.world.api.invoices.retrieve(new.id).custom_fields or []
    assert ("Tax id", "1234567890123456") in [(each.name, each.value) for each in fields]


def test_who_may_write_what_and_for_how_long(shop: Shop, sandbox: SandboxSide) -> None:
    order_id = bought(shop, sandbox, "kit-eur")

    def refused(details: Details = COMPANY, email: str = NORA) -> Callable[[], object]:
        return lambda: billing_details.write(shop, order_id, details, email=email)

    with pytest.raises(OrderNotFound):
        refused(email="somebody@else.example")()
    for wrong, field in (
        (replace(COMPANY, name="  "), "name"), (replace(COMPANY, country="Germany"), "country"),
        (replace(COMPANY, tax_id="DE!"), "tax_id"), (replace(COMPANY, city="x" * 201), "city"),
    ):  # fmt: skip
        with pytest.raises(DetailsUnfit) as refusal:
            refused(wrong)()
        assert refusal.value.field == field
    sandbox.clock.pass_(days=31)
    with pytest.raises(DetailsTooLate):
        refused()()


def test_who_is_erased_while_their_invoice_is_corrected_is_led_to_by_no_paper(shop: Shop, sandbox: SandboxSide) -> None:
    order_id = bought(shop, sandbox, "kit-eur")
    billing_details.write(shop, order_id, COMPANY, email=NORA)

    class Meanwhile(StripeInvoices):
        def credit(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
            note = super().credit(parameters, key=key)
            erasure.from_terminal(shop, NORA)
            return note

    corrections.correct(shop, order_id, "1", Meanwhile(KEY, base=sandbox.world.settings.base_url))
    old, new = sorted(builders.rows(shop, Invoice), key=lambda row: row.revision)
    assert (old.credit_note_number, new.replaces) == (f"{old.number}-CN-01", old.id)
    for row in (old, new):
        assert (row.hosted_url, row.pdf_url, row.credit_note_pdf_url) == ("", "", "")
