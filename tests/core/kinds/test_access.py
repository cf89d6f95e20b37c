"""What a paid line's buyer may do, and what a subscription may bill for, from the facts about the order's money."""

from datetime import timedelta
from typing import Any

import pytest

from core.catalog.products import Product
from core.gateway.sessions import Money
from core.journeys import checkout
from core.kinds import access, plan_billing
from core.kinds.access import PlanAccess, allowed, ended_with, of_plan
from core.kinds.plan_billing import Billing
from core.orders.disputes import Dispute
from core.orders.orders import Order
from core.orders.payment_lines import PaymentLine
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import GrantState
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription
from core.shop import Shop
from tests import builders
from tests.core.orders.rows import DAY, LINES, attempt, back, book, dispute, line, paid, plan, renewal

GUIDE, KIT = LINES
PLAN = line("plan", 900, interval="month")
OTHER = line("other", 1900, interval="month")
LATER, BEFORE = DAY + timedelta(days=1), DAY - timedelta(days=1)


def state(ledger: Any, of: Any = GUIDE, *, keeps: bool = False) -> GrantState:
    return allowed(ledger, of, keeps_after_refund=keeps, now=DAY)


def of_plan_of(*, payments: list[Any], **facts: Any) -> Any:
    """An order for a plan alone, which made `sub_1`."""
    facts = {"subscriptions": [plan()], "lines": (PLAN,), **facts}
    return book(attempt(amount=900, stripe_subscription_id="sub_1"), due=900, payments=payments, **facts)


def first(name: str = "in_1", *, plan: str = "sub_1", session: str = "cs_1") -> Any:
    return paid(name, 900, session=session, billing_reason="subscription_create", stripe_subscription_id=plan)


def item(name: str = "si_1", line_id: str | None = "plan", *, of: str = "sub_1", **more: Any) -> SubscriptionItem:
    known = {"product_id": "plan", "quantity": 3, "paid_quantity": None, **more}
    return SubscriptionItem(
        id=name, subscription_id=of, position=0, order_line_id=line_id, stripe_price_id=f"price_{name}", unit_amount=900,
        **known,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("refunds", "disputes", "guide", "kept"),
    [
        ([], [], "active", "active"),
        ([back("pi_1", 2900, guide=2900)], [], "revoked", "active"),
        ([back("pi_1", 7900, kit=7900)], [], "active", "active"),
        ([back("pi_1", 10800)], [], "revoked", "active"),
        ([back("pi_1", 10800, RefundStatus.FAILED)], [], "active", "active"),
        ([], [dispute("pi_1", "needs_response")], "suspended", "suspended"),
        ([], [dispute("pi_1", "warning_needs_response")], "active", "active"),
        ([], [dispute("pi_1", "won")], "active", "active"),
        ([], [dispute("pi_1", "lost")], "revoked", "revoked"),
        ([], [dispute("pi_9", "lost")], "active", "active"),
        # A part that is lost is of no line: it counts as a refund of a part.
        ([], [dispute("pi_1", "lost", 3000)], "active", "active"),
        ([], [dispute("pi_1", "needs_response", 3000)], "suspended", "suspended"),
        ([back("pi_1", 7800)], [dispute("pi_1", "lost", 3000)], "revoked", "revoked"),
        ([back("pi_1", 2900, guide=2900)], [dispute("pi_1", "lost", 3000)], "revoked", "active"),
        ([back("pi_1", 2900, guide=2900)], [dispute("pi_1", "needs_response")], "revoked", "suspended"),
    ],
)
def test_money_that_goes_back_or_is_held_ends_what_it_paid_for(
    refunds: list[Refund], disputes: list[Dispute], guide: str, kept: str
) -> None:
    ledger = book(payments=[paid()], refunds=refunds, disputes=disputes)
    assert (state(ledger), state(ledger, keeps=True)) == (guide, kept)


def test_what_an_owner_decided_goes_before_all_else() -> None:
    taken = line("guide", 2900, taken_back_at=DAY)
    assert state(book(payments=[paid()], lines=(taken, KIT)), taken, keeps=True) is GrantState.REVOKED
    part = back("pi_1", 100, guide=100)
    ledger = book(payments=[paid()], refunds=[part])
    assert state(ledger) is GrantState.ACTIVE
    part.takes_back = True
    assert [state(ledger, each, keeps=True) for each in LINES] == [GrantState.REVOKED, GrantState.ACTIVE]
    part.lines = {}
    assert [state(ledger, each, keeps=True) for each in LINES] == [GrantState.REVOKED, GrantState.REVOKED]


