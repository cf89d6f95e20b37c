"""What Stripe says of a subscription, its items and its invoices, in full or hardly at all, and what it comes to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from core.gateway import discounts
from core.gateway.discounts import Discount
from core.orders import (
    subscription_changes,
    subscription_invoices,
    subscription_items,
    subscriptions,
)
from core.orders.subscription_changes import Movement
from core.orders.subscription_invoices import Standing, Unbilled
from core.orders.subscription_items import ItemFacts, Known
from core.orders.subscriptions import Subscription, SubscriptionFacts
from tests.core.orders.rows import DAY, line, plan


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


ITEM = {
    "id": "si_1", "quantity": 3, "current_period_start": 100, "current_period_end": 200,
    "price": {"id": "price_1", "lookup_key": "plan-month", "unit_amount": 900, "product": {"metadata": {"product_id": "plan"}},
              "recurring": {"interval": "month", "interval_count": 2}},
}  # fmt: skip
READ = ItemFacts("si_1", "price_1", "plan-month", "plan", 3, 900, "month", 2, at(100), at(200))


def test_all_that_an_item_says_is_read() -> None:
    assert subscription_items.read_item(ITEM, {}) == READ
    assert subscription_items.read_item(ITEM, {"current_period_start": 1, "current_period_end": 2}) == READ


def test_an_item_that_says_hardly_anything_counts_once_for_nothing() -> None:
    nothing = ItemFacts("", "price_1", "", "", 1, 0, None, 1, None, None)
    assert subscription_items.read_item({"price": {"id": "price_1"}}, {}) == nothing
    old = subscription_items.read_item(
        {"quantity": 0, "price": {"id": "price_1", "product": "prod_1"}},
        {"current_period_start": 1, "current_period_end": 2},
    )
    assert (old.quantity, old.sold_as, old.period_start, old.period_end) == (0, "", at(1), at(2))
    for metadata in (None, {}, {"product_id": None}):
        price = {"id": "price_1", "product": {"metadata": metadata}, "recurring": None}
        assert subscription_items.read_item({"price": price}, {}) == nothing


def of(name: str, price: str, quantity: int = 1, product: str = "plan") -> tuple[ItemFacts, Known]:
    return ItemFacts(name, price, "", "", quantity, 900, "month", 1, None, None), Known(product, price)


@pytest.mark.parametrize(
    ("items", "places"),
    [
        ([of("si_1", "small"), of("si_2", "large")], {"si_1": "small", "si_2": "large"}),
        ([of("si_2", "large"), of("si_1", "small")], {"si_1": "small", "si_2": "large"}),
        # The one with the line's own number of seats is the line's.
        ([of("si_1", "small", 5), of("si_2", "small", 1)], {"si_2": "small", "si_1": "large"}),
        ([of("si_1", "small", 5)], {"si_1": "small"}),
        # Another price of the line's own product is nearer than one of another product.
        ([of("si_1", "year", product="large")], {"si_1": "large"}),
        ([of("si_1", "year", product="new"), of("si_2", "large")], {"si_2": "large", "si_1": "small"}),
        ([of(f"si_{n}", "small") for n in range(3)], {"si_0": "small", "si_1": "large"}),
    ],
)
def test_an_item_is_the_line_that_it_fits_best(items: list[tuple[ItemFacts, Known]], places: dict[str, str]) -> None:
    lines = [line("small", 900, interval="month"), line("large", 1900, interval="month")]
    known = {item.id: what for item, what in items}
    assert subscription_items.assign([item for item, _ in items], known, lines) == places
    assert subscription_items.assign([item for item, _ in items], {}, lines) == {}


SUBSCRIPTION: dict[str, Any] = {
    "id": "sub_1", "status": "active", "customer": {"id": "cus_1"}, "currency": "eur", "items": {"data": [ITEM, {"id": "si_0"}]},
    "metadata": {"order_id": "ord_1", "shop_id": "shop_1"}, "start_date": 50, "created": 60, "trial_end": 70,
    "canceled_at": 80, "cancel_at": 90, "ended_at": 95,
    "cancellation_details": {"reason": "payment_failed", "feedback": "unused", "comment": "Never opened it."},
    "discounts": [{"source": {"coupon": {"duration": "forever", "percent_off": 10}}}],
}  # fmt: skip


def test_all_that_a_subscription_says_is_read() -> None:
    assert subscriptions.read_subscription(SUBSCRIPTION) == SubscriptionFacts(
        id="sub_1", order_id="ord_1", shop_id="shop_1", status="active", customer="cus_1", items=(READ,), amount=2700,
        discounts=(Discount(Fraction(10), 0),), currency="eur", interval="month", created_at=at(50),
        period_start=at(100), period_end=at(200), trial_end=at(70), canceled_at=at(80), ends_at=at(90), ended_at=at(95),
        paused=False, end_reason="payment_failed", end_feedback="unused", end_comment="Never opened it.",
    )  # fmt: skip


def test_a_subscription_that_says_hardly_anything_is_none() -> None:
    assert subscriptions.read_subscription({"id": "sub_1"}) == SubscriptionFacts(
        id="sub_1", order_id="", shop_id="", status="", customer=None, items=(), amount=0, discounts=(), currency="",
        interval=None, created_at=at(0), period_start=None, period_end=None, trial_end=None, canceled_at=None, ends_at=None,
        ended_at=None, paused=False, end_reason="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"start_date": None}, {"created_at": at(60)}),
        ({"cancel_at": None, "cancel_at_period_end": True}, {"ends_at": at(200)}),
        ({"cancel_at": None, "cancel_at_period_end": False}, {"ends_at": None}),
        ({"cancel_at": 90, "cancel_at_period_end": True}, {"ends_at": at(90)}),
        ({"status": "paused"}, {"paused": True}),
        ({"pause_collection": {"behavior": "void"}}, {"paused": True}),
        ({"items": {"data": []}, "current_period_start": 1, "current_period_end": 2}, {"period_start": at(1), "period_end": at(2)}),
        (
            {"items": {"data": []}, "cancel_at": None, "cancel_at_period_end": True, "current_period_end": 2},
            {"ends_at": at(2)},
        ),
    ],
)  # fmt: skip
def test_a_subscription_may_say_it_another_way(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    facts = subscriptions.read_subscription({**SUBSCRIPTION, **changes})
    assert {name: getattr(facts, name) for name in expected} == expected


def bill(number: int, status: str = "open", *, due: int = 900, paid: int = 0, lines: Any = ()) -> dict[str, Any]:
    return {
        "id": f"in_{number}", "created": number, "status": status, "amount_due": due, "amount_paid": paid,
        "lines": {"data": list(lines)},
    }  # fmt: skip


def billed(
    end: int, *, proration: bool = False, kind: str = "subscription_item_details", **more: Any
) -> dict[str, Any]:
    return {"parent": {"type": kind, kind: {"proration": proration}}, "period": {"end": end}, **more}


@pytest.mark.parametrize(
    ("invoices", "since"),
    [
        ([], None),
        ([bill(1)], 1),
        ([bill(2), bill(1)], 1),
        ([bill(1, paid=900)], None),
        ([bill(1, paid=899)], 1),
        ([bill(1, due=0)], None),
        ([bill(1, "uncollectible")], 1),
        ([bill(1, "void"), bill(2, "draft")], None),
        ([bill(1, "paid"), bill(2)], 2),
        ([bill(1), bill(2, "paid")], 1),
        ([bill(1, "uncollectible"), bill(2, "paid")], None),
        ([bill(2, "uncollectible"), bill(1, "paid")], 2),
        ([bill(2, "uncollectible"), bill(1, "paid"), bill(3, "paid")], None),
        ([bill(1, due=1)], 1),
        ([bill(2, "uncollectible"), bill(2, "paid")], 2),
        ([{"created": 1, "id": "in_1", "status": "open"}], None),
    ],
)
def test_something_is_owed_since_the_first_bill_that_is_still_waited_for(
    invoices: list[dict[str, Any]], since: int | None
) -> None:
    assert subscription_invoices.read_standing(invoices).unpaid_since == (at(since) if since else None)


@pytest.mark.parametrize(
    ("invoices", "until"),
    [
        ([bill(1, "paid", lines=[billed(30)])], 30),
        ([bill(1, "paid", lines=[billed(30)]), bill(2, "paid", lines=[billed(60), billed(50)])], 60),
        ([bill(1, "paid", lines=[billed(30)]), bill(2, "open", lines=[billed(60)])], 30),
        ([bill(1, "paid", lines=[billed(30), billed(60, proration=True)])], 30),
        ([bill(1, "paid", lines=[billed(30), billed(60, kind="invoice_item_details")])], 30),
        ([bill(1, "paid", lines=[{"period": {"end": 60}}])], None),
        ([{"id": "in_1", "created": 1, "status": "paid"}], None),
    ],
)
def test_it_is_paid_for_until_the_last_period_ends_that_was_paid(
    invoices: list[dict[str, Any]], until: int | None
) -> None:
    assert subscription_invoices.read_standing(invoices).paid_until == (at(until) if until else None)


def test_what_was_credited_when_more_was_billed_had_been_paid_for() -> None:
    pricing = {"pricing": {"price_details": {"price": "price_1"}}}
    credit = billed(30, proration=True, amount=-900, quantity=2, **pricing)
    more = billed(30, proration=True, amount=4500, quantity=5, **pricing)
    of_others = billed(30, amount=-100, quantity=9, pricing={"price_details": {"price": "price_2"}})
    nothing = billed(30, proration=True, amount=0, quantity=7, pricing={"price_details": {"price": "price_3"}})
    unsaid = billed(30, proration=True, amount=-1)
    of_no_kind = [{"amount": -1}, {"amount": -1, "parent": {"type": "x"}}, {"amount": -1, "parent": {"type": None}}]
    owed = bill(1, lines=[credit, more, of_others, billed(30, proration=True), nothing, unsaid, *of_no_kind])
    assert subscription_invoices.read_standing([owed]) == Standing(
        None, at(1), 900, paid_quantities={"price_1": 2, "None": 0}
    )
    assert subscription_invoices.read_standing([{**owed, "status": "paid"}]).paid_quantities == {}


def test_what_was_paid_for_before_is_known_by_its_item_or_else_by_its_price() -> None:
    pricing = {"pricing": {"price_details": {"price": "price_1"}}}
    of_item = billed(30, **pricing)
    of_item["parent"]["subscription_item_details"]["subscription_item"] = "si_1"
    of_price, of_none = billed(30, **pricing), billed(30, pricing=None)
    added = billed(30, proration=True, amount=900, quantity=1, pricing={"price_details": {"price": "price_2"}})

    def paid_before(*invoices: dict[str, Any]) -> frozenset[str] | None:
        return subscription_invoices.read_standing(invoices).paid_before

    owed = bill(2, "open", lines=[added])
    assert paid_before(bill(1, "paid", lines=[of_item, of_none]), owed) == {"si_1"}
    assert paid_before(bill(1, "paid", lines=[of_item]), owed, bill(3, "paid", lines=[of_price])) == {"si_1", "price_1"}
    # Who only owes a period owes for what they had.
    assert paid_before(bill(1, "paid", lines=[of_item]), bill(2, "open", lines=[billed(60, amount=900)])) == set()
    # Of a long one Stripe shows the first ten lines: what else was paid for nobody knows.
    long = bill(1, "paid", lines=[of_item])
    long["lines"]["has_more"] = True
    assert paid_before(long, owed) is None


def test_of_a_price_that_a_change_bills_for_the_first_time_nothing_had_been_paid_for() -> None:
    def priced(price: str, amount: int, quantity: int, *, change: bool = True) -> dict[str, Any]:
        of = {"price_details": {"price": price}}
        return billed(30, proration=change, amount=amount, quantity=quantity, pricing=of)

    def paid_before(*lines: dict[str, Any]) -> Any:
        return subscription_invoices.read_standing([bill(1, lines=lines)]).paid_quantities

    assert paid_before(priced("old", -900, 2), priced("new", 4500, 5)) == {"old": 2, "new": 0}
    # Another interval begins a period of its own.
    assert paid_before(priced("month", -900, 2), priced("year", 9000, 2, change=False)) == {"month": 2, "year": 0}
    assert paid_before(priced("added", 900, 1)) == {"added": 0}
    assert paid_before(priced("added", 1, 1)) == {"added": 0}
    assert paid_before(priced("for nothing", 0, 1)) == {}
    assert paid_before(priced("renewed", 900, 1, change=False)) == {}
    assert paid_before(billed(30, proration=True, amount=900, quantity=1, pricing=None)) == {}


@pytest.mark.parametrize(
    ("subscription", "needed"),
    [
        ({"status": "active"}, False), ({"status": "trialing"}, False), ({"status": "canceled"}, False),
        ({"status": "canceled", "ended_at": 150, "items": {"data": [ITEM]}}, True),
        ({"status": "canceled", "ended_at": 200, "items": {"data": [ITEM]}}, False),
        ({"status": "canceled", "ended_at": 150, "current_period_end": 200}, True),
        ({"status": "incomplete_expired"}, False), ({"status": "past_due"}, True), ({"status": "paused"}, True),
        ({"status": "active", "pause_collection": {"behavior": "void"}}, True), ({}, True),
    ],
)  # fmt: skip
def test_invoices_are_looked_at_where_the_subscription_does_not_say_enough(
    subscription: dict[str, Any], needed: bool
) -> None:
    assert subscription_invoices.needed(subscription) is needed


def priced(amount: int, interval: str | None, count: int = 1, quantity: int = 1) -> ItemFacts:
    return ItemFacts("si_1", "price_1", "", "", quantity, amount, interval, count, None, None)


def cheaper(item: ItemFacts, *, percent: int = 0, amount: int = 0, products: str = "") -> ItemFacts:
    """The item with a discount of its own that stays."""
    return replace(
        item, discounts=(off(percent, amount, products) if products else Discount(Fraction(percent), amount),)
    )


def off(percent: int, amount: int, products: str) -> Discount:
    """A discount for these products alone."""
    return Discount(Fraction(percent), amount, frozenset(products.split()))


def sells(product: str, item: ItemFacts) -> ItemFacts:
    """The item, of this product of Stripe's."""
    return replace(item, stripe_product_id=product)


