"""What the facts about an order's money come to: who paid, what went back, and what is left of it."""

from datetime import timedelta
from typing import Any

import pytest

from core.gateway.sessions import Money
from core.journeys import checkout
from core.orders import ledger as ledgers
from core.orders.allocation import Refundable, refundable
from core.orders.checkouts import Checkout, Due
from core.orders.disputes import Dispute
from core.orders.ledger import Ledger
from core.orders.orders import Order
from core.orders.payment_lines import PaymentLine
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import GrantState, Progress, status_of
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription
from core.shop import Shop
from tests.builders import a_basket
from tests.core.orders.rows import DAY, LINES, NORA, OLE, attempt, back, book, dispute, line, paid, plan, renewal
from tests.core.orders.stored import locking, placed
from tests.core.test_statements import statements


@pytest.mark.parametrize(
    ("refunds", "left", "guide", "kit"),
    [
        ([], 10800, 2900, 7900),
        ([back("pi_1", 1000, guide=1000)], 9800, 1900, 7900),
        ([back("pi_1", 1000, RefundStatus.REQUESTED, guide=1000)], 9800, 1900, 7900),
        ([back("pi_1", 1000, RefundStatus.FAILED, guide=1000)], 10800, 2900, 7900),
        ([back("pi_1", 9000)], 1800, 1800, 1800),
        ([back("pi_1", 3500, guide=3500)], 7300, 0, 7300),
        ([back("pi_1", 10800)], 0, 0, 0),
        ([back("pi_1", 12000)], 0, 0, 0),
        ([back("pi_2", 10800)], 10800, 2900, 7900),
    ],
)
def test_what_can_go_back_is_what_did_not_yet_of_the_payment_and_of_each_line(
    refunds: list[Refund], left: int, guide: int, kit: int
) -> None:
    ledger = book(payments=[paid()], refunds=refunds)
    assert refundable(ledger) == [Refundable("pi_1", left, {"guide": guide, "kit": kit})]


@pytest.mark.parametrize(("status", "left"), [("needs_response", 0), ("lost", 0), ("won", 10800)])
def test_of_what_a_bank_holds_nothing_can_go_back(status: str, left: int) -> None:
    ledger = book(payments=[paid(), renewal("in_2")], disputes=[dispute("pi_1", status)], lines=())
    assert [each.left for each in refundable(ledger)] == [900, left]


