"""Money back: once for every time it is asked for, never more than there is, and access follows what Stripe confirms."""

from pathlib import Path

import pytest
from sqlmodel import select

from core.events import reconciliation
from core.foundation.errors import (
    BadInput,
    NothingToRefund,
    OrderNotFound,
    RefundTooBig,
    StripeRefused,
    StripeUnreachable,
)
from core.journeys import refund
from core.kinds.workshops import WorkshopDate
from core.orders.orders import Order
from core.orders.refunds import Refund, RefundStatus
from core.owner import publishing
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import CATALOGUE, Clock
from tests.fakes import FakeStripe

ACTIVE = [("guide", "active"), ("kit", "active"), ("clinic", "active")]
REVOKED = [("guide", "revoked"), ("kit", "revoked"), ("clinic", "revoked")]
EVERYTHING = ("guide-eur", "kit-eur", ("clinic-eur", 2))
TOTAL = 2900 + 7900 + 28000


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe) -> str:
    """An order of a file, a key and two places, paid and delivered."""
    return builders.bought(shop, stripe, *EVERYTHING)


def money(shop: Shop, order_id: str) -> tuple[str, int]:
    """Status, and what went back."""
    found = builders.detail(shop, order_id)
    return found["status"], found["amount_refunded"]


def places_taken(shop: Shop) -> int:
    return next(date.taken for date in builders.rows(shop, WorkshopDate) if date.product_id == "clinic")


def left(shop: Shop, order_id: str) -> int:
    with shop.reading() as session:
        return refund.left(session, order_id).amount


def test_a_full_refund_ends_access_and_frees_the_places(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    assert places_taken(shop) == 2
    done = refund.request(shop, order_id, reason="requested_by_customer", actor="owner")
    assert (done.amount.amount, done.status) == (TOTAL, RefundStatus.SUCCEEDED)
    assert money(shop, order_id) == ("refunded", TOTAL)
    assert builders.grants(shop, order_id) == REVOKED
    assert places_taken(shop) == 0
    assert [each["amount"] for each in stripe.refunds.values()] == [TOTAL]


def test_several_partial_refunds_leave_access_until_nothing_is_left(shop: Shop, order_id: str) -> None:
    for amount, gone in ((1000, 1000), (500, 1500)):
        refund.request(shop, order_id, amount, actor="owner")
        assert money(shop, order_id) == ("partially_refunded", gone)
        assert builders.grants(shop, order_id) == ACTIVE
    assert left(shop, order_id) == TOTAL - 1500
    refund.request(shop, order_id, actor="owner")
    assert money(shop, order_id) == ("refunded", TOTAL)
    assert builders.grants(shop, order_id) == REVOKED
    assert len([entry for entry in builders.log(shop, order_id) if entry.startswith("refund:")]) == 3


def test_a_refund_for_lines_takes_back_those_lines_alone(shop: Shop, order_id: str) -> None:
    done = refund.request(shop, order_id, lines=[2, 3, 3], actor="owner")
    assert done.amount.amount == 7900 + 28000
    assert money(shop, order_id) == ("partially_refunded", 35900)
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "revoked"), ("clinic", "revoked")]
    assert places_taken(shop) == 0


def test_a_partial_refund_takes_everything_back_if_the_owner_says_so(shop: Shop, order_id: str) -> None:
    refund.request(shop, order_id, 100, take_back=True, actor="owner")
    assert money(shop, order_id) == ("partially_refunded", 100)
    assert builders.grants(shop, order_id) == REVOKED