@pytest.mark.parametrize(
    ("items", "discounts", "monthly"),
    [
        ([], [], 0),
        ([priced(900, "month", quantity=3)], [], 2700),
        ([priced(900, "month"), priced(1200, "year")], [], 1000),
        ([priced(3000, "month", 3)], [], 1000),
        ([priced(1200, "week")], [], 5200),
        ([priced(12, "day")], [], 365),
        ([priced(900, None)], [], 0),
        ([priced(18, "year")], [], 2),
        ([priced(17, "year")], [], 1),
        ([priced(1000, "month")], [Discount(Fraction(10), 0)], 900),
        ([priced(1000, "month")], [Discount(Fraction(0), 300)], 700),
        ([priced(1000, "month")], [Discount(Fraction(0), 1300)], 0),
        ([priced(12000, "year")], [Discount(Fraction(0), 1200)], 900),
        ([priced(1000, "month")], [Discount(Fraction(50), 0), Discount(Fraction(50), 0)], 250),
        ([], [Discount(Fraction(0), 300)], 0),
        # What an amount leaves over of a month's bill it takes off the year's, which comes together with one of these.
        ([priced(900, "month"), priced(12000, "year")], [Discount(Fraction(0), 1200)], 975),
        ([priced(900, "month"), priced(12000, "year")], [Discount(Fraction(0), 600)], 1300),
        ([priced(900, "month"), priced(12000, "year")], [Discount(Fraction(10), 0)], 1710),
        ([cheaper(priced(1000, "month"), percent=10), priced(12000, "year")], [], 1900),
        ([cheaper(priced(12000, "year"), amount=1200), priced(1000, "month")], [], 1900),
        ([cheaper(priced(1000, "month"), amount=1300), priced(500, "month")], [], 500),
        ([cheaper(priced(500, "month", quantity=2), amount=300)], [Discount(Fraction(50), 0)], 350),
        # What is for certain products takes nothing off others.
        ([sells("a", priced(1000, "month")), sells("b", priced(500, "month"))], [off(50, 0, "a")], 1000),
        ([sells("a", priced(1000, "month")), sells("b", priced(500, "month"))], [off(50, 0, "a b")], 750),
        ([sells("a", priced(1000, "month")), sells("b", priced(500, "month"))], [off(50, 0, "c")], 1500),
        ([sells("a", priced(200, "month")), sells("b", priced(500, "month"))], [off(0, 300, "a")], 500),
        ([sells("a", priced(900, "month")), sells("b", priced(12000, "year"))], [off(0, 1200, "b")], 1800),
        ([sells("a", priced(900, "month")), sells("b", priced(12000, "year"))], [off(0, 1200, "a b")], 975),
        (
            [sells("a", priced(300, "month")), sells("b", priced(600, "month"))],
            [off(0, 300, "a b"), off(50, 0, "a")],
            500,
        ),
        (
            [sells("a", priced(300, "month")), sells("b", priced(600, "month"))],
            [Discount(Fraction(0), 300), off(0, 300, "b"), Discount(Fraction(50), 0)],
            150,
        ),
        ([sells("a", cheaper(priced(1000, "month"), percent=10, products="b"))], [], 1000),
        ([sells("a", cheaper(priced(1000, "month"), percent=10, products="a"))], [], 900),
    ],
)
def test_what_comes_in_a_month_is_the_price_of_any_interval_by_its_months(
    items: list[ItemFacts], discounts: list[Discount], monthly: int
) -> None:
    assert subscription_changes.monthly(items, discounts) == monthly