def test_what_was_paid_otherwise_than_ordered_is_blocked_until_it_went_back() -> None:
    ledger = book(attempt(amount=100), payments=[paid(amount=100)])
    assert state(ledger, keeps=True) is GrantState.BLOCKED
    ledger.refunds = [back("pi_1", 100)]
    assert state(ledger, keeps=True) is GrantState.REVOKED


@pytest.mark.parametrize(
    ("refunds", "disputes", "expected"),
    [
        ([back("pi_1", 10800)], [], "active"),
        ([back("pi_1", 10800), back("pi_2", 10800)], [], "revoked"),
        ([], [dispute("pi_1", "needs_response")], "active"),
        ([], [dispute("pi_1", "needs_response"), dispute("pi_2", "needs_response")], "suspended"),
        ([back("pi_1", 10800)], [dispute("pi_2", "needs_response")], "suspended"),
        ([], [dispute("pi_1", "lost")], "active"),
    ],
)
def test_of_what_was_bought_twice_one_purchase_is_enough(
    refunds: list[Refund], disputes: list[Dispute], expected: str
) -> None:
    twice = [paid(), paid("pi_2", session="cs_2")]
    assert state(book(attempt(1), attempt(2), payments=twice, refunds=refunds, disputes=disputes)) == expected


@pytest.mark.parametrize(
    ("refunds", "disputes", "expected"),
    [
        ([], [], "active"),
        ([back("in_1", 900)], [], "active"),
        ([back("in_2", 900)], [], "revoked"),
        ([], [dispute("in_2", "lost")], "revoked"),
        ([], [dispute("in_2", "needs_response")], "suspended"),
    ],
)
def test_of_a_plan_that_was_bought_again_after_it_ended_the_money_of_the_one_that_goes_on_counts(
    refunds: list[Refund], disputes: list[Dispute], expected: str
) -> None:
    rows = [attempt(number, amount=900, stripe_subscription_id=f"sub_{number}") for number in (1, 2)]
    ledger = book(
        *rows, due=900, payments=[first(), first("in_2", plan="sub_2", session="cs_2")], refunds=refunds,
        disputes=disputes, subscriptions=[plan(status="canceled"), plan("sub_2")], lines=(PLAN,),
    )  # fmt: skip
    assert state(ledger, PLAN) == expected


@pytest.mark.parametrize(
    ("refunds", "disputes", "expected"),
    [
        ([back("in_1", 900)], [], "active"),
        ([back("in_2", 900)], [], "revoked"),
        ([], [dispute("in_1", "lost")], "revoked"),
        ([], [dispute("in_2", "lost")], "revoked"),
        ([], [dispute("in_2", "lost", 300)], "active"),
        ([], [dispute("in_1", "under_review")], "suspended"),
    ],
)
def test_of_a_plan_the_newest_period_counts_and_any_that_a_bank_took(
    refunds: list[Refund], disputes: list[Dispute], expected: str
) -> None:
    ledger = of_plan_of(payments=[first(), renewal("in_2")], refunds=refunds, disputes=disputes)
    assert state(ledger, PLAN) == expected