def test_more_than_is_left_is_refused_with_what_is_left(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    refund.request(shop, order_id, TOTAL - 300, actor="owner")
    with pytest.raises(RefundTooBig) as refusal:
        refund.request(shop, order_id, 301, actor="owner")
    assert (refusal.value.amount, refusal.value.left, refusal.value.currency) == (301, 300, "eur")
    assert len(builders.rows(shop, Refund)) == len(stripe.refunds) == 1


@pytest.mark.parametrize(("amount", "lines"), [(0, []), (-5, []), (None, [0]), (None, [4]), (100, [9])])
@builders.on_sqlite
def test_senseless_refunds_are_refused(shop: Shop, order_id: str, amount: int | None, lines: list[int]) -> None:
    with pytest.raises(BadInput):
        refund.request(shop, order_id, amount, lines=lines, actor="owner")
    assert builders.rows(shop, Refund) == []


def test_without_money_there_is_nothing_to_refund(shop: Shop, stripe: FakeStripe) -> None:
    unpaid, _ = builders.opened(shop, cart="unpaid")
    free = builders.bought(shop, stripe, "gift-eur", cart="free")
    spent = builders.bought(shop, stripe, cart="spent")
    refund.request(shop, spent, actor="owner")
    lost = builders.bought(shop, stripe, cart="lost")
    deliver(shop, stripe.tell("charge.dispute.closed", stripe.dispute(builders.payment_of(shop, lost), status="lost")))
    for order_id in (unpaid, free, spent, lost):
        with pytest.raises(NothingToRefund):
            refund.request(shop, order_id, actor="owner")
    with pytest.raises(OrderNotFound):
        refund.request(shop, "ord_nobody", actor="owner")
    assert stripe.calls.count("refund") == 1


def test_the_same_key_is_the_same_refund(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    first, second = (refund.request(shop, order_id, 1000, key="form-1", actor="owner") for _ in range(2))
    assert first == second
    assert [each["amount"] for each in stripe.refunds.values()] == [1000]


def test_two_clicks_at_once_are_one_refund(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    def click() -> str:
        return refund.request(shop, order_id, 1000, key="form-1", actor="owner").id

    assert len({str(answer) for answer in builders.at_once(*[click] * 8)}) == 1
    assert len(builders.rows(shop, Refund)) == len(stripe.refunds) == 1
    assert money(shop, order_id) == ("partially_refunded", 1000)


def test_different_refunds_at_once_never_exceed_the_payment(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    def click() -> object:
        return refund.request(shop, order_id, TOTAL // 3, actor="owner")

    answers = builders.at_once(*[click] * 6)
    assert sorted(type(answer).__name__ for answer in answers) == ["RefundTooBig"] * 3 + ["Refunded"] * 3
    assert sum(each["amount"] for each in stripe.refunds.values()) <= TOTAL


def test_after_a_lost_answer_the_same_click_asks_for_the_same_refund(
    shop: Shop, stripe: FakeStripe, order_id: str
) -> None:
    stripe.lost_answers = 1
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, 1000, key="form-1", actor="owner")
    assert money(shop, order_id) == ("fulfilled", 0)
    assert left(shop, order_id) == TOTAL - 1000
    refund.request(shop, order_id, 1000, key="form-1", actor="owner")
    assert len(stripe.refunds) == 1
    assert money(shop, order_id) == ("partially_refunded", 1000)


def test_after_a_lost_answer_the_sweep_asks_for_the_same_refund(
    shop: Shop, stripe: FakeStripe, clock: Clock, order_id: str
) -> None:
    stripe.lost_answers = 1
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, 1000, actor="owner")
    reconciliation.sweep(shop)
    assert money(shop, order_id) == ("fulfilled", 0)
    clock.pass_(minutes=3)
    (row,) = builders.rows(shop, Refund)
    assert row.id in reconciliation.sweep(shop).healed
    assert len(stripe.refunds) == 1
    assert money(shop, order_id) == ("partially_refunded", 1000)


@pytest.mark.parametrize("made", [True, False])
def test_a_refund_that_is_asked_for_again_when_stripe_has_forgotten_its_key_is_made_once(
    shop: Shop, stripe: FakeStripe, clock: Clock, order_id: str, made: bool
) -> None:
    """A part of a payment: nothing would keep Stripe from sending it back once more."""
    stripe.lost_answers, stripe.trouble = (
        (1, []) if made else (0, [StripeUnreachable("api_connection_error", "refused")])
    )
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, 500, actor="owner")
    assert len(stripe.refunds) == made
    clock.pass_(hours=25)
    stripe.by_key.clear()
    [row] = builders.rows(shop, Refund)
    for _ in range(2):
        refund.resume(shop, row.id)
    assert [each["amount"] for each in stripe.refunds.values()] == [500]
    [row] = builders.rows(shop, Refund)
    assert (row.status, row.stripe_refund_id) == ("succeeded", next(iter(stripe.refunds)))


def test_a_plan_renewed_while_the_answer_was_lost_is_refunded_from_the_same_payment(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, subscription = builders.subscribed(shop, stripe)
    stripe.lost_answers = 1
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, 400, actor="owner")
    deliver(shop, stripe.tell("invoice.paid", stripe.renew(subscription)))
    clock.pass_(minutes=3)
    assert reconciliation.sweep(shop).failed == []
    assert [each["amount"] for each in stripe.refunds.values()] == [400]
    assert money(shop, order_id) == ("partially_refunded", 400)


def test_what_stripe_refuses_is_canceled_and_its_money_free_again(
    shop: Shop, stripe: FakeStripe, order_id: str
) -> None:
    stripe.trouble.append(StripeRefused("charge_disputed", "Charge has been charged back"))
    with pytest.raises(StripeRefused):
        refund.request(shop, order_id, key="form-1", actor="owner")
    (row,) = builders.rows(shop, Refund)
    assert (row.status, row.failure) == (RefundStatus.CANCELED, "charge_disputed")
    assert (left(shop, order_id), money(shop, order_id)) == (TOTAL, ("fulfilled", 0))
    assert builders.grants(shop, order_id) == ACTIVE
    assert f"owner_notice:{order_id}:refund_refused:{row.id}" in builders.jobs(shop)


def test_a_refund_taken_for_refused_counts_once_stripe_tells_that_it_was_made(
    shop: Shop, stripe: FakeStripe, order_id: str
) -> None:
    stripe.trouble.append(StripeRefused("idempotency_error"))
    with pytest.raises(StripeRefused):
        refund.request(shop, order_id, 1000, actor="owner")
    (row,) = builders.rows(shop, Refund)
    named = {"order_id": order_id, "refund_id": row.id}
    made = stripe.make_refund(builders.payment_of(shop, order_id), 1000, metadata=named)
    deliver(shop, stripe.tell("refund.created", made))
    assert money(shop, order_id) == ("partially_refunded", 1000)
    assert len(builders.rows(shop, Refund)) == 1


def test_stripe_telling_before_it_answers_makes_no_second_row(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    stripe.lost_answers = 1
    with pytest.raises(StripeUnreachable):
        refund.request(shop, order_id, 1000, key="form-1", actor="owner")
    (made,) = stripe.refunds.values()
    deliver(shop, stripe.tell("refund.created", made))
    assert money(shop, order_id) == ("partially_refunded", 1000)
    assert refund.request(shop, order_id, 1000, key="form-1", actor="owner").status is RefundStatus.SUCCEEDED
    assert (len(builders.rows(shop, Refund)), stripe.calls.count("refund")) == (1, 1)


def test_one_of_two_orders_refunded_leaves_the_other_its_access(shop: Shop, stripe: FakeStripe) -> None:
    first, second = (builders.bought(shop, stripe, "kit-eur", cart=f"cart_{number}") for number in (1, 2))
    refund.request(shop, first, actor="owner")
    assert (builders.grants(shop, first), builders.grants(shop, second)) == ([("kit", "revoked")], [("kit", "active")])
    assert builders.status(shop, second) == "fulfilled"


def test_the_duplicate_of_an_order_paid_twice_goes_back_without_ending_access(shop: Shop, stripe: FakeStripe) -> None:
    order_id, first = builders.opened(shop)
    twin = stripe.recover(first)["id"]
    for session_id in (first, twin):
        stripe.pay(session_id)
        deliver(shop, stripe.event("completed", session_id))
    duplicate = stripe.sessions[twin]["payment_intent"]
    deliver(shop, stripe.tell("refund.created", stripe.make_refund(duplicate, 2900)))
    builders.ask_stripe(shop)
    assert money(shop, order_id) == ("partially_refunded", 2900)
    assert builders.detail(shop, order_id)["amount_total"] == 5800
    assert builders.grants(shop, order_id) == [("guide", "active")]


KEEPING = {"download": "guide-eur", "license": "kit-eur", "workshop": "clinic-eur", "plan": "plan-month"}


@pytest.mark.parametrize("kind", KEEPING)
def test_a_product_may_let_its_buyers_keep_what_they_have(
    shop: Shop, stripe: FakeStripe, tmp_path: Path, kind: str
) -> None:
    kept = CATALOGUE.read_text(encoding="utf-8").replace(f'kind = "{kind}"', f'kind = "{kind}"\non_refund = "keep"')
    (tmp_path / "catalogue.toml").write_text(kept, encoding="utf-8")
    publishing.apply(shop, tmp_path / "catalogue.toml")
    order_id = builders.bought(shop, stripe, KEEPING[kind])
    refund.request(shop, order_id, actor="owner")
    assert builders.status(shop, order_id) == "refunded"
    assert [state for _, state in builders.grants(shop, order_id)] == ["active"]
    with shop.reading() as session:
        assert session.exec(select(Order.attention)).one() == ""


@builders.on_sqlite
def test_an_owners_word_about_one_refund_goes_before_the_products_policy(
    shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    kept = CATALOGUE.read_text(encoding="utf-8").replace('kind = "license"', 'kind = "license"\non_refund = "keep"')
    (tmp_path / "catalogue.toml").write_text(kept, encoding="utf-8")
    publishing.apply(shop, tmp_path / "catalogue.toml")
    order_id = builders.bought(shop, stripe, "kit-eur")
    refund.request(shop, order_id, 100, actor="owner")
    assert builders.grants(shop, order_id) == [("kit", "active")]
    refund.request(shop, order_id, 100, take_back=True, actor="owner")
    assert builders.grants(shop, order_id) == [("kit", "revoked")]
