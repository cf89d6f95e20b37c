"""Consents: what a buyer agreed to, in which words and when, stands with the order, and what nobody agreed to as well."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from core.catalog import catalog_file
from core.catalog.products import Product, ShopText
from core.correspondence import drafts
from core.foundation.errors import CatalogInvalid
from core.journeys import checkout
from core.kinds import offers
from core.orders.orders import Order, OrderLine
from core.orders.payment_lines import PaymentLine
from core.orders.payments import Payment
from core.orders.subscriptions import Subscription
from core.owner import evidence, publishing
from core.owner.shelves import entries
from core.rights import clauses, periods
from core.rights.clauses import Asked, Clause
from core.rights.consents import Consent
from core.rights.periods import Right
from core.shop import Shop
from tests import builders
from tests.conftest import CATALOGUE, Clock
from tests.fakes import FakeStripe

UTC = ZoneInfo("UTC")


def asked(shop: Shop, *products: str) -> dict[Clause, Asked]:
    """What somebody is asked who buys these."""
    with shop.reading() as session:
        found = offers.of_products(session, products, now=shop.now())
        texts = {row.key: row.text for row in builders.rows(shop, ShopText)}
    return {each.clause: each for each in clauses.asked(found, texts)}


def says(shop: Shop, **texts: str) -> None:
    with shop.transaction() as session:
        session.add_all(ShopText(key=f"consent_{name}", text=text) for name, text in texts.items())


def standing(shop: Shop) -> dict[str, bool]:
    """Which clauses stand with the one order, and whether they were agreed to."""
    return {row.clause: row.given for row in builders.rows(shop, Consent)}


def pays(shop: Shop, stripe: FakeStripe, *items: str, agreed: tuple[str, ...] | None) -> str:
    link = checkout.start(shop, replace(builders.a_basket(*items), consents=agreed))
    stripe.pay(builders.session_id(link))
    builders.deliver(shop, stripe.event("completed", builders.session_id(link)))
    return link.order_id


@builders.on_sqlite
def test_each_kind_has_its_clause_and_plans_are_told_that_they_renew(shop: Shop) -> None:
    assert {product: list(asked(shop, product)) for product in ("guide", "kit", "plan", "clinic")} == {
        "guide": [Clause.DIGITAL], "kit": [Clause.DIGITAL], "plan": [Clause.SERVICE, Clause.RENEWAL],
        "clinic": [Clause.EVENT],
    }  # fmt: skip
    together = asked(shop, "guide", "kit")[Clause.DIGITAL]
    assert together.products == ("guide", "kit")
    assert together.box
    assert not asked(shop, "clinic")[Clause.EVENT].box


@builders.on_sqlite
def test_the_words_are_the_seller_s_and_a_product_s_own_come_first(shop: Shop) -> None:
    ours = asked(shop, "guide")[Clause.DIGITAL]
    says(shop, digital="At once, please.", terms="I agree to the terms.")
    assert asked(shop, "guide")[Clause.DIGITAL].wording == "At once, please."
    assert asked(shop, "guide")[Clause.DIGITAL].version != ours.version
    assert asked(shop, "guide")[Clause.TERMS].required
    with shop.transaction() as session:
        session.get_one(Product, "guide").terms = {"consent": "This one at once."}
        session.get_one(Product, "kit").terms = {"withdrawal": "kept"}
        session.get_one(Product, "clinic").terms = {"withdrawal": "service"}
    assert asked(shop, "guide")[Clause.DIGITAL].wording == "This one at once."
    assert list(asked(shop, "kit")) == [Clause.TERMS]
    assert list(asked(shop, "clinic")) == [Clause.TERMS, Clause.SERVICE]


def test_what_was_agreed_to_stands_with_the_order_in_its_words(shop: Shop, stripe: FakeStripe) -> None:
    digital = asked(shop, "guide")[Clause.DIGITAL]
    order_id = pays(shop, stripe, "guide-eur", "clinic-eur", agreed=(digital.version,))
    rows = {row.clause: row for row in builders.rows(shop, Consent)}
    assert {clause: row.given for clause, row in rows.items()} == {Clause.DIGITAL: True, Clause.EVENT: False}
    assert (rows[Clause.DIGITAL].wording, rows[Clause.DIGITAL].version) == (digital.wording, digital.version)
    assert rows[Clause.DIGITAL].created_at == shop.now()
    pack = evidence.pack(shop, order_id)
    assert [(each["clause"], each["given"]) for each in pack["consents"]] == [("digital", True), ("event", False)]
    assert "my right of withdrawal ends" in evidence.page(pack)
    draft = drafts.of_id(f"receipt:{order_id}")
    assert draft
    receipt = drafts.write(shop, draft)
    assert receipt
    assert digital.wording in receipt.text
    assert "fixed date" not in receipt.text


def test_who_says_nothing_has_agreed_to_nothing_and_the_right_stays(shop: Shop, stripe: FakeStripe) -> None:
    order_id = pays(shop, stripe, "guide-eur", agreed=None)
    assert standing(shop) == {Clause.DIGITAL: False}
    with shop.reading() as session:
        [line] = periods.of_order(session, order_id, UTC, at=shop.now())
    assert line.right is Right.OPEN


def test_going_to_the_payment_page_again_changes_what_was_agreed_to(shop: Shop) -> None:
    version = asked(shop, "guide")[Clause.DIGITAL].version
    for agreed, given in (((), False), ((version,), True), (None, True), (("other",), False)):
        checkout.start(shop, replace(builders.a_basket(), consents=agreed))
        assert standing(shop) == {Clause.DIGITAL: given}
    # Another cart is asked about anew, and who says nothing then has not agreed.
    checkout.start(shop, replace(builders.a_basket(), consents=(version,)))
    checkout.start(shop, builders.a_basket("guide-eur", "kit-eur"))
    assert standing(shop) == {Clause.DIGITAL: False}
    checkout.start(shop, replace(builders.a_basket("clinic-eur"), consents=()))
    assert standing(shop) == {Clause.EVENT: False}


@builders.on_sqlite
def test_the_law_s_days_are_counted_by_the_shop_s_clock(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    version = asked(shop, "guide")[Clause.DIGITAL].version
    with shop.transaction() as session:
        session.get_one(Product, "kit").terms = {"withdrawal": "kept"}
    order_id = pays(shop, stripe, "guide-eur", "kit-eur", "clinic-eur", agreed=(version,))
    paid = builders.order(shop, order_id).paid_at
    assert paid
    zone = ZoneInfo("Europe/Copenhagen")
    with shop.reading() as session:
        first = periods.of_order(session, order_id, zone, at=paid)
        until = first[1].until
        late = periods.of_order(session, order_id, zone, at=until + timedelta(seconds=1))
    assert [line.right for line in first] == [Right.LAPSED, Right.OPEN, Right.NONE]
    assert [line.right for line in late] == [Right.LAPSED, Right.OVER, Right.NONE]
    assert (until.hour, until.date()) == (0, paid.astimezone(zone).date() + timedelta(days=15))


@builders.on_sqlite
def test_of_a_plan_that_began_at_once_the_unused_part_is_told(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    agreed = tuple(each.version for each in asked(shop, "plan").values())
    link = checkout.start(shop, replace(builders.a_basket("plan-month"), consents=agreed))
    subscription = stripe.pay(builders.session_id(link))["subscription"]
    builders.deliver(shop, stripe.event("completed", builders.session_id(link)))
    builders.questions.ask(shop, subscription)
    paid = builders.order(shop, link.order_id).paid_at
    assert paid
    with shop.reading() as session:
        [line] = periods.of_order(session, link.order_id, UTC, at=paid + timedelta(days=10))
    assert line.right is Right.PART
    assert line.unused
    assert 540 <= line.unused.amount <= 620  # of 900 for some thirty days


def unused(shop: Shop, order_id: str, *, days: float) -> list[int | None]:
    """What of each line's money is for the time still to come, so long after the order was placed."""
    with shop.reading() as session:
        begun = session.get_one(Order, order_id).created_at
        found = periods.of_order(session, order_id, UTC, at=begun + timedelta(days=days))
    return [each.unused.amount if each.unused else None for each in found]


