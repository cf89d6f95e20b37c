"""What is ours and what is not, rule by rule: of a Session by its id and what stands on it, of all else by the ids it carries."""

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import Session

from core import admission
from core.admission import AdmittedSession, Fate, Refused
from core.gateway.sessions import CheckoutState, SessionFacts
from core.journeys import checkout
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.orders.payments import Payment
from core.shop import Shop
from tests import builders
from tests.builders import a_basket
from tests.core.orders.rows import DAY
from tests.core.test_statements import statements
from tests.fakes import FakeStripe

NOT_OURS = Refused(Fate.IGNORE, "not an order of this shop")
ANOTHER_SHOPS = Refused(Fate.IGNORE, "an order of another shop")
STRANGER = Refused(Fate.IGNORE, "a Session that this shop did not open")
UNPAID = Refused(Fate.IGNORE, "an order that is not here, and that nobody has paid", "ord_9")
NOT_YET = Refused(Fate.WAIT, "its order is not known yet", "ord_9")
ASKING = Refused(Fate.ASK, "asking Stripe which order it belongs to")


@pytest.fixture
def opened(shop: Shop, stripe: FakeStripe) -> tuple[str, list[SessionFacts]]:
    """An order with two attempts, of which the first ran out; its id, and what the Sessions of both say."""
    found = []
    for _ in range(2):
        order_id, session_id = builders.opened(shop, "kit-eur")
        found.append(stripe.retrieve_checkout(session_id))
        if len(found) == 1:
            stripe.expire(session_id)
            builders.deliver(shop, stripe.event("expired", session_id))
    return order_id, found


def admit(shop: Shop, facts: SessionFacts, *, forget: tuple[int, ...] = (), opened_as: str = "") -> str | Refused:
    """The id of the attempt under which a Session is admitted, where we do not know yet which Sessions these opened."""
    with shop.reading() as session:
        for row in builders.rows(shop, Checkout):
            if row.attempt in forget:
                session.get_one(Checkout, row.id).stripe_checkout_session_id = None
        session.flush()
        found = admission.of_session(session, shop.id, facts, opened_as=opened_as)
        if isinstance(found, AdmittedSession):
            assert (found.facts, found.order_id) == (facts, found.attempt.order_id)
            return found.attempt.id
        return found


def naming(facts: SessionFacts, *without: str, **names: str) -> SessionFacts:
    """The same Session with other metadata."""
    return replace(
        facts, metadata={name: text for name, text in (facts.metadata | names).items() if name not in without}
    )


def of(refused: Refused, order_id: str) -> Refused:
    return replace(refused, order_id=order_id)


def test_a_session_is_ours_by_its_id_and_by_all_that_we_wrote_on_it(
    shop: Shop, opened: tuple[str, list[SessionFacts]]
) -> None:
    order_id, (first, second) = opened
    assert [admit(shop, each) for each in (first, second)] == [f"checkout:{order_id}:{number}" for number in (1, 2)]
    assert admit(shop, naming(second, more="than that")) == f"checkout:{order_id}:2"
    for name in second.metadata.keys() - {"order_id", "shop_id"}:
        assert admit(shop, naming(second, **{name: "other"})) == STRANGER
        assert admit(shop, naming(second, name)) == STRANGER
    assert admit(shop, naming(second, "shop_id")) == NOT_OURS
    assert admit(shop, naming(second, shop_id="shop_9")) == ANOTHER_SHOPS
    assert admit(shop, replace(second, amount_subtotal=100)) == f"checkout:{order_id}:2"


def test_a_session_of_an_order_that_is_not_there_may_be_ours_all_the_same(
    shop: Shop, opened: tuple[str, list[SessionFacts]]
) -> None:
    _, (facts, _) = opened
    assert admit(shop, naming(replace(facts, state=CheckoutState.COMPLETE), order_id="ord_9")) == NOT_YET
    assert admit(shop, naming(facts, order_id="ord_9")) == UNPAID
    for name in ("77", "", "9_ord_"):
        assert admit(shop, naming(facts, order_id=name)) == NOT_OURS
    assert admit(shop, naming(facts, "shop_id", order_id="ord_9")) == NOT_OURS
    assert admit(shop, naming(facts, order_id="ord_9", shop_id="shop_9")) == ANOTHER_SHOPS


def test_a_session_of_an_unknown_id_is_a_strangers_unless_an_attempt_is_still_to_come(
    shop: Shop, opened: tuple[str, list[SessionFacts]]
) -> None:
    order_id, (first, second) = opened
    for known in (first, second):
        assert admit(shop, replace(known, id="cs_9")) == STRANGER
    to_come = naming(replace(first, id="cs_9"), attempt="3")
    assert admit(shop, to_come) == Refused(Fate.WAIT, "its attempt to pay is not known yet", order_id)
    assert admit(shop, naming(to_come, shop_id="shop_9")) == ANOTHER_SHOPS