@pytest.mark.parametrize(
    ("disputes", "refunds", "lost", "left", "gone"),
    [
        ([], [], 0, 10800, False),
        ([dispute("pi_1", "lost", 3000)], [], 3000, 7800, False),
        ([dispute("pi_1", "prevented", 3000)], [], 3000, 7800, False),
        # Some are prevented before they take anything, as where the payment was refunded meanwhile.
        ([dispute("pi_1", "prevented", 3000, withdrawn=False)], [], 0, 10800, False),
        ([dispute("pi_1", "prevented", withdrawn=False)], [back("pi_1", 10800)], 0, 0, True),
        ([dispute("pi_1", "prevented", withdrawn=False), dispute("pi_1", "lost", 3000)], [], 3000, 7800, False),
        ([dispute("pi_1", "appeal_under_review", 3000)], [], 3000, 7800, False),
        ([dispute("pi_1", "won", 3000)], [], 0, 10800, False),
        ([dispute("pi_2", "lost", 3000)], [], 0, 10800, False),
        ([dispute("pi_1", "lost", 3000), dispute("pi_1", "lost", 4000)], [], 7000, 3800, False),
        ([dispute("pi_1", "lost", 3000), dispute("pi_1", "lost", 7800)], [], 10800, 0, True),
        # While a bank holds another part, Stripe sends nothing back.
        ([dispute("pi_1", "lost", 3000), dispute("pi_1", "under_review", 4000)], [], 3000, 0, False),
        ([dispute("pi_1", "lost", 3000)], [back("pi_1", 5000)], 3000, 2800, False),
        ([dispute("pi_1", "lost", 3000)], [back("pi_1", 7800)], 3000, 0, True),
        ([dispute("pi_1", "lost", 3000)], [back("pi_1", 800, RefundStatus.REQUESTED)], 3000, 7000, False),
        # Banks dispute all of what was refunded in part, and take what is left of it.
        ([dispute("pi_1", "lost", 10800)], [back("pi_1", 5000)], 5800, 0, True),
        ([dispute("pi_1", "lost", 12000)], [], 10800, 0, True),
        # Between currencies all of a payment may come to a little less, and of how much it is may not be told.
        ([dispute("pi_1", "lost", 9720)], [], 10800, 0, True),
        ([dispute("pi_1", "lost", 9719)], [], 9719, 1081, False),
        ([dispute("pi_1", "lost", 0)], [], 10800, 0, True),
        ([dispute("pi_1", "lost", 0), dispute("pi_1", "lost", 3000)], [], 10800, 0, True),
        ([dispute("pi_1", "lost", 1)], [], 1, 10799, False),
        ([dispute("pi_1", "lost", 3000, currency="usd")], [], 10800, 0, True),
    ],
)
def test_a_dispute_about_a_part_takes_that_part_alone(
    disputes: list[Dispute], refunds: list[Refund], lost: int, left: int, gone: bool
) -> None:
    ledger = book(payments=[paid()], disputes=disputes, refunds=refunds)
    (payment,) = ledger.payments
    assert ledger.lost(payment) == ledger.facts([], plan_alone=False).lost == lost
    assert [each.left for each in refundable(ledger)] == [left]
    assert ledger.is_gone(payment) is gone


def test_an_order_that_lost_a_part_to_a_bank_counts_as_partly_refunded() -> None:
    def status(*disputes: Dispute) -> str:
        return status_of(book(payments=[paid()], disputes=list(disputes)).facts([GrantState.ACTIVE], plan_alone=False))

    assert status(dispute("pi_1", "under_review", 3000)) == "disputed"
    assert status(dispute("pi_1", "lost", 3000)) == "partially_refunded"
    assert status(dispute("pi_1", "lost")) == "charged_back"


def test_a_part_that_was_lost_is_for_an_owner_while_something_that_it_paid_for_is_open() -> None:
    guide, kit = line("guide", 2900), line("kit", 7900)
    of_guide = [PaymentLine(
        payment_id="pi_1", position=0, order_line_id="guide", quantity=1, amount_subtotal=2900, amount_discount=0,
        amount_tax=0, amount=2900,
    )]  # fmt: skip
    part = dispute("pi_1", "lost", 900)
    ledger = book(payments=[paid(amount=2900)], lines=(guide, kit), listed={"pi_1": of_guide}, disputes=[part])
    assert [each.id for each in ledger.partly_lost] == ["pi_1"]
    kit.taken_back_at = DAY
    assert [each.id for each in ledger.partly_lost] == ["pi_1"]
    ledger.refunds = [back("pi_1", 2000)]
    assert ledger.partly_lost == []
    ledger.refunds, ledger.decided = [], {"guide": True, "kit": False}
    assert ledger.partly_lost == []
    assert book(payments=[paid()], disputes=[dispute("pi_1", "under_review", 900)]).partly_lost == []


def test_a_payment_loses_no_more_than_it_brought() -> None:
    ledger = book(payments=[paid(), renewal("in_2")], refunds=[back("pi_1", 12000), back("in_2", 400)])
    assert (ledger.total, ledger.refunded) == (11700, 11200)
    assert [ledger.back(payment) for payment in ledger.payments] == [10800, 400]


def test_what_went_back_of_an_unknown_payment_counts_for_the_order_up_to_all() -> None:
    ledger = book(payments=[paid()], refunds=[back(None, 800)])
    assert (ledger.refunded, ledger.back(ledger.payments[0])) == (800, 0)
    ledger.refunds += [back("pi_1", 10500), back(None, 900, RefundStatus.FAILED)]
    assert ledger.refunded == 10800