def agreed_to(shop: Shop, order_id: str) -> None:
    """Its buyer ticked every box, whatever they were asked."""
    with shop.transaction() as session:
        session.exec(update(Consent).where(col(Consent.order_id) == order_id).values(given=True))


def test_of_each_plan_the_unused_part_is_of_its_own_period(shop: Shop, stripe: FakeStripe) -> None:
    order_id, (month, year) = builders.two_plans_apart(shop, stripe)
    agreed_to(shop, order_id)
    own = {month: "plan-month", year: "bigger-month"}
    with shop.transaction() as session:
        row = session.get_one(Subscription, year)
        row.period_end = row.created_at + timedelta(days=365)
        lines = {line.price_id: line for line in session.exec(select(OrderLine))}
        for payment in session.exec(select(Payment)):
            line = lines[own[str(payment.stripe_subscription_id)]]
            session.add(
                PaymentLine(
                    payment_id=payment.id, position=0, order_line_id=line.id, quantity=1, amount_subtotal=line.unit_amount,
                    amount_discount=0, amount_tax=0, amount=line.unit_amount,
                )
            )  # fmt: skip
    plan, bigger = unused(shop, order_id, days=10)
    assert plan
    assert bigger
    assert 0.6 < plan / 900 < 0.72
    assert 0.96 < bigger / 2000 < 0.98


