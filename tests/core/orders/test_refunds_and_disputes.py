"""What Stripe says of refunds and disputes, in full or hardly at all, and what it comes to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from core.orders import disputes, refunds
from core.orders.disputes import Dispute, DisputeFacts, FraudWarning, Stage
from core.orders.orders import AdmittedOrder
from core.orders.refunds import Decided, Refund, RefundFacts, RefundStatus
from core.shop import Shop
from tests import builders
from tests.core.orders.rows import DAY, back, dispute, line, paid
from tests.core.orders.stored import behind, placed, rest

SAID = datetime.fromtimestamp(1_700_000_000, UTC)
LATER = DAY + timedelta(days=1)


def recorded(session: Session, order_id: AdmittedOrder, facts: RefundFacts, *, now: datetime) -> Refund:
    """What Stripe said of a refund, recorded among those that the order has."""
    session.flush()
    row = refunds.record(session, order_id, refunds.of_order(session, order_id), facts, now=now)
    session.flush()
    return row


def disputed(session: Session, order_id: AdmittedOrder, facts: DisputeFacts) -> Dispute:
    """The same of a dispute."""
    session.flush()
    row = disputes.record(session, order_id, disputes.of_order(session, order_id), facts)
    session.flush()
    return row


def test_all_that_a_refund_says_is_read() -> None:
    said = {
        "id": "re_1", "amount": 900, "currency": "eur", "status": "failed", "failure_reason": "lost_or_stolen_card",
        "payment_intent": {"id": "pi_1"}, "charge": "ch_1",
        "metadata": {"refund_id": "rf_1", "order_id": "ord_1", "shop_id": "shop_1"}, "created": 1795392000,
    }  # fmt: skip
    assert refunds.read_refund(said) == RefundFacts(
        "re_1", "rf_1", "ord_1", "shop_1", "pi_1", "ch_1", 900, "eur", RefundStatus.FAILED, "lost_or_stolen_card", DAY
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
    row.lines = {}
    assert (refunds.takes_back(rows, "guide"), refunds.takes_back(rows, "kit")) == (gone, gone)


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


def test_what_was_prevented_before_it_took_anything_is_not_lost() -> None:
    row: Dispute = dispute("pi_1", "prevented", withdrawn=False)
    assert (disputes.standing([row]), disputes.lost_ones([row])) == ("", [])
    assert disputes.standing([row, dispute("pi_1", "needs_response")]) == "open"
    assert disputes.standing([row, dispute("pi_1", "lost")]) == "lost"
    assert disputes.entry(row) == ["dispute:du_pi_1", "dispute_prevented:du_pi_1"]
    assert disputes.lost_ones([dispute("pi_1", "lost", withdrawn=False)]) != []


def test_without_disputes_there_is_nothing_to_wait_for() -> None:
    assert disputes.standing([]) == ""


# -- what is kept of them


def refund_facts(name: str = "re_1", **more: Any) -> RefundFacts:
    known: dict[str, Any] = {
        "refund_id": "", "order_id": "", "shop_id": "", "payment_intent": "pi_1", "charge": None, "amount": 900,
        "currency": "eur", "status": RefundStatus.PENDING, "failure": "", **more,
    }  # fmt: skip
    return RefundFacts(id=name, **known)


def asked_for(session: Session, order_id: str, name: str = "rf_1", **more: Any) -> Refund:
    """A refund that an owner asked for here."""
    row = back(None, 900, RefundStatus.REQUESTED)
    row.sqlmodel_update({"id": name, "order_id": order_id, "actor": "owner", **more})
    session.add(row)
    session.flush()
    return row


def test_a_refund_made_at_stripe_is_kept_under_its_own_name(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        row = recorded(session, order_id, refund_facts(failure="expired"), now=LATER)
        assert row.model_dump() == {
            "id": "re_1", "order_id": order_id, "payment_id": None, "request": "", "stripe_refund_id": "re_1",
            "stripe_payment_intent_id": "pi_1", "amount": 900, "amount_tax": 0, "currency": "eur", "status": "pending",
            "reason": "", "failure": "expired", "failed_at": None, "lines": {}, "takes_back": False,
            "ends_subscription": None, "actor": "stripe",
            "created_at": LATER, "updated_at": LATER,
        }  # fmt: skip
        assert refunds.of_order(session, order_id) == [row]


def test_a_refund_made_at_stripe_is_as_old_as_stripe_says(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        row = recorded(session, order_id, refund_facts(created_at=DAY), now=LATER)
        assert (row.created_at, row.updated_at) == (DAY, LATER)


@pytest.mark.parametrize("by", ["stripe's id", "our own id"])
def test_what_stripe_says_of_a_refund_goes_to_the_row_that_asked_for_it(shop: Shop, by: str) -> None:
    order_id = placed(shop)
    told = refund_facts(refund_id="rf_1" if by == "our own id" else "", status=RefundStatus.SUCCEEDED, amount=800)
    with shop.transaction() as session:
        row = asked_for(session, order_id, stripe_refund_id=None if by == "our own id" else "re_1")
        assert recorded(session, order_id, told, now=LATER) is row
        assert (row.status, row.stripe_refund_id, row.stripe_payment_intent_id) == ("succeeded", "re_1", "pi_1")
        assert (row.amount, row.actor, row.created_at, row.updated_at) == (800, "owner", DAY, LATER)


def test_a_refund_stands_on_the_day_on_which_stripe_made_it_and_not_on_the_one_it_was_asked_for(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        first, other = (
            asked_for(session, order_id),
            asked_for(session, order_id, "rf_2", created_at=DAY + timedelta(hours=1)),
        )
        told = refund_facts(refund_id="rf_1", created_at=LATER)
        known = refunds.of_order(session, order_id)
        for _ in range(2):
            assert refunds.record(session, order_id, known, told, now=LATER).created_at == LATER
        assert known == [other, first]
        # Stripe counts in whole seconds: within one of them the moment at which it was asked for stands.
        recorded(
            session, order_id, refund_facts("re_2", refund_id="rf_2", created_at=DAY + timedelta(minutes=59)), now=LATER
        )
        assert other.created_at == DAY + timedelta(hours=1)


def test_a_refund_only_climbs_and_forgets_nothing(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        row = recorded(session, order_id, refund_facts(status=RefundStatus.SUCCEEDED), now=DAY)
        for status in (RefundStatus.PENDING, RefundStatus.SUCCEEDED):
            recorded(session, order_id, refund_facts(status=status, amount=0, payment_intent=None), now=LATER)
            assert (row.status, row.updated_at, row.amount) == ("succeeded", DAY, 900)
            assert (row.stripe_payment_intent_id, row.failure) == ("pi_1", "")
        recorded(session, order_id, refund_facts(status=RefundStatus.FAILED, failure="expired"), now=LATER)
        assert (row.status, row.updated_at, row.failure) == ("failed", LATER, "expired")
        recorded(session, order_id, refund_facts(status=RefundStatus.FAILED), now=LATER)
        assert row.failure == "expired"


def test_a_refund_failed_when_that_was_told_first_in_whatever_order_it_comes(shop: Shop) -> None:
    said = {"id": "re_1", "amount": 900, "currency": "eur", "payment_intent": "pi_1", "status": "failed"}
    assert refunds.read_refund({**said, "status": "succeeded"}, told_at=1_700_000_000).failed_at is None
    assert refunds.read_refund(said).failed_at is None
    order_id = placed(shop)
    for times in ((1_700_000_000, 1_700_000_009), (1_700_000_009, 1_700_000_000)):
        with shop.transaction() as session:
            for at in times:
                row = recorded(session, order_id, refunds.read_refund(said, told_at=at), now=LATER)
            assert recorded(session, order_id, refunds.read_refund(said), now=LATER).failed_at == SAID
            session.delete(row)


def test_a_refund_that_was_taken_for_refused_and_was_made_counts_as_stripe_says(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        row = asked_for(session, order_id, status=RefundStatus.CANCELED)
        recorded(session, order_id, refund_facts(refund_id="rf_1", status=RefundStatus.PENDING), now=LATER)
        assert (row.status, row.updated_at) == ("pending", LATER)
        row.status = RefundStatus.CANCELED
        recorded(session, order_id, refund_facts(refund_id="rf_1", status=RefundStatus.PENDING), now=LATER)
        assert row.status == "canceled"


@pytest.mark.parametrize(
    ("others", "row"), [(False, {"stripe_refund_id": "re_9"}), (False, {"id": "rf_9"}), (True, {})]
)
def test_a_refund_that_names_another_row_is_one_of_its_own(shop: Shop, others: bool, row: dict[str, str]) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        asked = asked_for(session, another if others else order_id, **row)
        found = recorded(session, order_id, refund_facts(refund_id="rf_1"), now=LATER)
        assert (found.id, found.order_id, asked.status) == ("re_1", order_id, "requested")


def test_a_refund_that_is_known_by_stripes_id_is_that_one_whatever_it_names(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        known = recorded(session, order_id, refund_facts(), now=DAY)
        asked = asked_for(session, order_id)
        assert recorded(session, order_id, refund_facts(refund_id="rf_1"), now=LATER) is known
        assert asked.stripe_refund_id is None


def test_a_refund_of_a_charge_alone_is_of_the_payment_that_made_it(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for number in (1, 2):
            charged = paid(f"in_{number}", stripe_charge_id=f"ch_{number}", session=None)
            charged.order_id = order_id
            session.add(charged)
        known: list[Refund] = []

        def payment(name: str, charge: str | None, payment_intent: str | None) -> str | None:
            told = refund_facts(name, charge=charge, payment_intent=payment_intent)
            return refunds.record(session, order_id, known, told, now=DAY).payment_id

        assert payment("re_1", "ch_2", None) == "in_2"
        assert payment("re_1", "ch_1", None) == "in_2"
        assert payment("re_2", "ch_2", "pi_2") is None
        assert payment("re_3", "ch_9", None) is None


def test_what_is_new_is_known_at_once_in_the_order_in_which_all_were_made(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        gone, taken = refunds.of_order(session, order_id), disputes.of_order(session, order_id)
        for name, made in (("2", LATER), ("3", LATER), ("1", DAY)):
            refunds.record(session, order_id, gone, refund_facts(f"re_{name}"), now=made)
            disputes.record(session, order_id, taken, dispute_facts(f"du_{name}", created_at=made))
        session.flush()
        assert [row.id for row in gone] == ["re_1", "re_2", "re_3"]
        assert [row.id for row in taken] == ["du_1", "du_2", "du_3"]
        assert (refunds.of_order(session, order_id), disputes.of_order(session, order_id)) == (gone, taken)


def test_refunds_stand_in_the_order_in_which_they_were_made(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        for name, made in (("rf_3", DAY), ("rf_1", LATER), ("rf_2", DAY), ("rf_4", LATER)):
            asked_for(session, order_id, name, created_at=made, request="rq_1")
        asked_for(session, another, "rf_5", request="rq_2")
        expected = ["rf_2", "rf_3", "rf_1", "rf_4"]
        assert [row.id for row in refunds.of_order(session, order_id)] == expected
        assert [row.id for row in refunds.of_request(session, "rq_1")] == expected
        kept = refunds.of_order(session, order_id)
        behind(session, Refund, failure="expired")
        refunds.of_order(session, order_id)
        assert {row.failure for row in kept} == {"expired"}


def dispute_facts(name: str = "du_1", **more: Any) -> DisputeFacts:
    known: dict[str, Any] = {
        "charge": "ch_1", "payment_intent": "pi_1", "amount": 900, "currency": "eur", "reason": "fraudulent",
        "status": "needs_response", "due_by": LATER, "withdrawn": False, "created_at": DAY, **more,
    }  # fmt: skip
    return DisputeFacts(id=name, **known)


def test_all_that_is_said_of_a_dispute_is_kept(shop: Shop) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        row = disputed(session, order_id, dispute_facts())
        assert row.model_dump() == {
            "id": "du_1", "order_id": order_id, "payment_id": None, "stripe_charge_id": "ch_1",
            "stripe_payment_intent_id": "pi_1", "amount": 900, "currency": "eur", "reason": "fraudulent",
            "status": "needs_response", "due_by": LATER, "was_inquiry": False, "withdrawn": False,
            "withdrawn_later": False, "created_at": DAY,
        }  # fmt: skip
        assert disputes.of_order(session, order_id) == [row]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        # The furthest status stands, with the date that came with it.
        ([("lost", LATER), ("needs_response", DAY)], ("lost", LATER, False)),
        ([("needs_response", DAY), ("under_review", None)], ("under_review", DAY, False)),
        ([("under_review", DAY), ("under_review", LATER)], ("under_review", LATER, False)),
        ([("lost", None), ("won", None)], ("won", None, False)),
        ([("won", None), ("lost", None)], ("won", None, False)),
        ([("warning_needs_response", None), ("needs_response", LATER)], ("needs_response", LATER, True)),
        ([("needs_response", LATER), ("warning_needs_response", None)], ("needs_response", LATER, True)),
        ([("warning_under_review", None), ("warning_closed", None)], ("warning_closed", None, True)),
        # What we have no word for is taken for something that a bank looks at.
        ([("of_the_future", None), ("needs_response", None)], ("of_the_future", None, False)),
        ([("needs_response", None), ("of_the_future", None)], ("of_the_future", None, False)),
        ([("of_the_future", None), ("lost", None)], ("lost", None, False)),
        ([("lost", None), ("of_the_future", None)], ("lost", None, False)),
    ],
)
@builders.on_sqlite
def test_a_dispute_stands_where_it_has_come_furthest(
    shop: Shop, told: list[tuple[str, datetime | None]], expected: tuple[str, datetime | None, bool]
) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for status, due_by in told:
            row = disputed(session, order_id, dispute_facts(status=status, due_by=due_by))
        assert (row.status, row.due_by, row.was_inquiry) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("needs_response", False)], (False, False)),
        ([("needs_response", True)], (True, False)),
        ([("needs_response", True), ("needs_response", True)], (True, False)),
        ([("needs_response", False), ("needs_response", True)], (True, True)),
        ([("needs_response", False), ("lost", False)], (False, False)),
        ([("needs_response", True), ("lost", False)], (True, False)),
        # An inquiry that becomes a dispute takes the money at that moment.
        ([("warning_closed", False), ("needs_response", True)], (True, False)),
        ([("warning_needs_response", False), ("needs_response", True)], (True, False)),
        ([("warning_under_review", False), ("needs_response", True)], (True, False)),
    ],
)
@builders.on_sqlite
def test_that_money_was_withdrawn_is_known_for_ever_and_whether_it_was_told_later(
    shop: Shop, told: list[tuple[str, bool]], expected: tuple[bool, bool]
) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for status, withdrawn in told:
            row = disputed(session, order_id, dispute_facts(status=status, withdrawn=withdrawn))
        assert (row.withdrawn, row.withdrawn_later) == expected


@pytest.mark.parametrize(
    ("told", "amount", "currency"),
    [
        # A bank asks about all of it, and takes a part; it takes in another currency what it asked about in its own.
        ([("warning_needs_response", 10_800, "eur"), ("needs_response", 5000, "eur")], 5000, "eur"),
        ([("needs_response", 5000, "eur"), ("warning_needs_response", 10_800, "eur")], 5000, "eur"),
        ([("warning_needs_response", 10_800, "eur"), ("needs_response", 9950, "usd")], 9950, "usd"),
        ([("needs_response", 900, "eur"), ("lost", 0, "")], 900, "eur"),
        ([("needs_response", 0, ""), ("lost", 900, "eur")], 900, "eur"),
    ],
)
@builders.on_sqlite
def test_a_dispute_is_about_as_much_as_where_it_has_come_furthest(
    shop: Shop, told: list[tuple[str, int, str]], amount: int, currency: str
) -> None:
    order_id = placed(shop)
    with shop.transaction() as session:
        for status, said, of in told:
            row = disputed(session, order_id, dispute_facts(status=status, amount=said, currency=of))
        assert (row.amount, row.currency) == (amount, currency)


def test_disputes_stand_in_the_order_in_which_they_were_made(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        for name, made in (("du_3", DAY), ("du_1", LATER), ("du_2", DAY), ("du_4", LATER)):
            disputed(session, order_id, dispute_facts(name, created_at=made))
        disputed(session, another, dispute_facts("du_5"))
        assert [row.id for row in disputes.of_order(session, order_id)] == ["du_2", "du_3", "du_1", "du_4"]
        kept = disputes.of_order(session, order_id)
        behind(session, Dispute, status="lost")
        disputes.of_order(session, order_id)
        assert {row.status for row in kept} == {"lost"}


@pytest.mark.parametrize(
    ("status", "more", "stage", "stages", "news"),
    [
        ("warning_needs_response", {"was_inquiry": True}, "inquiry", ["inquiry"], ["inquiry"]),
        ("warning_under_review", {"was_inquiry": True}, "inquiry", ["inquiry"], ["inquiry"]),
        ("warning_closed", {"was_inquiry": True}, "inquiry_closed", ["inquiry", "inquiry_closed"], ["inquiry_closed"]),
        ("needs_response", {}, "disputed", ["disputed"], ["disputed", "funds_withdrawn"]),
        ("needs_response", {"was_inquiry": True}, "disputed", ["inquiry", "disputed"], ["disputed", "funds_withdrawn"]),
        ("under_review", {"withdrawn_later": True}, "disputed", ["disputed", "funds_withdrawn"],
         ["disputed", "funds_withdrawn"]),
        ("prevented", {}, "dispute_prevented", ["disputed", "dispute_prevented"], ["dispute_prevented"]),
        ("prevented", {"withdrawn": False}, "dispute_blocked", ["disputed", "dispute_blocked"], ["dispute_blocked"]),
        ("prevented", {"withdrawn_later": True}, "dispute_prevented",
         ["disputed", "funds_withdrawn", "dispute_prevented"], ["dispute_prevented"]),
        ("lost", {"withdrawn_later": True}, "dispute_lost", ["disputed", "funds_withdrawn", "dispute_lost"],
         ["dispute_lost"]),
        ("appeal_under_review", {}, "dispute_lost", ["disputed", "dispute_lost"], ["dispute_lost"]),
        ("won", {}, "dispute_won", ["disputed", "dispute_won"], ["dispute_won"]),
        # Seen only when it was closed already.
        ("warning_closed", {}, "inquiry_closed", ["inquiry_closed"], ["inquiry_closed"]),
    ],
)  # fmt: skip
def test_what_owners_hear_of_a_dispute_follows_from_where_it_stands(
    status: str, more: dict[str, Any], stage: str, stages: list[str], news: list[str]
) -> None:
    row: Dispute = dispute("pi_1", status)
    row.sqlmodel_update(more)
    assert (disputes.stage(row), disputes.stages(row)) == (stage, stages)
    assert [each for each in Stage if disputes.is_news(row, each)] == sorted(news, key=list(Stage).index)


def test_a_warning_of_fraud_is_kept_and_what_is_no_longer_to_be_done_stays_so(shop: Shop) -> None:
    order_id = placed(shop)
    said = {
            "id": "issfr_1", "fraud_type": "misc", "actionable": True, "created": 1_700_000_000, "charge": {"id": "ch_1"},
            "payment_intent": "pi_1",
        }  # fmt: skip
    with shop.transaction() as session:
        row = disputes.record_warning(session, order_id, said)
        assert row.model_dump() == {
            "id": "issfr_1", "order_id": order_id, "fraud_type": "misc", "actionable": True, "created_at": SAID,
            "stripe_payment_intent_id": "pi_1", "stripe_charge_id": "ch_1",
        }  # fmt: skip
        assert session.exec(select(FraudWarning)).all() == [row]
        for actionable in (False, True):
            disputes.record_warning(session, order_id, {**said, "actionable": actionable})
            assert not row.actionable
        hardly = disputes.record_warning(session, order_id, {"id": "issfr_2", "fraud_type": None, "created": None})
        assert (hardly.fraud_type, hardly.actionable) == ("", False)
        assert hardly.created_at == datetime.fromtimestamp(0, UTC)
    assert [row.actionable for row in builders.rows(shop, FraudWarning)] == [False, False]


@pytest.mark.parametrize("module", [refunds, disputes])
def test_those_are_asked_about_whose_payment_is_not_known_and_that_do_not_rest(shop: Shop, module: Any) -> None:
    order_id, live = placed(shop), placed(shop, "cart_2", livemode=True)
    with shop.transaction() as session:
        known = paid()
        known.order_id = order_id
        session.add(known)
        session.flush()

        def add(name: str, payment_intent: str | None, *, order: str = order_id, payment: str | None = None) -> None:
            row = back(payment, 900) if module is refunds else dispute(payment, "lost")
            row.sqlmodel_update({"id": name, "order_id": order, "stripe_payment_intent_id": payment_intent})
            session.add(row)

        for name, payment_intent in (("0", None), ("1", "pi_3"), ("2", "pi_3"), ("3", "pi_4"), ("5", "pi_5")):
            add(name, payment_intent)
        add("6", "pi_6", payment="pi_1")
        add("7", "pi_7", order=live)
        rest(session, "pi_4", until=LATER)
        rest(session, "pi_5", until=DAY)

        def asked(limit: int = 9, *, livemode: bool = False) -> list[tuple[str, str]]:
            found: list[tuple[str, str]] = module.without_payment(session, livemode=livemode, now=DAY, limit=limit)
            return sorted(found)

        assert asked() == [("pi_3", order_id), ("pi_5", order_id)]
        assert (len(asked(1)), len(asked(2))) == (1, 2)
        assert asked(livemode=True) == [("pi_7", live)]


def test_what_was_decided_of_a_refund_is_told_to_stripe_and_read_again() -> None:
    lines = [line(f"ol_{number}", 100, position=number) for number in range(200)]
    row = back("pi_1", 20_000, **{each.id: 100 for each in lines}, ol_of_another_order=1)
    row.takes_back, row.ends_subscription, row.request = True, False, "rf_click"
    told = refunds.told_of(row, lines)
    assert max(map(len, told.values())) <= 500
    assert len(told) == 3 + 3
    read = refunds.read_refund({"id": "re_1", "metadata": {"refund_id": "rf_1", **told}}).decided
    assert read == Decided({number + 1: 100 for number in range(200)}, True, False, "rf_click")
    assert refunds.told_of(back("pi_1", 100), lines) == {
        "request": "",
        "takes_back": "no",
        "ends_subscription": "policy",
    }


@pytest.mark.parametrize(
    "said",
    [
        {}, {"refund_id": "rf_1"}, {"ends_subscription": "no"}, {"refund_id": "rf_1", "ends_subscription": "perhaps"},
        *({"refund_id": "rf_1", "ends_subscription": "no", "lines_1": lines} for lines in ("1", "1:2:3", "a:1", "1:-1", "1:²")),
    ],
)  # fmt: skip
def test_what_was_decided_of_a_refund_is_not_known_where_stripe_was_not_told_or_somebody_wrote_over_it(
    said: dict[str, str],
) -> None:
    assert refunds.read_refund({"id": "re_1", "metadata": said}).decided is None