@pytest.mark.parametrize(
    ("amount", "refunds", "disputes", "gone"),
    [
        (900, [], [], False),
        (900, [back("pi_1", 899)], [], False),
        (900, [back("pi_1", 900)], [], True),
        (900, [], [dispute("pi_1", "lost")], True),
        (900, [], [dispute("pi_1", "needs_response")], False),
        (900, [], [dispute("pi_2", "lost")], False),
        (900, [], [dispute(None, "lost")], True),
        (0, [], [dispute("pi_1", "lost")], False),
        (0, [back("pi_1", 0)], [], False),
    ],
)
def test_a_payment_is_gone_when_nothing_of_it_is_left(
    amount: int, refunds: list[Refund], disputes: list[Dispute], gone: bool
) -> None:
    ledger = book(payments=[paid(amount=amount)], refunds=refunds, disputes=disputes)
    assert ledger.is_gone(ledger.payments[0]) is gone


def test_the_first_session_that_fits_pays_for_the_order() -> None:
    wrong, open_, right, second = (
        attempt(1, amount=100), attempt(2, money=Money.UNPAID), attempt(3), attempt(4),
    )  # fmt: skip
    ledger = book(wrong, open_, right, second)
    assert ledger.paid is right
    assert (ledger.fits(wrong), ledger.fits(right)) == (False, True)
    assert ledger.misfit == ledger.trouble == "amount_mismatch: paid for 100, ordered 10800"
    assert ledger.paid_twice
    assert book(right, second).paid_twice
    assert not book(right).paid_twice
    assert not book(right, open_).paid_twice
    assert (book(open_).paid, book(open_).misfit, book(open_).trouble) == (None, "", "")


def test_a_mismatch_is_trouble_until_all_of_it_went_back() -> None:
    ledger = book(attempt(amount=100), payments=[paid(amount=100)], refunds=[back("pi_1", 99)])
    assert (ledger.trouble, ledger.misfit) == (ledger.misfit, "amount_mismatch: paid for 100, ordered 10800")
    ledger.refunds.append(back("pi_1", 1))
    assert (ledger.trouble, bool(ledger.misfit)) == ("", True)


def test_of_what_was_not_ordered_nothing_is_for_a_line() -> None:
    ledger = book(
        attempt(1, amount=100, stripe_subscription_id="sub_1"), attempt(2),
        payments=[paid("in_1", 100, session="cs_1", stripe_subscription_id="sub_1"), paid("pi_2", session="cs_2"),
                  renewal("in_3"), renewal("in_4", plan="sub_2")],
    )  # fmt: skip
    first, second, of_misfit, of_another = ledger.payments
    assert [share.order_line_id for share in ledger.shares(first)] == [None]
    assert [share.order_line_id for share in ledger.shares(of_misfit)] == [None]
    assert [share.order_line_id for share in ledger.shares(second)] == ["guide", "kit"]
    assert [(share.order_line_id, share.amount) for share in ledger.shares(of_another)] == [(None, 900)]
    assert (ledger.share(second, LINES[0]), ledger.share(first, LINES[0])) == (2900, 0)


def test_what_a_wrong_session_or_its_plan_brought_is_for_nothing_and_what_others_brought_is() -> None:
    sold = line("plan", 900, interval="month")

    def of(payment: Payment, **wrong: Any) -> list[str | None]:
        ledger = book(attempt(1, amount=100, **wrong), due=900, payments=[payment], lines=(sold,))
        return [share.order_line_id for share in ledger.shares(payment)]

    assert of(paid("pi_1", 100)) == [None]
    assert of(paid("pi_2", 900, session="cs_2")) == ["plan"]
    assert of(renewal("in_1"), stripe_subscription_id="sub_1") == [None]
    assert of(renewal("in_1"), stripe_subscription_id="sub_2") == ["plan"]


