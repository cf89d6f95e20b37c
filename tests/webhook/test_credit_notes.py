"""Credit notes from Stripe's dashboard: what they take off a sale, whether it goes back or counts for what comes next."""

from itertools import permutations
from typing import Any

import pytest

from core.events.inbox import StripeEvent
from core.foundation.errors import NoSuchPayment, OrderNotFound
from core.foundation.money import Money
from core.invoicing import receipts
from core.journeys import refund
from core.orders.payments import Payment
from core.owner.accounting import journal
from core.owner.figures import sales, sums
from core.owner.figures.days import Days
from core.owner.figures.sales import Sales
from core.owner.needs import attention
from core.owner.order_book import detail
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.webhook.conftest import Tell


def sold(shop: Shop) -> Sales:
    """All that was ever sold, as every report has it: the journal adds up to the same."""
    first = min(row.paid_at for row in builders.rows(shop, Payment)).date()
    days = Days(first, shop.now().date(), shop.settings.zone)
    with shop.reading() as session:
        found = sales.of_days(session, days, sums.ask(session, days.zone, livemode=False))["eur"]
        told = [each for each in journal.movements(session, days, livemode=False) if each.kind in ("sale", "credit")]
    assert sum(each.gross or 0 for each in told) == found.charged
    assert sum(each.net or 0 for each in told if each.kind == "sale") == found.gross - found.discounts
    assert sum(each.tax or 0 for each in told) == found.tax
    return found


@pytest.fixture
def renewed(shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock) -> tuple[str, str, dict[str, Any]]:
    """An order whose plan was renewed at 9 euro and tax: its id, its subscription's, and the renewal's invoice."""
    order_id, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    invoice = stripe.renew(name)
    tax = {"amount": 171, "taxable_amount": 900, "tax_behavior": "exclusive", "taxability_reason": "standard_rated"}
    invoice["lines"]["data"][0]["taxes"] = [tax]
    invoice.update(total=1071, total_taxes=[tax], amount_due=1071, amount_paid=1071)
    for charge in stripe.charges.values():
        charge["amount"] += 171 if charge["payment_intent"] == builders.payment_of(shop, order_id) else 0
    tell("invoice.paid", invoice)
    return order_id, name, invoice


def test_what_is_credited_for_what_comes_next_is_sold_once(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock, renewed: tuple[str, str, dict[str, Any]]
) -> None:
    order_id, name, invoice = renewed
    assert (sold(shop).net, sold(shop).tax, sold(shop).charged) == (1800, 171, 1971)
    note = stripe.credit(invoice["id"], 1071, tax=171)
    assert tell("credit_note.created", note) == "applied"
    assert (sold(shop).net, sold(shop).tax, sold(shop).charged) == (900, 0, 1971)
    clock.pass_(days=30)
    following = stripe.renew(name)
    following.update(amount_due=0, amount_paid=0, starting_balance=-1071, ending_balance=-171)
    tell("invoice.paid", following)
    # Of what was credited the tax is left, for the bill after that.
    assert (sold(shop).net, sold(shop).charged, sold(shop).credit) == (1800, 1971, -171)
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("fulfilled", [("plan", "active")])
    assert builders.detail(shop, order_id)["amount_total"] == 900 + 1071
    assert attention.items(shop) == []
    # Its buyer has Stripe's own paper of it, and no receipt: nothing was paid.
    with shop.reading() as session:
        papers = receipts.of_orders(session, shop, [order_id])[order_id]
    assert {each.id for each in papers.payments} == {row.id for row in builders.rows(shop, Payment)} - {note["id"]}


@pytest.mark.parametrize(
    ("amount", "tax", "left"), [(357, 57, (1500, 114)), (1, 0, (1799, 171)), (1071, 0, (729, 171))]
)
def test_a_part_that_was_paid_back_outside_of_stripe_is_taken_off_with_its_tax(
    shop: Shop, stripe: FakeStripe, tell: Tell, renewed: tuple[str, str, dict[str, Any]], amount: int, tax: int,
    left: tuple[int, int],
) -> None:  # fmt: skip
    _, _, invoice = renewed
    tell("credit_note.created", stripe.credit(invoice["id"], amount, tax=tax, outside=amount))
    assert ((sold(shop).net, sold(shop).tax), sold(shop).charged) == (left, 1971)


