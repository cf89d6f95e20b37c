"""Settling an order, fact by fact: what is written on it, what is told of it, and what is owed to whom, each once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from core import admission, fulfillment
from core.admission import AdmittedSession
from core.foundation.signals.corrections import Correction
from core.fulfillment import Case, Settled
from core.gateway.sessions import CheckoutState, Money, SessionFacts
from core.kinds.grants import Grant
from core.kinds.workshops import WorkshopDate
from core.orders import orders
from core.orders.checkouts import Checkout
from core.orders.history import FulfillmentLog
from core.orders.ledger import Ledger
from core.orders.orders import AdmittedOrder, Order, OrderLine
from core.orders.payment_lines import PaymentLine
from core.orders.payments import Payment, PaymentFacts
from core.orders.refunds import RefundStatus
from core.orders.status import Status
from core.orders.subscriptions import Subscription
from core.people.customers import Customer
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.orders.rows import DAY, NORA, OLE, attempt, back, book, dispute, paid, plan, renewal
from tests.core.orders.stored import behind, placed
from tests.fakes import FakeStripe

FIRST, LATER = DAY + timedelta(hours=12), DAY + timedelta(days=1)


def settle(shop: Shop, order_id: str, ledger: Ledger, *, now: Any = FIRST) -> Settled:
    """Settle an order as if this were all that is known of its money."""
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order
        return fulfillment.settle(session, [Case(order, ledger, "test")], now=now)[0]


def money(amount: int, *sessions: Checkout, **facts: Any) -> Ledger:
    """What the order costs was paid."""
    known = {"payments": [paid(amount=amount)], "lines": (), **facts}
    return book(*sessions or [attempt(amount=amount)], due=amount, **known)


def log(shop: Shop, order_id: str) -> list[str]:
    return [entry for entry in builders.log(shop, order_id) if not entry.startswith("checkout:")]


def jobs(shop: Shop, order_id: str = "") -> list[str]:
    """What is owed, the order's id left out."""
    return sorted(job.replace(f":{order_id}", "") for job in builders.jobs(shop))


def test_an_order_that_is_paid_for_is_delivered_told_and_its_buyers(shop: Shop) -> None:
    order_id = placed(shop)
    session = attempt(
        amount=2900, name="Nora", country="SE", tax_id="SE1", stripe_payment_intent_id="pi_1", email=NORA,
        address="Storgatan 1",
    )  # fmt: skip
    assert settle(shop, order_id, money(2900, session)) == Settled(order_id, Status.FULFILLED, True)
    order = builders.order(shop, order_id)
    (customer,) = builders.rows(shop, Customer)
    assert order.model_dump(exclude={"id", "number", "cart_id", "browser_id", "created_at", "attempts"}) == {
        "email": NORA, "customer_id": customer.id, "status": "fulfilled", "handed": "delivered", "currency": "eur",
        "amount_expected": 2900, "amount_subtotal": 2900, "amount_discount": 0, "amount_tax": 0, "amount_total": 2900,
        "amount_refunded": 0,
        "name": "Nora", "country": "SE", "tax_id": "SE1", "external_id": None, "livemode": False,
        "address": "Storgatan 1", "card_country": "", "business": False, "language": "en",
        "stripe_checkout_session_id": "cs_1", "stripe_payment_intent_id": "pi_1", "stripe_subscription_id": None,
        "attention": "", "eventful": False, "from_season": False, "paid_at": DAY, "fulfilled_at": FIRST, "updated_at": FIRST,
        "entitlements_due": FIRST, "seller_reference": "",
    }  # fmt: skip
    assert (log(shop, order_id), jobs(shop, order_id)) == (["paid", "granted:1", "fulfilled"], ["receipt"])
    written = {(row.stripe_checkout_session_id, row.actor) for row in builders.rows(shop, FulfillmentLog)}
    assert written == {(None, "buyer"), ("cs_1", "test")}
    # Settled again, whoever is said to have paid by now, nothing is another.
    again = attempt(
        amount=2900, email=OLE, name="Nora", country="SE", tax_id="SE1", stripe_payment_intent_id="pi_1",
        address="Storgatan 1",
    )  # fmt: skip
    assert settle(shop, order_id, money(2900, again), now=LATER) == Settled(order_id, Status.FULFILLED, False)
    assert builders.order(shop, order_id) == order
    assert (log(shop, order_id), jobs(shop, order_id)) == (["paid", "granted:1", "fulfilled"], ["receipt"])


