"""Somebody else's objects: whatever they name, they record nothing, change no address and open nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from core.catalog.products import Product
from core.events import inbox, reconciliation
from core.events.inbox import StripeEvent
from core.foundation.errors import CheckoutNotFound, LinkExpired, LinkInvalid
from core.journeys import refund, success_page
from core.kinds.workshops import WorkshopDate
from core.orders.checkouts import Checkout
from core.orders.disputes import Dispute
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.orders.subscriptions import Subscription
from core.owner import reports
from core.owner.needs import attention
from core.people import customers
from core.people.customers import How
from core.people.receipts import order_links
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.webhook.test_stripe_events import post

MALLORY = "mallory@evil.example"
NORA = "nora@lindqvist.example"


def everything(shop: Shop, order_id: str) -> tuple[Any, ...]:
    """All that could have been recorded of an order."""
    rows = [row.model_dump() for table in (Checkout, Refund, Dispute, Subscription, Payment)
            for row in builders.rows(shop, table)]  # fmt: skip
    return builders.detail(shop, order_id), builders.order(shop, order_id).model_dump(), rows, builders.jobs(shop)


def foreign(stripe: FakeStripe, session_id: str, **changes: Any) -> dict[str, Any]:
    """A Session that somebody else opened on the same account, paid, and like ours but for the changes."""
    theirs = {
        **stripe.sessions[session_id], "id": "cs_test_theirs", "status": "complete", "payment_status": "paid",
        "payment_intent": "pi_theirs", "url": None, "metadata": {},
        "customer_details": {"email": MALLORY, "name": "Mallory"}, **changes,
    }  # fmt: skip
    stripe.sessions["cs_test_theirs"] = theirs
    return theirs


LIES: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "an order told by the shop": lambda _ours: {},
    "a trial": lambda _ours: {
        "amount_subtotal": 0, "amount_total": 0, "payment_status": "no_payment_required", "payment_intent": None,
        "mode": "subscription", "subscription": "sub_theirs",
    },
    "a whole discount": lambda _ours: {
        "amount_total": 0, "payment_status": "no_payment_required", "payment_intent": None,
    },
    "one euro": lambda _ours: {"amount_subtotal": 100, "amount_total": 100},
    "our order without our shop": lambda ours: {"metadata": {**ours, "shop_id": ""}},
    "our order and attempt alone": lambda ours: {"metadata": {"order_id": ours["order_id"], "attempt": "1"}},
    "another shop": lambda ours: {"metadata": {**ours, "shop_id": "shop_theirs"}},
    "all our metadata": lambda ours: {"metadata": ours},
    "a token of its own": lambda ours: {"metadata": {**ours, "token": "tok_guessed"}},
    "an attempt of before": lambda ours: {"metadata": {**ours, "attempt": "0"}},
    "recovered from another of theirs": lambda ours: {"metadata": ours, "recovered_from": "cs_test_nobody"},
}  # fmt: skip
KINDS = ("completed", "async_payment_succeeded", "async_payment_failed", "expired")


# Without our own id, all that tells ours from theirs is the token, which nobody but Stripe is ever told.
UNKNOWN = [(lie, False) for lie in LIES if lie != "all our metadata"]


@pytest.mark.parametrize(("lie", "known"), [*((lie, True) for lie in LIES), *UNKNOWN])
def test_a_session_that_we_did_not_open_records_nothing_whatever_it_names(
    shop: Shop, stripe: FakeStripe, client: TestClient, lie: str, known: bool
) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    if not known:
        forget(shop)
    before = everything(shop, order_id)[:3]
    session = foreign(stripe, session_id, **LIES[lie](stripe.sessions[session_id]["metadata"]))
    for kind in KINDS:
        told = {**session, "status": "expired"} if kind == "expired" else session
        assert post(client, stripe.tell(f"checkout.session.{kind}", told)).status_code == 200
        builders.ask_stripe(shop)
    assert everything(shop, order_id)[:3] == before
    with pytest.raises(CheckoutNotFound):
        success_page.confirm(shop, "cs_test_theirs")
    reconciliation.sweep(shop, everything=True)
    assert {row.state for row in builders.rows(shop, StripeEvent)} == {"ignored"}
    for row in builders.rows(shop, StripeEvent):
        # Who it was recovered from would have to be asked again.
        asks = lie == "recovered from another of theirs"
        assert inbox.replay(shop, row.id, actor="owner").state == ("parked" if asks else "ignored")
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("pending", [])
    assert (builders.detail(shop, order_id)["email"], attention.items(shop)) == ("", [])
    assert not [job for job in builders.jobs(shop) if not job.startswith("ask_stripe:")]
    # And ours, paid after all, is delivered as if nothing had been.
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id))
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.detail(shop, order_id)["email"] == NORA


def forget(shop: Shop) -> None:
    """As before our own commit of the id that Stripe answered."""
    with shop.transaction() as session:
        (row,) = [session.get_one(Checkout, each.id) for each in builders.rows(shop, Checkout)]
        row.stripe_checkout_session_id = None


@pytest.mark.parametrize("kind", ["completed", "expired"])
def test_an_event_before_our_own_commit_of_the_id_is_proven_by_the_token(
    shop: Shop, stripe: FakeStripe, client: TestClient, kind: str
) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    forget(shop)
    stripe.pay(session_id) if kind == "completed" else stripe.expire(session_id)
    assert post(client, stripe.event(kind, session_id)).json()["state"] == "applied"
    assert builders.status(shop, order_id) == {"completed": "fulfilled", "expired": "canceled"}[kind]
    assert builders.attempts(shop)[0].stripe_checkout_session_id == session_id


def test_the_token_with_the_wrong_money_waits_until_our_own_id_is_known(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    forget(shop)
    session = foreign(stripe, session_id, metadata=stripe.sessions[session_id]["metadata"], amount_subtotal=100)
    event = stripe.tell("checkout.session.completed", session)
    assert post(client, event).json()["state"] == "parked"
    assert builders.status(shop, order_id) == "pending"
    assert builders.opened(shop, "kit-eur") == (order_id, session_id)
    assert post(client, event).json()["state"] == "ignored"
    assert builders.status(shop, order_id) == "pending"


def test_an_attempt_of_before_tokens_is_proven_by_all_that_was_written(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    with shop.transaction() as session:
        row = session.get_one(Checkout, builders.attempts(shop)[0].id)
        written = {name: text for name, text in row.parameters["metadata"].items() if name != "token"}
        row.parameters = {**row.parameters, "metadata": written}
    stripe.sessions[session_id]["metadata"] = written
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id))
    assert builders.status(shop, order_id) == "fulfilled"


def test_a_session_of_an_attempt_that_this_database_does_not_have_waits(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    later = {**stripe.sessions[session_id]["metadata"], "attempt": "2"}
    answer = post(client, stripe.tell("checkout.session.completed", foreign(stripe, session_id, metadata=later)))
    assert answer.json()["state"] == "parked"
    assert builders.status(shop, order_id) == "pending"


def test_a_recovered_session_of_a_recovered_one_pays_though_the_one_between_was_never_told(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, first = builders.opened(shop, "kit-eur")
    stripe.expire(first)
    second = stripe.recover(first)["id"]
    stripe.expire(second)
    third = stripe.recover(second)["id"]
    stripe.pay(third)
    event = stripe.event("completed", third)
    assert post(client, event).json()["state"] == "parked"
    builders.ask_stripe(shop)
    assert builders.event_row(shop, event["id"]).state == "applied"
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.detail(shop, order_id)["stripe"]["checkout_session"] == third
    assert success_page.confirm(shop, third) == order_id


def test_two_shops_of_one_account_let_each_others_sessions_be(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    _, session_id = builders.opened(shop, "kit-eur")
    theirs = {"order_id": "ord_theirs", "cart_id": "c", "shop_id": "shop_theirs", "attempt": "1", "token": "tok_theirs"}
    answer = post(client, stripe.tell("checkout.session.completed", foreign(stripe, session_id, metadata=theirs)))
    assert answer.json() == {"state": "ignored", "order_id": None, "reason": "an order of another shop"}
    assert stripe.calls == ["open"]


# -- what is no Session


def told_of(stripe: FakeStripe, names: dict[str, str]) -> list[dict[str, Any]]:
    """Every kind of event about a payment and a plan of somebody else's, of which each names an order."""
    payment = stripe.bill(7900, metadata=names)
    charge = stripe.charge(payment)
    refund = stripe.make_refund(payment["id"], 100, metadata=names)
    dispute = {**stripe.dispute(payment["id"]), "metadata": names}
    plan = {"id": "sub_theirs", "object": "subscription", "status": "active", "metadata": names, "customer": "cus_1",
            "currency": "eur", "items": {"data": []}}  # fmt: skip
    invoice = {"id": "in_theirs", "object": "invoice", "billing_reason": "subscription_cycle", "amount_paid": 7900,
               "currency": "eur", "created": 1, "metadata": {}, "parent": {"subscription_details": {
                   "subscription": "sub_theirs", "metadata": names}}}  # fmt: skip
    stripe.subscriptions["sub_theirs"] = plan
    declined = {**payment, "last_payment_error": {"code": "card_declined", "charge": charge["id"]}}
    return [
        stripe.tell(kind, subject)
        for kind, subject in (
            ("payment_intent.payment_failed", declined), ("charge.failed", charge), ("charge.refunded", charge),
            ("refund.created", refund), ("refund.updated", refund), ("charge.dispute.created", dispute),
            ("charge.dispute.closed", {**dispute, "status": "lost"}), ("customer.subscription.created", plan),
            ("customer.subscription.deleted", plan), ("invoice.paid", invoice), ("invoice.payment_failed", invoice),
        )
    ]  # fmt: skip


