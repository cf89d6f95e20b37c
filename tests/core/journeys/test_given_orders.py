"""Orders that an owner gives: fulfilled like any other, worth nothing in the books, once per click, and never a plan."""

from dataclasses import replace

import pytest

from core.events import reconciliation
from core.foundation.errors import (
    AddressUnfit,
    BadInput,
    BadQuantity,
    DoneAlready,
    EmptyBasket,
    MixedBasket,
    NothingToRefund,
    NotPermitted,
    PlanNotGiven,
    SoldOut,
    UnknownPrice,
)
from core.foundation.money import Money
from core.journeys import given_orders, refund, revocation
from core.journeys.checkout import Item
from core.journeys.given_orders import Gift, Given, GivenOrder
from core.orders.orders import Order
from core.orders.payments import Payment
from core.owner import setting_up
from core.owner.figures import overview
from core.owner.figures.days import Days, day_of
from core.owner.order_book import detail
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.fakes import FakeStripe

GIFT = Gift("ida@berg.example", (Item("kit-eur", 1), Item("clinic-eur", 2)), "For the talk")


def give(shop: Shop, gift: Gift = GIFT, *, role: Role = Role.OWNER, token: str = "") -> str:
    return given_orders.give(shop, gift, deed=colleagues.deed(colleagues.works_as(shop, role), token))


def test_it_is_delivered_like_any_order_and_its_letter_is_owed(shop: Shop, stripe: FakeStripe) -> None:
    order_id = give(shop)
    found = builders.detail(shop, order_id)
    assert (found["status"], found["amount_total"], found["email"]) == ("fulfilled", 0, "ida@berg.example")
    assert {(each["product"], each["state"]) for each in found["grants"]} == {("kit", "active"), ("clinic", "active")}
    assert f"receipt:{order_id}" in builders.jobs(shop)
    assert builders.seen(shop, "ida@berg.example") == [order_id]
    assert builders.taken(shop)["clinic/1"] == 2
    assert found["stripe"] == {"checkout_session": None, "payment_intent": None, "subscription": None}
    assert [each["event"] for each in found["log"]][:2] == ["given", "paid"]


def test_it_counts_as_no_money_and_as_no_checkout(shop: Shop, stripe: FakeStripe) -> None:
    give(shop, replace(GIFT, kind=Given.OUTSIDE, paid=Money(9900, "eur")))
    (payment,) = builders.rows(shop, Payment)
    assert (payment.amount, payment.amount_subtotal, payment.lines_known) == (0, 0, True)
    today = day_of(shop.now(), shop.settings.zone)
    with shop.reading() as session:
        seen = overview.of_days(session, Days(today, today, shop.settings.zone), livemode=False, now=shop.now())
    (each,) = seen.currencies
    assert (each.sales.gross, each.sales.net, each.sales.orders) == (0, 0, 1)
    assert (each.sales.opened, each.sales.converted, each.sales.average_order) == (0, 0, None)
    assert seen.received == ()
    assert not next(step for step in setting_up.steps(shop) if step.name == "sale").done


def test_stripe_is_never_asked_about_it(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    give(shop)
    clock.pass_(days=2)
    report = reconciliation.sweep(shop, everything=True)
    assert not [subject for subject, _ in report.failed]
    assert stripe.sessions == {}


def test_how_it_was_given_stands_on_its_sheet_and_in_the_log(shop: Shop, stripe: FakeStripe) -> None:
    order_id = give(shop, replace(GIFT, kind=Given.OUTSIDE, paid=Money(9900, "eur"), name="Ida\0 Berg "))
    sheet = detail.sheet(shop, order_id)
    assert sheet.given == detail.GivenView(Given.OUTSIDE, "For the talk", colleagues.OWNER, Money(9900, "eur"))
    assert (sheet.row.name, sheet.stripe_ids, sheet.row.total) == ("Ida Berg", (), Money(0, "eur"))
    (entry,) = builders.rows(shop, AuditEntry)
    assert (entry.action, entry.subject, entry.detail) == ("give", order_id, "outside")
    assert "ida" not in entry.detail


def test_access_to_it_is_taken_back_and_given_back_and_nothing_goes_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id = give(shop)
    with pytest.raises(NothingToRefund):
        refund.request(shop, order_id, actor="owner")
    revocation.revoke(shop, order_id, reason="mistake", actor="owner")
    assert {state for _, state in builders.grants(shop, order_id)} == {"revoked"}
    revocation.restore(shop, order_id, actor="owner")
    assert {state for _, state in builders.grants(shop, order_id)} == {"active"}


def test_the_same_click_gives_once(shop: Shop, stripe: FakeStripe) -> None:
    sign_in = colleagues.works_as(shop, Role.OWNER)
    deed = colleagues.deed(sign_in)
    done = builders.at_once(*[lambda: given_orders.give(shop, GIFT, deed=deed)] * 3)
    assert sum(isinstance(each, str) for each in done) == 1
    assert all(isinstance(each, (str, DoneAlready)) for each in done), done
    assert len(builders.rows(shop, Order)) == len(builders.rows(shop, GivenOrder)) == 1
    assert builders.taken(shop)["clinic/1"] == 2


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_owners_give(shop: Shop, role: Role) -> None:
    with pytest.raises(NotPermitted):
        give(shop, role=role)
    assert builders.rows(shop, Order) == []


@pytest.mark.parametrize(
    ("gift", "error"),
    [
        (replace(GIFT, items=(Item("plan-month", 1),)), PlanNotGiven),
        (replace(GIFT, items=()), EmptyBasket),
        (replace(GIFT, items=(Item("nothing", 1),)), UnknownPrice),
        (replace(GIFT, items=(Item("kit-eur", 0),)), BadQuantity),
        (replace(GIFT, items=(Item("kit-eur", 10**9),)), BadQuantity),
        (replace(GIFT, items=(Item("kit-eur", 1), Item("yen-jpy", 1))), MixedBasket),
        (replace(GIFT, paid=Money(1, "usd")), MixedBasket),
        (replace(GIFT, email="nobody"), AddressUnfit),
        (replace(GIFT, reason=" \0"), BadInput),
        (replace(GIFT, paid=Money(-1, "eur")), BadInput),
        (replace(GIFT, items=(Item("clinic-eur", 99),)), SoldOut),
    ],
)
def test_what_cannot_be_given_leaves_nothing_behind(shop: Shop, gift: Gift, error: type[Exception]) -> None:
    with pytest.raises(error):
        give(shop, gift)
    assert builders.rows(shop, Order) == []
    assert builders.rows(shop, AuditEntry) == []
    assert builders.taken(shop)["clinic/1"] == 0


def test_what_can_be_given_is_on_sale_and_no_plan(shop: Shop) -> None:
    with shop.reading() as session:
        found = {each.price_id for each in given_orders.givable(session)}
    assert {"kit-eur", "guide-eur", "clinic-eur"} <= found
    assert not {each for each in found if each.startswith("plan")}