def test_discounts_that_end_or_were_not_expanded_do_not_count() -> None:
    forever = {"source": {"coupon": {"duration": "forever", "amount_off": 300}}}
    said = [
        forever,
        {"source": {"coupon": {"duration": "once", "percent_off": 50}}},
        {"source": {"coupon": "co_1"}},
        "di_1",
        {},
    ]
    assert discounts.lasting({"discounts": said}) == (Discount(Fraction(0), 300),)
    assert discounts.lasting({"discounts": None}) == ()
    coupon = {"duration": "forever", "percent_off": 5, "applies_to": {"products": ["prod_1", "prod_2"]}}
    found = discounts.lasting({"discounts": [{"source": {"coupon": coupon}}]})
    assert found == (Discount(Fraction(5), 0, frozenset({"prod_1", "prod_2"})),)


@pytest.mark.parametrize(
    ("before", "after", "first", "kind"),
    [
        (0, 900, True, Movement.NEW), (0, 900, False, Movement.REACTIVATION), (900, 0, False, Movement.CHURNED),
        (900, 1800, False, Movement.EXPANSION), (1800, 900, False, Movement.CONTRACTION),
    ],
)  # fmt: skip
def test_a_change_is_one_of_five(before: int, after: int, first: bool, kind: Movement) -> None:
    assert subscription_changes.kind_of(before, after, first=first) is kind


