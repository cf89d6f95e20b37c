"""Money at Stripe: what is kept as a fee, when the rest is available, and how it gets to the bank."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.sandbox.running import Endpoint, World, eventually, running


@pytest.fixture
def daily(endpoint: Endpoint) -> Iterator[World]:
    """A sandbox that pays out every midnight."""
    with running(endpoint, payouts="daily", webhook_url="") as world:
        yield world


def _transactions(world: World, **filters: Any) -> list[Any]:
    return list(world.api.balance_transactions.list({"limit": 100, **filters}).data)


def _charged(world: World, amount: int = 2900, **more: Any) -> Any:
    """The balance transaction of a payment."""
    intent = world.paid(amount, **more).payment_intent
    charge = world.api.payment_intents.retrieve(intent).latest_charge
    return eventually(lambda: _transactions(world, source=charge))[0]


def _balance(world: World, currency: str = "eur") -> tuple[int, int]:
    """What is available, and what is pending."""
    balance = world.api.balance.retrieve()
    found = [{part.currency: part.amount for part in parts} for parts in (balance.available, balance.pending)]
    return found[0].get(currency, 0), found[1].get(currency, 0)


def test_nothing_is_there_before_anything_was_paid(world: World) -> None:
    assert _balance(world) == (0, 0)
    assert [part.currency for part in world.api.balance.retrieve().available] == ["eur"]


def test_stripe_keeps_its_fee_and_the_rest_is_available_two_days_later(world: World) -> None:
    transaction = _charged(world, 10_000)
    assert (transaction.amount, transaction.fee, transaction.net) == (10_000, 320, 9680)
    assert (transaction.type, transaction.reporting_category, transaction.exchange_rate) == ("charge", "charge", None)
    assert [(part.amount, part.type) for part in transaction.fee_details] == [(320, "stripe_fee")]
    assert (transaction.status, transaction.available_on - transaction.created) == ("pending", 2 * 86400)
    assert _balance(world) == (0, 9680)
    world.advance(days=2, minutes=1)
    assert world.api.balance_transactions.retrieve(transaction.id).status == "available"
    assert _balance(world) == (9680, 0)


def test_no_fee_is_larger_than_the_payment(world: World) -> None:
    intent = world.api.payment_intents.create(
        {"amount": 50, "currency": "jpy", "payment_method": "pm_card_visa", "confirm": True}
    )
    transaction = eventually(lambda: _transactions(world, source=intent.latest_charge))[0]
    assert (transaction.fee, transaction.net) == (31, 19)


def test_a_refund_gives_all_of_it_back_and_a_failed_one_returns(world: World) -> None:
    _charged(world, 10_000)
    refund = world.act("refund", amount=4000)
    given = _transactions(world, type="refund")[0]
    assert (given.amount, given.fee, given.net, given.status) == (-4000, 0, -4000, "available")
    assert (given.source, given.reporting_category) == (refund["id"], "refund")
    assert _balance(world) == (-4000, 9680)
    world.act("refund-fails", refund["id"])
    returned = _transactions(world, type="refund_failure")[0]
    assert (returned.amount, returned.reporting_category) == (4000, "refund_failure")
    assert _balance(world) == (0, 9680)


def test_a_refund_of_a_debit_that_fails_is_a_refund_failure_too(world: World) -> None:
    debit = world.paid(number="AT321904300235473204").payment_intent
    world.act("settle", debit)
    world.act("refund-fails", world.act("refund", debit)["id"])
    found = [(t.type, t.reporting_category) for t in _transactions(world)]
    assert found == [("refund_failure", "refund_failure"), ("payment_refund", "refund"), ("payment", "charge")]


def test_a_dispute_takes_amount_and_fee_and_gives_back_the_amount_when_it_is_won(world: World) -> None:
    _charged(world, 10_000)
    dispute = world.act("dispute")["id"]
    taken = _transactions(world, source=dispute)[0]
    assert (taken.type, taken.reporting_category) == ("adjustment", "dispute")
    assert (taken.amount, taken.fee, taken.net) == (-10_000, 2000, -12_000)
    assert taken.fee_details[0].description == "Dispute fee"
    world.act("win", dispute)
    back = _transactions(world, source=dispute)[0]
    assert (back.amount, back.fee, back.reporting_category) == (10_000, 0, "dispute_reversal")
    assert _balance(world) == (-2000, 9680)


def test_lists_are_filtered_and_paged(world: World) -> None:
    first, second = _charged(world), _charged(world, 500, currency="usd")
    world.act("refund", amount=100)
    assert [t.id for t in _transactions(world, currency="usd", type="charge")] == [second.id]
    assert [t.id for t in _transactions(world, source=first.source)] == [first.id]
    assert _transactions(world, created={"gt": second.created + 3600}) == []
    page = world.api.balance_transactions.list({"limit": 1, "type": "charge"})
    assert ([t.id for t in page.data], page.has_more) == ([second.id], True)
    following = world.api.balance_transactions.list({"limit": 1, "type": "charge", "starting_after": second.id})
    assert ([t.id for t in following.data], following.has_more) == ([first.id], False)


def test_every_midnight_what_is_available_is_paid_out_in_each_currency(daily: World) -> None:
    _charged(daily, 10_000), _charged(daily, 5000, currency="usd")
    daily.act("refund", daily.paid(1000).payment_intent)
    daily.advance(days=3)
    paid_out = {payout.currency: payout for payout in daily.api.payouts.list().data}
    assert {currency: payout.amount for currency, payout in paid_out.items()} == {"eur": 9680 + 941 - 1000, "usd": 4825}
    payout = paid_out["eur"]
    assert (payout.automatic, payout.arrival_date - payout.created) == (True, 86400)
    assert payout.created % 86400 == 0
    assert _balance(daily) == (0, 0)


def test_a_payout_lists_what_is_in_it_and_itself(daily: World) -> None:
    sold = [_charged(daily), _charged(daily, 500)]
    refund = daily.act("refund", amount=100)
    payout = daily.act("payout")[0]
    later = _charged(daily)
    inside = _transactions(daily, payout=payout["id"])
    assert {t.id for t in inside} >= {*(t.id for t in sold), payout["balance_transaction"]}
    assert later.id not in {t.id for t in inside}
    assert {t.type for t in inside} == {"charge", "payout", "refund"}
    assert refund["balance_transaction"] in {t.id for t in inside}
    assert sum(t.net for t in inside) == 0
    assert sum(t.net for t in inside if t.type != "payout") == payout["amount"]
    expanded = daily.api.balance_transactions.retrieve(payout["balance_transaction"], {"expand": ["source"]})
    assert (expanded.source.object, expanded.source.amount) == ("payout", -expanded.amount)


def test_a_payout_goes_to_the_bank_and_arrives_a_day_later(daily: World) -> None:
    _charged(daily)
    id = daily.act("payout")[0]["id"]
    created = daily.events("payout.created")[0].data.object
    assert (created.id, created.status, created.reconciliation_status) == (id, "pending", "in_progress")
    daily.advance(hours=1)
    sent = daily.events("payout.updated")[0].data
    assert (sent.object.status, sent.object.reconciliation_status) == ("in_transit", "completed")
    assert sent.previous_attributes.to_dict() == {"status": "pending", "reconciliation_status": "in_progress"}
    daily.advance(days=1)
    paid = daily.events("payout.paid")[0].data.object
    assert (paid.status, paid.trace_id.status) == ("paid", "supported")
    assert daily.api.payouts.retrieve(id).status == "paid"
    assert [payout.id for payout in daily.api.payouts.list({"status": "paid"}).data] == [id]
    assert daily.api.payouts.list({"arrival_date": {"lt": paid.arrival_date}}).data == []


def test_a_payout_that_fails_is_part_of_the_next_one(daily: World) -> None:
    _charged(daily)
    failed = daily.act("payout")[0]
    daily.act("payout-arrives", failed["id"])
    daily.act("payout-fails", failed["id"])
    payout = daily.api.payouts.retrieve(failed["id"], {"expand": ["failure_balance_transaction"]})
    assert (payout.status, payout.failure_code) == ("failed", "account_closed")
    returned = payout.failure_balance_transaction
    assert (returned.type, returned.reporting_category, returned.amount) == (
        "payout_failure", "payout_reversal", payout.amount,
    )  # fmt: skip
    assert _balance(daily) == (payout.amount, 0)
    daily.advance(days=1)
    again = daily.api.payouts.list().data[0]
    assert (again.id != payout.id, again.amount) == (True, payout.amount)
    assert returned.id in {t.id for t in _transactions(daily, payout=again.id)}
    assert "payout.failed" in daily.kinds()
    refused = daily.http.post("/sandbox/act/payout-fails", json={"id": failed["id"]})
    assert refused.json()["error"] == f"Payout {failed['id']} is failed already."


def test_a_payout_by_hand_takes_no_more_than_there_is(world: World) -> None:
    _charged(world, 10_000)
    world.advance(days=2, minutes=1)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.payouts.create({"amount": 9681, "currency": "eur"})
    assert refused.value.code == "balance_insufficient"
    payout = world.api.payouts.create({"amount": 5000, "currency": "eur", "metadata": {"why": "rent"}})
    assert (payout.automatic, payout.reconciliation_status, payout.metadata.why) == (False, "not_applicable", "rent")
    assert _balance(world) == (4680, 0)
    with pytest.raises(stripe.InvalidRequestError, match="only be filtered on automatic transfers"):
        _transactions(world, payout=payout.id)
    changed = world.api.payouts.update(payout.id, {"metadata": {"why": "wages"}})
    assert changed.metadata.why == "wages"
    automatic = world.act("payout")[0]
    inside = _transactions(world, payout=automatic["id"])
    assert (automatic["amount"], sum(t.net for t in inside)) == (4680, 0)


def test_a_payout_by_hand_can_be_canceled_before_it_has_left(world: World) -> None:
    _charged(world, 10_000)
    world.advance(days=2, minutes=1)
    payout = world.api.payouts.create({"amount": 5000, "currency": "eur"})
    assert _balance(world) == (4680, 0)
    assert world.api.payouts.cancel(payout.id).status == "canceled"
    assert _balance(world) == (9680, 0)
    assert [t.type for t in _transactions(world)][:2] == ["payout_cancel", "payout"]
    gone = world.api.payouts.create({"amount": 5000, "currency": "eur"})
    world.advance(hours=1)
    with pytest.raises(stripe.InvalidRequestError, match="while they are pending"):
        world.api.payouts.cancel(gone.id)


def test_nothing_is_paid_out_by_itself_where_that_is_done_by_hand(world: World) -> None:
    _charged(world)
    world.advance(days=10)
    assert world.api.payouts.list().data == []


def test_money_that_comes_back_is_paid_out_as_well(daily: World) -> None:
    _charged(daily, 10_000), _charged(daily, 10_000)
    dispute = daily.act("dispute")["id"]
    daily.advance(days=5)
    daily.act("win", dispute)
    daily.advance(days=1)
    assert [payout.amount for payout in daily.api.payouts.list().data] == [10_000, 2 * 9680 - 12_000]


def test_nothing_is_paid_out_while_more_has_left_than_came(daily: World) -> None:
    _charged(daily)
    daily.act("dispute")
    daily.advance(days=5)
    assert daily.api.payouts.list().data == []
    refused = daily.http.post("/sandbox/act/payout", json={})
    assert (refused.status_code, refused.json()["error"]) == (
        400, "There is no money to pay out. Pay for something first.",
    )  # fmt: skip


def test_the_panel_shows_payouts_and_what_can_be_done_about_them(daily: World) -> None:
    _charged(daily)
    pressed = daily.http.post("/panel/act/payout", data={"back": "/"}, follow_redirects=True).text
    id = daily.api.payouts.list().data[0].id
    assert "Paid out €27.86: " in pressed
    assert all(label in pressed for label in (f"row-{id}", f"Arrive now {id}", f"Fail {id}"))
    assert id in daily.http.get(f"/panel/objects/{id}").text
