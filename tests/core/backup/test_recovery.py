"""After the backup of before was put back: what was bought, refunded and ended since is as it was, once, and what cannot be is
told at once."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, delete, select

from core.backup import making, restoring
from core.catalog import products
from core.catalog.products import Price, Product
from core.events import reconciliation, recovery
from core.events.handlers import EventState
from core.foundation.records import metadata
from core.foundation.signals import milestones
from core.journeys import checkout, refund, success_page
from core.journeys.checkout_sessions import order_copy
from core.journeys.checkout_sessions.lost_orders import LostOrder
from core.kinds.downloads import DownloadFile
from core.kinds.file_versions import FileVersion
from core.kinds.licenses import LicenseKey
from core.kinds.workshops import WorkshopDate
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.owner.needs import attention
from core.rights import clauses, consents
from core.shop import Shop
from tests import builders
from tests.builders import bought, deliver, on_sqlite, opened, subscribed
from tests.conftest import Clock
from tests.core.backup.places import destroyed, new_machine, tools
from tests.fakes import FakeStripe

# What the shop alone knew: who had been where, and when it did what.
_OWN = ("log", "fulfilled_at")


def as_it_stands(shop: Shop, order_id: str) -> dict[str, Any]:
    """An order as it is told, without what only the lost database knew."""
    return {name: said for name, said in builders.detail(shop, order_id).items() if name not in _OWN}


def test_what_was_bought_and_paid_back_since_the_backup_is_as_it_was(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, clock: Clock, tmp_path: Path
) -> None:
    early = bought(shop, stripe, "guide-eur", cart="early")
    waiting, unpaid = opened(shop, ("guide-eur", 2), cart="waiting")
    plan, subscription = subscribed(shop, stripe, ("plan-month", 3), cart="plan")
    making.make(shop, tmp_path / "shop.backup", tools=tools(shop))
    clock.pass_(minutes=10)
    # Bought on: a key and places, one that was open before, one that was changed before it was paid, and a plan.
    both = bought(shop, stripe, "kit-eur", ("clinic-eur", 2), cart="both")
    stripe.pay(unpaid)
    deliver(shop, stripe.event("completed", unpaid))
    back = bought(shop, stripe, "guide-eur", cart="back")
    deliver(shop, stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, back), 2900)))
    deliver(shop, stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, early), 900)))
    newer, _ = subscribed(shop, stripe, cart="newer", browser="br_2")
    disputed = bought(shop, stripe, "guide-eur", cart="disputed")
    deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(builders.payment_of(shop, disputed))))
    stripe.cancel_subscription(subscription)
    deliver(shop, stripe.tell("customer.subscription.deleted", stripe.subscriptions[subscription]))
    builders.ask_stripe(shop)
    never = opened(shop, "guide-eur", cart="never")[0]
    reconciliation.sweep(shop, everything=True)  # all that Stripe tells is known
    everybody = (early, waiting, plan, both, back, newer, disputed)
    before = {order_id: as_it_stands(shop, order_id) for order_id in everybody}
    key, taken = builders.license_key(shop, both), builders.taken(shop)
    destroyed(shop)
    clock.pass_(days=5)
    stripe.happened.clear()  # as if it were so long ago that Stripe lists no event of it any more
    for machine in ("first", "second"):
        with new_machine(request, shop, tmp_path / machine) as new:
            restoring.restore(new, tmp_path / "shop.backup", tools=tools(shop))
            for _ in range(2):
                report = reconciliation.sweep(new, everything=True)
                assert report.failed == []
                builders.ask_stripe(new)
            for order_id in everybody:
                assert as_it_stands(new, order_id) == before[order_id]
            assert never not in {order.id for order in builders.rows(new, Order)}
            assert (builders.license_key(new, both), builders.taken(new)) == (key, taken)
            assert len(builders.rows(new, LicenseKey)) == 1
            assert builders.log(new, both).count("fulfilled") == 1
            assert [item.topic for item in attention.items(new)] == [item.topic for item in attention.items(shop)]
            numbers = [order.number for order in builders.rows(new, Order)]
            again = builders.order(new, opened(new, "guide-eur", cart="again")[0]).number
            assert again not in [*numbers, *(order.number for order in builders.rows(shop, Order))]


@pytest.fixture
def told(shop: Shop, stripe: FakeStripe, clock: Clock) -> dict[str, Any]:
    """The event of an order that was paid, after which the database was lost: the order is not in it."""
    order_id, session_id = opened(shop, "kit-eur", ("clinic-eur", 2))
    stripe.pay(session_id)
    clock.pass_(minutes=1)
    lose(shop)
    return {**stripe.event("completed", session_id), "order": order_id}


def lose(shop: Shop) -> None:
    """The orders are gone, and with them what they held."""
    keep = {"products", "prices", "download_files", "file_versions", "workshop_dates", "shop_texts", "counters"}
    with shop.transaction() as session:
        for table in reversed(metadata.sorted_tables):
            if table.name not in keep and table.name not in ("heartbeats", "signals"):
                session.execute(delete(table))
        session.execute(WorkshopDate.__table__.update().values(taken=0))  # type: ignore[attr-defined]


def test_an_event_of_a_lost_order_writes_it_again_and_delivers_it_once(shop: Shop, told: dict[str, Any]) -> None:
    number = "SH-1001"
    for _ in range(2):
        assert deliver(shop, told).state is EventState.APPLIED
    order = builders.order(shop, told["order"])
    assert (order.number, order.status, order.email) == (number, "fulfilled", "nora@lindqvist.example")
    assert builders.grants(shop, order.id) == [("kit", "active"), ("clinic", "active")]
    assert builders.log(shop, order.id).count("fulfilled") == 1
    assert attention.items(shop) == []


def test_those_who_are_told_at_once_write_it_once(shop: Shop, stripe: FakeStripe, told: dict[str, Any]) -> None:
    session_id = told["data"]["object"]["id"]
    found = builders.at_once(
        lambda: deliver(shop, told), lambda: success_page.confirm(shop, session_id),
        lambda: deliver(shop, {**told, "id": "evt_another"}),
    )  # fmt: skip
    assert [each for each in found if isinstance(each, Exception)] == []
    assert builders.status(shop, told["order"]) == "fulfilled"
    assert len(builders.rows(shop, Order)) == len(builders.rows(shop, LicenseKey)) == 1


@on_sqlite
def test_what_cannot_be_written_again_is_told_at_once_and_heals_when_the_catalogue_is_back(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, session_id = opened(shop, "kit-eur")
    number = builders.order(shop, order_id).number
    stripe.pay(session_id)
    lose(shop)
    kept = take_off(shop, "kit")
    event = stripe.event("completed", session_id)
    assert deliver(shop, event).state is EventState.PARKED
    (item,) = attention.items(shop)
    assert (item.topic, item.subject) == ("order_lost", session_id)
    assert item.detail == f"€79.00 for {number}: kit is not in the catalogue"
    clock.pass_(hours=2)
    reconciliation.sweep(shop, everything=True)
    assert [item.subject for item in attention.items(shop)] == [session_id]
    with shop.transaction() as session:
        for row in kept:
            session.add(row)
            session.flush()
    reconciliation.sweep(shop, everything=True)
    assert (builders.status(shop, order_id), attention.items(shop)) == ("fulfilled", [])
    assert builders.event_row(shop, event["id"]).state is EventState.APPLIED


def take_off(shop: Shop, product: str) -> list[Any]:
    """The product is not in this database; its rows, to be put back."""
    kept: list[Any] = []
    with shop.transaction() as session:
        files = [row.id for row in _of(session, DownloadFile, product)]
        for version in session.exec(FileVersion.__table__.select()).all():  # type: ignore[attr-defined]
            if version.file_id in files:
                row = session.get_one(FileVersion, version.id)
                kept.insert(0, FileVersion(**row.model_dump()))
                session.delete(row)
        session.flush()
        for table in (DownloadFile, Price):
            for row in _of(session, table, product):
                kept.insert(0, table(**row.model_dump()))
                session.delete(row)
            session.flush()
        row = session.get_one(Product, product)
        kept.insert(0, Product(**row.model_dump()))
        session.delete(row)
    return kept


def _of(session: Session, table: Any, product: str) -> list[Any]:
    return list(session.exec(select(table).where(table.product_id == product)))


@on_sqlite
def test_a_lost_order_whose_money_went_back_needs_nobody(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, session_id = opened(shop, "guide-eur")
    session = stripe.pay(session_id)
    lose(shop)
    stripe.sessions[session_id]["metadata"] = {
        name: said for name, said in session["metadata"].items() if not name.startswith("copy")
    }
    deliver(shop, stripe.event("completed", session_id))
    (item,) = attention.items(shop)
    assert "it does not say what was bought" in item.detail
    stripe.make_refund(session["payment_intent"], 2900)
    clock.pass_(minutes=10)
    reconciliation.sweep(shop)
    assert builders.rows(shop, LostOrder) == []


@on_sqlite
def test_a_refund_of_a_lost_order_brings_the_order_with_it(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = opened(shop, "guide-eur")
    payment = stripe.pay(session_id)["payment_intent"]
    lose(shop)
    made = stripe.make_refund(payment, 2900, metadata={"order_id": order_id, "shop_id": shop.id})
    assert deliver(shop, stripe.tell("refund.created", made)).state is EventState.PARKED
    builders.ask_stripe(shop)
    assert builders.status(shop, order_id) == "refunded"


@on_sqlite
@pytest.mark.parametrize(("by_shop", "status"), [(True, "active"), (False, "canceled")])
def test_a_plan_that_an_owner_let_go_on_after_a_refund_goes_on_where_that_was_lost(
    shop: Shop, stripe: FakeStripe, by_shop: bool, status: str
) -> None:
    order_id, name = subscribed(shop, stripe)
    if by_shop:
        refund.request(shop, order_id, actor="owner", end_subscription=False)
    else:
        stripe.make_refund(builders.payment_of(shop, order_id), 900)
    lose(shop)
    with shop.transaction() as session:
        recovery.look_from(session, shop.now() - timedelta(days=1))
    for _ in range(2):
        reconciliation.sweep(shop, everything=True)
        builders.ask_stripe(shop)
        builders.end_plans(shop)
    assert (stripe.subscriptions[name]["status"], builders.grants(shop, order_id)) == (status, [("plan", "revoked")])
    assert [item.topic for item in attention.items(shop)] == (["plan_bills_on"] if by_shop else [])


@on_sqlite
def test_for_which_lines_a_refund_was_and_what_was_decided_with_it_is_known_where_it_was_lost(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id = bought(shop, stripe, "guide-eur", "kit-eur")
    refund.request(shop, order_id, 100, lines=[2], take_back=True, actor="owner", key="click")
    ended, name = subscribed(shop, stripe, cart="plan", browser="br_2")
    refund.request(shop, ended, actor="owner", end_subscription=True)
    builders.end_plans(shop)

    def known(row: Refund) -> tuple[Any, ...]:
        lines = {line.id: line.position for line in builders.rows(shop, OrderLine)}
        of_lines = {lines[line_id]: amount for line_id, amount in row.lines.items()}
        return row.amount, of_lines, row.takes_back, row.ends_subscription, row.request

    before = [known(row) for row in builders.rows(shop, Refund)]
    assert ({1: 100}, True) in [each[1:3] for each in before]
    lose(shop)
    with shop.transaction() as session:
        recovery.look_from(session, shop.now() - timedelta(days=1))
    reconciliation.sweep(shop, everything=True)
    builders.ask_stripe(shop)
    assert sorted(map(known, builders.rows(shop, Refund)), key=repr) == sorted(before, key=repr)
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "revoked")]
    assert stripe.subscriptions[name]["status"] == "canceled"


@on_sqlite
def test_renewals_that_cost_nothing_come_back_however_long_ago_they_were(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = subscribed(shop, stripe)
    since = shop.now()
    clock.pass_(days=31)
    stripe.subscriptions[name]["items"]["data"][0]["price"]["unit_amount"] = 0
    deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    before = {(row.id, row.amount, row.billed) for row in builders.rows(shop, Payment)}
    assert [amount for _, amount, _ in before].count(0) == 1
    lose(shop)
    stripe.happened.clear()
    clock.pass_(days=40)
    with shop.transaction() as session:
        recovery.look_from(session, since)
    for _ in range(2):
        assert reconciliation.sweep(shop, everything=True).failed == []
        builders.ask_stripe(shop)
    assert {(row.id, row.amount, row.billed) for row in builders.rows(shop, Payment)} == before


@on_sqlite
@pytest.mark.parametrize("told", [True, False])
def test_of_a_lost_order_each_copy_of_its_expired_page_that_was_paid_is_known(
    shop: Shop, stripe: FakeStripe, told: bool
) -> None:
    order_id, expired = opened(shop, "kit-eur")
    stripe.expire_checkout(expired)
    copies = [stripe.recover(expired)["id"], stripe.recover(expired)["id"]]
    paid = [stripe.pay(copy)["payment_intent"] for copy in copies]
    lose(shop)
    if told:
        for copy in copies:
            assert deliver(shop, stripe.event("completed", copy)).state is EventState.APPLIED
    else:
        with shop.transaction() as session:
            recovery.look_from(session, shop.now() - timedelta(days=1))
        assert reconciliation.sweep(shop, everything=True).failed == []
    assert {row.stripe_payment_intent_id for row in builders.rows(shop, Payment)} == set(paid)
    assert [item.topic for item in attention.items(shop)] == ["paid_twice"]
    assert builders.grants(shop, order_id) == [("kit", "active")]


@on_sqlite
@pytest.mark.parametrize("kind", ["expired", "completed"])
def test_nobody_hears_of_a_lost_order_that_was_never_paid(shop: Shop, stripe: FakeStripe, kind: str) -> None:
    _, session_id = opened(shop, "guide-eur")
    lose(shop)
    if kind == "expired":
        stripe.expire(session_id)
    assert deliver(shop, stripe.event(kind, session_id)).state is EventState.IGNORED
    assert (builders.rows(shop, Order), attention.items(shop)) == ([], [])


def test_an_order_that_was_changed_after_the_backup_becomes_what_was_paid_for(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    order_id, _ = opened(shop, "guide-eur", "clinic-eur")
    making.make(shop, tmp_path / "shop.backup", with_files=False, tools=tools(shop))
    same, changed = opened(shop, "kit-eur")
    assert same == order_id
    stripe.pay(changed)
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        restoring.restore(new, tmp_path / "shop.backup", tools=tools(shop))
        deliver(new, stripe.event("completed", changed))
        assert builders.status(new, order_id) == "fulfilled"
        assert builders.grants(new, order_id) == [("kit", "active")]
        assert set(builders.taken(new).values()) == {0, 3}


@on_sqlite
def test_a_number_that_somebody_has_by_now_is_not_given_twice(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = opened(shop, "guide-eur", cart="lost")
    stripe.pay(session_id)
    lose(shop)
    with shop.transaction() as session:
        session.execute(Order.metadata.tables["counters"].update().values(value=1000))
    other = bought(shop, stripe, "guide-eur", cart="other")
    deliver(shop, stripe.event("completed", session_id))
    assert (builders.order(shop, other).number, builders.order(shop, order_id).number) == ("SH-1001", "SH-1002")


@on_sqlite
def test_a_copy_that_was_altered_or_is_of_another_attempt_is_not_believed(shop: Shop, stripe: FakeStripe) -> None:
    _, session_id = opened(shop, ("guide-eur", 2), ("kit-eur", 1), "clinic-eur", "plan-month")
    metadata = stripe.sessions[session_id]["metadata"]
    copy = order_copy.read(metadata, shop.signing_key)
    assert copy
    assert [(line.product, line.quantity, line.amount) for line in copy.lines] == [
        ("guide", 2, 2900), ("kit", 1, 7900), ("clinic", 1, 14000), ("plan", 1, 900),
    ]  # fmt: skip
    assert all(len(name) <= 40 and len(said) <= 500 for name, said in metadata.items())
    for name in metadata:
        if name.startswith("copy") or name in ("order_id", "attempt", "cart_id", "shop_id", "token"):
            assert order_copy.read({**metadata, name: metadata[name] + "0"}, shop.signing_key) is None
    assert order_copy.read(metadata, "another key of many letters") is None


@on_sqlite
def test_a_database_that_was_put_back_by_other_means_is_asked_about_from_a_day_on(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, session_id = opened(shop, "guide-eur")
    stripe.pay(session_id)
    lose(shop)
    clock.pass_(days=2)
    for _ in range(2):
        with shop.transaction() as session:
            recovery.look_from(session, clock.time - timedelta(days=3))
        clock.pass_(minutes=1)
        reconciliation.sweep(shop)
        assert builders.status(shop, order_id) == "fulfilled"
    assert stripe.calls.count("checkouts_completed") == 2


@on_sqlite
def test_stripe_is_asked_once_for_what_came_after_a_backup(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, clock: Clock, tmp_path: Path
) -> None:
    making.make(shop, tmp_path / "shop.backup", with_files=False)
    reconciliation.sweep(shop)
    assert "checkouts_completed" not in stripe.calls
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        restoring.restore(new, tmp_path / "shop.backup")
        clock.pass_(minutes=1)
        stripe.forbidden.add("refunds_made")
        for _ in range(3):
            reconciliation.sweep(new)
        assert stripe.calls.count("checkouts_completed") == 1  # what failed rests
        stripe.forbidden.clear()
        clock.pass_(minutes=1)
        for _ in range(3):
            reconciliation.sweep(new)
        assert stripe.calls.count("checkouts_completed") == 2
        with new.reading() as session:
            assert milestones.last(session, milestones.Name.RECOVERED)


@on_sqlite
def test_a_trial_a_price_of_later_and_what_was_agreed_to_come_back_with_their_orders(
    shop: Shop, stripe: FakeStripe
) -> None:
    builders.let_try(shop, 14)
    tried, trial = opened(shop, "plan-month", cart="trial")
    with shop.reading() as session:
        texts = products.texts(session)
        guide = session.get_one(Product, "guide")
    versions = tuple(each.version for each in clauses.asked([guide], texts))
    link = checkout.start(
        shop, replace(builders.a_basket("guide-eur", cart="agreed"), consents=versions, business=True)
    )
    for paid in (trial, builders.session_id(link)):
        stripe.pay(paid)
    lose(shop)
    with shop.transaction() as session:
        session.delete(session.get_one(Price, "guide-eur"))
    for paid in (trial, builders.session_id(link)):
        deliver(shop, stripe.event("completed", paid))
    builders.ask_stripe(shop)
    assert (builders.status(shop, tried), builders.grants(shop, tried)) == ("fulfilled", [("plan", "active")])
    order = builders.order(shop, link.order_id)
    assert (order.status, order.business, order.amount_total) == ("fulfilled", True, 2900)
    with shop.reading() as session:
        assert [row.given for row in consents.of_order(session, link.order_id)] == [True] * len(versions)
        price = session.get_one(Price, "guide-eur")
    assert (price.amount, price.active) == (2900, False)
    assert attention.items(shop) == []