def of_change(name: str, amount: int, *, proration: bool | None = True) -> PaymentLine:
    return PaymentLine(
        payment_id=name, position=0, order_line_id="plan", quantity=1, amount_subtotal=amount, amount_discount=0,
        amount_tax=0, amount=amount, proration=proration,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("paid", "amount", "proration", "refunds", "expected"),
    [
        (400, 400, True, [back("in_3", 400)], "active"),
        (400, 400, True, [back("in_2", 900)], "active"),
        (400, 400, True, [back("in_2", 900), back("in_3", 400)], "revoked"),
        (400, 400, True, [back("in_1", 900), back("in_3", 400)], "active"),
        (1, 1, True, [back("in_2", 900)], "active"),
        # What was credited for fewer seats can go back to nobody, nor what another plan's credit has paid for, nor what another
        # plan's change alone has cost.
        (0, -400, True, [back("in_2", 900)], "revoked"),
        (0, 400, True, [back("in_2", 900)], "revoked"),
        (500, -400, True, [back("in_2", 900)], "revoked"),
        (500, 0, True, [back("in_2", 900)], "revoked"),
        # Another interval begins a period, and what was listed of before does not say what it is for.
        (400, 400, False, [back("in_3", 400)], "revoked"),
        (400, 400, None, [back("in_3", 400)], "revoked"),
    ],
)
def test_of_a_plan_that_was_changed_the_whole_of_its_newest_period_counts(
    paid: int, amount: int, proration: bool | None, refunds: list[Refund], expected: str
) -> None:
    change = renewal("in_3", paid, day=40, billing_reason="subscription_update")
    listed = {"in_3": [of_change("in_3", amount, proration=proration)]}
    ledger = of_plan_of(payments=[first(), renewal("in_2"), change], listed=listed, refunds=refunds)
    assert state(ledger, PLAN) == expected


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        ([], "active"),
        ([back("in_3", 400)], "active"),
        ([back("in_4", 500)], "active"),
        ([back("in_3", 400), back("in_4", 500)], "revoked"),
    ],
)
def test_of_a_plan_of_which_only_changes_are_known_all_of_them_count(refunds: list[Refund], expected: str) -> None:
    known = {name: renewal(name, amount, day=40) for name, amount in (("in_3", 400), ("in_4", 500))}
    listed = {name: [of_change(name, payment.amount)] for name, payment in known.items()}
    ledger = of_plan_of(payments=[*known.values()], listed=listed, refunds=refunds)
    assert state(ledger, PLAN) == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (plan(), "active"),
        (plan(status="canceled"), "revoked"),
        (plan(status="past_due", access_until=LATER), "active"),
        (plan(status="past_due", access_until=DAY), "suspended"),
        (plan(status="past_due", access_until=BEFORE), "suspended"),
    ],
)
def test_a_plan_lasts_as_long_as_its_subscription_allows(known: Subscription, expected: str) -> None:
    assert state(of_plan_of(payments=[first()], subscriptions=[known]), PLAN) == expected
    # What else was bought has nothing to do with it.
    assert state(of_plan_of(payments=[first()], subscriptions=[known]), GUIDE) is GrantState.ACTIVE


def test_a_dispute_suspends_no_plan_that_is_over() -> None:
    held = [dispute("in_1", "needs_response")]
    ended = of_plan_of(payments=[first()], subscriptions=[plan(status="canceled")], disputes=held)
    assert state(ended, PLAN) is GrantState.REVOKED


@pytest.mark.parametrize(("keeps", "seats"), [(False, 2), (True, 9)])
def test_seats_whose_money_went_back_are_not_counted_though_their_subscription_bills_on(
    keeps: bool, seats: int
) -> None:
    rows = [attempt(number, amount=900, stripe_subscription_id=f"sub_{number}") for number in (1, 2)]
    ledger = book(
        *rows, due=900, payments=[first(), first("in_2", plan="sub_2", session="cs_2")], refunds=[back("in_2", 900)],
        subscriptions=[plan(), plan("sub_2")], items=[item(quantity=2), item("si_2", of="sub_2", quantity=9)], lines=(PLAN,),
    )  # fmt: skip
    assert of_plan(ledger, PLAN, keeps_after_refund=keeps, now=DAY).quantity == seats


def test_of_several_subscriptions_the_one_counts_that_allows_most() -> None:
    sessions = [attempt(n, amount=900, stripe_subscription_id=f"sub_{n}") for n in (1, 2)]
    over, late, lives = plan(status="canceled"), plan("sub_2", access_until=BEFORE), plan("sub_2")
    payments = [first(), first("in_2", plan="sub_2", session="cs_2")]

    def found(*subscriptions: Subscription) -> GrantState:
        ledger = book(*sessions, due=900, payments=payments, subscriptions=list(subscriptions), lines=(PLAN,))
        return of_plan(ledger, PLAN, keeps_after_refund=False, now=DAY).state

    assert (found(over, lives), found(over, late), found(plan(), late)) == ("active", "suspended", "active")
    # They have just paid, and nothing was asked yet.
    assert found(over) is GrantState.ACTIVE


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([item(), item("si_2", of="sub_2", quantity=5)], ("plan", 5)),
        ([item(quantity=5), item("si_2", of="sub_2")], ("plan", 5)),
        # Of two plans neither is more than the other: the one that was begun first stays.
        ([item(), item("si_2", of="sub_2", product_id="other", quantity=5)], ("plan", 3)),
        # How many a foreign price bills for nobody knows.
        ([item(product_id=None), item("si_2", of="sub_2", quantity=5)], (None, None)),
        ([item(), item("si_2", of="sub_2", product_id=None, quantity=5)], ("plan", 3)),
    ],
)
def test_of_several_subscriptions_for_one_plan_the_one_counts_that_has_most_seats(
    items: list[SubscriptionItem], expected: tuple[str, int]
) -> None:
    sessions = [attempt(n, amount=900, stripe_subscription_id=f"sub_{n}") for n in (1, 2)]
    payments = [first(), first("in_2", plan="sub_2", session="cs_2")]
    plans = [plan(), plan("sub_2")]
    ledger = book(*sessions, due=900, payments=payments, subscriptions=plans, items=items, lines=(PLAN,))
    found = of_plan(ledger, PLAN, keeps_after_refund=False, now=DAY)
    assert (found.product_id, found.quantity) == expected
    # What does not let anybody in adds no seats.
    plans[items[0].quantity < 5].access_until = BEFORE
    assert of_plan(ledger, PLAN, keeps_after_refund=False, now=DAY).quantity == (
        3 if expected == ("plan", 5) else expected[1]
    )


