"""An order's status follows from its facts alone: the whole table."""

from itertools import product

import pytest

from core.orders.status import Facts, GrantState, Payment, Status, status_of

ACTIVE, SUSPENDED, REVOKED, BLOCKED = GrantState.ACTIVE, GrantState.SUSPENDED, GrantState.REVOKED, GrantState.BLOCKED
NOTHING_PAID = {
    Payment.OPEN: Status.PENDING,
    Payment.ENDED: Status.CANCELED,
    Payment.FAILED: Status.FAILED,
    Payment.PROCESSING: Status.PROCESSING,
}
GRANTS = [(), (ACTIVE,), (BLOCKED,), (ACTIVE, BLOCKED), (SUSPENDED,), (REVOKED,), (ACTIVE, ACTIVE)]


@pytest.mark.parametrize("payment", NOTHING_PAID)
def test_without_money_nothing_else_matters(payment: Payment) -> None:
    for grants, refunded, dispute, ended in product(GRANTS, (0, 5, 10), ("", "open", "won", "lost"), (False, True)):
        facts = Facts(payment, grants, total=10, refunded=refunded, dispute=dispute, ended=ended)
        assert status_of(facts) is NOTHING_PAID[payment]


@pytest.mark.parametrize(
    ("refunded", "dispute", "ended", "delivered", "not_delivered"),
    [
        (0, "", False, Status.FULFILLED, Status.PAID),
        (0, "", True, Status.CANCELED, Status.CANCELED),
        (0, "open", False, Status.DISPUTED, Status.DISPUTED),
        (0, "open", True, Status.DISPUTED, Status.DISPUTED),
        (0, "won", False, Status.FULFILLED, Status.PAID),
        (0, "won", True, Status.CANCELED, Status.CANCELED),
        (0, "lost", False, Status.CHARGED_BACK, Status.CHARGED_BACK),
        (0, "lost", True, Status.CHARGED_BACK, Status.CHARGED_BACK),
        (5, "", False, Status.PARTIALLY_REFUNDED, Status.PARTIALLY_REFUNDED),
        (5, "", True, Status.CANCELED, Status.CANCELED),
        (5, "open", False, Status.DISPUTED, Status.DISPUTED),
        (5, "open", True, Status.DISPUTED, Status.DISPUTED),
        (5, "won", False, Status.PARTIALLY_REFUNDED, Status.PARTIALLY_REFUNDED),
        (5, "won", True, Status.CANCELED, Status.CANCELED),
        (5, "lost", False, Status.CHARGED_BACK, Status.CHARGED_BACK),
        (5, "lost", True, Status.CHARGED_BACK, Status.CHARGED_BACK),
        (10, "", False, Status.REFUNDED, Status.REFUNDED),
        (10, "", True, Status.REFUNDED, Status.REFUNDED),
        (10, "open", False, Status.DISPUTED, Status.DISPUTED),
        (10, "open", True, Status.DISPUTED, Status.DISPUTED),
        (10, "won", False, Status.REFUNDED, Status.REFUNDED),
        (10, "won", True, Status.REFUNDED, Status.REFUNDED),
        (10, "lost", False, Status.CHARGED_BACK, Status.CHARGED_BACK),
        (10, "lost", True, Status.CHARGED_BACK, Status.CHARGED_BACK),
    ],
)
def test_with_the_money_in_disputes_refunds_ends_and_deliveries_decide_in_this_order(
    refunded: int, dispute: str, ended: bool, delivered: Status, not_delivered: Status
) -> None:
    for grants in GRANTS:
        facts = Facts(Payment.PAID, grants, total=10, refunded=refunded, dispute=dispute, ended=ended)
        # What was delivered and taken back since was delivered; only what is blocked needs a person.
        whole = bool(grants) and BLOCKED not in grants
        assert status_of(facts) is (delivered if whole else not_delivered), grants


def test_a_free_order_is_fulfilled_and_not_refunded() -> None:
    assert status_of(Facts(Payment.PAID, (ACTIVE,), total=0, refunded=0)) is Status.FULFILLED


def test_a_refund_of_more_than_the_total_is_a_whole_one() -> None:
    assert status_of(Facts(Payment.PAID, (ACTIVE,), total=10, refunded=11)) is Status.REFUNDED