@pytest.mark.parametrize("told", [*permutations(("note", "refund", "note"))])
def test_what_a_note_sends_back_is_a_refund_and_counts_once(
    shop: Shop, stripe: FakeStripe, tell: Tell, renewed: tuple[str, str, dict[str, Any]], told: tuple[str, ...]
) -> None:
    order_id, _, invoice = renewed
    back = stripe.make_refund(builders.payment_of(shop, order_id), 600)
    whole = stripe.credit(invoice["id"], 600, refunds=[back])
    for kind in told:
        tell(*(("refund.created", back) if kind == "refund" else ("credit_note.created", whole)))
    assert (sold(shop).returned, sold(shop).gross, sold(shop).charged) == (600, 1800, 1971)
    # Another one sends nothing back, but for a part.
    back = stripe.make_refund(builders.payment_of(shop, order_id), 100)
    tell("refund.created", back)
    tell("credit_note.created", stripe.credit(invoice["id"], 300, refunds=[back]))
    assert (sold(shop).returned, sold(shop).gross, sold(shop).charged) == (700, 1600, 1971)


@pytest.mark.parametrize("told", [*permutations(("created", "updated", "voided"))])
def test_a_note_that_is_void_takes_nothing_off_in_whatever_order_it_is_told(
    shop: Shop, stripe: FakeStripe, tell: Tell, renewed: tuple[str, str, dict[str, Any]], told: tuple[str, ...]
) -> None:
    _, _, invoice = renewed
    note = stripe.credit(invoice["id"], 500)
    for kind in (*told, *told):
        void = {"status": "void", "voided_at": 1_800_000_000} if kind == "voided" else {}
        # As an id, or expanded.
        tell(f"credit_note.{kind}", {**note, **void, "invoice": invoice if kind == "updated" else invoice["id"]})
    assert (sold(shop).gross, sold(shop).charged) == (1800, 1971)


@pytest.mark.parametrize("asked", [False, True])
def test_what_was_credited_before_it_was_paid_was_not_sold(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock, asked: bool
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    invoice = stripe.fail_renewal(name)
    tax = {"amount": 171, "taxable_amount": 900, "tax_behavior": "exclusive", "taxability_reason": "standard_rated"}
    invoice["lines"]["data"][0]["taxes"] = [tax]
    invoice.update(total=1071, total_taxes=[tax], amount_due=714, pre_payment_credit_notes_amount=357)
    note = {**stripe.credit(invoice["id"], 357, tax=57), "post_payment_amount": 0, "pre_payment_amount": 357}
    assert tell("credit_note.created", {**note, "type": "pre_payment"}) == "ignored"
    tell("invoice.payment_failed", invoice)
    assert (sold(shop).gross, sold(shop).tax) == (900, 0)
    stripe.pay_invoice(invoice["id"])
    if asked:
        # Of its payment alone something was heard: what it paid Stripe is asked.
        tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 0))
    for _ in range(2):
        tell("invoice.paid", invoice)
    found = sold(shop)
    assert (found.gross, found.tax, found.charged, found.credit) == (900 + 600, 114, 900 + 714, 0)
    assert builders.detail(shop, order_id)["amount_total"] == 900 + 714
    refund.request(shop, order_id, payment=invoice["id"], actor="owner")
    assert builders.grants(shop, order_id) == [("plan", "revoked")]


def test_what_was_credited_keeps_nothing_that_was_paid_back(
    shop: Shop, stripe: FakeStripe, tell: Tell, renewed: tuple[str, str, dict[str, Any]]
) -> None:
    order_id, _, invoice = renewed
    tell("credit_note.created", stripe.credit(invoice["id"], 100))
    refund.request(shop, order_id, payment=invoice["id"], actor="owner")
    assert builders.grants(shop, order_id) == [("plan", "revoked")]