def test_before_anything_was_asked_a_plan_is_theirs_as_they_bought_it() -> None:
    just_paid = of_plan_of(payments=[first()], subscriptions=[])
    assert of_plan(just_paid, PLAN, keeps_after_refund=False, now=DAY) == PlanAccess(GrantState.ACTIVE)
    assert of_plan(book(payments=[paid()]), PLAN, keeps_after_refund=False, now=DAY) == PlanAccess(GrantState.ACTIVE)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], PlanAccess(GrantState.ACTIVE)),
        ([item()], PlanAccess(GrantState.ACTIVE, "plan", 3)),
        ([item("si_0", "other", quantity=9), item(product_id="bigger")], PlanAccess(GrantState.ACTIVE, "bigger", 3)),
        ([item(line_id="other")], PlanAccess(GrantState.REVOKED)),
        ([item(line_id="other"), item("si_2", None, product_id=None)], PlanAccess(GrantState.ACTIVE)),
        ([item(of="sub_9")], PlanAccess(GrantState.ACTIVE)),
    ],
)
def test_a_plan_is_what_its_own_item_says(items: list[SubscriptionItem], expected: PlanAccess) -> None:
    assert of_plan(of_plan_of(payments=[first()], items=items), PLAN, keeps_after_refund=False, now=DAY) == expected


@pytest.mark.parametrize(
    ("subscription", "paid_quantity", "seats"),
    [
        ({}, 2, 3),
        ({"unpaid_since": BEFORE}, None, 3),
        ({"unpaid_since": BEFORE}, 2, 2),
        ({"unpaid_since": BEFORE}, 5, 3),
        ({"unpaid_since": BEFORE}, 0, 0),
        ({"unpaid_since": BEFORE, "grace_until": LATER}, 2, 3),
        ({"unpaid_since": BEFORE, "grace_until": DAY}, 2, 2),
        ({"unpaid_since": BEFORE, "grace_until": BEFORE}, 2, 2),
    ],
)
def test_seats_that_are_owed_for_last_as_long_as_grace(
    subscription: dict[str, Any], paid_quantity: int | None, seats: int
) -> None:
    ledger = of_plan_of(
        payments=[first()], subscriptions=[plan(**subscription)], items=[item(paid_quantity=paid_quantity)]
    )
    assert of_plan(ledger, PLAN, keeps_after_refund=False, now=DAY).quantity == seats


@pytest.mark.parametrize(
    ("subscription", "expected"),
    [
        ({"unpaid_since": BEFORE, "grace_until": LATER}, PlanAccess(GrantState.ACTIVE, "plan", 3)),
        ({"unpaid_since": BEFORE, "grace_until": DAY}, PlanAccess(GrantState.SUSPENDED, "plan", 0)),
        ({"unpaid_since": BEFORE}, PlanAccess(GrantState.SUSPENDED, "plan", 0)),
        ({}, PlanAccess(GrantState.ACTIVE, "plan", 3)),
        ({"unpaid_since": BEFORE, "status": "canceled"}, PlanAccess(GrantState.REVOKED, "plan", 0)),
    ],
)
def test_what_was_never_paid_for_is_put_on_hold_once_grace_is_over(
    subscription: dict[str, Any], expected: PlanAccess
) -> None:
    ledger = of_plan_of(payments=[first()], subscriptions=[plan(**subscription)], items=[item(paid_quantity=0)])
    assert access.of_plan(ledger, PLAN, keeps_after_refund=False, now=DAY) == expected