def test_a_receipt_is_not_owed_again_when_its_job_is_long_forgotten(shop: Shop) -> None:
    order_id = placed(shop)
    settle(shop, order_id, money(2900))
    with shop.transaction() as session:
        session.execute(text(f"delete from {builders.jobs_table(session)}"))
    settle(shop, order_id, money(2900, refunds=[back("pi_1", 100)]), now=LATER)
    assert builders.jobs(shop) == []


def test_an_order_without_an_address_is_delivered_and_nobodys(shop: Shop) -> None:
    order_id = placed(shop)
    assert settle(shop, order_id, money(2900, attempt(amount=2900, email=""))).fulfilled_now
    order = builders.order(shop, order_id)
    assert (order.email, order.customer_id, builders.jobs(shop)) == ("", None, [])


def test_what_an_order_knows_of_its_subscription_stays(shop: Shop) -> None:
    order_id = placed(shop, "cart_1", "plan-month")
    for name in ("sub_1", None):
        settle(shop, order_id, money(900, attempt(amount=900, stripe_subscription_id=name)))
        assert builders.order(shop, order_id).stripe_subscription_id == "sub_1"


def test_nothing_is_written_of_an_order_that_somebody_fulfilled_without_locking_it(shop: Shop) -> None:
    order_id = placed(shop)

    def settle_late() -> None:
        with shop.transaction() as session:
            order = orders.lock(session, order_id)
            assert order
            behind(session, Order, fulfilled_at=DAY)
            fulfillment.settle(session, [Case(order, money(2900), "test")], now=FIRST)

    with pytest.raises(RuntimeError, match=r"by somebody who did not lock it$"):
        settle_late()
    assert builders.order(shop, order_id).status == "pending"
    assert (log(shop, order_id), builders.jobs(shop), builders.rows(shop, Grant)) == ([], [], [])


