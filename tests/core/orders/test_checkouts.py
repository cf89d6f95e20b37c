"""What Sessions say of themselves, what they come to and what is kept: any order of reports ends in the same row."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from core.gateway.sessions import CheckoutState, Money, SessionFacts
from core.orders import checkouts
from core.orders.checkouts import Checkout, Due
from core.orders.orders import Order
from core.orders.status import Progress, Status
from core.shop import Shop
from tests import builders
from tests.core.orders.rows import DAY, attempt
from tests.core.orders.stored import behind, placed

TRIAL = {"subscription_data": {"trial_period_days": 14}}
OPEN = SessionFacts(
    id="cs_1", metadata={}, recovered_from=None, livemode=False, state=CheckoutState.OPEN, money=Money.UNPAID,
    amount_subtotal=2900, amount_total=2900, amount_discount=0, amount_tax=0, currency="eur", email="", name="",
    country="", tax_id="", payment_intent=None, invoice=None, subscription=None, customer=None, expires_at=DAY,
)  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "said", "misfit"),
    [
        ({}, {}, ""),
        ({}, {"amount_total": 3451}, ""),
        ({}, {"currency": "usd"}, "currency_mismatch: paid in usd, ordered in eur"),
        ({}, {"amount_subtotal": 2899}, "amount_mismatch: paid for 2899, ordered 2900"),
        ({}, {"amount_subtotal": 2901}, "amount_mismatch: paid for 2901, ordered 2900"),
        ({}, {"amount_subtotal": None}, "amount_mismatch: paid for None, ordered 2900"),
        ({}, {"amount_total": 2899}, "amount_mismatch: paid 2899 for 2900, and no discount was offered"),
        ({}, {"amount_total": None}, "amount_mismatch: paid 0 for 2900, and no discount was offered"),
        ({"allow_promotion_codes": True}, {"amount_total": 1450}, ""),
        ({"discounts": [{"coupon": "co_1"}]}, {"amount_total": None}, ""),
        ({"allow_promotion_codes": True}, {"amount_subtotal": 1450}, "amount_mismatch: paid for 1450, ordered 2900"),
        ({}, {"amount_subtotal": 2000, "amount_total": 2000}, "amount_mismatch: paid for 2000, ordered 2900"),
        (TRIAL, {"amount_subtotal": 2000, "amount_total": 2000}, ""),
        (TRIAL, {}, "amount_mismatch: paid for 2900, ordered 2000"),
    ],
)
def test_money_fits_if_it_is_what_the_session_was_opened_for(
    parameters: dict[str, Any], said: dict[str, Any], misfit: str
) -> None:
    row = attempt(amount=2900, parameters=parameters)
    assert checkouts.misfit(row, replace(OPEN, **said), Due(2900, 2000, "eur")) == misfit


def test_the_smallest_sum_is_not_paid_by_nothing() -> None:
    said = replace(OPEN, amount_subtotal=1, amount_total=None)
    assert checkouts.misfit(attempt(amount=1), said, Due(1, 1, "eur")).startswith("amount_mismatch: paid 0 for 1,")


@pytest.mark.parametrize(
    ("parameters", "trial"),
    [
        ({}, False), ({"subscription_data": None}, False), ({"subscription_data": {"metadata": {}}}, False),
        (TRIAL, True), ({"subscription_data": {"trial_end": 1_800_000_000}}, True),
    ],
)  # fmt: skip
def test_a_trial_is_one_that_we_opened_so(parameters: dict[str, Any], trial: bool) -> None:
    assert checkouts.is_trial(attempt(parameters=parameters)) is trial


@pytest.mark.parametrize(
    ("sessions", "progress"),
    [
        ([], Progress.OPEN),
        ([("open", "unpaid")], Progress.OPEN),
        ([("expired", "unpaid")], Progress.ENDED),
        ([("expired", "unpaid"), ("open", "unpaid")], Progress.OPEN),
        ([("complete", "failed")], Progress.FAILED),
        ([("complete", "failed"), ("open", "unpaid")], Progress.OPEN),
        ([("complete", "failed"), ("expired", "unpaid")], Progress.FAILED),
        ([("complete", "processing"), ("complete", "failed"), ("open", "unpaid")], Progress.PROCESSING),
        ([("complete", "processing"), ("complete", "paid"), ("open", "unpaid")], Progress.PAID),
    ],
)
def test_an_order_has_come_as_far_as_the_furthest_of_its_sessions(
    sessions: list[tuple[str, str]], progress: Progress
) -> None:
    known = [
        attempt(number, state=CheckoutState(state), money=Money(money))
        for number, (state, money) in enumerate(sessions)
    ]
    assert checkouts.progress(known) is progress


class Nowhere:
    """Stands for a database session that has nothing to write to."""

    def add(self, _row: Any) -> None: ...
    def flush(self) -> None: ...


def told(*reports: SessionFacts) -> list[dict[str, Any]]:
    """The rows of an order whose only Session said all this, one after the other."""
    row = attempt(money=Money.UNPAID, state=CheckoutState.OPEN, amount=2900, email="", stripe_checkout_session_id=None)
    known: list[Checkout] = [row]
    for report in reports:
        checkouts.record(Nowhere(), known, row, report, now=DAY)  # type: ignore[arg-type]
    return [each.model_dump() for each in known]


def test_in_whatever_order_a_session_tells_of_itself_the_furthest_report_counts() -> None:
    processing = replace(
        OPEN, state=CheckoutState.COMPLETE, money=Money.PROCESSING, email="nora@lindqvist.example", payment_intent="pi_1",
        amount_subtotal=2900, amount_total=1450, customer="cus_1",
    )  # fmt: skip
    paid = replace(
        processing, money=Money.PAID, amount_total=1600, name="Nora", country="SE", tax_id="SE1", subscription="sub_1",
        customer=None,
    )  # fmt: skip
    expired = replace(OPEN, state=CheckoutState.EXPIRED)
    (row,) = told(OPEN, processing, paid)
    assert {name: row[name] for name in ("state", "money", "amount_subtotal", "amount_total", "currency", "email")} == {
        "state": "complete", "money": "paid", "amount_subtotal": 2900, "amount_total": 1600, "currency": "eur",
        "email": "nora@lindqvist.example",
    }  # fmt: skip
    assert {name: row[name] for name in ("name", "country", "tax_id")} == {
        "name": "Nora", "country": "SE", "tax_id": "SE1",
    }  # fmt: skip
    assert (row["stripe_checkout_session_id"], row["stripe_payment_intent_id"]) == ("cs_1", "pi_1")
    assert (row["stripe_subscription_id"], row["stripe_customer_id"]) == ("sub_1", "cus_1")
    for order in permutations([OPEN, processing, paid, expired]):
        assert told(*order) == [row], order
        assert told(*order, *order) == [row], order


def test_a_session_corrects_what_it_said_as_long_as_it_has_come_no_further() -> None:
    (row,) = told(replace(OPEN, email="nora@lindqvist.exmaple"), replace(OPEN, email="nora@lindqvist.example"))
    assert row["email"] == "nora@lindqvist.example"


def test_a_recovered_session_is_a_row_of_its_own_that_shares_what_the_first_was_opened_with() -> None:
    row = attempt(1, money=Money.UNPAID, parameters=TRIAL)
    later = attempt(2, money=Money.UNPAID)
    known = [row, later]
    found = checkouts.record(Nowhere(), known, row, replace(OPEN, id="cs_9"), now=DAY)  # type: ignore[arg-type]
    assert (found.id, found.order_id, found.attempt, found.parameters) == ("cs_9", "ord_1", 1, TRIAL)
    assert (found.expires_at, found.created_at, found.ask_after) == (OPEN.expires_at, DAY, DAY)
    assert known == [found, row, later] or known == [row, found, later]
    assert [each.attempt for each in known] == [1, 1, 2]
    assert row.stripe_checkout_session_id == "cs_1"


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (timedelta(0), timedelta(seconds=30)), (timedelta(minutes=2), timedelta(seconds=30)),
        (timedelta(minutes=8), timedelta(minutes=2)), (timedelta(hours=4), timedelta(hours=1)),
        (timedelta(days=4), timedelta(hours=1)),
    ],
)  # fmt: skip
def test_stripe_is_asked_soon_at_first_and_then_ever_more_rarely(age: timedelta, wait: timedelta) -> None:
    assert checkouts.ask_next(DAY, DAY + age) == DAY + age + wait


# -- what is kept of them


def test_the_sessions_of_an_order_stand_by_their_attempt_as_they_are_now(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        for name, number in (("x3", 2), ("x2", 2), ("x4", 3)):
            row = attempt(number, stripe_checkout_session_id=f"cs_{name}")
            row.sqlmodel_update({"id": f"checkout:{name}", "order_id": order_id})
            session.add(row)
        session.flush()
        expected = [f"checkout:{order_id}:1", "checkout:x2", "checkout:x3", "checkout:x4"]
        known = checkouts.of_order(session, order_id)
        assert [row.id for row in known] == expected
        behind(session, Checkout, name="Nora")
        checkouts.of_order(session, order_id)
        assert {row.name for row in known} == {"Nora"}
        assert [row.order_id for row in checkouts.of_order(session, another)] == [another]


def test_what_a_session_says_is_written(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        (row,) = known = checkouts.of_order(session, order_id)
        checkouts.record(
            session, known, row, replace(OPEN, id=row.stripe_checkout_session_id, email="n@l.example"), now=DAY
        )
        session.flush()
        assert session.exec(select(Checkout.email)).all() == ["n@l.example"]
        again = checkouts.record(session, known, row, replace(OPEN, id="cs_9"), now=DAY)
        session.flush()
        assert session.exec(select(Checkout.id).where(Checkout.stripe_checkout_session_id == "cs_9")).one() == again.id


def test_a_session_leads_to_its_order_and_as_one_that_paid_only_when_all_is_delivered(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        for each, name in ((order_id, "cs_paid"), (another, "cs_other")):
            order = session.get_one(Order, each)
            order.stripe_checkout_session_id, order.status = name, Status.FULFILLED
        session.get_one(Checkout, f"checkout:{another}:1").stripe_checkout_session_id = "cs_open"
        session.flush()
        assert checkouts.fulfilled_order(session, "cs_paid") == order_id
        assert checkouts.order_of_session(session, "cs_open") == another
        assert checkouts.order_of_session(session, "cs_paid") is None
        assert checkouts.fulfilled_order(session, "cs_9") is None
        session.get_one(Order, order_id).status = Status.PAID
        session.flush()
        assert checkouts.fulfilled_order(session, "cs_paid") is None


@pytest.mark.parametrize(
    ("asked", "order", "state", "found"),
    [
        ({}, {}, "complete", True),
        ({"product_ids": {"guide", "kit"}}, {}, "complete", True),
        ({"product_ids": {"clinic"}}, {}, "complete", False),
        ({"browser_id": "br_2"}, {}, "complete", False),
        ({"cart_id": "cart_1"}, {}, "complete", False),
        ({}, {"status": Status.FULFILLED}, "complete", False),
        ({}, {}, "open", False),
    ],
)
def test_money_on_its_way_for_the_same_product_in_another_cart_of_this_browser_is_found(
    shop: Shop, asked: dict[str, Any], order: dict[str, Any], state: str, found: bool
) -> None:
    order_id = placed(shop)
    placed(shop, "cart_2", "clinic-eur")
    with shop.transaction() as session:
        session.get_one(Order, order_id).sqlmodel_update({"status": Status.PROCESSING, **order})
        row = session.get_one(Checkout, f"checkout:{order_id}:1")
        row.state = CheckoutState(state)
        session.flush()
        wanted = {"browser_id": "br_1", "product_ids": {"guide"}, "cart_id": "cart_2", **asked}
        expected = (order_id, row.stripe_checkout_session_id) if found else None
        assert checkouts.settling_elsewhere(session, **wanted) == expected


@builders.on_sqlite
def test_whether_money_is_on_its_way_is_asked_of_the_browsers_own_orders_alone(shop: Shop) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(
        shop.engine, "before_cursor_execute", lambda _c, _cursor, words, values, *_: asked.append((words, values))
    )
    with shop.reading() as session:
        checkouts.settling_elsewhere(session, "br_1", {"guide"}, cart_id="cart_2")
        [(words, values)] = [each for each in asked if " join " in each[0]]
        plan = session.connection().exec_driver_sql(f"explain query plan {words}", (*values,)).all()
    # A product may have been sold a million times; and a new shop has no statistics by which one could know.
    assert "orders USING INDEX ix_orders_browser_id" in plan[0].detail
    assert [row.detail for row in plan if "SCAN" in row.detail or "product_id" in row.detail] == []