def test_another_plan_that_is_owed_for_is_the_one_of_before_once_grace_is_over() -> None:
    switched = item(product_id="bigger", quantity=1, paid_quantity=2, paid_product_id="plan")

    def found(**subscription: Any) -> PlanAccess:
        return of_plan(
            of_plan_of(payments=[first()], subscriptions=[plan(**subscription)], items=[switched]),
            PLAN,
            keeps_after_refund=False,
            now=DAY,
        )

    assert found(unpaid_since=BEFORE) == PlanAccess(GrantState.ACTIVE, "plan", 2)
    assert found(unpaid_since=BEFORE, grace_until=LATER) == PlanAccess(GrantState.ACTIVE, "bigger", 1)
    assert found() == PlanAccess(GrantState.ACTIVE, "bigger", 1)
    # And of one and the same at another price never more than there are.
    switched.paid_product_id = "bigger"
    assert found(unpaid_since=BEFORE) == PlanAccess(GrantState.ACTIVE, "bigger", 1)


def test_of_two_subscriptions_for_a_line_each_ends_by_its_own_money() -> None:
    sessions = [attempt(n, amount=900, stripe_subscription_id=f"sub_{n}") for n in (1, 2)]
    one, two = plan(), plan("sub_2")
    payments = [first(), first("in_2", plan="sub_2", session="cs_2")]
    ledger = book(*sessions, due=900, payments=payments, subscriptions=[one, two], lines=(PLAN,))

    def ended(keeps: bool = False) -> list[bool]:
        return [ended_with(ledger, PLAN, each, keeps_after_refund=keeps) for each in (one, two)]

    assert ended() == [False, False]
    ledger.refunds = [back("in_2", 900)]
    assert (ended(), ended(keeps=True)) == ([False, True], [False, False])
    assert access.ended_by_money(ledger, PLAN, keeps_after_refund=False) is False
    ledger.decided = {"plan": True}
    assert ended(keeps=True) == [True, True]


def looked(ledger: Any, keeps: frozenset[str] = frozenset()) -> Billing:
    return plan_billing.look(ledger, [each for each in ledger.lines if each.interval], set(keeps))


def test_a_subscription_is_unwanted_when_all_its_lines_have_ended_by_money() -> None:
    alive = plan()
    assert looked(of_plan_of(payments=[first()], subscriptions=[alive])) == Billing()
    gone = of_plan_of(payments=[first()], subscriptions=[alive], refunds=[back("in_1", 900)])
    assert looked(gone) == Billing((alive,), ("plan_bills_on: sub_1",))
    assert looked(gone, frozenset({"plan"})) == Billing()
    told = plan(ends_at=LATER)
    ending = of_plan_of(payments=[first()], subscriptions=[told], refunds=[back("in_1", 900)])
    assert looked(ending) == Billing((told,))
    over = of_plan_of(payments=[first()], subscriptions=[plan(status="canceled")], refunds=[back("in_1", 900)])
    assert looked(over) == Billing()


def test_a_subscription_for_two_plans_goes_on_for_the_one_that_is_left() -> None:
    ledger = book(
        attempt(amount=2800, stripe_subscription_id="sub_1"), due=2800,
        payments=[paid("in_1", 2800, billing_reason="subscription_create", stripe_subscription_id="sub_1")],
        subscriptions=[plan()], lines=(PLAN, OTHER, GUIDE), refunds=[back("in_1", 900, plan=900)],
        items=[item(), item("si_2", "other")],
    )  # fmt: skip
    assert looked(ledger) == Billing((), ("plan_bills_on: sub_1",))
    # It bills for the other one alone.
    ledger.items = [item("si_2", "other")]
    assert looked(ledger) == Billing()
    ledger.items = [item()]
    assert [each.id for each in looked(ledger).unwanted] == ["sub_1"]


def test_a_foreign_price_is_named_where_a_line_has_no_item_of_ours() -> None:
    foreign = item("si_9", None, product_id=None)
    assert looked(of_plan_of(payments=[first()], items=[foreign])).worries == ("foreign_price: sub_1 price_si_9",)
    assert looked(of_plan_of(payments=[first()], items=[foreign, item()])).worries == ()
    assert looked(of_plan_of(payments=[first()], items=[item(line_id=None)])).worries == ()


