"""`pushcart report`: what reached the bank, for people, scripts and spreadsheets."""

import pytest

from core.events import reconciliation
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run
from tests.conftest import Clock
from tests.fakes import FakeStripe

NOVEMBER = ("--from", "2026-11-01", "--to", "2026-11-30")
PAYOUT = [
    "id", "status", "amount", "currency", "arrival_date", "automatic", "gross", "fee", "net", "difference", "gap",
    "failure", "entries", "apart",
]  # fmt: skip
ENTRY = [
    "id", "kind", "origin", "order", "order_id", "gross", "fee", "net", "currency", "original_amount",
    "original_currency", "exchange_rate", "created_at", "available_on",
]  # fmt: skip


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe, clock: Clock) -> str:
    """An order that was paid out, and a payout that somebody asked for."""
    order_id = builders.bought(shop, stripe, "kit-eur")
    (made,) = stripe.pay_out()
    stripe.arrive_payout(made["id"])
    clock.pass_(hours=1)
    stripe.pay_out_by_hand(500)
    reconciliation.sweep(shop)
    return order_id


def test_payouts_are_printed_in_the_contracts_shape(pushcart: Run, order_id: str) -> None:
    said = pushcart("report", "payouts", *NOVEMBER, "--json")
    assert said.status == 0, said.errors
    assert isinstance(said.json, list)
    paid, by_hand = said.json
    assert (list(paid), list(paid["entries"][0])) == (PAYOUT, ENTRY)
    assert (paid["amount"], paid["difference"], paid["gap"], paid["arrival_date"]) == (7641, 0, "", "2026-11-24")
    assert [(each["order_id"], each["net"]) for each in paid["entries"]] == [(order_id, 7641)]
    assert (by_hand["amount"], by_hand["difference"], by_hand["gap"]) == (500, 500, "paid_out_by_hand")


def test_a_spreadsheet_gets_a_row_for_each_entry(pushcart: Run, order_id: str) -> None:
    said = pushcart("report", "payouts", *NOVEMBER, "--csv")
    assert said.output.startswith("\ufeffarrival_date,payout_status,date,time,zone,kind,")
    assert len(said.output.splitlines()) == 3
    assert ",76.41,eur,79.00,eur,,,po_test_" in said.output
    assert said.output.splitlines()[1].endswith(order_id)


def test_people_read_a_line_for_each_payout_and_what_does_not_add_up(pushcart: Run, order_id: str) -> None:
    said = pushcart("report", "payouts", *NOVEMBER)
    assert "2026-11-24  €76.41  paid  1 entry, €2.59 in fees  po_test_" in said.output
    assert "€5.00 does not add up: paid_out_by_hand" in said.output
    empty = pushcart("report", "payouts", "--from", "2026-10-01", "--to", "2026-10-31")
    assert empty.output == "No payouts arrive on these days.\n"


@builders.on_sqlite
def test_days_that_are_none_are_refused(pushcart: Run, shop: Shop) -> None:
    said = pushcart("report", "payouts", "--from", "November", "--to", "2026-11-30")
    assert (said.status, "November" in said.errors) == (2, True)