def test_a_recovered_session_is_ours_if_that_is_from_which_it_was_recovered(
    shop: Shop, opened: tuple[str, list[SessionFacts]]
) -> None:
    order_id, (first, second) = opened
    recovered = replace(first, id="cs_9", recovered_from=first.id)
    assert admit(shop, recovered) == f"checkout:{order_id}:1"
    assert admit(shop, replace(recovered, recovered_from=second.id)) == of(ASKING, order_id)
    assert admit(shop, replace(recovered, recovered_from="cs_8")) == of(ASKING, order_id)
    # It was nobody's first, so the attempt that it names did not open it.
    assert admit(shop, recovered, forget=(1,)) == of(ASKING, order_id)
    # Nor does one that was recovered from none belong to an attempt of which nothing is known yet.
    assert admit(shop, replace(first, id="cs_9"), forget=(2,)) == STRANGER


def test_before_its_id_is_known_a_session_is_proven_by_its_attempt_and_its_money(
    shop: Shop, opened: tuple[str, list[SessionFacts]]
) -> None:
    order_id, (first, second) = opened
    wrong = replace(second, amount_subtotal=100)
    waits = Refused(Fate.WAIT, "its attempt to pay is not known yet", order_id)
    assert admit(shop, second, forget=(2,)) == f"checkout:{order_id}:2"
    assert admit(shop, second, forget=(1, 2)) == f"checkout:{order_id}:2"
    assert admit(shop, second, forget=(1,)) == f"checkout:{order_id}:2"
    assert admit(shop, wrong, forget=(2,)) == waits
    # What Stripe answers to our own call needs no more proof than that.
    assert admit(shop, wrong, forget=(2,), opened_as=f"checkout:{order_id}:2") == f"checkout:{order_id}:2"
    assert admit(shop, wrong, forget=(2,), opened_as=f"checkout:{order_id}:1") == waits
    assert admit(shop, second, forget=(1, 2), opened_as=f"checkout:{order_id}:1") == STRANGER
    assert admit(shop, replace(first, id="cs_9"), opened_as=f"checkout:{order_id}:1") == STRANGER


def test_an_attempt_of_which_it_is_not_known_what_was_written_is_proven_by_its_order(
    shop: Shop, opened: tuple[str, list[SessionFacts]]
) -> None:
    order_id, (first, _) = opened
    with shop.transaction() as session:
        session.get_one(Checkout, f"checkout:{order_id}:1").parameters = {}
    assert admit(shop, replace(first, metadata={"order_id": order_id})) == f"checkout:{order_id}:1"


# -- what is no Session


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        ({}, {}),
        ({"metadata": None, "parent": None, "subscription_details": None}, {}),
        ({"metadata": {"shop_id": "shop_1"}}, {}),
        ({"metadata": {"order_id": ""}}, {}),
        ({"metadata": {"order_id": "ord_1", "shop_id": "shop_1"}}, {"order_id": "ord_1", "shop_id": "shop_1"}),
        ({"parent": {"subscription_details": {"metadata": {"order_id": "ord_1"}}}}, {"order_id": "ord_1"}),
        ({"parent": {"subscription_details": None}, "subscription_details": {}}, {}),
        ({"subscription_details": {"metadata": {"order_id": "ord_1"}}}, {"order_id": "ord_1"}),
        (
            {"metadata": {"of": "an invoice"}, "subscription_details": {"metadata": {"order_id": "ord_1"}}},
            {"order_id": "ord_1"},
        ),
        (
            {
                "metadata": {"order_id": "ord_1"},
                "parent": {"subscription_details": {"metadata": {"order_id": "ord_2"}}},
            },
            {"order_id": "ord_1"},
        ),
    ],
)
def test_an_object_names_its_order_itself_or_its_subscription_does(
    subject: dict[str, Any], names: dict[str, str]
) -> None:
    assert admission.named(subject) == names


@pytest.mark.parametrize(
    ("subject", "payments", "charge"),
    [
        ({}, [], None),
        ({"object": "payment_intent", "id": "pi_1"}, ["pi_1"], None),
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, ["pi_1"], None),
        ({"object": "refund", "payment_intent": {"id": "pi_1"}, "charge": "ch_1"}, ["pi_1"], None),
        ({"object": "dispute", "payment_intent": None, "charge": {"id": "ch_1"}}, ["ch_1"], "ch_1"),
    ],
)
def test_a_payment_goes_by_its_payment_intent_or_by_its_charge_alone(
    subject: dict[str, Any], payments: list[str], charge: str | None
) -> None:
    assert (admission.payments_of(subject), admission.lone_charge_of(subject)) == (payments, charge)


