"""Promotion codes: made and ended at Stripe once, however often it is tried, and counted where they are used."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.catalog import promotion_codes
from core.catalog.promotion_codes import PromotionCode, PromotionUse
from core.events import questions
from core.foundation.errors import (
    DoneAlready,
    NotPermitted,
    PromotionNotFound,
    PromotionUnfit,
    StripeRefused,
    StripeUnreachable,
)
from core.foundation.money import Money
from core.owner.shelves import promotions
from core.owner.shelves.promotions import Promotion, PromotionRow
from core.people.audit import AuditEntry
from core.people.deeds import Deed
from core.people.staff import Action, Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.fakes import FakeStripe

REFUSED = "not done, Stripe refused it: An active promotion code with this code already exists."
SPRING = Promotion("SPRING", percent=25.0, limit=100)


@pytest.fixture
def owner(shop: Shop) -> str:
    return colleagues.works_as(shop, Role.OWNER)


@pytest.fixture
def deed(owner: str) -> Deed:
    return colleagues.deed(owner)


def listed(shop: Shop) -> list[PromotionRow]:
    with shop.reading() as session:
        return promotions.listed(session, livemode=False, now=shop.now())


def used(
    shop: Shop, stripe: FakeStripe, code: str, *, percent: int = 25, price: str = "guide-eur", cart: str = "cart_1"
) -> str:
    """Somebody buys with a code of this id at Stripe; the Session."""
    _, session_id = builders.opened(shop, price, cart=cart)
    stripe.discount(session_id, percent)["discounts"] = [{"coupon": None, "promotion_code": code}]
    stripe.pay(session_id)
    builders.deliver(shop, stripe.event("completed", session_id))
    return session_id


def test_a_code_is_made_at_stripe_as_it_was_asked_for(shop: Shop, stripe: FakeStripe, deed: Deed, clock: Clock) -> None:
    until = clock() + timedelta(days=30)
    asked = Promotion("TEN-OFF", off=Money(1000, "eur"), forever=True, first_time=True, limit=5, until=until)
    promotions.create(shop, asked, deed=deed)
    (made,) = stripe.promotion_codes.values()
    coupon = stripe.coupons[made["promotion"]["coupon"]]
    assert (coupon["amount_off"], coupon["currency"], coupon["duration"]) == (1000, "eur", "forever")
    assert (made["code"], made["max_redemptions"], made["expires_at"]) == ("TEN-OFF", 5, int(until.timestamp()))
    assert made["restrictions"]["first_time_transaction"] is True
    assert made["metadata"]["shop_id"] == shop.id
    (row,) = listed(shop)
    assert (row.code, row.off, row.forever, row.first_time, row.limit, row.until, row.usable, row.told) == (
        "TEN-OFF", Money(1000, "eur"), True, True, 5, until, True, True,
    )  # fmt: skip
    clock.pass_(days=31)
    assert not listed(shop)[0].usable


def test_a_double_click_makes_one_code(shop: Shop, stripe: FakeStripe, deed: Deed) -> None:
    promotions.create(shop, SPRING, deed=deed)
    with pytest.raises(DoneAlready):
        promotions.create(shop, SPRING, deed=deed)
    assert len(stripe.promotion_codes) == len(listed(shop)) == 1


@pytest.mark.parametrize("lost", ["before", "after"])
def test_what_stripe_did_not_answer_the_worker_makes_once(
    shop: Shop, stripe: FakeStripe, deed: Deed, lost: str
) -> None:
    if lost == "before":
        stripe.trouble.append(StripeUnreachable("down"))
    else:
        stripe.lost_answers = 1
    with pytest.raises(StripeUnreachable):
        promotions.create(shop, SPRING, deed=deed)
    (row,) = listed(shop)
    assert (row.told, row.code) == (False, "SPRING")
    assert f"promotion_code:{row.id}" in builders.jobs(shop)
    for _ in range(2):
        promotions.tell(shop, row.id)
    assert len(stripe.promotion_codes) == len(stripe.coupons) == 1
    assert listed(shop)[0].told


def test_what_stripe_refuses_is_not_kept_and_can_be_asked_for_anew(shop: Shop, stripe: FakeStripe, deed: Deed) -> None:
    promotions.create(shop, SPRING, deed=deed)
    with pytest.raises(StripeRefused):
        promotions.create(shop, SPRING, deed=colleagues.deed(deed.sign_in_id))
    assert len(listed(shop)) == 1
    said = sorted(each.detail for each in builders.rows(shop, AuditEntry) if each.action == Action.PROMOTE)
    assert said == [REFUSED, "promotion code SPRING", "promotion code SPRING"]
    for job in builders.jobs(shop):
        if job.startswith("promotion_code:"):
            promotions.tell(shop, job.partition(":")[2])
    assert len(stripe.promotion_codes) == 1


def test_what_stripe_refuses_to_the_worker_says_so(shop: Shop, stripe: FakeStripe, deed: Deed) -> None:
    promotions.create(shop, SPRING, deed=deed)
    stripe.trouble.append(StripeUnreachable("down"))
    with pytest.raises(StripeUnreachable):
        promotions.create(shop, SPRING, deed=colleagues.deed(deed.sign_in_id))
    late = next(row for row in listed(shop) if not row.told)
    with pytest.raises(StripeRefused):
        promotions.tell(shop, late.id)
    late = next(row for row in listed(shop) if row.id == late.id)
    assert (late.usable, late.refused) == (False, "An active promotion code with this code already exists.")
    told = {(each.subject, each.who, each.detail) for each in builders.rows(shop, AuditEntry)}
    [(who, _)] = [(who, said) for subject, who, said in told if (subject, said) == (late.id, "promotion code SPRING")]
    assert (late.id, who, REFUSED) in told
    promotions.tell(shop, late.id)
    assert len(stripe.promotion_codes) == 1


def test_a_code_that_was_ended_ends_at_stripe_even_if_that_was_away(shop: Shop, stripe: FakeStripe, deed: Deed) -> None:
    promotion = promotions.create(shop, SPRING, deed=deed)
    stripe.trouble.append(StripeUnreachable("down"))
    end = colleagues.deed(deed.sign_in_id)
    with pytest.raises(StripeUnreachable):
        promotions.end(shop, promotion, deed=end)
    assert not listed(shop)[0].usable
    assert f"promotion_code:{promotion}:{end.token}" in builders.jobs(shop)
    promotions.tell(shop, promotion)
    assert [each["active"] for each in stripe.promotion_codes.values()] == [False]
    with pytest.raises(PromotionNotFound):
        promotions.end(shop, "pm_nothing", deed=colleagues.deed(deed.sign_in_id))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "NOT A CODE"}, "code"),
        ({"code": ""}, "code"),
        ({"percent": 0.0}, "percent"),
        ({"percent": 101.0}, "percent"),
        ({"percent": None}, "takes"),
        ({"off": Money(100, "eur")}, "takes"),
        ({"percent": None, "off": Money(0, "eur")}, "amount"),
        ({"percent": None, "off": Money(100, "xau")}, "amount"),
        ({"limit": 0}, "limit"),
        ({"limit": 3_000_000_000}, "limit"),
    ],
    ids=str,
)
def test_what_cannot_be_made_is_told_by_its_field_and_stripe_is_not_asked(
    shop: Shop, stripe: FakeStripe, deed: Deed, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(PromotionUnfit) as refusal:
        promotions.create(shop, replace(SPRING, **changes), deed=deed)
    assert [each.field for each in refusal.value.problems] == [field]
    assert stripe.calls == []
    assert builders.rows(shop, AuditEntry) == []


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_owners_make_and_end_codes(shop: Shop, stripe: FakeStripe, deed: Deed, role: Role) -> None:
    promotion = promotions.create(shop, SPRING, deed=deed)
    theirs = colleagues.works_as(shop, role)
    with pytest.raises(NotPermitted):
        promotions.create(shop, replace(SPRING, code="MINE"), deed=colleagues.deed(theirs))
    with pytest.raises(NotPermitted):
        promotions.end(shop, promotion, deed=colleagues.deed(theirs))
    assert [each["active"] for each in stripe.promotion_codes.values()] == [True]


def test_uses_are_counted_once_in_each_currency(shop: Shop, stripe: FakeStripe, deed: Deed) -> None:
    promotions.create(shop, SPRING, deed=deed)
    (code,) = stripe.promotion_codes
    session_id = used(shop, stripe, code)
    used(shop, stripe, code, price="kit-eur", cart="cart_2")
    used(shop, stripe, code, price="yen-jpy", cart="cart_3")
    builders.deliver(shop, stripe.event("completed", session_id))
    (row,) = listed(shop)
    assert [(each.uses, each.amount.format()) for each in row.taken] == [(2, "€27.00"), (1, "¥125")]
    assert len(builders.rows(shop, PromotionUse)) == 3


def test_a_code_of_stripe_s_that_is_used_here_is_listed_and_asked_about(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    coupon = stripe.create_coupon({"percent_off": 25.0, "duration": "once"}, key="a")
    made = stripe.create_promotion_code(
        {"code": "THEIRS", "promotion": {"type": "coupon", "coupon": coupon["id"]}}, key="b"
    )
    used(shop, stripe, made["id"])
    (row,) = listed(shop)
    assert (row.code, row.told, row.made_here) == ("", False, False)
    assert promotions.look(shop) == 1
    (row,) = listed(shop)
    assert (row.code, row.percent, row.told, row.usable) == ("THEIRS", 25.0, True, True)
    assert promotions.look(shop) == 0
    stripe.promotion_codes[made["id"]]["active"] = False
    clock.pass_(hours=2)
    assert promotions.look(shop) == 1
    assert not listed(shop)[0].usable


@pytest.mark.parametrize(
    ("coupon", "works"),
    [(None, False), ({"id": "co_1", "object": "coupon", "deleted": True}, False), ("co_1", True)],
    ids=["gone", "deleted", "by its id"],
)
def test_of_a_code_whose_coupon_was_deleted_it_stays_known_what_it_took_off(
    shop: Shop, stripe: FakeStripe, deed: Deed, clock: Clock, coupon: Any, works: bool
) -> None:
    off = Promotion("TENOFF", off=Money(1000, "eur"))
    promotions.tell(shop, promotions.create(shop, off, deed=deed))
    [made] = stripe.promotion_codes.values()
    said = {**made, "promotion": {"type": "coupon", "coupon": coupon}}
    stripe.find_promotion_code = lambda code: said  # type: ignore[method-assign]
    clock.pass_(hours=2)
    assert promotions.look(shop) == 1
    (row,) = listed(shop)
    assert (row.off, row.forever, row.usable) == (Money(1000, "eur"), False, works)
    with shop.reading() as session:
        found = promotion_codes.usable(session, "TENOFF", livemode=False, now=shop.now())
    assert (found is not None) is works


def test_codes_of_the_other_mode_are_neither_listed_nor_told(shop: Shop, stripe: FakeStripe, deed: Deed) -> None:
    promotion = promotions.create(shop, SPRING, deed=deed)
    live = builders.live(shop)
    with live.reading() as session:
        assert promotions.listed(session, livemode=True, now=live.now()) == []
    stripe.calls.clear()
    promotions.tell(live, promotion)
    assert promotions.look(live) == 0
    assert stripe.calls == []
    assert builders.rows(shop, PromotionCode)[0].active


def taken(shop: Shop) -> list[tuple[int, str, str]]:
    (row,) = listed(shop)
    return [(each.uses, each.amount.format(), each.renewals.format()) for each in row.taken]


@pytest.mark.parametrize("late", [False, True], ids=["subscription first", "invoice first"])
def test_what_a_code_takes_off_renewals_is_counted_once_and_is_no_use(
    shop: Shop, stripe: FakeStripe, deed: Deed, *, late: bool
) -> None:
    promotions.create(shop, replace(SPRING, forever=True), deed=deed)
    (code,) = stripe.promotion_codes
    session_id = used(shop, stripe, code, price="plan-month")
    plan = stripe.sessions[session_id]["subscription"]
    stripe.give_discount(plan, duration="forever", percent=25, code=code)
    # One that was given at Stripe by hand is none of the code's.
    stripe.give_discount(plan, duration="forever", amount=100)
    if not late:
        questions.ask(shop, plan)
    renewals = [stripe.tell("invoice.paid", stripe.renew(plan)) for _ in range(2)]
    for event in (*renewals, *renewals):
        builders.deliver(shop, event)
    assert taken(shop) == [(1, "€2.25", "€0.00")] if late else [(1, "€6.75", "€4.50")]
    for _ in range(2):
        questions.ask(shop, plan)
    assert taken(shop) == [(1, "€6.75", "€4.50")]
    assert len(builders.rows(shop, PromotionUse)) == 1


def test_what_a_code_takes_off_the_first_payment_of_a_plan_is_not_counted_again(
    shop: Shop, stripe: FakeStripe, deed: Deed
) -> None:
    promotions.create(shop, replace(SPRING, forever=True), deed=deed)
    (code,) = stripe.promotion_codes
    session_id = used(shop, stripe, code, price="plan-month")
    plan = stripe.sessions[session_id]["subscription"]
    stripe.give_discount(plan, duration="forever", percent=25, code=code)
    (first,) = stripe.invoices_of(plan)
    first["total_discount_amounts"] = [{"amount": 225, "discount": stripe.subscriptions[plan]["discounts"][0]["id"]}]
    builders.deliver(shop, stripe.tell("invoice.paid", first))
    questions.ask(shop, plan)
    assert taken(shop) == [(1, "€2.25", "€0.00")]
