"""What becomes of an order's deliveries as its money comes, goes and comes back: step by step, on real stock."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from core.catalog.products import Product
from core.gateway.sessions import CheckoutState, Money
from core.journeys import checkout
from core.kinds import convergence
from core.kinds.convergence import Converged, Foreseen, Task
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseKey
from core.kinds.workshops import WorkshopDate
from core.orders import orders
from core.orders.history import Entries
from core.orders.ledger import Ledger
from core.orders.orders import Order
from core.orders.refunds import RefundStatus
from core.orders.status import GrantState
from core.orders.subscription_items import SubscriptionItem
from core.shop import Shop
from tests import builders
from tests.builders import a_basket
from tests.core.orders.rows import DAY, attempt, back, book, dispute, paid, plan
from tests.core.orders.stored import behind, locking

EVERYTHING = (("clinic-eur", 2), "guide-eur")
COSTS = 2 * 14000 + 2900
FIRST, LATER = DAY + timedelta(hours=12), DAY + timedelta(days=1)


@pytest.fixture
def order_id(shop: Shop) -> str:
    """An order of two places, which it holds, and a file, of which nothing was paid yet. It is not the only one."""
    checkout.start(shop, a_basket(cart="cart_0"))
    return checkout.start(shop, a_basket(*EVERYTHING)).order_id


def money(**facts: Any) -> Ledger:
    """What the order costs was paid."""
    return book(attempt(amount=COSTS), due=COSTS, **{"payments": [paid(amount=COSTS)], "lines": (), **facts})


def wrong(**facts: Any) -> Ledger:
    """Something else was paid."""
    return book(attempt(amount=100), due=COSTS, **{"payments": [paid(amount=100)], "lines": (), **facts})


def converge(session: Session, order_id: str, ledger: Ledger, *, now: datetime = FIRST) -> tuple[Converged, list[Any]]:
    """What converging found, and what it wrote of it, each with why."""
    log = Entries(order_id, "test", now)
    [found] = convergence.converge(session, [Task(session.get_one(Order, order_id), ledger, log)], now=now)
    session.flush()
    return found, [(row["event"], row["detail"]) if row["detail"] else row["event"] for row in log.rows]


def clinic(session: Session) -> int:
    query = select(WorkshopDate.taken).where(WorkshopDate.id == "clinic/1")
    return session.exec(query).one()


def fill(session: Session) -> None:
    session.flush()
    behind(session, WorkshopDate, taken=WorkshopDate.capacity)


def states(found: Converged) -> list[str]:
    return [str(grant.state) for grant in found.grants]


@pytest.mark.parametrize(
    ("sessions", "held"),
    [
        ([(CheckoutState.OPEN, Money.UNPAID)], 2),
        ([(CheckoutState.COMPLETE, Money.PROCESSING)], 2),
        ([(CheckoutState.EXPIRED, Money.UNPAID)], 0),
        ([(CheckoutState.COMPLETE, Money.FAILED)], 0),
    ],
)
def test_what_nobody_has_paid_for_is_held_until_nobody_can(
    shop: Shop, order_id: str, sessions: list[tuple[CheckoutState, Money]], held: int
) -> None:
    ledger = book(*(attempt(state=state, money=money) for state, money in sessions), lines=())
    with shop.transaction() as session:
        found, log = converge(session, order_id, ledger)
        assert (found, found.delivered, log) == (Converged(), False, [])
        assert (clinic(session), len(ledger.lines)) == (held, 0 if held else 2)
        assert session.exec(select(Grant)).all() == []
        # Also if what it is for was read before.
        ledger.lines = orders.lines(session, order_id)
        converge(session, order_id, ledger)
        assert clinic(session) == held


def test_what_was_paid_for_is_delivered_once(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        found, log = converge(session, order_id, money())
        lines = orders.lines(session, order_id)
        assert [grant.model_dump(exclude={"id"}) for grant in found.grants] == [
            {
                "order_id": order_id, "order_line_id": line.id, "product_id": line.product_id, "kind": line.kind,
                "quantity": line.quantity, "state": "active", "reason": "", "granted_at": FIRST, "created_at": FIRST,
                "updated_at": FIRST, "buyer_sits": True,
            }
            for line in lines
        ]  # fmt: skip
        assert [grant.id[:3] for grant in found.grants] == ["gr_", "gr_"]
        assert (log, found.delivered, found.delivered_late, found.given_up) == (
            ["granted:1", "granted:2"],
            True,
            [],
            [],
        )
        assert clinic(session) == 2
        again, log = converge(session, order_id, money(), now=LATER)
        assert (again, log) == (found, [])
        assert {grant.updated_at for grant in again.grants} == {FIRST}


def test_what_is_delivered_is_read_as_it_is_now(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        kept = converge(session, order_id, money())[0].grants
        behind(session, Grant, reason="looked at")
        converge(session, order_id, money())
        assert {grant.reason for grant in kept} == {"looked at"}


def test_what_cannot_be_delivered_is_blocked_and_delivered_late(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        converge(session, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID)))
        fill(session)
        found, log = converge(session, order_id, money())
        assert log == [("blocked:1", "sold_out"), "granted:2"]
        assert states(found) == ["blocked", "active"]
        assert [(grant.reason, grant.granted_at) for grant in found.grants] == [("sold_out", None), ("", FIRST)]
        assert (found.delivered, found.delivered_late) == (False, [])
        order.stripe_checkout_session_id = "cs_1"
        again, log = converge(session, order_id, money(), now=LATER)
        assert (again.delivered_late, log, again.grants[0].updated_at) == ([], [], FIRST)
        # Then a place is free, and its buyer was told that it is missing.
        behind(session, WorkshopDate, taken=0)
        found, log = converge(session, order_id, money(), now=LATER)
        assert (found.delivered, found.delivered_late, log) == (True, [1], ["granted:1"])
        assert [(each.state, each.reason, each.granted_at, each.updated_at) for each in found.grants] == [
            ("active", "", LATER, LATER), ("active", "", FIRST, FIRST),
        ]  # fmt: skip
        assert converge(session, order_id, money(), now=LATER)[0].delivered_late == []


def test_a_date_that_has_begun_is_another_reason(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        converge(session, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID)))
        fill(session)
        (first, _) = converge(session, order_id, money())[0].grants
        behind(session, WorkshopDate, starts_at=FIRST)
        converge(session, order_id, money(), now=LATER)
        assert (first.state, first.reason, first.updated_at) == ("blocked", "date_passed", LATER)


def test_what_was_paid_otherwise_than_ordered_is_kept_for_its_buyer_until_it_went_back(
    shop: Shop, order_id: str
) -> None:
    reason = f"amount_mismatch: paid for 100, ordered {COSTS}"
    with shop.transaction() as session:
        converge(session, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID)))
        assert clinic(session) == 0
        found, log = converge(session, order_id, wrong())
        assert (states(found), {grant.reason for grant in found.grants}) == (["blocked", "blocked"], {reason})
        assert {grant.granted_at for grant in found.grants} == {None}
        assert log == [("blocked:1", reason), ("blocked:2", reason)]
        assert (clinic(session), found.delivered) == (2, False)
        gone, log = converge(session, order_id, wrong(refunds=[back("pi_1", 100)]), now=LATER)
        assert (states(gone), {grant.reason for grant in gone.grants}, log) == (
            ["revoked", "revoked"],
            {"refunded"},
            [],
        )
        assert clinic(session) == 0
        # The bank sent it back to us: what it counted on is kept for it again, if it is free.
        back_again, _ = converge(session, order_id, wrong(refunds=[back("pi_1", 100, RefundStatus.FAILED)]), now=LATER)
        assert (states(back_again), clinic(session)) == (["blocked", "blocked"], 2)
        assert {(grant.reason, grant.updated_at) for grant in back_again.grants} == {(reason, LATER)}


def test_nobody_is_told_that_what_they_did_not_buy_never_comes(shop: Shop, order_id: str) -> None:
    decided = back("pi_1", 100)
    decided.takes_back = True
    with shop.transaction() as session:
        converge(session, order_id, wrong())
        found, _ = converge(session, order_id, wrong(refunds=[decided]))
        assert (states(found), found.given_up) == (["revoked", "revoked"], [])


def test_of_what_was_paid_otherwise_nothing_is_made_before_the_right_money_is_there(shop: Shop) -> None:
    order_id = checkout.start(shop, a_basket("kit-eur")).order_id
    with shop.transaction() as session:
        converge(session, order_id, wrong())
    assert builders.rows(shop, LicenseKey) == []
    with shop.transaction() as session:
        right = attempt(2, amount=7900)
        ledger = book(
            attempt(1, amount=100), right, due=7900, payments=[paid(amount=100), paid("pi_2", 7900, session="cs_2")]
        )
        (grant,) = converge(session, order_id, ledger)[0].grants
    assert [key.grant_id for key in builders.rows(shop, LicenseKey)] == [grant.id]


def test_what_was_paid_as_ordered_is_delivered_whatever_else_was_paid(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        ledger = book(attempt(1, amount=COSTS), attempt(2, amount=100), due=COSTS, payments=[paid(amount=COSTS)])
        found, log = converge(session, order_id, ledger)
        assert (states(found), log) == (["active", "active"], ["granted:1", "granted:2"])


def test_a_key_is_made_for_a_grant_that_is_there(shop: Shop) -> None:
    order_id = checkout.start(shop, a_basket("guide-eur", "kit-eur")).order_id
    with shop.transaction() as session:
        for place, line in enumerate(orders.lines(session, order_id)):
            line.position = 1 - place
        session.flush()
        found, _ = converge(session, order_id, book(payments=[paid()]))
        assert [grant.product_id for grant in found.grants] == ["kit", "guide"]
    assert [key.grant_id for key in builders.rows(shop, LicenseKey)] == [found.grants[0].id]


def test_what_is_kept_for_a_mismatch_may_be_gone(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        converge(session, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID)))
        fill(session)
        found, _ = converge(session, order_id, wrong())
        assert (states(found), clinic(session)) == (["blocked", "blocked"], 5)


def test_the_right_money_after_the_wrong_is_delivered_and_is_no_late_delivery(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        converge(session, order_id, wrong())
        both = book(
            attempt(1, amount=100), attempt(2, amount=COSTS), due=COSTS,
            payments=[paid(amount=100), paid("pi_2", COSTS, session="cs_2")],
        )  # fmt: skip
        found, log = converge(session, order_id, both, now=LATER)
        assert (states(found), {grant.reason for grant in found.grants}) == (["active", "active"], {""})
        assert (log, found.delivered_late) == (["granted:1", "granted:2"], [])


def test_what_is_on_hold_or_ended_comes_back_as_it_was_first_given(shop: Shop, order_id: str) -> None:
    moments = [FIRST + timedelta(hours=number) for number in range(5)]
    with shop.transaction() as session:
        converge(session, order_id, money(), now=moments[0])
        told = [
            (money(disputes=[dispute("pi_1", "needs_response")]), "suspended", 2, "disputed"),
            (money(disputes=[dispute("pi_1", "won")]), "active", 2, ""),
            (money(refunds=[back("pi_1", COSTS)]), "revoked", 0, "refunded"),
            (money(refunds=[back("pi_1", COSTS, RefundStatus.FAILED)]), "active", 2, ""),
        ]
        for (ledger, state, places, why), now in zip(told, moments[1:], strict=True):
            found, log = converge(session, order_id, ledger, now=now)
            assert (states(found), clinic(session), log) == ([state, state], places, [])
            assert {(grant.granted_at, grant.updated_at, grant.reason) for grant in found.grants} == {
                (moments[0], now, why)
            }
            assert (found.delivered, found.delivered_late, found.given_up) == (True, [], [])


def test_money_that_went_back_before_it_was_told_of_leaves_the_same_rows(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        found, log = converge(session, order_id, money(refunds=[back("pi_1", COSTS)]))
        assert (states(found), log, clinic(session)) == (["revoked", "revoked"], ["granted:1", "granted:2"], 0)
        assert ({grant.granted_at for grant in found.grants}, found.delivered) == ({FIRST}, True)


def test_what_was_never_there_is_given_up_when_its_money_goes_back(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        converge(session, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID)))
        fill(session)
        converge(session, order_id, money())
        place, file = orders.lines(session, order_id)
        told = money(refunds=[back("pi_1", 2900, **{file.id: 2900})])
        assert converge(session, order_id, told)[0].given_up == []
        told = money(refunds=[back("pi_1", 28000, **{place.id: 28000})])
        found, log = converge(session, order_id, told, now=LATER)
        assert (states(found), found.given_up, found.delivered_late, log) == (["revoked", "active"], [1], [], [])
        assert clinic(session) == 5


@pytest.mark.parametrize("kept", [False, True])
def test_nothing_is_given_up_that_an_owner_took_or_that_its_buyer_keeps(shop: Shop, order_id: str, kept: bool) -> None:
    with shop.transaction() as session:
        converge(session, order_id, book(attempt(state=CheckoutState.EXPIRED, money=Money.UNPAID)))
        fill(session)
        converge(session, order_id, money())
        if kept:
            session.get_one(Product, "clinic").terms = {"on_refund": "keep"}
        else:
            orders.lines(session, order_id)[0].taken_back_at = LATER
        session.flush()
        found, _ = converge(session, order_id, money(refunds=[back("pi_1", COSTS)] if kept else []), now=LATER)
        assert (states(found)[0], found.given_up) == ("blocked" if kept else "revoked", [])


def test_a_product_whose_buyers_keep_it_is_not_ended_by_a_refund(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        session.get_one(Product, "guide").terms = {"on_refund": "keep"}
        session.flush()
        converge(session, order_id, money())
        order = session.get_one(Order, order_id)
        ledger = money(refunds=[back("pi_1", COSTS)])
        assert convergence.foresee(session, order, ledger, now=LATER) == (
            Foreseen(1, "Clinic", 2, GrantState.ACTIVE, GrantState.REVOKED, False),
            Foreseen(2, "Field Guide", 1, GrantState.ACTIVE, GrantState.ACTIVE, True),
        )
        assert len(ledger.lines) == 2
        assert (clinic(session), {each.state for each in session.exec(select(Grant))}) == (2, {"active"})
        assert states(converge(session, order_id, ledger)[0]) == ["revoked", "active"]


def test_of_what_was_not_given_yet_nothing_is_foreseen(shop: Shop, order_id: str) -> None:
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        assert convergence.foresee(session, order, money(), now=FIRST) == ()


def test_the_dates_of_an_order_are_locked_in_one_order_for_everybody(shop: Shop) -> None:
    builders.add_date(shop, "clinic/2", in_days=30)
    basket = checkout.Basket(
        "cart_1",
        tuple(checkout.Item("clinic-eur", 1, date=f"clinic/{number}") for number in (2, 1)),
        browser_id="br_1",
    )
    order_id = checkout.start(shop, basket).order_id
    with shop.transaction() as session:
        with locking(session) as locked:
            converge(session, order_id, book(attempt(amount=28000), due=28000, payments=[paid(amount=28000)]))
        assert locked[0] == "workshop_dates"


def test_a_plan_becomes_what_its_subscription_says(shop: Shop) -> None:
    order_id = checkout.start(shop, a_basket(("plan-month", 2), "guide-eur")).order_id
    builders.sell_bigger_plan(shop)
    with shop.transaction() as session:
        line = orders.lines(session, order_id)[0]
        seats = SubscriptionItem(
            id="si_1", subscription_id="sub_1", position=0, order_line_id=line.id, stripe_price_id="price_1",
            unit_amount=900, quantity=2, product_id="plan",
        )  # fmt: skip

        def told(**changes: Any) -> tuple[str, int, datetime]:
            seats.sqlmodel_update({key: value for key, value in changes.items() if key != "now"})
            ledger = book(
                attempt(amount=4700, stripe_subscription_id="sub_1"), due=4700, subscriptions=[plan()],
                payments=[paid("in_1", 4700, billing_reason="subscription_create", stripe_subscription_id="sub_1")],
                items=[seats],
            )  # fmt: skip
            found, _ = converge(session, order_id, ledger, now=changes.get("now", LATER))
            assert found.grants[1].product_id == "guide"
            return found.grants[0].product_id, found.grants[0].quantity, found.grants[0].updated_at

        third = LATER + timedelta(days=1)
        assert told(now=FIRST) == ("plan", 2, FIRST)
        assert told() == ("plan", 2, FIRST)
        assert told(quantity=5) == ("plan", 5, LATER)
        assert told(product_id="bigger", now=third) == ("bigger", 5, third)
        assert told(quantity=0, now=FIRST) == ("bigger", 0, FIRST)
        # At a foreign price nobody knows how much of a plan of ours is billed.
        assert told(product_id=None, quantity=4) == ("bigger", 0, FIRST)
        assert told(order_line_id=None, now=LATER) == ("bigger", 0, FIRST)
