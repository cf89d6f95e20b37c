"""What an order's facts owe its buyer in letters, each of which somebody would miss, or get for nothing."""

from datetime import timedelta
from typing import Any

import pytest

from core.gateway.sessions import Money
from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.shop import Shop
from tests import builders
from tests.core.orders.rows import DAY, NORA, attempt, back, book, paid, plan, renewal
from tests.core.orders.stored import behind, placed
from tests.core.test_settling import FIRST, settle

WEEK = timedelta(days=7)
LONG_AGO, JUST_NEWS = FIRST - WEEK, FIRST - WEEK + timedelta(seconds=1)


def letters(shop: Shop, order_id: str) -> list[str]:
    """The letters that are owed beside the receipt, the order's id left out."""
    owed = [job.replace(f":{order_id}", "") for job in builders.jobs(shop)]
    return sorted(job for job in owed if job.startswith(("refunded", "renewed", "renewal_failed", "plan_")))


def refunded(shop: Shop, *refunds: Refund, money: Money = Money.PAID) -> list[str]:
    """What is owed of a guide of which this much went back."""
    order_id = placed(shop)
    with shop.transaction() as session:
        behind(session, Order, email=NORA)
    received = [paid(amount=2900)] if money is Money.PAID else []
    known = book(attempt(amount=2900, money=money), due=2900, payments=received, lines=(), refunds=list(refunds))
    settle(shop, order_id, known)
    return letters(shop, order_id)


def made(amount: int, status: RefundStatus = RefundStatus.SUCCEEDED, **more: Any) -> Refund:
    """A refund that Stripe has made."""
    refund = back("pi_1", amount, status)
    for name, value in {"stripe_refund_id": f"re_{amount}", **more}.items():
        setattr(refund, name, value)
    return refund


def test_what_was_asked_for_at_once_is_one_letter_and_what_stripe_made_by_itself_another(shop: Shop) -> None:
    together = [made(100, request="rq_1"), made(200, request="rq_1")]
    assert refunded(shop, *together, made(300, id="re_300")) == ["refunded:re_300", "refunded:rq_1"]


def test_of_what_is_not_all_answered_yet_nothing_is_owed(shop: Shop) -> None:
    waiting = made(200, RefundStatus.REQUESTED, request="rq_1", stripe_refund_id=None)
    assert refunded(shop, made(100, request="rq_1"), waiting) == []


def test_of_several_one_that_stripe_made_lately_is_news_enough(shop: Shop) -> None:
    refused = made(200, RefundStatus.FAILED, request="rq_1", stripe_refund_id=None)
    old = made(300, request="rq_1", created_at=LONG_AGO)
    assert refunded(shop, refused, old, made(100, request="rq_1")) == ["refunded:rq_1"]


@pytest.mark.parametrize(("moment", "owed"), [(JUST_NEWS, ["refunded:re_1"]), (LONG_AGO, [])], ids=["news", "old"])
def test_what_went_back_a_week_ago_is_no_news_any_more(shop: Shop, moment: Any, owed: list[str]) -> None:
    assert refunded(shop, made(100, id="re_1", created_at=moment)) == owed


def test_nothing_is_told_of_money_that_goes_back_before_it_is_known_to_have_come(shop: Shop) -> None:
    assert refunded(shop, made(100), money=Money.UNPAID) == []


def of_plan(shop: Shop, *renewals: Payment, **facts: Any) -> list[str]:
    """What is owed of a plan that stands so and was renewed with these, without the moment at the end."""
    order_id = placed(shop, "cart_1", "plan-month")
    session = attempt(amount=900, stripe_subscription_id="sub_1")
    received = [paid(amount=900, stripe_subscription_id="sub_1", billing_reason="subscription_create"), *renewals]
    known = book(session, due=900, payments=received, lines=(), subscriptions=[plan(**facts)])
    settle(shop, order_id, known)
    return [":".join(letter.split(":")[:2]) for letter in letters(shop, order_id)]


SOON = DAY + timedelta(days=20)
FAILED, ENDING, ENDED = ["renewal_failed:sub_1"], ["plan_ending:sub_1"], ["plan_ended:sub_1"]