@builders.on_sqlite
def test_nothing_of_a_trial_is_to_be_sent_back_and_after_it_what_was_paid_counts_from_there(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.let_try(shop, 7)
    order_id, subscription = builders.subscribed(shop, stripe)
    agreed_to(shop, order_id)
    assert unused(shop, order_id, days=3) == [None]
    clock.pass_(days=7)
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(subscription)))
    builders.questions.ask(shop, subscription)
    [left] = unused(shop, order_id, days=10)
    assert left
    assert 0.88 < left / 900 < 0.92


@builders.on_sqlite
def test_the_unused_part_has_its_tax_and_is_no_more_than_what_can_go_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    agreed_to(shop, order_id)
    with shop.transaction() as session:
        payment = session.exec(select(Payment).where(Payment.order_id == order_id)).one()
        # As if there had been tax of a fifth on top.
        listed = session.exec(select(PaymentLine).where(PaymentLine.payment_id == payment.id)).all()
        for row in (payment, *listed):
            row.amount_tax, row.amount = 180, 1080
    [before] = unused(shop, order_id, days=0)
    assert before
    assert 1060 < before <= 1080
    builders.refund.request(shop, order_id, 820, actor="owner")
    assert unused(shop, order_id, days=10) == [260]


@builders.on_sqlite
def test_of_what_is_no_plan_nobody_knows_what_was_used(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe, "plan-month", "clinic-eur")
    agreed_to(shop, order_id)
    with shop.transaction() as session:
        session.exec(update(Consent).where(col(Consent.clause) == Clause.EVENT).values(clause=Clause.SERVICE))
    plan, clinic = unused(shop, order_id, days=1)
    assert plan
    assert clinic is None


@builders.on_sqlite
def test_the_catalogue_says_it_and_is_exported_with_it(shop: Shop, tmp_path: Path) -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    said = text.replace('kind = "license"', 'kind = "license"\nwithdrawal = "service"\nconsent = "Go on."', 1)
    file = tmp_path / "catalogue.toml"
    file.write_text(said, encoding="utf-8")
    publishing.apply(shop, file)
    file.write_text(said.replace('"service"', '"never"'), encoding="utf-8")
    with pytest.raises(CatalogInvalid):
        catalog_file.read(file)
    assert asked(shop, "kit")[Clause.SERVICE].wording == "Go on."
    with shop.reading() as session:
        kit = next(each for each in entries.catalogue(session)["products"] if each["id"] == "kit")
    assert (kit["withdrawal"], kit["consent"]) == ("service", "Go on.")