@pytest.mark.parametrize("shop_id", ["", "shop_theirs"])
def test_what_names_an_order_without_our_shop_is_ignored_at_once(
    shop: Shop, stripe: FakeStripe, client: TestClient, shop_id: str
) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    before, calls = everything(shop, order_id), list(stripe.calls)
    for named in (order_id, "ord_nobody", "1001"):
        for event in told_of(stripe, {"order_id": named, "shop_id": shop_id}):
            assert post(client, event).json()["state"] == "ignored", event["type"]
    assert (everything(shop, order_id), stripe.calls) == (before, calls)
    assert attention.items(shop) == []


def test_what_copies_our_metadata_is_ignored_after_asking_which_session_made_it(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    reconciliation.sweep(shop)  # the balance names the payment of the plan's first invoice
    before = everything(shop, order_id)[:3]
    told = told_of(stripe, {"order_id": order_id, "shop_id": shop.id, "attempt": "1"})
    for event in told:
        assert post(client, event).json()["state"] == "parked", event["type"]
    builders.ask_stripe(shop)
    assert {builders.event_row(shop, event["id"]).state for event in told} == {"ignored"}
    clock.pass_(hours=2)
    reconciliation.sweep(shop)
    assert everything(shop, order_id)[:3] == before
    assert (builders.status(shop, order_id), attention.items(shop)) == ("fulfilled", [])


def test_the_subscription_of_a_session_that_is_not_ours_is_not_ours_either(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month")
    ours = stripe.sessions[session_id]["metadata"]
    foreign(stripe, session_id, metadata=ours, subscription="sub_theirs", payment_intent=None)
    for event in told_of(stripe, ours):
        post(client, event)
        builders.ask_stripe(shop)
        assert builders.event_row(shop, event["id"]).state == "ignored", event["type"]
    assert (builders.status(shop, order_id), builders.rows(shop, Subscription)) == ("pending", [])


def test_a_refund_of_our_payment_counts_whatever_its_maker_wrote_on_it(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    made = stripe.make_refund(builders.payment_of(shop, order_id), 100, metadata={"order_id": "77"})
    assert post(client, stripe.tell("refund.created", made)).json()["state"] == "applied"
    assert builders.status(shop, order_id) == "partially_refunded"


# -- our own Session, with money that is not what was ordered


def mismatched(shop: Shop, stripe: FakeStripe, client: TestClient, *items: str, **changes: Any) -> tuple[str, str]:
    order_id, session_id = builders.opened(shop, *items)
    stripe.sessions[session_id].update(changes)
    stripe.pay(session_id, email=MALLORY)
    assert post(client, stripe.event("completed", session_id)).json()["state"] == "applied"
    return order_id, session_id


def test_nothing_of_a_mismatched_session_becomes_the_orders_own(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, _ = mismatched(shop, stripe, client, "kit-eur", amount_subtotal=100, amount_total=100)
    found = builders.detail(shop, order_id)
    assert (found["status"], found["email"], found["amount_total"]) == ("paid", "", 100)
    assert set(found["stripe"].values()) == {None}
    assert builders.order(shop, order_id).customer_id is None
    assert builders.grants(shop, order_id) == [("kit", "blocked")]
    assert not builders.deliveries(shop, order_id)[0].licenses
    (item,) = attention.items(shop)
    assert (item.topic, item.detail) == ("amount_mismatch", "amount_mismatch: paid for 100, ordered 7900")
    assert builders.jobs(shop) == [f"owner_notice:{order_id}:blocked"]


def test_the_money_of_a_mismatched_session_goes_back_and_its_place_is_free_again(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, _ = mismatched(shop, stripe, client, "clinic-eur", amount_subtotal=100, amount_total=100)
    refund.request(shop, order_id, actor="owner")
    assert builders.status(shop, order_id) == "refunded"
    assert builders.grants(shop, order_id) == [("clinic", "revoked")]
    assert [date.taken for date in builders.rows(shop, WorkshopDate) if date.product_id == "clinic"] == [0]
    assert attention.items(shop) == []


def test_a_mismatch_that_went_back_delivers_nothing_though_buyers_keep_what_is_refunded(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    with shop.transaction() as session:
        session.get_one(Product, "kit").terms = {"on_refund": "keep"}
    order_id, _ = mismatched(shop, stripe, client, "kit-eur", amount_subtotal=100, amount_total=100)
    refund.request(shop, order_id, actor="owner")
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("refunded", [("kit", "revoked")])
    assert not builders.deliveries(shop, order_id)[0].licenses


@pytest.mark.parametrize("mismatched_first", [True, False])
def test_beside_a_mismatched_session_the_right_one_pays_for_the_order(
    shop: Shop, stripe: FakeStripe, client: TestClient, mismatched_first: bool
) -> None:
    order_id, first = builders.opened(shop, "kit-eur")
    stripe.sessions[first].update(amount_subtotal=100, amount_total=100)
    second = stripe.recover(first)
    second.update(amount_subtotal=7900, amount_total=7900)
    stripe.pay(first, email=MALLORY)
    stripe.pay(second["id"])
    for paid in (first, second["id"]) if mismatched_first else (second["id"], first):
        post(client, stripe.event("completed", paid))
    found = builders.detail(shop, order_id)
    assert (found["status"], found["email"], found["amount_total"]) == ("fulfilled", NORA, 8000)
    assert found["stripe"]["checkout_session"] == second["id"]
    assert "amount_mismatch" in {item.topic for item in attention.items(shop)}
    post(client, stripe.tell("refund.created", stripe.make_refund(stripe.sessions[first]["payment_intent"], 100)))
    assert attention.items(shop) == []
    assert builders.grants(shop, order_id) == [("kit", "active")]


@pytest.mark.parametrize("changes", [{"amount_subtotal": 0, "amount_total": 0}, {"amount_subtotal": 900}])
def test_a_trial_that_we_did_not_offer_is_a_mismatch(
    shop: Shop, stripe: FakeStripe, client: TestClient, changes: dict
) -> None:
    order_id, _ = mismatched(shop, stripe, client, "plan-year", **changes)
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("paid", [("plan", "blocked")])
    assert builders.detail(shop, order_id)["stripe"]["subscription"] is None


@pytest.mark.parametrize(
    ("changes", "topic"),
    [({"amount_subtotal": 9100, "amount_total": 9100}, "amount_mismatch"), ({"currency": "usd"}, "currency_mismatch")],
)
def test_a_plan_that_was_paid_otherwise_than_ordered_is_a_mismatch_too(
    shop: Shop, stripe: FakeStripe, client: TestClient, changes: dict, topic: str
) -> None:
    order_id, session_id = mismatched(shop, stripe, client, "plan-year", **changes)
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("paid", [("plan", "blocked")])
    assert [item.topic for item in attention.items(shop)] == [topic]
    assert stripe.sessions[session_id]["subscription"]


def test_a_trial_that_we_offered_costs_what_is_not_tried(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    builders.let_try(shop, days=14)
    order_id, session_id = builders.opened(shop, "plan-month", "guide-eur")
    assert stripe.sessions[session_id]["amount_subtotal"] == 2900
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id))
    assert (builders.status(shop, order_id), builders.detail(shop, order_id)["amount_total"]) == ("fulfilled", 2900)


def test_a_discount_where_none_was_offered_is_a_mismatch(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    with shop.transaction() as session:
        row = session.get_one(Checkout, builders.attempts(shop)[0].id)
        row.parameters = {**row.parameters, "allow_promotion_codes": False}
    stripe.sessions[session_id]["amount_total"] = 0
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id))
    assert builders.status(shop, order_id) == "paid"
    assert [item.topic for item in attention.items(shop)] == ["amount_mismatch"]


# -- links in letters


def token(shop: Shop, order_id: str, email: str) -> str:
    return order_links.link(shop, order_id, email).rpartition("/")[2]


def test_a_letters_link_opens_nothing_for_an_address_that_the_order_is_not_of_any_more(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe)
    assert order_links.read(shop, token(shop, order_id, NORA.title())).address == NORA
    with shop.transaction() as session:
        row = session.get_one(builders.Order, order_id)
        row.email, row.customer_id = MALLORY, customers.remember(session, MALLORY, how=How.OWNER, now=shop.now())
    with pytest.raises(LinkExpired) as late:
        order_links.read(shop, token(shop, order_id, NORA))
    assert late.value.subject == NORA
    assert order_links.read(shop, token(shop, order_id, MALLORY)).address == MALLORY


def test_a_link_for_an_address_that_was_never_the_orders_opens_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    with pytest.raises(LinkInvalid):
        order_links.read(shop, token(shop, order_id, MALLORY))


def test_the_events_list_files_nothing_foreign_under_our_order(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    _, session_id = builders.opened(shop)
    post(client, stripe.tell("checkout.session.completed", foreign(stripe, session_id)))
    with shop.reading() as session:
        assert [(row["state"], row["order_id"]) for row in reports.event_list(session)] == [("ignored", None)]
