"""What a payment paid for: to the cent, whichever way Stripe lists it, and as near as can be before it has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, delete, select

from core.catalog.products import Kind
from core.foundation.signals.corrections import Correction
from core.orders import payment_lines
from core.orders.orders import OrderLine
from core.orders.payment_lines import Item, PaymentLine, Share, read_item, spread
from core.orders.payments import Payment
from core.shop import Shop
from tests import builders
from tests.builders import on_sqlite
from tests.conftest import Clock
from tests.fakes import FakeStripe


def line(id: str, amount: int, quantity: int = 1, interval: str | None = None, price: str | None = None) -> OrderLine:
    kind = Kind.PLAN if interval else Kind.DOWNLOAD
    return OrderLine(
        id=id, order_id="ord_1", position=0, product_id=id, price_id=id, kind=kind, name=id.title(), quantity=quantity,
        unit_amount=amount, currency="eur", interval=interval, stripe_price_id=price,
    )  # fmt: skip


def payment(reason: str = "checkout", **amounts: int) -> Payment:
    known = {"amount": 0, "amount_subtotal": 0, "amount_discount": 0, "amount_tax": 0, **amounts}
    return Payment(
        id="in_1", order_id="ord_1", billing_reason=reason, currency="eur", paid_at=datetime(2026, 11, 23, tzinfo=UTC),
        lines_known=False, **known,
    )  # fmt: skip


class Nowhere(Session):
    """Takes rows, and writes none."""

    def add_all(self, instances: Any) -> None: ...
    def flush(self, objects: Any = None) -> None: ...


def listed(paid: Payment, lines: list[OrderLine], *items: dict[str, Any]) -> list[PaymentLine]:
    return payment_lines.write(Nowhere(), paid, lines, items)


@given(amount=st.integers(-10_000, 10_000), weights=st.lists(st.integers(0, 5_000), min_size=1, max_size=6))
def test_the_parts_add_up_to_the_cent_and_none_is_further_off_than_one(amount: int, weights: list[int]) -> None:
    parts = spread(amount, weights)
    assert sum(parts) == amount
    whole = sum(weights) or len(weights)
    shares = weights if sum(weights) else [1] * len(weights)
    assert all(abs(part - amount * share / whole) < 1 for part, share in zip(parts, shares, strict=True))


def test_a_cent_that_is_left_over_goes_to_the_largest_rest() -> None:
    assert spread(100, [1, 1, 1]) == [34, 33, 33]
    assert spread(10, [2900, 7900]) == [3, 7]
    assert spread(10, [1, 2]) == [3, 7]
    assert spread(-100, [1, 1, 1]) == [-34, -33, -33]
    assert spread(10, [1, 0]) == [10, 0]


def test_a_payment_of_the_whole_at_list_price_is_for_each_line_what_it_costs() -> None:
    lines = [line("guide", 2900, 2), line("kit", 7900)]
    shares = payment_lines.of_payment(payment(amount=13700, amount_subtotal=13700), [], lines)
    assert [(share.order_line_id, share.amount, share.amount_discount) for share in shares] == [
        ("guide", 5800, 0), ("kit", 7900, 0),
    ]  # fmt: skip


def test_while_a_plan_is_tried_all_is_for_the_rest() -> None:
    lines = [line("plan", 900, interval="month"), line("guide", 2900)]
    shares = payment_lines.of_payment(payment("subscription_create", amount=2900, amount_subtotal=2900), [], lines)
    assert [(share.order_line_id, share.amount) for share in shares] == [("plan", 0), ("guide", 2900)]
    shares = payment_lines.of_payment(payment("subscription_create", amount=3800, amount_subtotal=3800), [], lines)
    assert [(share.order_line_id, share.amount) for share in shares] == [("plan", 900), ("guide", 2900)]


def test_a_renewal_is_for_the_plans_alone_even_if_it_costs_what_something_else_did() -> None:
    lines = [line("guide", 900), line("plan", 900, interval="month")]
    shares = payment_lines.of_payment(payment("subscription_cycle", amount=900, amount_subtotal=900), [], lines)
    assert [(share.order_line_id, share.amount) for share in shares] == [("plan", 900)]
    added = {"object": "line_item", "amount": 900, "quantity": 1, "parent": {"type": "invoice_item_details"},
             "pricing": {"unit_amount_decimal": "900"}}  # fmt: skip
    assert [row.order_line_id for row in listed(payment("subscription_cycle"), lines, added)] == [None]


def of_plan(amount: int, unit: int, quantity: int = 1, *, price: str = "", proration: bool = False) -> dict[str, Any]:
    return {
        "object": "line_item", "amount": amount, "quantity": quantity,
        "parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": proration}},
        "pricing": {"unit_amount_decimal": str(unit), "price_details": {"price": price}},
    }  # fmt: skip


PLANS = [line("small", 900, 2, "month", "price_s"), line("large", 1900, 1, "month", "price_l")]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([of_plan(1900, 1900), of_plan(1800, 900, 2)], ["large", "small"]),
        # Seats were changed; the price still tells.
        ([of_plan(4500, 900, 5, price="price_s"), of_plan(1900, 1900, price="price_l")], ["small", "large"]),
        # A plan with a price that is not ours any more is still the one that is left.
        ([of_plan(1900, 1900), of_plan(2500, 2500)], ["large", "small"]),
        # What was changed in between stands beside the plan, however often.
        (
            [of_plan(-450, 900, price="price_s", proration=True), of_plan(900, 900, price="price_s", proration=True),
             of_plan(4500, 900, 5, price="price_s"), of_plan(1900, 1900, price="price_l")],
            ["small", "small", "small", "large"],
        ),
        (
            [of_plan(4500, 900, 5, price="price_s"), of_plan(1900, 1900, price="price_l"),
             of_plan(-450, 900, price="price_s", proration=True)],
            ["small", "large", "small"],
        ),
    ],
)  # fmt: skip
def test_each_of_stripes_lines_is_the_orders_line_that_it_is_most_like(
    items: list[dict[str, Any]], expected: list[str]
) -> None:
    rows = listed(payment("subscription_cycle"), PLANS, *items)
    assert [row.order_line_id for row in rows] == expected
    assert [row.amount for row in rows] == [item["amount"] for item in items]


def test_lines_of_one_price_are_told_apart_by_name_and_number() -> None:
    lines = [line("one", 2900), line("two", 2900), line("three", 2900, 3)]
    items = [
        {"object": "item", "description": name, "quantity": quantity, "amount_subtotal": 2900 * quantity,
         "amount_total": 2900 * quantity, "price": {"unit_amount": 2900}}
        for name, quantity in (("Three", 3), ("Two", 1), ("One", 1))
    ]  # fmt: skip
    assert [row.order_line_id for row in listed(payment(), lines, *items)] == ["three", "two", "one"]


@pytest.mark.parametrize("taxes", [
    {"taxes": [{"amount": 480, "tax_behavior": "inclusive"}]}, {"tax_amounts": [{"amount": 480, "inclusive": True}]},
])  # fmt: skip
def test_a_tax_that_the_price_includes_is_not_added_again(taxes: dict[str, Any]) -> None:
    item = {**of_plan(2900, 2900), **taxes}
    (row,) = listed(payment("subscription_cycle"), [line("plan", 2900, interval="month")], item)
    assert (row.amount, row.amount_tax) == (2900, 480)


def test_a_discount_on_the_whole_is_spread_over_the_lines() -> None:
    paid = payment("subscription_create", amount=1850, amount_subtotal=3700, amount_discount=1850)
    rows = listed(paid, PLANS, of_plan(1800, 900, 2), of_plan(1900, 1900))
    assert [(row.amount_discount, row.amount) for row in rows] == [(900, 900), (950, 950)]
    assert (paid.amount_subtotal, paid.amount_discount, paid.lines_known) == (3700, 1850, True)


def test_what_stripe_lists_of_a_payment_is_what_it_was() -> None:
    paid = payment("subscription_cycle", amount=2900, amount_subtotal=1, amount_discount=100, amount_tax=3)
    item = {**of_plan(2700, 900, 3), "discount_amounts": [{"amount": 300}], "taxes": [{"amount": 500}]}
    (row,) = listed(paid, [line("plan", 900, 3, "month")], item)
    assert (row.amount_subtotal, row.amount_discount, row.amount_tax, row.amount) == (2700, 300, 500, 2900)
    assert (paid.amount_subtotal, paid.amount_discount, paid.amount_tax, paid.lines_known) == (2700, 300, 500, True)
    assert (row.payment_id, row.position, row.quantity) == ("in_1", 0, 3)


@pytest.mark.parametrize("known", [True, False])
def test_a_share_is_an_estimate_until_stripe_has_told(known: bool) -> None:
    paid = payment(amount=2900, amount_subtotal=2900)
    paid.lines_known = known
    assert payment_lines.of_payment(paid, [], [line("guide", 2900)]) == [
        Share("guide", 1, 2900, 0, 0, 2900, estimated=not known)
    ]


def test_what_is_for_nothing_that_was_ordered_is_one_share() -> None:
    paid = payment(amount=2950, amount_subtotal=2900, amount_discount=500, amount_tax=550)
    whole = Share(None, 1, 2900, 500, 550, 2950)
    assert payment_lines.not_of_the_order(paid) == whole
    assert payment_lines.of_payment(paid, [], []) == [whole]


NOTHING = Item(None, None, "", 0, recurring=False, proration=False, subtotal=0, discount=0, tax=0, tax_on_top=0)


def test_all_that_a_line_of_a_session_says_is_read() -> None:
    said = {
        "object": "item", "description": "Plan", "quantity": 3, "amount_subtotal": 2700, "amount_discount": 300,
        "amount_tax": 480, "amount_total": 2880, "price": {"id": "price_1", "unit_amount": 900, "recurring": {"interval": "month"}},
    }  # fmt: skip
    assert read_item(said) == Item("price_1", 900, "Plan", 3, True, False, 2700, 300, 480, 480)
    assert read_item({**said, "amount_total": 2400}).tax_on_top == 0
    assert read_item({**said, "price": {"id": "price_1"}}).recurring is False
    assert read_item({"object": "item"}) == read_item({"object": "item", "price": None, "quantity": None}) == NOTHING


TAX = {"amount": 480, "tax_behavior": "exclusive"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": True}},
             "pricing": {"unit_amount_decimal": "900.0", "price_details": {"price": {"id": "price_1"}}}, "taxes": [TAX]},
            Item("price_1", 900, "Plan", 3, True, True, 2700, 300, 480, 480),
        ),
        (
            {"type": "subscription", "price": {"id": "price_1", "unit_amount": 900}, "tax_amounts": [{"amount": 480}]},
            Item("price_1", 900, "Plan", 3, True, False, 2700, 300, 480, 480),
        ),
        (
            {"type": "invoiceitem", "proration": True, "price": {"id": "price_1", "unit_amount": 0}},
            Item("price_1", 0, "Plan", 3, True, True, 2700, 300, 0, 0),
        ),
        (
            {"parent": {"type": "invoice_item_details", "invoice_item_details": {}},
             "taxes": [TAX, {"amount": 20, "tax_behavior": "inclusive"}], "tax_amounts": [{"amount": 3, "inclusive": True}]},
            Item(None, None, "Plan", 3, False, False, 2700, 300, 503, 480),
        ),
    ],
)  # fmt: skip
def test_all_that_a_line_of_an_invoice_says_is_read(said: dict[str, Any], expected: Item) -> None:
    common = {
        "object": "line_item", "description": "Plan", "quantity": 3, "amount": 2700,
        "discount_amounts": [{"amount": 200}, {"amount": 100}],
    }  # fmt: skip
    assert read_item({**common, **said}) == expected


def test_a_line_of_an_invoice_that_says_hardly_anything_is_for_nothing() -> None:
    empty = {
        "parent": None,
        "pricing": None,
        "price": None,
        "taxes": [{}],
        "tax_amounts": None,
        "discount_amounts": [{}],
    }
    assert read_item({}) == read_item(empty) == NOTHING


def test_of_two_lines_that_are_alike_each_is_paid_for_once() -> None:
    lines = [line("one", 900, 2, "month"), line("two", 900, 2, "month")]
    rows = listed(payment("subscription_cycle"), lines, of_plan(1800, 900, 2), of_plan(1800, 900, 2))
    assert [row.order_line_id for row in rows] == ["one", "two"]


@pytest.mark.parametrize(("discount", "parts"), [(1000, [1000, 0]), (1001, [1000, 1]), (2000, [1000, 1000])])
def test_what_is_off_the_whole_is_off_what_is_left_to_pay(discount: int, parts: list[int]) -> None:
    free = {**of_plan(1000, 1000), "discount_amounts": [{"amount": 1000}]}
    paid = payment("subscription_cycle", amount=2000 - discount, amount_subtotal=2000, amount_discount=discount)
    assert [row.amount_discount for row in listed(paid, PLANS, free, of_plan(1000, 1000))] == parts


@on_sqlite
def test_of_several_payments_each_has_its_own_lines_and_of_others_nothing_is_read(
    shop: Shop, stripe: FakeStripe
) -> None:
    for number in (1, 2, 3):
        _, session_id = builders.opened(shop, cart=f"cart_{number}")
        stripe.discount(session_id, 50)
        stripe.pay(session_id)
        builders.deliver(shop, stripe.event("completed", session_id))
    builders.ask_stripe(shop)
    first, second, _ = builders.rows(shop, Payment)
    with shop.reading() as session:
        found = payment_lines.of_orders_payments(session, [first, second])
    assert {name: [row.amount for row in rows] for name, rows in found.items()} == {first.id: [1450], second.id: [1450]}


def test_what_a_payment_of_days_ago_was_for_has_its_day_summed_anew(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    with shop.transaction() as session:
        [known] = session.exec(select(Payment))
        known.paid_at = clock() - timedelta(days=3)
        session.flush()
        session.execute(delete(Correction))
    with shop.transaction() as session:
        [known] = session.exec(select(Payment))
        payment_lines.write(session, known, [], [of_plan(2900, 2900)])
    assert [row.at for row in builders.rows(shop, Correction)] == [clock() - timedelta(days=3)]


@pytest.mark.parametrize(("amounts", "included"), [
    ({"amount": 119, "amount_subtotal": 119, "amount_tax": 19}, 19),  # all of it
    ({"amount": 119, "amount_subtotal": 100, "amount_tax": 19}, 0),  # added to the price
    ({"amount": 110, "amount_subtotal": 100, "amount_tax": 19}, 9),  # in one of two prices
    ({"amount": 100, "amount_subtotal": 119, "amount_discount": 19, "amount_tax": 16}, 16),
    ({"amount": 110, "amount_subtotal": 119, "amount_discount": 19, "amount_tax": 19}, 9),  # and a discount
    ({"amount": 100, "amount_subtotal": 130, "amount_tax": 16}, 16),  # never more than there is
    ({"amount": 150, "amount_subtotal": 100, "amount_tax": 10}, 0),  # nor less than nothing
    ({"amount": 0, "amount_subtotal": 0, "amount_tax": 0}, 0),
])  # fmt: skip
def test_as_much_of_a_tax_is_included_as_the_amount_leaves_over(amounts: dict[str, int], included: int) -> None:
    assert payment_lines.tax_included(payment(**amounts), []) == included


def test_what_stripe_lists_says_how_much_of_a_tax_is_included() -> None:
    # What the payment itself says would come to another sum.
    paid = payment("subscription_cycle", amount=9, amount_subtotal=5, amount_tax=2)
    within = {**of_plan(2700, 900, 3), "discount_amounts": [{"amount": 300}]}
    within["taxes"] = [{"amount": 500, "tax_behavior": "inclusive"}]
    beside = {**of_plan(1900, 1900), "taxes": [{"amount": 361}]}
    rows = listed(paid, PLANS, within, beside)
    assert [(row.amount_subtotal, row.amount) for row in rows] == [(2700, 2400), (1900, 2261)]
    assert payment_lines.tax_included(paid, rows) == 500