def test_what_stripe_listed_of_a_payment_goes_before_the_list_prices() -> None:
    row = PaymentLine(
        payment_id="pi_1", position=0, order_line_id="kit", quantity=1, amount_subtotal=10800, amount_discount=0,
        amount_tax=0, amount=10800,
    )  # fmt: skip
    ledger = book(payments=[paid()], listed={"pi_1": [row]})
    assert [ledger.share(ledger.payments[0], line) for line in LINES] == [0, 10800]


def test_a_second_payment_goes_back_unless_it_is_gone_or_brought_nothing() -> None:
    second = paid("pi_2", session="cs_2")
    ledger = book(attempt(1), attempt(2), payments=[paid(), second, renewal("in_3")])
    assert ledger.to_pay_back == [second]
    ledger.refunds = [back("pi_2", 10800)]
    assert ledger.to_pay_back == []
    ledger.refunds = [back("pi_1", 10800)]
    assert ledger.to_pay_back == []
    free, trial = paid("cs_2", 0, session="cs_2"), paid("in_2", 0, session="cs_2", stripe_subscription_id="sub_2")
    assert book(attempt(1), attempt(2), payments=[paid(), free]).to_pay_back == []
    assert book(attempt(1), attempt(2), payments=[paid(), trial]).to_pay_back == [trial]


def test_what_somebody_else_paid_goes_back_also_where_nothing_is_left_of_the_buyers_own() -> None:
    second = paid("pi_2", session="cs_2")
    ledger = book(attempt(1), attempt(2, email=OLE), payments=[paid(), second])
    assert ledger.to_pay_back == [second]
    ledger.refunds = [back("pi_1", 10800)]
    assert ledger.to_pay_back == [second]
    ledger.refunds = [back("pi_2", 10800)]
    assert ledger.to_pay_back == []


def of_two_plans(email: str = NORA, *, ended: str = "", first: int = 900) -> Ledger:
    """An order of a plan whose two Sessions began a subscription each, and that of the second was renewed."""
    names = ("sub_1", "sub_2")
    rows = (attempt(1, stripe_subscription_id="sub_1"), attempt(2, email=email, stripe_subscription_id="sub_2"))
    brought = [paid(f"in_{name}", first, session=f"cs_{name[-1]}", stripe_subscription_id=name) for name in names]
    return book(
        *rows, payments=[*brought, renewal("in_3", plan="sub_2")],
        subscriptions=[plan(name, "canceled" if name == ended else "active") for name in names],
    )  # fmt: skip


@pytest.mark.parametrize("email", [NORA, OLE])
def test_of_a_second_plan_all_goes_back_for_as_long_as_it_bills_and_what_somebody_else_paid_longer(email: str) -> None:
    ledger = of_two_plans(email)
    ledger.refunds = [back("in_sub_2", 900)]
    assert [payment.id for payment in ledger.to_pay_back] == ["in_3"]
    ledger = of_two_plans(email, ended="sub_2")
    ledger.refunds = [back("in_sub_2", 900)]
    assert [payment.id for payment in ledger.to_pay_back] == (["in_3"] if email == OLE else [])


def test_a_second_trial_is_told_until_it_is_over() -> None:
    def told(ended: str) -> list[str]:
        ledger = of_two_plans(ended=ended, first=0)
        del ledger.payments[2]
        return [payment.id for payment in ledger.to_pay_back]

    assert [told(""), told("sub_1"), told("sub_2")] == [["in_sub_2"], [], []]


def test_of_a_wrong_and_a_right_payment_the_wrong_one_goes_back() -> None:
    wrong = paid("pi_1", 100)
    ledger = book(attempt(1, amount=100), attempt(2), payments=[wrong, paid("pi_2", session="cs_2")])
    assert ledger.to_pay_back == [wrong]