def row(**more: Any) -> Subscription:
    return plan(**more)


@pytest.mark.parametrize(
    ("known", "lapses"),
    [
        (row(), None),
        (row(grace_until=DAY + timedelta(1), access_until=DAY + timedelta(2)), DAY + timedelta(1)),
        (row(grace_until=DAY, access_until=DAY + timedelta(2)), DAY + timedelta(2)),
        (row(access_until=DAY), None),
    ],
)
def test_access_changes_next_at_the_nearest_moment_to_come(known: Subscription, lapses: datetime | None) -> None:
    assert subscriptions.next_lapse(known, DAY) == lapses


@pytest.mark.parametrize(
    ("known", "bills_on", "over"),
    [
        (row(), True, False), (row(ends_at=DAY), False, False), (row(paused=True), False, False),
        (row(status="canceled"), False, True), (row(status="incomplete_expired"), False, True),
    ],
)  # fmt: skip
def test_a_subscription_bills_on_unless_it_is_over_or_told_to_end_or_paused(
    known: Subscription, bills_on: bool, over: bool
) -> None:
    assert (known.bills_on, known.is_over) == (bills_on, over)


@pytest.mark.parametrize(
    ("invoice", "expected"),
    [
        ({}, None),
        ({"subscription": "sub_1"}, "sub_1"),
        ({"subscription": {"id": "sub_1"}}, "sub_1"),
        ({"parent": {"subscription_details": {"subscription": "sub_2"}}, "subscription": "sub_1"}, "sub_2"),
        ({"parent": {"subscription_details": None}}, None),
    ],
)
def test_an_invoice_names_its_subscription_in_one_of_two_places(invoice: dict[str, Any], expected: str | None) -> None:
    assert subscriptions.subscription_of(invoice) == expected