def test_what_may_have_ended_a_plan_is_money_that_is_gone_unless_an_owner_lets_it_go_on() -> None:
    refunds = [back("in_1", 900), back("in_1", 100, RefundStatus.FAILED)]
    disputes = [dispute("in_1", "lost"), dispute("in_2", "needs_response")]
    ledger = of_plan_of(payments=[first()], refunds=refunds, disputes=disputes)
    assert plan_billing.causes(ledger) == [refunds[0].id, "du_in_1"]
    refunds[1].ends_subscription = False
    assert plan_billing.causes(ledger) == [refunds[0].id, "du_in_1"]
    refunds[0].ends_subscription = False
    assert plan_billing.causes(ledger) == ["du_in_1"]


@pytest.mark.parametrize(
    ("refunds", "disputes", "guide", "kit"),
    [
        ([], [], False, False),
        ([back("pi_1", 2900, guide=2900)], [], True, False),
        ([back("pi_1", 2899, guide=2899)], [], False, False),
        ([back("pi_1", 2900, RefundStatus.FAILED, guide=2900)], [], False, False),
        ([back("pi_2", 10800)], [], True, True),
        ([back("pi_1", 10800), back("pi_2", 10800)], [], True, True),
        # What a bank took was not sent back, whatever else was.
        ([back("pi_1", 10800)], [dispute("pi_2", "lost")], False, False),
        ([back("pi_1", 10800)], [dispute("pi_1", "lost")], False, False),
        ([back("pi_1", 10800)], [dispute("pi_2", "needs_response")], True, True),
    ],
)
def test_a_line_was_sent_back_when_one_payment_for_it_was_and_a_bank_took_none(
    refunds: list[Refund], disputes: list[Dispute], guide: bool, kit: bool
) -> None:
    twice = [paid(), paid("pi_2", session="cs_2")]
    ledger = book(attempt(1), attempt(2), payments=twice, refunds=refunds, disputes=disputes)
    assert [access.is_sent_back(ledger, each) for each in LINES] == [guide, kit]


def test_a_line_was_sent_back_as_far_as_an_owner_decided() -> None:
    part = back("pi_1", 100, guide=100)
    part.takes_back = True
    ledger = book(payments=[paid()], refunds=[part])
    assert [access.is_sent_back(ledger, each) for each in LINES] == [True, False]
    ledger.disputes = [dispute("pi_1", "lost")]
    assert not access.is_sent_back(ledger, GUIDE)


def held(ledger: Any) -> Billing:
    """What an order's subscriptions are held against, where all that is needed has been read already."""
    nowhere: Any = None
    return plan_billing.of_order(nowhere, nowhere, ledger)


def test_only_what_was_paid_for_is_held_against_its_plans() -> None:
    assert held(of_plan_of(payments=[first()], lines=(PLAN, GUIDE))) == Billing()
    assert held(of_plan_of(payments=[first()], subscriptions=[])) == Billing()
    on_its_way = book(attempt(amount=900, money=Money.PROCESSING), due=900, subscriptions=[plan()], lines=(PLAN,))
    assert held(on_its_way) == Billing()


@builders.on_sqlite
def test_an_orders_subscription_is_unwanted_when_its_plans_went_back_whatever_else_was_bought(shop: Shop) -> None:
    gone = of_plan_of(payments=[first()], lines=(PLAN, GUIDE), refunds=[back("in_1", 900, plan=900)])
    order: Any = None
    with shop.transaction() as session:
        assert [each.id for each in plan_billing.of_order(session, order, gone).unwanted] == ["sub_1"]
        session.get_one(Product, "plan").terms = {"on_refund": "keep"}
        session.flush()
        assert plan_billing.of_order(session, order, gone) == Billing()


@builders.on_sqlite
def test_the_lines_of_an_order_are_read_where_nobody_has(shop: Shop) -> None:
    order_id = checkout.start(shop, builders.a_basket("plan-month")).order_id
    gone = of_plan_of(payments=[first()], lines=(), refunds=[back("in_1", 900)])
    with shop.reading() as session:
        found = plan_billing.of_order(session, session.get_one(Order, order_id), gone)
    assert ([each.id for each in found.unwanted], [each.product_id for each in gone.lines]) == (["sub_1"], ["plan"])


def test_a_foreign_item_keeps_no_subscription_alive() -> None:
    foreign = item("si_9", None, product_id=None)
    gone = of_plan_of(payments=[first()], refunds=[back("in_1", 900)], items=[item(), foreign])
    assert [each.id for each in looked(gone).unwanted] == ["sub_1"]
