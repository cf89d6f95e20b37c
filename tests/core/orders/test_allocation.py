"""What goes back of which payment: the newest first, each as far as it goes, and never more than there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.foundation.errors import AmountTooSmall, NoSuchPayment, NothingToRefund, RefundTooBig
from core.orders.allocation import Portion, Refundable, Wanted, allocate

NEWEST = [
    Refundable("in_3", 900, {"plan": 900}),
    Refundable("in_2", 0, {"plan": 0}),
    Refundable("in_1", 3800, {"plan": 900, "guide": 2900}),
]


def parts(wanted: Wanted, payments: list[Refundable] = NEWEST) -> list[Portion]:
    return allocate(payments, wanted, order_id="ord_1", currency="eur")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [Portion("in_3", 900), Portion("in_1", 3800)]),
        (Wanted(900), [Portion("in_3", 900)]),
        (Wanted(901), [Portion("in_3", 900), Portion("in_1", 1)]),
        (Wanted(payment_id="in_1"), [Portion("in_1", 3800)]),
        (Wanted(1, payment_id="in_1"), [Portion("in_1", 1)]),
        (Wanted(line_ids=("guide",)), [Portion("in_1", 2900, {"guide": 2900})]),
        (Wanted(line_ids=("plan",)), [Portion("in_3", 900, {"plan": 900}), Portion("in_1", 900, {"plan": 900})]),
        (Wanted(1000, ("plan",)), [Portion("in_3", 900, {"plan": 900}), Portion("in_1", 100, {"plan": 100})]),
        (Wanted(1000, ("plan", "guide"), "in_1"), [Portion("in_1", 1000, {"plan": 900, "guide": 100})]),
    ],
)
def test_what_is_wanted_is_taken_from_the_newest_payment_that_has_it(wanted: Wanted, expected: list[Portion]) -> None:
    assert parts(wanted) == expected


def test_a_line_never_takes_more_than_is_left_of_its_payment() -> None:
    assert parts(Wanted(line_ids=("guide",)), [Refundable("pi_1", 500, {"guide": 2900})]) == [
        Portion("pi_1", 500, {"guide": 500})
    ]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (Wanted(0), AmountTooSmall), (Wanted(-1), AmountTooSmall), (Wanted(4701), RefundTooBig),
        (Wanted(901, payment_id="in_3"), RefundTooBig), (Wanted(1801, ("plan",)), RefundTooBig),
        (Wanted(payment_id="in_2"), NothingToRefund), (Wanted(line_ids=("nothing",)), NothingToRefund),
        (Wanted(payment_id="in_9"), NoSuchPayment),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused(wanted: Wanted, error: type[Exception]) -> None:
    with pytest.raises(error):
        parts(wanted)


def test_what_a_payment_was_not_for_takes_nothing_of_it() -> None:
    payment = Refundable("pi_1", 5000, {"guide": 2900})
    assert parts(Wanted(line_ids=("kit", "guide")), [payment]) == [Portion("pi_1", 2900, {"guide": 2900})]


def test_the_least_there_is_may_go_back_and_is_named_to_who_asks_for_less() -> None:
    assert parts(Wanted(), [Refundable("pi_1", 1)]) == [Portion("pi_1", 1)]
    with pytest.raises(AmountTooSmall) as refusal:
        parts(Wanted(0))
    assert (refusal.value.amount, refusal.value.least, refusal.value.currency) == (0, 1, "eur")


amounts = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=1, max_size=5)


@given(left=amounts, data=st.data())
def test_the_portions_add_up_to_what_was_wanted_within_every_payment(
    left: list[tuple[int, int]], data: st.DataObject
) -> None:
    payments = [Refundable(f"p{n}", guide + kit, {"guide": guide, "kit": kit}) for n, (guide, kit) in enumerate(left)]
    lines = data.draw(st.sampled_from([(), ("guide",), ("kit",), ("guide", "kit")]))
    most = sum(sum(payment.lines[line] for line in lines or payment.lines) for payment in payments)
    if not most:
        return
    amount = data.draw(st.integers(1, most))
    found = parts(Wanted(amount, lines), payments)
    assert sum(portion.amount for portion in found) == amount
    rest = {payment.payment_id: payment for payment in payments}
    for portion in found:
        payment = rest[portion.payment_id]
        assert 0 < portion.amount <= payment.left
        assert all(part <= payment.lines[line] for line, part in portion.lines.items())
        assert sum(portion.lines.values()) == (portion.amount if lines else 0)