def test_what_was_written_as_being_fulfilled_is_what_the_session_knows(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order
        fulfillment.settle(session, [Case(order, money(2900), "test")], now=FIRST)
        assert (order.fulfilled_at, order.status, session.is_modified(order)) == (FIRST, "fulfilled", False)
        asked = select(Order.fulfilled_at, Order.status, Order.email).where(Order.id == order_id)
        assert session.exec(asked).one() == (FIRST, "fulfilled", NORA)


def test_what_was_settled_is_there_for_whoever_locks_the_order_next(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        assert order
        # One that owes nothing to anybody, and one that owes a letter.
        ended = book(attempt(money=Money.UNPAID, state=CheckoutState.EXPIRED), due=2900, lines=())
        failed = book(attempt(money=Money.FAILED, amount=2900), due=2900, lines=())
        for ledger, status in ((ended, "canceled"), (failed, "failed")):
            fulfillment.settle(session, [Case(order, ledger, "test")], now=FIRST)
            assert orders.lock(session, order_id) is order
            assert order.status == status


# -- sums


def test_an_order_comes_to_the_sums_of_its_payments_and_its_lines_to_what_the_first_says(shop: Shop) -> None:
    order_id = placed(shop, "cart_1", "guide-eur", "kit-eur")
    first = paid(amount=9920, amount_subtotal=10800, paid_at=LATER)
    first.amount_discount, first.amount_tax = 1080, 200
    second = renewal("in_2", 900, day=-9)
    second.amount_discount, second.amount_tax = 7, 5
    sessions = [attempt(amount=10800, parameters={"allow_promotion_codes": True})]
    sessions[0].amount_total = 9920
    ledger = money(10800, *sessions, payments=[first, second], refunds=[back("pi_1", 400), back("in_2", 30)])
    settle(shop, order_id, ledger)
    order = builders.order(shop, order_id)
    sums = (order.amount_total, order.amount_subtotal, order.amount_discount, order.amount_tax, order.amount_refunded)
    assert sums == (10820, 11700, 1087, 205, 430)
    assert ([each.amount_refunded for each in (first, second)], order.paid_at) == ([400, 30], LATER)
    lines = sorted(builders.rows(shop, OrderLine), key=lambda line: line.position)
    assert [(line.amount_discount, line.amount_tax) for line in lines] == [(290, 54), (790, 146)]


def test_a_price_that_includes_its_tax_says_how_much_and_a_refund_takes_back_its_part(shop: Shop) -> None:
    order_id = placed(shop)
    whole = paid(amount=3000, amount_subtotal=3000)
    whole.amount_tax = 500
    half = back("pi_1", 1500)
    settle(shop, order_id, money(3000, payments=[whole], refunds=[half]))
    assert (whole.tax_included, half.amount_tax) == (500, 250)
    assert builders.order(shop, order_id).amount_tax == 500


def test_the_day_of_money_that_became_known_late_is_summed_anew(shop: Shop, clock: Clock) -> None:
    at = clock() - timedelta(days=3)
    order_id = placed(shop)
    settle(shop, order_id, money(2900, payments=[paid(amount=2900, paid_at=at)]), now=clock())
    assert {row.at for row in builders.rows(shop, Correction)} == {at}


@pytest.mark.parametrize(("discount", "tax"), [(100, 0), (0, 100), (0, 0)])
@builders.on_sqlite
def test_a_line_has_its_discount_or_its_tax(shop: Shop, discount: int, tax: int) -> None:
    order_id = placed(shop)
    first = paid(amount=2900 - discount + tax, amount_subtotal=2900)
    first.amount_discount, first.amount_tax = discount, tax
    settle(shop, order_id, money(2900, payments=[first]))
    assert [(line.amount_discount, line.amount_tax) for line in builders.rows(shop, OrderLine)] == [(discount, tax)]


@builders.on_sqlite
def test_a_line_has_no_discount_any_more_when_stripe_lists_none(shop: Shop) -> None:
    order_id = placed(shop)
    first = paid(amount=2900, amount_subtotal=2900)
    for discount in (100, 0):
        first.amount_discount = discount
        settle(shop, order_id, money(2900, payments=[first]))
        assert [line.amount_discount for line in builders.rows(shop, OrderLine)] == [discount]


@builders.on_sqlite
def test_an_order_was_paid_when_what_it_costs_was_paid(shop: Shop) -> None:
    order_id = placed(shop)
    both = [paid("pi_1", 100), paid("pi_2", 2900, session="cs_2", paid_at=LATER)]
    settle(shop, order_id, money(2900, attempt(1, amount=100), attempt(2, amount=2900), payments=both))
    assert builders.order(shop, order_id).paid_at == LATER


@pytest.mark.parametrize("amount", [2900, 100])
@builders.on_sqlite
def test_an_order_was_paid_when_its_session_was_or_else_its_oldest_money_came(shop: Shop, amount: int) -> None:
    order_id = placed(shop)
    others = [paid("pi_8", paid_at=DAY, session=None), paid("pi_9", paid_at=LATER, session=None)]
    settle(shop, order_id, money(2900, attempt(amount=amount), payments=others))
    assert builders.order(shop, order_id).paid_at == DAY


# -- what an owner sees, and is told


def test_what_an_owner_must_look_at_stands_line_by_line(shop: Shop) -> None:
    order_id = placed(shop, "cart_1", "plan-month")
    of_plan = {"billing_reason": "subscription_create"}
    ledger = money(
        900, attempt(1, amount=900, stripe_subscription_id="sub_1"), attempt(2, amount=100),
        attempt(3, amount=900, stripe_subscription_id="sub_2"),
        payments=[
            paid("in_1", 900, stripe_subscription_id="sub_1", **of_plan), paid("pi_2", 100, session="cs_2"),
            paid("in_3", 900, session="cs_3", stripe_subscription_id="sub_2", **of_plan), renewal("in_4", day=9, plan="sub_1"),
        ],
        subscriptions=[plan(status="canceled", ended_at=DAY), plan("sub_2")],
        refunds=[back("in_3", 900)],
    )  # fmt: skip
    settle(shop, order_id, ledger)
    assert builders.order(shop, order_id).attention.split("\n") == [
        "amount_mismatch: paid for 100, ordered 900", "paid_twice: pi_2", "paid_after_end: in_4", "plan_bills_on: sub_2",
    ]  # fmt: skip
    owed = [job for job in jobs(shop, order_id) if job.startswith(("owner_notice", "paid_after", "cancel"))]
    assert owed == [
        f"cancel_subscription:sub_2:{ledger.refunds[0].id}", "owner_notice:blocked", "owner_notice:paid_after_end:in_4",
        "owner_notice:paid_twice", "paid_after_end:in_4",
    ]  # fmt: skip
    assert "paid_twice" in log(shop, order_id)


def test_nobody_without_an_address_is_written_to(shop: Shop) -> None:
    order_id = placed(shop, "cart_1", "plan-month")
    ledger = money(
        900, attempt(amount=900, email="", stripe_subscription_id="sub_1"),
        payments=[paid("in_1", 900, stripe_subscription_id="sub_1"), renewal("in_2", day=9)],
        subscriptions=[plan(status="canceled", ended_at=DAY)],
    )  # fmt: skip
    settle(shop, order_id, ledger)
    assert jobs(shop, order_id) == ["owner_notice:paid_after_end:in_2"]


@pytest.mark.parametrize(
    ("refunds", "disputes", "entries", "notices"),
    [
        ([back("pi_1", 100)], [], ["refund:rf_pi_1_100_succeeded"], []),
        ([back("pi_1", 100, RefundStatus.REQUESTED)], [], [], []),
        (
            [back("pi_1", 100, RefundStatus.FAILED)], [],
            ["refund:rf_pi_1_100_failed", "refund_failed:rf_pi_1_100_failed"], ["refund_refused:rf_pi_1_100_failed"],
        ),
        (
            [back("pi_1", 100, RefundStatus.CANCELED)], [],
            ["refund:rf_pi_1_100_canceled", "refund_canceled:rf_pi_1_100_canceled"],
            ["refund_refused:rf_pi_1_100_canceled"],
        ),
        ([], [dispute("pi_1", "needs_response")], ["dispute:du_pi_1"], ["disputed:du_pi_1"]),
        (
            [], [dispute("pi_1", "lost")], ["dispute:du_pi_1", "dispute_lost:du_pi_1"],
            ["dispute_lost:du_pi_1", "disputed:du_pi_1"],
        ),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_goes_back_or_is_disputed_is_written_and_told_once(
    shop: Shop, refunds: list[Any], disputes: list[Any], entries: list[str], notices: list[str]
) -> None:
    order_id = placed(shop)
    for _ in range(2):
        settle(shop, order_id, money(2900, refunds=refunds, disputes=disputes))
        assert log(shop, order_id) == ["paid", "granted:1", "fulfilled", *entries]
        assert jobs(shop, order_id) == sorted(["receipt", *(f"owner_notice:{each}" for each in notices)])


def test_what_goes_back_is_known_to_be_of_the_payment_that_it_names(shop: Shop) -> None:
    order_id = placed(shop)
    named = back(None, 2900)
    named.stripe_payment_intent_id = "pi_1"
    assert settle(shop, order_id, money(2900, refunds=[named])).status is Status.REFUNDED
    assert (named.payment_id, [row.state for row in builders.rows(shop, Grant)]) == ("pi_1", ["revoked"])


def test_a_refund_that_stripe_made_failed_and_one_that_it_never_made_was_refused(shop: Shop) -> None:
    order_id = placed(shop)
    made = back("pi_1", 100, RefundStatus.FAILED)
    made.stripe_refund_id = "re_1"
    settle(shop, order_id, money(2900, refunds=[made]))
    assert f"owner_notice:refund_failed:{made.id}" in jobs(shop, order_id)


def test_what_is_said_of_money_that_was_not_what_was_ordered_is_not_written_yet(shop: Shop) -> None:
    order_id = placed(shop)
    wrong = money(2900, attempt(amount=100), payments=[paid(amount=100)], refunds=[back("pi_1", 50)])
    assert settle(shop, order_id, wrong) == Settled(order_id, Status.PARTIALLY_REFUNDED, False)
    assert log(shop, order_id) == ["blocked:1"]
    order = builders.order(shop, order_id)
    assert (order.email, order.customer_id, order.stripe_checkout_session_id) == ("", None, None)
    assert (order.amount_total, order.amount_refunded, order.fulfilled_at) == (100, 50, None)
    assert jobs(shop, order_id) == ["owner_notice:blocked"]


# -- what cannot be delivered


def fill_the_clinic(shop: Shop, *, leaving: int) -> None:
    with shop.transaction() as session:
        session.get_one(WorkshopDate, "clinic/1").taken = 5 - leaving


def test_whoever_paid_is_told_at_once_and_again_when_what_was_missing_is_there(shop: Shop) -> None:
    order_id = placed(shop, "cart_1", "guide-eur", "clinic-eur")
    settle(shop, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID), lines=()))
    assert (log(shop, order_id), builders.status(shop, order_id)) == (["canceled:1"], "canceled")
    fill_the_clinic(shop, leaving=0)
    for _ in range(2):
        found = settle(shop, order_id, money(16900))
        assert found == Settled(order_id, Status.PAID, False)
        assert builders.order(shop, order_id).attention == "sold_out"
        assert jobs(shop, order_id) == ["owner_notice:blocked", "receipt"]
    fill_the_clinic(shop, leaving=1)
    assert settle(shop, order_id, money(16900), now=LATER) == Settled(order_id, Status.FULFILLED, True)
    assert jobs(shop, order_id) == ["late_delivery:delivered:2", "owner_notice:blocked", "receipt"]
    order = builders.order(shop, order_id)
    assert (order.attention, order.fulfilled_at, order.updated_at) == ("", LATER, LATER)
    assert log(shop, order_id) == ["canceled:1", "paid", "granted:1", "blocked:2", "granted:2", "fulfilled"]


def test_what_is_missing_and_goes_back_is_told_as_given_up(shop: Shop) -> None:
    order_id = placed(shop, "cart_1", "clinic-eur", "clinic-eur")
    settle(shop, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID), lines=()))
    fill_the_clinic(shop, leaving=0)
    settle(shop, order_id, money(28000))
    settle(shop, order_id, money(28000, refunds=[back("pi_1", 28000)]))
    assert jobs(shop, order_id) == ["late_delivery:given_up:1,2", "owner_notice:blocked", "receipt"]


