"""What a Session and an invoice say of the money that came in, in the shapes that Stripe has had for it, and what is kept."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlmodel import select

from core.gateway.sessions import read_session
from core.orders import payments
from core.orders.payments import Payment, PaymentFacts
from core.shop import Shop
from tests import builders
from tests.core.orders.rows import DAY, paid, renewal
from tests.core.orders.stored import behind, placed, rest

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


def test_all_that_a_paid_session_says_is_read() -> None:
    said = session(
        amount_total=2000, total_details={"amount_discount": 1000, "amount_tax": 100}, payment_intent="pi_1",
        invoice="in_1", subscription="sub_1",
    )  # fmt: skip
    assert payments.read_paid_session(read_session(said, told_at=1_700_000_000), now=NOW) == PaymentFacts(
        "in_1", "subscription_create", 2000, 2900, 1000, 100, "eur", datetime.fromtimestamp(1_700_000_000, UTC), "pi_1",
        None, "cs_1", "in_1", "sub_1",
    )  # fmt: skip
    hardly = read_session({"id": "cs_1", "status": "complete", "payment_status": "paid"})
    assert payments.read_paid_session(hardly, now=NOW) == PaymentFacts(
        "cs_1", "checkout", 0, 0, 0, 0, "", NOW.replace(microsecond=0), session="cs_1"
    )


def test_all_that_a_paid_invoice_says_is_read() -> None:
    said = {
        "id": "in_1", "billing_reason": "subscription_cycle", "amount_paid": 800, "subtotal": 1800, "total": 900,
        "total_discount_amounts": [{"amount": 600}, {"amount": 400}, {}], "total_taxes": [{"amount": 70}, {"amount": 30}],
        "tax": 99, "currency": "eur", "created": 1, "status_transitions": {"paid_at": 2}, "payment_intent": {"id": "pi_1"},
        "charge": {"id": "ch_1"}, "lines": {"data": [{"id": "il_1"}], "has_more": False},
    }  # fmt: skip
    assert payments.read_paid_invoice(said, subscription="sub_1", now=NOW) == PaymentFacts(
        "in_1", "subscription_cycle", 800, 1800, 1000, 100, "eur", datetime.fromtimestamp(2, UTC), "pi_1", "ch_1", None,
        "in_1", "sub_1", ({"id": "il_1"},),
    )  # fmt: skip
    billed_to = {**said, "customer_tax_ids": [{"type": "eu_vat", "value": None}, {"type": "gb_vat", "value": "GB1"}]}
    assert payments.read_paid_invoice(billed_to, subscription="sub_1", now=NOW).tax_id == "GB1"
    nothing = PaymentFacts("in_1", "", 0, 0, 0, 0, "", NOW, invoice="in_1")
    assert payments.read_paid_invoice({"id": "in_1"}, subscription=None, now=NOW) == nothing
    empty = {"id": "in_1", "billing_reason": None, "amount_paid": None, "currency": None, "status_transitions": None}
    assert payments.read_paid_invoice(empty, subscription=None, now=NOW) == nothing


def told(id: str = "in_1", amount: int = 900, **more: Any) -> PaymentFacts:
    """What was said of the first payment of a plan."""
    known = {
        "billing_reason": "subscription_create", "amount_subtotal": amount, "amount_discount": 0, "amount_tax": 0,
        "currency": "eur", "paid_at": DAY, **more,
    }  # fmt: skip
    return PaymentFacts(id=id, amount=amount, **known)


@builders.on_sqlite
def test_in_whatever_order_a_payment_is_told_of_the_same_row_stands_in_the_end(shop: Shop) -> None:
    reports = (
        told("cs_1", amount_subtotal=1800, amount_discount=900, paid_at=DAY + timedelta(seconds=9), session="cs_1",
             subscription="sub_1", tax_id="DE1"),
        told("in_1", 700, amount_tax=150, invoice="in_1", subscription="sub_1", charge="ch_1"),
        told("in_1", invoice="in_1", payment_intent="pi_1", subscription="sub_1"),
    )  # fmt: skip
    expected = {
        "billing_reason": "subscription_create", "amount": 700, "amount_subtotal": 1800, "amount_discount": 900,
        "amount_tax": 150, "tax_included": 0, "amount_refunded": 0, "currency": "eur", "paid_at": DAY,
        "stripe_payment_intent_id": "pi_1",
        "stripe_charge_id": "ch_1", "stripe_checkout_session_id": "cs_1", "stripe_invoice_id": "in_1",
        "stripe_subscription_id": "sub_1", "lines_known": False, "country": "", "tax_id": "DE1", "receipt_place": None,
    }  # fmt: skip
    order_id = placed(shop)
    for order in permutations(reports):
        with shop.reading() as session:
            known: list[Payment] = []
            for facts in (*order, *order, told(order[0].id)):
                row = payments.record(session, order_id, known, facts, lines_known=False)
            assert known == [row], order
            assert row.model_dump(exclude={"id"}) == {**expected, "order_id": order_id}, order
            assert row.id == order[0].id


def test_what_is_recorded_is_found_at_once_and_known_to_the_cent_for_ever(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        known: list[Payment] = []
        row = payments.record(session, order_id, known, told(payment_intent="pi_1", invoice="in_1"), lines_known=False)
        session.flush()
        assert payments.owners_of(session, ["in_1", "pi_1", "pi_2"]) == {"in_1": order_id, "pi_1": order_id}
        for lines_known, expected in ((False, False), (True, True), (False, True)):
            payments.record(session, order_id, known, told(charge="ch_1"), lines_known=lines_known)
            assert row.lines_known is expected
        session.flush()
        assert payments.owners_of(session, ["ch_1"]) == dict.fromkeys(("in_1", "pi_1", "ch_1"), order_id)
        # Which id comes first, stays.
        payments.identify(session, row, "pi_9", "ch_9")
        assert (row.stripe_payment_intent_id, row.stripe_charge_id) == ("pi_1", "ch_1")


def test_a_payment_goes_by_the_ids_that_were_learned_of_it_later(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        row = payments.record(session, order_id, [], told(invoice="in_1"), lines_known=True)
        payments.identify(session, row, "pi_1")
        assert payments.owners_of(session, ["pi_1"]) == {"pi_1": order_id, "in_1": order_id}
        assert row.stripe_charge_id is None
        payments.identify(session, row, None, "ch_1")
        assert payments.of_charge(session, order_id, "ch_1") == "in_1"
        assert (row.stripe_payment_intent_id, row.stripe_charge_id) == ("pi_1", "ch_1")


@pytest.mark.parametrize(
    ("facts", "row"),
    [
        (told("in_1"), "in_1"), (told("x", invoice="in_1"), "in_1"), (told("x", session="cs_1"), "in_1"),
        (told("x", payment_intent="pi_1"), "in_1"), (told("x", subscription="sub_1"), "in_1"),
        (told("in_2", billing_reason="subscription_cycle", subscription="sub_1"), None), (told("x"), None),
        (told("x", subscription="sub_9"), None), (told("x", subscription="sub_2"), None),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_a_payment_is_one_that_is_known_by_any_of_its_ids_or_as_the_first_of_its_plan(
    shop: Shop, facts: PaymentFacts, row: str | None
) -> None:
    order_id = placed(shop)
    first = paid(
        "in_1", 900, billing_reason="subscription_create", stripe_subscription_id="sub_1",
        stripe_payment_intent_id="pi_1", stripe_invoice_id="in_1",
    )  # fmt: skip
    without = paid("cs_8", session="cs_8")
    known = [first, without, renewal("in_7", plan="sub_2")]
    with shop.reading() as session:
        found = payments.record(session, order_id, known, facts, lines_known=True)
        assert (found.id, len(known)) == ((row, 3) if row else (facts.id, 4))


@pytest.mark.parametrize("name", ["id", "payment_intent_id", "charge_id", "checkout_session_id", "invoice_id"])
def test_a_payment_is_named_by_any_of_its_ids_and_by_no_missing_one(name: str) -> None:
    name = name if name == "id" else f"stripe_{name}"
    one, other = paid("x_1", session=None), paid("x_2", session=None)
    setattr(other, name, "wanted")
    assert payments.named([one, other], "wanted") is other
    assert payments.named([one, other], None, "wanted") is other
    assert payments.named([one, other], None) is None


def test_what_an_order_was_bought_with_comes_first_then_the_oldest(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    rows = [
        paid("pi_5", paid_at=DAY + timedelta(days=2), session=None), renewal("in_3", day=-9), renewal("in_2", day=-9),
        renewal("in_4", day=-10), paid("in_1", billing_reason="subscription_create", session=None),
    ]  # fmt: skip
    with shop.transaction() as session:
        for row in rows:
            row.order_id = order_id
            row.stripe_subscription_id = None
        session.add_all(rows)
        other = payments.record(session, another, [], told("in_9", charge="ch_9"), lines_known=True)
        session.flush()
        expected = ["in_1", "pi_5", "in_4", "in_2", "in_3"]
        assert [row.id for row in payments.of_order(session, order_id)] == expected
        late = payments.record(session, order_id, rows, told("pi_6", paid_at=DAY + timedelta(9)), lines_known=True)
        assert [row.id for row in rows] == ["in_1", "pi_5", "pi_6", *expected[2:]]
        session.flush()
        behind(session, Payment, amount_refunded=7)
        assert [row.amount_refunded for row in payments.of_order(session, order_id)] == [7] * 6
        assert payments.of_order(session, another) == [other]
        assert (late.amount_refunded, other.amount_refunded) == (7, 7)


def test_of_a_charge_only_the_orders_own_payment_is_found(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        payments.record(session, order_id, [], told("in_1", charge="ch_1"), lines_known=True)
        payments.record(session, another, [], told("in_2"), lines_known=True)
        session.flush()
        assert payments.of_charge(session, order_id, "ch_1") == "in_1"
        assert payments.of_charge(session, another, "ch_1") is None
        assert payments.of_charge(session, order_id, "ch_2") is None
        assert payments.of_charge(session, another, None) is None
        assert payments.owners_of(session, ["in_9", "ch_9"]) == {}
        payments.record(session, another, [], told("cs_8", session="cs_8"), lines_known=True)
        session.flush()
        assert payments.owners_of(session, ["cs_8"]) == {"cs_8": another}


def test_those_are_asked_about_whose_lines_are_not_known_and_that_do_not_rest(shop: Shop) -> None:
    order_id, live = placed(shop), placed(shop, "cart_2", livemode=True)
    with shop.transaction() as session:
        for name in ("in_3", "in_2", "in_1", "in_4", "in_5"):
            payments.record(session, order_id, [], told(name), lines_known=name == "in_5")
        payments.record(session, live, [], told("in_9"), lines_known=False)
        session.flush()
        rest(session, "in_2", until=DAY + timedelta(seconds=1))
        rest(session, "in_4", until=DAY)

        def asked(limit: int = 9, *, livemode: bool = False) -> list[tuple[str, str]]:
            return payments.with_unknown_lines(session, livemode=livemode, now=DAY, limit=limit)

        assert asked() == [(name, order_id) for name in ("in_1", "in_3", "in_4")]
        assert asked(2) == [(name, order_id) for name in ("in_1", "in_3")]
        assert asked(livemode=True) == [("in_9", live)]
        assert len(session.exec(select(Payment)).all()) == 6


NOTE: dict[str, Any] = {
    "id": "cn_1", "object": "credit_note", "status": "issued", "total": 1190, "total_taxes": [{"amount": 190}], "currency": "eur",
    "post_payment_amount": 1190, "pre_payment_amount": 0, "refunds": [], "created": 1_700_000_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "kept", "net", "tax"),
    [
        ({}, 1190, 1000, 190),
        ({"total_taxes": None}, 1190, 1190, 0),
        ({"total_taxes": [{"amount": 100}, {"amount": 90}]}, 1190, 1000, 190),
        ({"refunds": [{"amount_refunded": 1190, "refund": "re_1"}]}, 0, 0, 0),
        ({"refunds": [{"amount_refunded": 500}, {"amount_refunded": 95}]}, 595, 500, 95),
        ({"post_payment_amount": 595, "pre_payment_amount": 595}, 595, 500, 95),
        # More than all of it, and in an older version nothing of this is said.
        ({"refunds": [{"amount_refunded": 1191}]}, 0, 0, 0),
        ({"post_payment_amount": None, "refunds": None}, 0, 0, 0),
        ({"status": "void"}, 0, 0, 0),
        ({"total": 0, "post_payment_amount": 0}, 0, 0, 0),
    ],
)
def test_a_credit_note_takes_off_what_it_gives_and_does_not_send_back(
    more: dict[str, Any], kept: int, net: int, tax: int
) -> None:
    of = renewal("in_1", country="DE")
    note = {**NOTE, **more}
    assert payments.kept_by(note) == kept
    assert payments.read_credit_note(note, of=of, now=NOW) == PaymentFacts(
        id="cn_1", billing_reason="credit_note", amount=0, amount_subtotal=-net, amount_discount=0, amount_tax=-tax,
        currency="eur", paid_at=datetime.fromtimestamp(1_700_000_000, UTC), subscription="sub_1", country="DE",
    )  # fmt: skip


def test_a_credit_note_that_says_hardly_anything_takes_off_nothing() -> None:
    facts = payments.read_credit_note({"id": "cn_1"}, of=paid(), now=NOW)
    assert (facts.amount_subtotal, facts.amount_tax, facts.currency, facts.paid_at) == (0, 0, "eur", NOW)


@pytest.mark.parametrize(
    ("more", "credited"),
    [
        ({"pre_payment_credit_notes_amount": 595}, (595, 95)),
        ({"pre_payment_credit_notes_amount": 1190}, (1190, 190)),
        ({"pre_payment_credit_notes_amount": 595, "total_taxes": None}, (595, 0)),
        ({"pre_payment_credit_notes_amount": 0}, (0, 0)),
        ({"pre_payment_credit_notes_amount": None}, (0, 0)),
        ({"pre_payment_credit_notes_amount": 595, "total": 0, "subtotal": 0}, (595, 0)),
    ],
)
def test_what_was_credited_before_it_was_paid_stands_on_the_invoice(
    more: dict[str, Any], credited: tuple[int, int]
) -> None:
    said = {
        "id": "in_1", "subtotal": 1000, "total": 1190, "amount_paid": 0, "currency": "eur", "total_taxes": [{"amount": 190}],
        "created": 1_700_000_000, **more,
    }  # fmt: skip
    facts = payments.read_paid_invoice(said, subscription="sub_1", now=NOW)
    assert (facts.credited, facts.credited_tax) == credited
    amount, tax = credited
    noted = payments.credited_before(facts, of=renewal("in_1", country="DE", tax_id="DE1"))
    assert noted == PaymentFacts(
        id="cn_of_in_1", billing_reason="credit_note", amount=0, amount_subtotal=tax - amount, amount_discount=0,
        amount_tax=-tax, currency="eur", paid_at=facts.paid_at, subscription="sub_1", country="DE", tax_id="DE1",
    )  # fmt: skip