def test_money_for_a_plan_after_its_end_is_told_until_it_went_back() -> None:
    ended = plan(status="canceled", ended_at=DAY + timedelta(days=30))
    at_the_end, after = renewal("in_2", day=30), renewal("in_3", day=31)
    others, nothing = renewal("in_4", day=31, plan="sub_2"), renewal("in_5", 0, day=31)
    late = paid("pi_9", paid_at=DAY + timedelta(days=99))
    began = renewal("in_0", day=31, billing_reason="subscription_create")
    ledger = book(payments=[late, began, at_the_end, after, others, nothing], subscriptions=[ended, plan("sub_2")])
    assert ledger.paid_after_end == [after]
    ledger.refunds = [back("in_3", 900)]
    assert ledger.paid_after_end == []


def test_an_order_has_ended_when_each_of_its_buyers_plans_has() -> None:
    first, again, others = (
        attempt(1, stripe_subscription_id="sub_1"), attempt(2, stripe_subscription_id="sub_2", email=NORA.upper()),
        attempt(3, stripe_subscription_id="sub_3", email=OLE),
    )  # fmt: skip
    over, lives, theirs = plan("sub_1", "canceled"), plan("sub_2"), plan("sub_3")
    ledger = book(first, again, others, subscriptions=[over, lives, theirs])
    assert ledger.own_subscriptions == [over, lives]
    assert not ledger.ended
    lives.status = "incomplete_expired"
    assert ledger.ended
    assert not book(first, subscriptions=[]).ended
    assert not book(attempt(1), subscriptions=[over]).ended
    loud = attempt(1, stripe_subscription_id="sub_1", email=NORA.upper())
    wrong = attempt(3, amount=100, stripe_subscription_id="sub_3")
    assert book(loud, again, wrong, subscriptions=[over, lives, theirs]).own_subscriptions == [over, lives]
    unheard = book(first, again, subscriptions=[over, Subscription(id="sub_2", order_id="ord_1", created_at=DAY)])
    assert (unheard.own_subscriptions, unheard.ended) == ([over, None], False)
    assert book(attempt(1, amount=100, stripe_subscription_id="sub_1"), subscriptions=[over]).own_subscriptions == []


def test_what_paid_for_a_line_is_one_purchase_for_each_plan_and_one_for_each_other_session() -> None:
    lines = (line("guide", 2900), line("plan", 900, interval="month"))
    first = paid("in_1", 3800, billing_reason="subscription_create", stripe_subscription_id="sub_1")
    again = paid("in_9", 3800, session="cs_2", billing_reason="subscription_create", stripe_subscription_id="sub_9")
    second = renewal("in_2")
    ledger = book(
        attempt(1, amount=3800), attempt(2, amount=3800), due=3800, payments=[first, second, again], lines=lines
    )
    assert ledger.purchases(lines[1]) == [[first, second], [again]]
    assert ledger.purchases(lines[0]) == [[first], [again]]
    assert book(payments=[paid(), paid("pi_2", session="cs_2")]).purchases(LINES[0]) == [
        [paid()],
        [paid("pi_2", session="cs_2")],
    ]


@pytest.mark.parametrize(
    ("refunds", "guide", "kit"),
    [
        ([], False, False),
        ([back("pi_1", 2899, guide=2899)], False, False),
        ([back("pi_1", 2900, guide=2900)], True, False),
        ([back("pi_1", 2900)], False, False),
        ([back("pi_1", 2900, RefundStatus.FAILED, guide=2900)], False, False),
        ([back("pi_1", 10799)], False, False),
        ([back("pi_1", 10800)], True, True),
        ([back("pi_2", 10800, guide=2900)], False, False),
    ],
)
def test_a_line_is_paid_back_when_its_own_share_went_back_or_all(refunds: list[Refund], guide: bool, kit: bool) -> None:
    ledger = book(payments=[paid()], refunds=refunds)
    assert [ledger.is_paid_back(ledger.payments[0], line) for line in LINES] == [guide, kit]


