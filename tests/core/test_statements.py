"""What one event and one checkout cost: few transactions, and no more statements than they need."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from core.connections import statements as driver_statements
from core.events import reconciliation
from core.kinds import offers
from core.outgoing import endpoints
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe

# Of a paid order with one file to download, from the event to the job that sends the receipt.
# The lines of an order and its grants are read by one each: a new shop's PostgreSQL would go through all grants to join them.
MOST = 13
# Of a checkout, from the basket to the payment page: to place the order, and to keep what Stripe answered. Of a workshop it is
# asked as well where places of these lines are counted by now.
MOST_OF_CHECKOUT = {"guide-eur": 14, "clinic-eur": 19}
# Of all that may need an owner.
MOST_OF_ATTENTION = 18
_AROUND = ("BEGIN", "COMMIT", "ROLLBACK")


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile, and the transactions they are in."""
    heard: list[str] = []

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(" ".join(statement.split()))

    def begun(_connection: object) -> None:
        heard.append("BEGIN")

    def committed(_connection: object) -> None:
        heard.append("COMMIT")

    def rolled_back(_connection: object) -> None:
        heard.append("ROLLBACK")

    listeners = {
        "before_cursor_execute": executed, "begin": begun, "commit": committed, "rollback": rolled_back,
    }  # fmt: skip
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield heard
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


def test_a_paid_event_takes_one_transaction_and_few_statements(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "_BELIEVED", 3600)  # however slow this machine is
    builders.bought(shop, stripe, cart="earlier")
    order_id, paid = builders.opened(shop, "guide-eur")
    stripe.pay(paid)
    completed = stripe.event("completed", paid)
    with statements(shop.engine) as heard:
        builders.deliver(shop, completed)
    around = [each for each in heard if each in _AROUND]
    asked = [each for each in heard if each not in around and each != "begin immediate"]
    assert around == ["BEGIN", "COMMIT"]
    assert len(asked) <= MOST, "\n".join(asked)
    assert builders.status(shop, order_id) == "fulfilled"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_what_a_paid_event_asks_goes_out_together(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "_BELIEVED", 3600)
    builders.bought(shop, stripe, cart="earlier")
    _, paid = builders.opened(shop, "guide-eur")
    stripe.pay(paid)
    completed = stripe.event("completed", paid)
    waits: list[int] = []
    run = driver_statements._run
    monkeypatch.setattr(driver_statements, "_run", lambda to, each: (waits.append(len(each)), run(to, each))[1])
    builders.deliver(shop, completed)
    # The event and all that its order is known by; and all that is written, with the commit.
    assert len(waits) <= 2, waits


def test_a_second_delivery_only_looks(shop: Shop, stripe: FakeStripe) -> None:
    _, paid = builders.opened(shop, "guide-eur")
    stripe.pay(paid)
    completed = stripe.event("completed", paid)
    builders.deliver(shop, completed)
    with statements(shop.engine) as heard:
        builders.deliver(shop, completed)
    asked = [each for each in heard if each not in ("BEGIN", "COMMIT", "begin immediate")]
    # PostgreSQL is asked about the order with the event: before it is known whether that is needed.
    along = 5 if shop.engine.dialect.name == "postgresql" else 0
    assert [each.split()[0].lower() for each in asked] == ["insert", *["select"] * along, "select"]


@pytest.mark.parametrize("price", MOST_OF_CHECKOUT)
def test_a_checkout_takes_two_transactions_and_few_statements(shop: Shop, price: str) -> None:
    builders.opened(shop, price, cart="earlier")
    with statements(shop.engine) as heard:
        builders.opened(shop, price)
    # For how long others' locks are waited for is a part of how the second begins: it goes out with its first question.
    patience = ["set local lock_timeout = 500"] if shop.engine.dialect.name == "postgresql" else []
    around = [each for each in heard if each in (*_AROUND, *patience)]
    assert around == ["BEGIN", "COMMIT", "BEGIN", *patience, "COMMIT"]
    asked = [each for each in heard if each not in around and each != "begin immediate"]
    assert len(asked) <= MOST_OF_CHECKOUT[price], "\n".join(asked)
    # All wait for the row that numbers orders: what can be done before is done before.
    numbered = next(place for place, each in enumerate(asked) if each.startswith("update counters"))
    assert not [each for each in asked[numbered:-3] if "from orders" in each.lower() or "from products" in each.lower()]


def test_what_needs_a_person_is_asked_in_few_statements_where_nothing_does(shop: Shop, stripe: FakeStripe) -> None:
    """At the top of every owner's page: that there is nothing of any kind is one question."""
    builders.bought(shop, stripe)
    reconciliation.sweep(shop)
    with statements(shop.engine) as heard:
        assert attention.items(shop) == []
    asked = [each for each in heard if each.startswith("SELECT")]
    assert len(asked) <= MOST_OF_ATTENTION, "\n".join(asked)


def test_the_shelf_is_three_questions_with_all_that_its_bundles_are_made_of(shop: Shop) -> None:
    builders.sell_bundle(shop)
    with shop.reading() as session, statements(shop.engine) as heard:
        found = {offer.id: offer for offer in offers.shelf(session, now=shop.now())}
    [whole] = [offer for offer in found.values() if offer.parts]
    assert whole.parts == tuple(found[part.id] for part in whole.parts)
    assert _tables(heard) == ["products", "prices", "workshop_dates"]


@pytest.mark.parametrize(
    ("product", "tables"),
    [
        ("guide", ["products", "prices"]),
        ("clinic", ["products", "prices", "workshop_dates"]),
        ("both", ["products", "products", "prices"]),
    ],
)
def test_a_product_is_asked_for_with_what_its_kind_has(shop: Shop, product: str, tables: list[str]) -> None:
    builders.sell_bundle(shop)
    with shop.reading() as session, statements(shop.engine) as heard:
        assert offers.of_product(session, product, now=shop.now())
    assert _tables(heard) == tables


def _tables(heard: list[str]) -> list[str]:
    """What is asked for, by the first table of each question."""
    return [each.partition(" FROM ")[2].split()[0] for each in heard if each.startswith("SELECT")]
