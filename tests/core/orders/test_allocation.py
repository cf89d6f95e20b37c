"""What goes back of which payment: the newest first, each as far as it goes, and never more than there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.foundation.errors import (
    AmountTooSmall,
    AmountUneven,
    NoSuchPayment,
    NothingLeft,
    NothingToRefund,
    RefundTooBig,
)
from core.orders import allocation
from core.orders.allocation import Portion, Refundable, Wanted, allocate
from core.orders.payment_lines import Share
from core.orders.refunds import Refund, RefundStatus
from tests.core.orders.rows import back

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


@pytest.mark.parametrize(
    ("payments", "wanted", "why"),
    [
        ([], Wanted(), "given"),
        ([Refundable("pi_1", 0)], Wanted(), "back"),
        ([Refundable("pi_2", 0), Refundable("pi_1", 0, why=NothingLeft.LOST)], Wanted(), "lost"),
        ([Refundable("pi_2", 0, why=NothingLeft.LOST), Refundable("pi_1", 0, why=NothingLeft.HELD)], Wanted(), "held"),
        ([Refundable("pi_2", 0, why=NothingLeft.LOST), Refundable("pi_1", 9)], Wanted(payment_id="pi_2"), "lost"),
        (NEWEST, Wanted(line_ids=("nothing",)), "lines"),
        ([Refundable("pi_1", 0, {"guide": 0}, NothingLeft.ASKED)], Wanted(line_ids=("guide",)), "asked"),
    ],
)
def test_why_nothing_can_go_back_is_said_by_the_payments_that_were_meant(
    payments: list[Refundable], wanted: Wanted, why: str
) -> None:
    with pytest.raises(NothingToRefund) as refusal:
        parts(wanted, payments)
    assert refusal.value.why == why


def test_of_what_was_bought_in_another_shop_nothing_can_go_back() -> None:
    with pytest.raises(NothingToRefund):
        parts(Wanted(), [])


def test_what_a_payment_was_not_for_takes_nothing_of_it() -> None:
    payment = Refundable("pi_1", 5000, {"guide": 2900})
    assert parts(Wanted(line_ids=("kit", "guide")), [payment]) == [Portion("pi_1", 2900, {"guide": 2900})]


def test_the_least_there_is_may_go_back_and_is_named_to_who_asks_for_less() -> None:
    assert parts(Wanted(), [Refundable("pi_1", 1)]) == [Portion("pi_1", 1)]
    with pytest.raises(AmountTooSmall) as refusal:
        parts(Wanted(0))
    assert (refusal.value.amount, refusal.value.least, refusal.value.currency) == (0, 1, "eur")


def test_only_what_stripe_moves_of_a_currency_goes_back() -> None:
    halves = [Refundable("pi_1", 19990, {"guide": 9995, "kit": 9995})]

    def dinars(wanted: Wanted) -> list[Portion]:
        return allocate(halves, wanted, order_id="ord_1", currency="kwd")

    assert dinars(Wanted()) == [Portion("pi_1", 19990)]
    assert dinars(Wanted(10)) == [Portion("pi_1", 10)]
    # A code took half of the last coin: what is left of it goes back with the whole.
    assert dinars(Wanted(line_ids=("guide",))) == [Portion("pi_1", 9990, {"guide": 9990})]
    with pytest.raises(AmountUneven) as refusal:
        dinars(Wanted(1005))
    assert refusal.value.near == (1000, 1010)
    with pytest.raises(RefundTooBig):
        dinars(Wanted(10000, ("guide",)))
    with pytest.raises(NothingToRefund) as nothing:
        allocate(
            [Refundable("pi_1", 100, {"guide": 50})], Wanted(line_ids=("guide",)), order_id="ord_1", currency="isk"
        )
    assert nothing.value.why == NothingLeft.COIN


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


@given(
    shares=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 20)), min_size=1, max_size=3),
    parts=st.lists(st.tuples(st.integers(1, 4000), st.integers(-1, 2)), max_size=8),
)
def test_the_tax_in_refunds_is_all_of_it_when_all_went_back(
    shares: list[tuple[int, int]], parts: list[tuple[int, int]]
) -> None:
    """Whichever lines they name, and in whatever parts: to the cent, and never more than there was."""
    bought = [
        Share(f"ol_{place}", 1, net, 0, net * rate // 100, net + net * rate // 100)
        for place, (net, rate) in enumerate(shares)
    ]
    left = sum(share.amount for share in bought)
    of_lines = {share.order_line_id: share.amount for share in bought}
    made = []
    for amount, place in parts:
        line = f"ol_{place}"
        taken = min(amount, left, of_lines.get(line, amount))
        if taken:
            named = {line: taken} if line in of_lines else {}
            made.append(back("pi_1", taken, **named))
            left -= taken
            if named:
                of_lines[line] -= taken
            else:
                of_lines.clear()
    allocation.write_taxes(made, bought)
    assert all(0 <= refund.amount_tax <= refund.amount for refund in made)
    tax = sum(share.amount_tax for share in bought)
    assert sum(refund.amount_tax for refund in made) <= tax
    rest = back("pi_1", left)
    allocation.write_taxes([*made, *([rest] if left else [])], bought)
    assert sum(refund.amount_tax for refund in [*made, rest]) == tax


def test_a_refund_for_a_line_takes_back_the_tax_of_that_line() -> None:
    bought = [Share("book", 1, 10_000, 0, 700, 10_700), Share("plan", 1, 10_000, 0, 1900, 11_900)]
    of_book, of_all, failed = back("pi_1", 5350, book=5350), back("pi_1", 1000), back("pi_1", 99, RefundStatus.FAILED)
    failed.amount_tax = 8
    allocation.write_taxes([of_book, failed, of_all], bought)
    assert (of_book.amount_tax, failed.amount_tax) == (350, 0)
    # In proportion to what is left of both.
    assert of_all.amount_tax == 700 * (5350 + 310) // 10_700 - 350 + 1900 * 690 // 11_900


def test_where_something_was_credited_the_payment_counts_as_a_whole() -> None:
    bought = [Share("plan", 1, 3000, 0, 570, 3570), Share("plan", 1, -1000, 0, -190, -1190)]
    half, rest = back("pi_1", 1190), back("pi_1", 1190)
    rest.id = "rf_rest"
    allocation.write_taxes([half, rest], bought)
    assert (half.amount_tax, rest.amount_tax) == (190, 190)


@pytest.mark.parametrize("credit", [Share("plan", 1, -1000, 0, 0, -1000), Share("plan", 1, 10, 0, -190, 10)])
def test_beside_a_credit_not_even_a_line_that_is_named_has_its_own_tax(credit: Share) -> None:
    bought = [Share("plan", 1, 3000, 0, 570, 3570), Share("guide", 1, 2900, 0, 0, 2900), credit]
    of_guide = back("pi_1", 2900, guide=2900)
    allocation.write_taxes([of_guide], bought)
    whole, tax = sum(share.amount for share in bought), sum(share.amount_tax for share in bought)
    assert of_guide.amount_tax == tax * 2900 // whole


def test_beside_what_cost_nothing_each_line_has_its_own_tax() -> None:
    bought = [Share("plan", 1, 3000, 0, 570, 3570), Share("guide", 1, 2900, 0, 0, 2900), Share("gift", 1, 0, 0, 0, 0)]
    of_guide, of_plan = back("pi_1", 2900, guide=2900), back("pi_1", 3570, plan=3570)
    allocation.write_taxes([of_guide, of_plan], bought)
    assert (of_guide.amount_tax, of_plan.amount_tax) == (0, 570)


@pytest.mark.parametrize(
    ("refund", "book", "kit", "of_book"),
    [
        (back("pi_1", 10), 2, 98, 0),  # a tenth of both, and of two cents nothing
        (back("pi_1", 60, kit=50), 50, 100, 5),  # what it names no line for: in proportion to what is left of each
        (back("pi_1", 51, kit=50), 100, 50, 1),  # to the last cent
    ],
)
def test_beyond_the_lines_that_it_names_a_refund_is_for_what_is_left_of_all(
    refund: Refund, book: int, kit: int, of_book: int
) -> None:
    # Of one line all is tax: what of the refund is for that one is seen by it.
    bought = [Share("book", 1, 0, 0, book, book), Share("kit", 1, kit, 0, 0, kit)]
    allocation.write_taxes([refund], bought)
    assert refund.amount_tax == of_book