def test_what_is_missing_is_told_to_nobody_without_an_address(shop: Shop) -> None:
    order_id = placed(shop, "cart_1", "clinic-eur")
    settle(shop, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID), lines=()))
    fill_the_clinic(shop, leaving=0)
    session = attempt(amount=14000, email="")
    settle(shop, order_id, money(14000, session))
    settle(shop, order_id, money(14000, session, refunds=[back("pi_1", 14000)]))
    assert jobs(shop, order_id) == ["owner_notice:blocked"]


# -- money that does not come


@pytest.mark.parametrize(
    ("sessions", "status", "email", "entries", "owed"),
    [
        ([attempt(money=Money.UNPAID, state=CheckoutState.OPEN)], "pending", "", [], []),
        ([attempt(money=Money.PROCESSING)], "processing", "", ["processing:1"], []),
        ([attempt(money=Money.FAILED, amount=2900)], "failed", NORA, ["failed:1"], ["payment_failed:1"]),
        ([attempt(money=Money.UNPAID, state=CheckoutState.EXPIRED)], "canceled", "", ["canceled:1"], []),
        # Whoever tried last, with what the order costs.
        (
            [attempt(1, money=Money.FAILED, amount=2900), attempt(2, money=Money.FAILED, amount=2900, email=OLE)],
            "failed", OLE, ["failed:2"], ["payment_failed:2"],
        ),
        (
            [attempt(1, money=Money.FAILED, amount=2900), attempt(2, money=Money.FAILED, amount=100, email=OLE)],
            "failed", NORA, ["failed:2"], ["payment_failed:2"],
        ),
        (
            [attempt(1, money=Money.FAILED, amount=2900), attempt(2, money=Money.FAILED, amount=2900, email="")],
            "failed", NORA, ["failed:2"], ["payment_failed:2"],
        ),
        ([attempt(money=Money.FAILED, amount=100)], "failed", "", ["failed:1"], []),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_of_money_that_does_not_come_its_buyer_hears_if_it_failed(
    shop: Shop, sessions: Sequence[Checkout], status: str, email: str, entries: list[str], owed: list[str]
) -> None:
    order_id = placed(shop)
    found = settle(shop, order_id, book(*sessions, due=2900, lines=()))
    assert found == Settled(order_id, Status(status), False)
    order = builders.order(shop, order_id)
    assert (order.email, order.amount_total, order.paid_at, order.customer_id) == (email, None, None, None)
    assert (log(shop, order_id), jobs(shop, order_id)) == (entries, owed)
    assert order.updated_at == (shop.now() if status == "pending" else FIRST)


def test_the_address_that_was_typed_goes_before_the_one_on_stripes_page(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        session.get_one(Order, order_id).email = OLE
    settle(shop, order_id, book(attempt(money=Money.FAILED, amount=2900), due=2900, lines=()))
    assert builders.order(shop, order_id).email == OLE


def test_a_plan_that_ended_cancels_the_order_that_was_for_it_alone(shop: Shop) -> None:
    alone, mixed = placed(shop, "cart_1", "plan-month"), placed(shop, "cart_2", "plan-month", "guide-eur")
    for order_id, amount, status in ((alone, 900, Status.CANCELED), (mixed, 3800, Status.FULFILLED)):
        name = f"sub_{amount}"
        ledger = money(
            amount, attempt(amount=amount, stripe_subscription_id=name, stripe_checkout_session_id=f"cs_{amount}"),
            subscriptions=[plan(name, "canceled")],
        )  # fmt: skip
        assert settle(shop, order_id, ledger) == Settled(order_id, status, True)
        assert not [entry for entry in log(shop, order_id) if entry.startswith("canceled")]


def test_that_its_customer_had_the_same_plan_already_is_written_on_the_order(shop: Shop) -> None:
    earlier, file = placed(shop, "cart_1", "plan-month"), placed(shop, "cart_2", "guide-eur")
    again, only_file = placed(shop, "cart_3", "plan-month", "guide-eur"), placed(shop, "cart_4", "guide-eur")
    numbers = []
    for place, (order_id, amount) in enumerate(((earlier, 900), (file, 2900))):
        settle(shop, order_id, money(amount, attempt(amount=amount, stripe_checkout_session_id=f"cs_{place}")))
        numbers.append(builders.order(shop, order_id).number)
    settle(shop, again, money(3800, attempt(amount=3800, stripe_checkout_session_id="cs_8")))
    settle(shop, only_file, money(2900, attempt(amount=2900, stripe_checkout_session_id="cs_9")))
    assert [entry for entry in log(shop, again) if entry.startswith("plan_held")] == [f"plan_held:{numbers[0]}"]
    assert log(shop, only_file) == ["paid", "granted:1", "fulfilled"]


# -- what a Session brings


def applied(shop: Shop, facts: SessionFacts) -> Settled:
    with shop.transaction() as session:
        admitted = admission.of_session(session, shop.id, facts)
        assert isinstance(admitted, AdmittedSession)
        return fulfillment.apply(session, admitted, actor="test", now=FIRST)


@pytest.mark.parametrize(
    ("amounts", "known"),
    [
        ({}, True),
        ({"amount_total": 3000}, False),
        ({"amount_total": 2800, "amount_discount": 100}, False),
        ({"amount_total": 3000, "amount_tax": 100}, False),
        # The one is as much as the other.
        ({"amount_discount": 100, "amount_tax": 100}, False),
        ({"amount_discount": 100}, False),
        ({"amount_tax": 100}, False),
        # Of nothing, nothing is for any line; what was not ordered is for none.
        ({"amount_total": 0, "amount_discount": 2900}, True),
        ({"amount_total": 0, "amount_discount": 3000, "amount_tax": 100}, False),
        ({"amount_total": 1, "amount_discount": 2899}, False),
        ({"amount_total": 50, "amount_subtotal": 60, "amount_discount": 10}, True),
    ],
)
@builders.on_sqlite
def test_stripe_is_asked_what_a_payment_was_for_unless_its_session_tells(
    shop: Shop, stripe: FakeStripe, amounts: dict[str, int], known: bool
) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    facts = replace(stripe.retrieve_checkout(session_id), **amounts)
    applied(shop, facts)
    (row,) = builders.rows(shop, Payment)
    assert (row.lines_known, f"ask_stripe:{row.id}" in builders.jobs(shop)) == (known, not known)
    assert (row.order_id, row.amount, row.stripe_checkout_session_id) == (order_id, facts.amount_total, session_id)
    assert builders.order(shop, order_id).eventful is False
    assert builders.rows(shop, Subscription) == []


def test_a_session_that_is_not_paid_brings_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id, slowly=True)
    assert applied(shop, stripe.retrieve_checkout(session_id)) == Settled(order_id, Status.PROCESSING, False)
    assert builders.rows(shop, Payment) == []
    assert builders.attempts(shop)[0].money == "processing"


def test_the_subscription_of_a_session_is_known_from_then_on(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "plan-month")
    name = stripe.pay(session_id)["subscription"]
    assert applied(shop, stripe.retrieve_checkout(session_id)).fulfilled_now
    assert builders.order(shop, order_id).eventful
    assert [(row.id, row.order_id, row.created_at) for row in builders.rows(shop, Subscription)] == [
        (name, order_id, FIRST)
    ]


# -- what an invoice brings, and what Stripe lists


def told(name: str = "in_1", **more: Any) -> PaymentFacts:
    return PaymentFacts(
        id=name, billing_reason="subscription_cycle", amount=900, amount_subtotal=900, amount_discount=0, amount_tax=0,
        currency="eur", paid_at=DAY, invoice=name, **more,
    )  # fmt: skip


ITEM = {"object": "item", "amount_subtotal": 900, "amount_total": 900, "quantity": 1, "description": "Plan",
        "price": {"unit_amount": 900, "recurring": {"interval": "month"}}}  # fmt: skip


@pytest.fixture
def bought(shop: Shop, stripe: FakeStripe) -> AdmittedOrder:
    """An order for a plan, to which nothing happened but being paid."""
    order_id = AdmittedOrder(builders.bought(shop, stripe, "plan-month"))
    with shop.transaction() as session:
        session.get_one(Order, order_id).eventful = False
    return order_id


def ours(shop: Shop, name: str) -> tuple[Payment, list[int]]:
    """A payment, and the amounts of the lines that are known of it."""
    with shop.reading() as session:
        lines = session.exec(select(PaymentLine.amount).where(PaymentLine.payment_id == name)).all()
        return session.get_one(Payment, name), list(lines)


@pytest.mark.parametrize(("lines", "known"), [(None, False), ((), False), ((ITEM,), True)])
def test_money_that_came_by_an_invoice_is_kept_with_its_lines_or_asked_about(
    shop: Shop, bought: AdmittedOrder, lines: Any, known: bool
) -> None:
    with shop.transaction() as session:
        found = fulfillment.receive(session, bought, told(lines=lines), actor="test", now=LATER)
    assert found == Settled(bought, Status.FULFILLED, False)
    row, amounts = ours(shop, "in_1")
    assert (row.lines_known, amounts, row.amount_subtotal) == (known, [900] if known else [], 900)
    assert ("ask_stripe:in_1" in builders.jobs(shop)) is not known
    order = builders.order(shop, bought)
    assert (order.eventful, order.amount_total) == (True, 1800)


def test_what_stripe_lists_of_a_payment_is_kept_once_be_it_nothing(shop: Shop, bought: AdmittedOrder) -> None:
    with shop.transaction() as session:
        for name in ("in_1", "in_2"):
            fulfillment.receive(session, bought, told(name), actor="test", now=LATER)
        order = session.get_one(Order, bought)

        def listed(name: str, *lines: Any) -> bool:
            order.eventful = False
            session.flush()
            found = fulfillment.list_lines(session, bought, name, lines, actor="test", now=LATER)
            assert found == Settled(bought, Status.FULFILLED, False)
            return order.eventful

        assert listed("in_1")
        assert listed("in_2", ITEM)
        assert listed("in_2", ITEM, ITEM)
        assert listed("in_9", ITEM)
    assert [(ours(shop, name)[0].lines_known, ours(shop, name)[1]) for name in ("in_1", "in_2")] == [
        (True, []), (True, [900]),
    ]  # fmt: skip
    assert ours(shop, "in_1")[0].amount_subtotal == 900


def test_an_order_is_settled_again_as_its_ledger_stands(shop: Shop, bought: AdmittedOrder) -> None:
    with shop.transaction() as session:
        session.get_one(Order, bought).eventful = True
        row = plan(builders.order(shop, bought).stripe_subscription_id or "", "canceled")
        row.order_id = bought
        session.merge(row)
        session.flush()
        found = fulfillment.resettle(session, bought, actor="test", now=LATER)
    assert found == Settled(bought, Status.CANCELED, False)
    assert [row.state for row in builders.rows(shop, Grant)] == ["revoked"]
    assert builders.order(shop, bought).updated_at == LATER