def test_what_cost_nothing_is_never_paid_back() -> None:
    ledger = book(attempt(amount=0), due=0, payments=[paid("cs_1", 0)], refunds=[back("cs_1", 0, guide=0)])
    assert not ledger.is_paid_back(ledger.payments[0], LINES[0])


def test_the_smallest_share_is_paid_back_too() -> None:
    small = line("small", 1)
    ledger = book(
        attempt(amount=1), due=1, payments=[paid(amount=1)], refunds=[back("pi_1", 0, small=1)], lines=(small,)
    )
    assert ledger.is_paid_back(ledger.payments[0], small)


def test_each_subscription_has_its_own_items() -> None:
    items = [
        SubscriptionItem(
            id=name, subscription_id=of, position=0, stripe_price_id="price_1", quantity=1, unit_amount=900
        )
        for name, of in (("si_1", "sub_1"), ("si_2", "sub_2"), ("si_3", "sub_1"))
    ]
    ledger = book(items=items)
    assert [[item.id for item in ledger.items_of(plan(name))] for name in ("sub_1", "sub_2", "sub_3")] == [
        ["si_1", "si_3"], ["si_2"], [],
    ]  # fmt: skip


def test_the_facts_of_an_order_are_the_sums_of_its_payments() -> None:
    ledger = book(
        payments=[paid(), renewal("in_2"), renewal("in_3"), renewal("in_4", day=60)],
        refunds=[back("pi_1", 1000), back("in_3", 300)],
        disputes=[dispute("in_2", "lost"), dispute("in_3", "lost"), dispute("in_4", "under_review")],
    )
    facts = ledger.facts([GrantState.ACTIVE], plan_alone=False)
    assert (facts.progress, facts.grants) == (Progress.PAID, (GrantState.ACTIVE,))
    assert (facts.total, facts.refunded, facts.lost, facts.disputed, facts.ended) == (13500, 1300, 1500, True, False)
    assert not book(payments=[paid()], disputes=[dispute("pi_1", "won")]).facts([], plan_alone=False).disputed


def test_an_order_is_over_when_its_only_plans_ended_or_all_was_taken_back() -> None:
    def over(plan_alone: bool, **facts: Any) -> bool:
        return book(attempt(stripe_subscription_id="sub_1"), **facts).facts([], plan_alone=plan_alone).ended

    ended = [plan(status="canceled")]
    assert over(True, subscriptions=ended)
    assert not over(False, subscriptions=ended)
    assert not over(True, subscriptions=[plan()])
    gone, stays = line("guide", 2900, taken_back_at=DAY), line("kit", 7900)
    assert over(False, lines=(gone,))
    assert not over(False, lines=(gone, stays))
    assert over(False, lines=(gone, stays), decided={"kit": True})
    assert not over(False, lines=(gone,), decided={"guide": False})
    assert not over(False, lines=())


def test_refunds_and_disputes_are_told_of_which_payment_they_are_once() -> None:
    first, second = paid(stripe_payment_intent_id="pi_1"), paid("in_2", stripe_charge_id="ch_2")
    named, told, foreign = back(None, 1), back("in_2", 2), back(None, 3)
    named.stripe_payment_intent_id, told.stripe_payment_intent_id = "pi_1", "pi_1"
    foreign.stripe_payment_intent_id = "pi_9"
    by_charge, by_intent, known, lost = (dispute(each, "lost") for each in (None, None, "in_2", None))
    by_charge.stripe_charge_id, by_intent.stripe_payment_intent_id = "ch_2", "pi_1"
    known.stripe_payment_intent_id, lost.stripe_charge_id = "pi_1", "ch_9"
    ledger = book(
        payments=[first, second], refunds=[named, told, foreign], disputes=[by_charge, by_intent, known, lost]
    )  # fmt: skip
    ledger.attribute()
    assert [each.payment_id for each in ledger.refunds] == ["pi_1", "in_2", None]
    assert [each.payment_id for each in ledger.disputes] == ["in_2", "pi_1", "in_2", None]


