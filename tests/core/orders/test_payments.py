"""What a Session and an invoice say of the money that came in, in the shapes that Stripe has had for it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.gateway.sessions import read_session
from core.orders import payments

NOW = datetime(2026, 11, 23, 10, 24, 0, 5, tzinfo=UTC)


def session(**more: Any) -> dict[str, Any]:
    return {"id": "cs_1", "status": "complete", "payment_status": "paid", "amount_subtotal": 2900, "amount_total": 1450,
            "currency": "eur", **more}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "id", "reason"),
    [
        ({"payment_intent": "pi_1"}, "pi_1", "checkout"),
        ({"payment_intent": {"id": "pi_1"}, "invoice": "in_1"}, "pi_1", "checkout"),
        ({"subscription": "sub_1", "invoice": "in_1"}, "in_1", "subscription_create"),
        ({"subscription": "sub_1"}, "cs_1", "subscription_create"),
        ({}, "cs_1", "checkout"),
    ],
)
def test_a_payment_is_called_after_its_invoice_or_payment_intent_or_session(
    more: dict[str, Any], id: str, reason: str
) -> None:
    facts = payments.read_paid_session(read_session(session(**more)), now=NOW)
    assert (facts.id, facts.billing_reason, facts.paid_at) == (id, reason, NOW.replace(microsecond=0))


@pytest.mark.parametrize(
    ("more", "discount", "tax"),
    [
        ({}, 1450, 0),
        ({"amount_total": 3451}, 0, 551),
        ({"total_details": {"amount_discount": 2000, "amount_tax": 550}}, 2000, 550),
    ],
)
def test_where_a_session_does_not_say_it_the_difference_is_a_discount_or_a_tax(
    more: dict[str, Any], discount: int, tax: int
) -> None:
    facts = payments.read_paid_session(read_session(session(**more), told_at=1_700_000_000), now=NOW)
    assert (facts.amount_discount, facts.amount_tax) == (discount, tax)
    assert facts.paid_at == datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.mark.parametrize(
    ("more", "amounts"),
    [
        ({}, (900, 900, 0, 0)),
        ({"subtotal": 1800, "total": 900}, (900, 1800, 900, 0)),
        (
            {"subtotal": 1800, "total": 900, "total_discount_amounts": [{"amount": 600}, {"amount": 300}]},
            (900, 1800, 900, 0),
        ),
        ({"subtotal": 750, "total": 900, "total_taxes": [{"amount": 150}]}, (900, 750, 0, 150)),
        ({"subtotal": 750, "total": 900, "tax": 150}, (900, 750, 0, 150)),
        # Some of it was paid from a credit.
        ({"subtotal": 2000, "total": 2000}, (900, 2000, 0, 0)),
    ],
)
def test_an_invoice_says_what_came_in_and_of_what(more: dict[str, Any], amounts: tuple[int, ...]) -> None:
    invoice = {"id": "in_1", "amount_paid": 900, "created": 1_700_000_000, "currency": "eur", **more}
    facts = payments.read_paid_invoice(invoice, subscription="sub_1", now=NOW)
    assert (facts.amount, facts.amount_subtotal, facts.amount_discount, facts.amount_tax) == amounts
    assert facts.paid_at == datetime.fromtimestamp(1_700_000_000, UTC)
    paid = {**invoice, "status_transitions": {"paid_at": 1_700_000_900}}
    facts = payments.read_paid_invoice(paid, subscription="sub_1", now=NOW)
    assert facts.paid_at == datetime.fromtimestamp(1_700_000_900, UTC)


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        (None, False),
        ({}, False),
        ({"data": []}, False),
        ({"data": [{}], "has_more": True}, False),
        ({"data": [{}]}, True),
    ],
)
def test_lines_count_only_where_all_are_listed(lines: Any, known: bool) -> None:
    facts = payments.read_paid_invoice({"id": "in_1", "lines": lines}, subscription=None, now=NOW)
    assert (facts.lines is not None) is known
