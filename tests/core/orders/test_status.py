"""An order's status follows from its facts alone: the whole table."""

from itertools import product

import pytest

from core.orders.status import Facts, GrantState, Handed, Progress, Status, handed_of, status_of

ACTIVE, SUSPENDED, REVOKED, BLOCKED = GrantState.ACTIVE, GrantState.SUSPENDED, GrantState.REVOKED, GrantState.BLOCKED
NOTHING_PAID = {
    Progress.OPEN: Status.PENDING,
    Progress.ENDED: Status.CANCELED,
    Progress.FAILED: Status.FAILED,
    Progress.PROCESSING: Status.PROCESSING,
}
GRANTS = [(), (ACTIVE,), (BLOCKED,), (ACTIVE, BLOCKED), (SUSPENDED,), (REVOKED,), (ACTIVE, ACTIVE)]


@pytest.mark.parametrize("progress", NOTHING_PAID)
def test_without_money_nothing_else_matters(progress: Progress) -> None:
    for grants, refunded, lost, disputed, ended in product(GRANTS, (0, 5, 10), (0, 5), (False, True), (False, True)):
        facts = Facts(progress, grants, total=10, refunded=refunded, lost=lost, disputed=disputed, ended=ended)
        assert status_of(facts) is NOTHING_PAID[progress]


DELIVERED = (Status.FULFILLED, Status.PAID)
# Of 10: what went back, what was lost to a dispute, whether another is open, whether there is nothing left to use.
TABLE: dict[tuple[int, int, bool, bool], Status | tuple[Status, Status]] = {
    (0, 0, False, False): DELIVERED,
    (0, 0, False, True): Status.CANCELED,
    (0, 0, True, False): Status.DISPUTED,
    (0, 0, True, True): Status.DISPUTED,
    (5, 0, False, False): Status.PARTIALLY_REFUNDED,
    (5, 0, False, True): Status.CANCELED,
    (5, 0, True, False): Status.DISPUTED,
    (5, 0, True, True): Status.DISPUTED,
    (10, 0, False, False): Status.REFUNDED,
    (10, 0, False, True): Status.REFUNDED,
    (10, 0, True, False): Status.DISPUTED,
    (10, 0, True, True): Status.DISPUTED,
    # Lost in part: while another is open it is disputed, afterwards some of it is gone.
    (0, 5, False, False): Status.PARTIALLY_REFUNDED,
    (0, 5, False, True): Status.CANCELED,
    (0, 5, True, False): Status.DISPUTED,
    (0, 5, True, True): Status.DISPUTED,
    (4, 5, False, False): Status.PARTIALLY_REFUNDED,
    # Lost wholly, or what was not lost went back: none of its money is left.
    (0, 10, False, False): Status.CHARGED_BACK,
    (0, 10, True, True): Status.CHARGED_BACK,
    (5, 5, False, False): Status.CHARGED_BACK,
    (5, 5, True, False): Status.CHARGED_BACK,
}


@pytest.mark.parametrize("facts", TABLE)
def test_with_the_money_in_disputes_refunds_ends_and_deliveries_decide_in_this_order(
    facts: tuple[int, int, bool, bool],
) -> None:
    refunded, lost, disputed, ended = facts
    expected = TABLE[facts]
    for grants in GRANTS:
        known = Facts(Progress.PAID, grants, total=10, refunded=refunded, lost=lost, disputed=disputed, ended=ended)
        # What was delivered and taken back since was delivered; only what is blocked needs a person.
        whole = bool(grants) and BLOCKED not in grants
        wanted = expected[0 if whole else 1] if isinstance(expected, tuple) else expected
        assert status_of(known) is wanted, grants


def test_a_free_order_is_fulfilled_and_not_refunded() -> None:
    assert status_of(Facts(Progress.PAID, (ACTIVE,), total=0, refunded=0)) is Status.FULFILLED


def test_a_refund_of_more_than_the_total_is_a_whole_one() -> None:
    assert status_of(Facts(Progress.PAID, (ACTIVE,), total=10, refunded=11)) is Status.REFUNDED


@pytest.mark.parametrize(
    ("grants", "handed"),
    [
        ((), Handed.NOTHING),
        ((ACTIVE, ACTIVE), Handed.DELIVERED),
        ((ACTIVE, REVOKED), Handed.ENDED),
        ((REVOKED, SUSPENDED, ACTIVE), Handed.ON_HOLD),
        ((SUSPENDED, BLOCKED, REVOKED, ACTIVE), Handed.MISSING),
    ],
)
def test_the_worst_of_what_was_handed_over_is_what_an_order_is_found_by(
    grants: tuple[GrantState, ...], handed: Handed
) -> None:
    assert handed_of(grants) is handed