DRAFT: dict[str, Any] = {
    "id": "in_1", "object": "invoice", "status": "draft", "last_finalization_error": {
        "type": "invalid_request_error", "code": "customer_tax_location_invalid", "message": "The location isn't recognized.",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("newest", "reason"),
    [
        (DRAFT, "customer_tax_location_invalid"),
        ({**DRAFT, "last_finalization_error": {"type": "api_error", "code": None}}, "api_error"),
        ({**DRAFT, "last_finalization_error": {"type": "of_the_future"}}, "of_the_future"),
        # Made out after all, or not tried yet; and by its id alone nothing is told.
        ({**DRAFT, "status": "open"}, None),
        ({**DRAFT, "status": "void"}, None),
        ({**DRAFT, "last_finalization_error": None}, None),
        ({"id": "in_1", "status": "draft"}, None),
        ("in_1", None),
        (None, None),
    ],
)
def test_an_invoice_that_could_not_be_made_out_is_known_by_its_reason(newest: Any, reason: str | None) -> None:
    found = subscriptions.read_subscription({**SUBSCRIPTION, "latest_invoice": newest}).unbilled
    assert found == (Unbilled("in_1", reason) if reason is not None else None)


def test_what_could_not_be_made_out_before_counts_until_it_is() -> None:
    newer = {**SUBSCRIPTION, "latest_invoice": {"id": "in_2", "status": "paid", "last_finalization_error": None}}
    found = subscriptions.read_subscription(newer, awaited=DRAFT).unbilled
    assert found == Unbilled("in_1", "customer_tax_location_invalid")
    assert subscriptions.read_subscription(newer, awaited={**DRAFT, "status": "paid"}).unbilled is None
    failed = {**newer, "latest_invoice": {**DRAFT, "id": "in_2"}}
    found = subscriptions.read_subscription(failed, awaited={**DRAFT, "status": "paid"}).unbilled
    assert found == Unbilled("in_2", "customer_tax_location_invalid")