def test_a_note_for_what_was_bought_once_leaves_it_and_what_it_cost_can_still_go_back(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur", ("clinic-eur", 2))
    [paid] = builders.rows(shop, Payment)
    with shop.transaction() as session:
        session.get_one(Payment, paid.id).stripe_invoice_id = "in_1"
    stripe.invoices["in_1"] = {"currency": "eur", "customer": "cus_1"}
    assert tell("credit_note.created", stripe.credit("in_1", 7900)) == "applied"
    with shop.reading() as session:
        noted = [each for each in journal.movements(session, today(shop), livemode=False) if each.source[:2] == "cn"]
        assert [each.payment_id for each in refund.refundable(session, order_id)] == [paid.id]
    assert {each.product_kind for each in noted if each.kind == "sale"} == {"license", "workshop"}
    assert (sold(shop).gross, sold(shop).charged) == (paid.amount - 7900, paid.amount)
    assert (sold(shop).spent, sold(shop).renewals) == (paid.amount - 7900, 0)
    with shop.reading() as session, pytest.raises(OrderNotFound):
        receipts.of_payment(session, shop, noted[0].source)
    said = detail.sheet(shop, order_id)
    assert (said.price.subtotal, said.price.settled, said.price.credited) == (
        Money(paid.amount, "eur"), Money(0, "eur"), Money(7900, "eur"),
    )  # fmt: skip
    assert [(each.amount.amount, each.credited) for each in said.payments] == [(paid.amount, False), (7900, True)]
    assert said.price.left.amount == paid.amount
    assert {state for _, state in builders.grants(shop, order_id)} == {"active"}
    with pytest.raises(NoSuchPayment):
        refund.request(shop, order_id, payment=noted[0].source, actor="owner")
    refund.request(shop, order_id, actor="owner")
    assert (builders.status(shop, order_id), {state for _, state in builders.grants(shop, order_id)}) == (
        "refunded", {"revoked"},
    )  # fmt: skip


def today(shop: Shop) -> Days:
    return Days(shop.now().date(), shop.now().date(), shop.settings.zone)


def test_a_note_that_is_told_before_its_invoice_is_asked_about(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    invoice = stripe.renew(name)
    assert tell("credit_note.created", stripe.credit(invoice["id"], 900)) == "parked"
    assert builders.detail(shop, order_id)["amount_total"] == 1800
    assert (sold(shop).gross, sold(shop).charged) == (900, 1800)
    tell("invoice.paid", invoice)
    assert (sold(shop).gross, sold(shop).charged) == (900, 1800)


@pytest.mark.parametrize("metadata", [{"corrected_by": "in_new"}, {}])
def test_notes_of_no_concern_are_ignored(
    shop: Shop, stripe: FakeStripe, tell: Tell, renewed: tuple[str, str, dict[str, Any]], metadata: dict[str, str]
) -> None:
    """Those by which the shop itself writes an invoice anew, and those from before anything was paid, or of which all went back."""
    _, _, invoice = renewed
    note = stripe.credit(invoice["id"], 1071, outside=1071, metadata=metadata)
    if not metadata:
        note.update(post_payment_amount=0, pre_payment_amount=1071, type="pre_payment", out_of_band_amount=None)
    assert tell("credit_note.created", note) == "ignored"
    assert sold(shop).gross == 1800


@pytest.mark.parametrize("invoice", ["in_theirs", "in_nobodys"])
def test_a_note_for_somebody_elses_invoice_is_ignored(shop: Shop, stripe: FakeStripe, tell: Tell, invoice: str) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    stripe.invoices["in_theirs"] = {**stripe.invoices_of(name)[0], "id": "in_theirs", "parent": None}
    note = {**stripe.credit("in_theirs", 900), "invoice": invoice}
    assert tell("credit_note.created", note) == "parked"
    assert [row.state for row in builders.rows(shop, StripeEvent) if row.type == "credit_note.created"] == ["ignored"]
    assert [row.order_id for row in builders.rows(shop, Payment)] == [order_id]