# -- how it is read


def read(shop: Shop, order_id: str, *, eventful: bool, money: Money = Money.UNPAID) -> tuple[Ledger, int]:
    """The ledger of an order as it would be read like this, and how many statements that takes."""
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        order.eventful = eventful
        session.get_one(Checkout, f"checkout:{order_id}:1").money = money
        session.flush()
        with statements(shop.engine) as heard:
            found = ledgers.read(session, order)
        return found, len(heard)


def test_an_order_that_is_locked_is_read_with_what_was_just_written_of_it(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        order.attention = "looked at"
        row = back(None, 900)
        row.order_id = order_id
        session.add(row)

        def locked(*, eventful: bool) -> tuple[bool, list[Refund]]:
            with locking(session) as tables:
                found = ledgers.lock(session, [order_id, "ord_9"], eventful=eventful)
            assert ([*found], tables) == ([order_id], ["orders"])
            assert found[order_id].order is order
            return order.eventful, found[order_id].book.refunds

        assert locked(eventful=False) == (False, [])
        assert locked(eventful=True) == (True, [row])
        assert locked(eventful=False) == (True, [row])
        assert (order.attention, ledgers.lock(session, ["ord_9"])) == ("looked at", {})


def test_no_more_is_read_of_an_order_than_can_be_there(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        listed = PaymentLine(
            payment_id="pi_1", position=0, quantity=1, amount_subtotal=1, amount_discount=0, amount_tax=0, amount=1
        )
        item = SubscriptionItem(
            id="si_1", subscription_id="sub_1", position=0, stripe_price_id="price_1", quantity=1, unit_amount=900
        )
        for rows in ([paid()], [listed, back("pi_1", 900), dispute("pi_1", "lost"), plan()], [item]):
            for row in rows:
                if hasattr(row, "order_id"):
                    row.order_id = order_id
                session.add(row)
            session.flush()

    def kinds(found: Ledger) -> list[int]:
        return [
            len(each)
            for each in (found.payments, found.listed, found.refunds, found.disputes, found.subscriptions, found.items)
        ]

    unpaid, few = read(shop, order_id, eventful=False)
    assert (kinds(unpaid), few) == ([0, 0, 0, 0, 0, 0], 1)
    just_paid, more = read(shop, order_id, eventful=False, money=Money.PAID)
    assert (kinds(just_paid), more) == ([1, 1, 0, 0, 0, 0], 3)
    for money in (Money.UNPAID, Money.PAID):
        assert kinds(read(shop, order_id, eventful=True, money=money)[0]) == [1, 1, 1, 1, 1, 1]


def test_the_money_of_any_session_is_enough_to_look_for_payments(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for row in (paid(), attempt(2, money=Money.PAID, id="checkout:2")):
            row.order_id = order_id
            session.add(row)
    assert len(read(shop, order_id, eventful=False)[0].payments) == 1


@pytest.mark.parametrize(("trials", "in_trial"), [([False], 8500), ([True], 5800), ([False, True], 5800)])
def test_what_an_order_costs_in_a_trial_is_what_is_not_tried(shop: Shop, trials: list[bool], in_trial: int) -> None:
    order_id = checkout.start(shop, a_basket(("plan-month", 3), ("guide-eur", 2))).order_id
    with shop.transaction() as session:
        for number, trial in enumerate(trials, start=1):
            name = f"checkout:{order_id}:{number}"
            row = session.get(Checkout, name) or attempt(number, money=Money.UNPAID, id=name)
            row.order_id = order_id
            row.parameters = {"subscription_data": {"trial_period_days": 14}} if trial else {}
            session.add(row)
    assert read(shop, order_id, eventful=False)[0].due == Due(8500, in_trial, "eur")