@pytest.mark.parametrize(
    ("facts", "owed"),
    [
        ({"status": "past_due", "unpaid_since": DAY}, FAILED),
        ({"status": "unpaid", "unpaid_since": JUST_NEWS}, FAILED),
        ({"status": "past_due", "unpaid_since": LONG_AGO}, []),
        ({"status": "past_due", "unpaid_since": DAY, "paused": True}, []),
        ({"status": "past_due"}, []),
        # More seats that are not paid for are no renewal that failed.
        ({"status": "active", "unpaid_since": DAY}, []),
        ({"ends_at": SOON, "canceled_at": DAY}, ENDING),
        ({"ends_at": SOON}, ENDING),
        ({"ends_at": SOON, "canceled_at": LONG_AGO}, []),
        ({"ends_at": DAY, "canceled_at": DAY, "status": "canceled", "ended_at": DAY}, ENDED),
        ({"status": "canceled", "ended_at": JUST_NEWS}, ENDED),
        ({"status": "canceled", "ended_at": LONG_AGO}, []),
        ({"status": "canceled"}, []),
        # That its first payment never came is told by the page on which it was tried.
        ({"status": "incomplete_expired", "ended_at": DAY}, []),
        ({}, []),
    ],
    ids=str,
)  # fmt: skip
def test_each_turn_of_a_plan_is_told_while_it_is_news(shop: Shop, facts: dict[str, Any], owed: list[str]) -> None:
    assert of_plan(shop, **facts) == owed


SECOND = timedelta(seconds=1)
RENEWED = ["renewed:in_2"]


def at(moment: Any, amount: int = 900, **more: Any) -> Payment:
    """A renewal that was paid then."""
    return renewal("in_2", amount, **more).sqlmodel_update({"paid_at": moment})


# Each with how the plan stands, and what is owed.
RENEWALS: dict[str, tuple[Payment, dict[str, Any], list[str]]] = {
    "paid": (at(DAY), {}, RENEWED),
    "paid just lately enough": (at(JUST_NEWS), {}, RENEWED),
    "paid long ago": (at(LONG_AGO), {}, []),
    "paid with the least sum": (at(DAY, 1), {}, RENEWED),
    "paid by a credit": (at(DAY, 0), {}, []),
    "of another plan": (at(DAY, plan="sub_2"), {}, []),
    "more seats": (at(DAY, billing_reason="subscription_update"), {}, []),
    "what it began with": (at(DAY, billing_reason="subscription_create"), {}, []),
    # Until Stripe has told of the plan, its buyer could not be told until when it is paid.
    "of a plan last heard of before": (at(DAY + SECOND), {"paid_until": SOON}, []),
    "of a plan heard of since": (at(DAY + SECOND), {"fetched_at": DAY + SECOND}, RENEWED),
    "of a plan never heard of": (at(DAY), {"fetched_at": None}, []),
    "with another one owed": (at(DAY), {"status": "past_due"}, RENEWED),
    "at the end": (at(DAY), {"status": "canceled", "ended_at": DAY}, [*ENDED, *RENEWED]),
    "of a plan that ended nobody knows when": (at(DAY), {"status": "canceled"}, RENEWED),
    # That is told by another letter.
    "after the end": (at(DAY + SECOND), {"status": "canceled", "ended_at": DAY, "fetched_at": SOON}, ENDED),
}


@pytest.mark.parametrize("name", RENEWALS)
def test_a_renewal_that_was_paid_is_told_while_it_is_news(shop: Shop, name: str) -> None:
    payment, facts, owed = RENEWALS[name]
    assert of_plan(shop, payment.model_copy(), **facts) == owed


@builders.on_sqlite
def test_each_renewal_is_told_once_whether_it_went_back_since_or_not(shop: Shop) -> None:
    order_id = placed(shop, "cart_1", "plan-month")
    session = attempt(amount=900, stripe_subscription_id="sub_1")
    received = [paid(amount=900, stripe_subscription_id="sub_1"), at(DAY), renewal("in_3", day=0)]
    known = book(
        session,
        due=900,
        payments=received,
        lines=(),
        subscriptions=[plan(paid_until=SOON)],
        refunds=[back("in_3", 900)],
    )
    for _ in range(2):
        settle(shop, order_id, known)
    assert [each for each in letters(shop, order_id) if each.startswith("renewed")] == ["renewed:in_2", "renewed:in_3"]
