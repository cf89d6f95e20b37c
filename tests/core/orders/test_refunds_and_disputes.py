"""What Stripe says of refunds and disputes, in full or hardly at all, and what it comes to."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.orders import disputes, refunds
from core.orders.disputes import Dispute, DisputeFacts
from core.orders.refunds import Refund, RefundFacts, RefundStatus
from tests.core.orders.rows import back, dispute

SAID = datetime.fromtimestamp(1_700_000_000, UTC)


def test_all_that_a_refund_says_is_read() -> None:
    said = {
        "id": "re_1", "amount": 900, "currency": "eur", "status": "failed", "failure_reason": "lost_or_stolen_card",
        "payment_intent": {"id": "pi_1"}, "charge": "ch_1",
        "metadata": {"refund_id": "rf_1", "order_id": "ord_1", "shop_id": "shop_1"},
    }  # fmt: skip
    assert refunds.read_refund(said) == RefundFacts(
        "re_1", "rf_1", "ord_1", "shop_1", "pi_1", "ch_1", 900, "eur", RefundStatus.FAILED, "lost_or_stolen_card"
    )


@pytest.mark.parametrize("status", [None, "", "of_the_future"])
def test_a_refund_that_says_hardly_anything_is_on_its_way(status: str | None) -> None:
    nothing = RefundFacts("re_1", "", "", "", None, None, 0, "", RefundStatus.PENDING, "")
    assert refunds.read_refund({"id": "re_1", "status": status, "metadata": None}) == nothing


@pytest.mark.parametrize(
    ("status", "gone", "claimed", "history"),
    [
        ("requested", False, True, []),
        ("pending", True, True, ["refund:re_1"]),
        ("requires_action", True, True, ["refund:re_1"]),
        ("succeeded", True, True, ["refund:re_1"]),
        ("canceled", False, False, ["refund:re_1", "refund_canceled:re_1"]),
        ("failed", False, False, ["refund:re_1", "refund_failed:re_1"]),
    ],
)
def test_whether_money_is_gone_or_claimed_follows_from_the_refunds_status(
    status: str, gone: bool, claimed: bool, history: list[str]
) -> None:
    row, other = back("pi_1", 900, RefundStatus(status), guide=700), back("pi_1", 100, guide=50)
    row.stripe_refund_id = "re_1"
    rows = [row, other]
    assert refunds.gone(rows) == 100 + 900 * gone
    assert refunds.gone_ones(rows) == [row] * gone + [other]
    assert refunds.claimed(rows) == 100 + 900 * claimed
    assert (refunds.gone_of_line(rows, "guide"), refunds.gone_of_line(rows, "kit")) == (50 + 700 * gone, 0)
    assert (refunds.claimed_of_line(rows, "guide"), refunds.claimed_of_line(rows, "kit")) == (50 + 700 * claimed, 0)
    assert refunds.entry(row) == history
    row.takes_back, row.ends_subscription = True, False
    assert (refunds.takes_back(rows, "guide"), refunds.takes_back(rows, "kit")) == (gone, False)
    assert refunds.keeps_subscription(rows) is gone


def test_a_refund_is_called_by_our_name_until_stripe_has_given_it_one() -> None:
    row = back("pi_1", 900)
    assert refunds.entry(row) == [f"refund:{row.id}"]


@pytest.mark.parametrize("said", [None, True])
def test_a_plan_goes_on_only_where_an_owner_said_so(said: bool | None) -> None:
    row: Refund = back("pi_1", 900)
    row.ends_subscription = said
    assert not refunds.keeps_subscription([row])


def test_all_that_a_dispute_says_is_read() -> None:
    said: dict[str, Any] = {
        "id": "du_1", "charge": "ch_1", "payment_intent": {"id": "pi_1"}, "amount": 900, "currency": "eur",
        "reason": "fraudulent", "status": "lost", "evidence_details": {"due_by": 1_700_000_000}, "created": 1_700_000_000,
    }  # fmt: skip
    assert disputes.read_dispute(said) == DisputeFacts(
        "du_1", "ch_1", "pi_1", 900, "eur", "fraudulent", "lost", SAID, False, SAID
    )
    withdrawn = {**said, "balance_transactions": [{"id": "txn_1"}]}
    assert disputes.read_dispute(withdrawn).withdrawn
    assert disputes.read_dispute(said, event="charge.dispute.funds_withdrawn").withdrawn
    epoch = datetime.fromtimestamp(0, UTC)
    nothing = DisputeFacts("du_1", None, None, 0, "", "", "needs_response", None, False, epoch)
    assert disputes.read_dispute({"id": "du_1"}) == nothing
    assert disputes.read_dispute({"id": "du_1", "evidence_details": None, "status": None}) == nothing


@pytest.mark.parametrize(
    ("status", "standing", "history"),
    [
        ("warning_needs_response", "", []),
        ("warning_under_review", "", []),
        ("warning_closed", "", ["dispute_warning_closed:du_pi_1"]),
        ("needs_response", "open", []),
        ("under_review", "open", []),
        ("of_the_future", "open", []),
        ("prevented", "lost", ["dispute_prevented:du_pi_1"]),
        ("lost", "lost", ["dispute_lost:du_pi_1"]),
        ("appeal_needs_response", "lost", []),
        ("appeal_under_review", "lost", []),
        ("won", "", ["dispute_won:du_pi_1"]),
    ],
)
def test_what_a_dispute_comes_to_follows_from_its_status(status: str, standing: str, history: list[str]) -> None:
    row: Dispute = dispute("pi_1", status)
    assert disputes.standing([row]) == standing
    assert disputes.standing([row, dispute("pi_1", "lost")]) == "lost"
    assert disputes.standing([row, dispute("pi_1", "won")]) == standing
    assert disputes.lost_ones([row]) == ([row] if standing == "lost" else [])
    assert disputes.entry(row) == ["dispute:du_pi_1", *history]


def test_without_disputes_there_is_nothing_to_wait_for() -> None:
    assert disputes.standing([]) == ""