@pytest.mark.parametrize(
    ("subject", "subscription"),
    [
        ({}, None),
        ({"object": "subscription", "id": "sub_1"}, "sub_1"),
        ({"object": "invoice", "parent": {"subscription_details": {"subscription": "sub_1"}}}, "sub_1"),
        ({"object": "checkout.session", "parent": {"subscription_details": {"subscription": "sub_1"}}}, None),
        ({"object": "checkout.session", "subscription": {"id": "sub_1"}}, "sub_1"),
    ],
)
def test_a_subscription_is_one_or_is_named(subject: dict[str, Any], subscription: str | None) -> None:
    assert admission.subscription_of(subject) == subscription


@pytest.fixture
def two_orders(shop: Shop) -> list[str]:
    """Two orders: ids at Stripe are known of the attempt of the first, and of the second itself and a payment of it."""
    first, second = (checkout.start(shop, a_basket(cart=f"cart_{number}")).order_id for number in (1, 2))
    with shop.transaction() as session:
        row = session.get_one(Checkout, f"checkout:{first}:1")
        row.stripe_payment_intent_id, row.stripe_subscription_id = "pi_1", "sub_1"
        order = session.get_one(Order, second)
        order.stripe_payment_intent_id, order.stripe_subscription_id = "pi_2", "sub_2"
        session.add(
            Payment(
                id="in_3", order_id=second, billing_reason="subscription_cycle", amount=1, amount_subtotal=1,
                amount_discount=0, amount_tax=0, currency="eur", paid_at=DAY, lines_known=True,
                stripe_payment_intent_id="pi_3", stripe_charge_id="ch_3", stripe_invoice_id="in_3",
            )
        )  # fmt: skip
    return [first, second]


def owner(session: Session, payment_ids: list[str], subscription: str | None = None) -> str | None:
    return admission.of_ids(session, payment_ids, subscription)


def test_what_carries_an_id_that_we_know_is_of_that_order(shop: Shop, two_orders: list[str]) -> None:
    first, second = two_orders
    with shop.reading() as session:
        assert [owner(session, [name]) for name in ("pi_1", "pi_2", "pi_3", "in_3", "ch_3", "pi_9")] == [
            first, second, second, second, second, None,
        ]  # fmt: skip
        assert [owner(session, [], name) for name in ("sub_1", "sub_2", "sub_9", None)] == [first, second, None, None]
        assert [owner(session, ["pi_9", name]) for name in ("pi_1", "pi_2", "pi_3")] == [first, second, second]
        assert [owner(session, ["pi_9"], name) for name in ("sub_1", "sub_2", None)] == [first, second, None]
        assert owner(session, ["pi_2"], "sub_9") == second


def test_what_carries_no_such_id_is_asked_about_if_it_may_be_ours(shop: Shop, two_orders: list[str]) -> None:
    _, second = two_orders

    def admitted(session: Session, **names: str) -> str | Refused:
        return admission.of_object(session, shop.id, {"object": "refund", "payment_intent": "pi_9", "metadata": names})

    with shop.reading() as session:
        assert (
            admission.of_object(session, shop.id, {"payment_intent": "pi_3", "metadata": {"order_id": "77"}}) == second
        )
        assert admission.of_object(session, shop.id, {"object": "subscription", "id": "sub_2"}) == second
        assert admitted(session) == ASKING
        assert admitted(session, order_id=second) == NOT_OURS
        assert admitted(session, order_id=second, shop_id="shop_9") == ANOTHER_SHOPS
        assert admitted(session, order_id="ord_9", shop_id=shop.id) == of(ASKING, "ord_9")
        assert admitted(session, order_id=second, shop_id=shop.id) == of(ASKING, second)


def test_whose_something_is_is_looked_up_by_what_it_names_and_not_among_all_there_is(shop: Shop) -> None:
    subjects = [
        {"object": "payment_intent", "id": "pi_9"}, {"object": "subscription", "id": "sub_9"},
        {"object": "charge", "id": "ch_9", "metadata": {"order_id": "ord_9", "shop_id": shop.id}},
    ]  # fmt: skip
    with statements(shop.engine) as heard, shop.reading() as session:
        assert admission.of_objects(session, shop.id, subjects) == [ASKING, ASKING, of(ASKING, "ord_9")]
    asked = [each for each in heard if each.startswith("SELECT")]
    assert len(asked) == 3
    assert all(" WHERE " in each for each in asked)
