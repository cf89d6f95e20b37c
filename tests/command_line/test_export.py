"""`pushcart export`, `report sales` and `report subscriptions`: files for the accountant, and figures for scripts."""

import csv
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from core.events import reconciliation
from core.orders.orders import Order
from core.shop import Shop
from tests import builders, fork_server
from tests.command_line.conftest import Run
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.machine import environment

NOVEMBER = ("--from", "2026-11-01", "--to", "2026-11-30")


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe, clock: Clock) -> str:
    """An order of which a part went back, and a subscription."""
    order_id = builders.bought(shop, stripe, "kit-eur")
    builders.deliver(shop, stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 1000)))
    builders.subscribed(shop, stripe, cart="other", browser="br_2")
    clock.pass_(hours=1)
    reconciliation.sweep(shop)
    return order_id


@pytest.mark.parametrize(
    ("file", "last"), [("journal", "order_id"), ("tax", "rows"), ("payouts", "order_id"), ("orders", "order_id")]
)
def test_each_file_is_printed_with_its_ids_last(pushcart: Run, order_id: str, file: str, last: str) -> None:
    said = pushcart("export", file, *NOVEMBER)
    assert (said.status, said.errors) == (0, "")
    head = said.output.splitlines()[0]
    assert head.startswith("\ufeff")
    assert head.endswith(last)


@builders.on_sqlite
def test_what_a_stranger_typed_moves_no_cursor_where_a_file_is_printed_at_a_terminal(
    shop: Shop, order_id: str, folder: Path, shop_settings: dict[str, object], database_url: str
) -> None:
    typed = "Eve\x1b[2J\x9b2J \u202e evE"
    with shop.transaction() as session:
        session.get_one(Order, order_id).name = typed

    def printed(stdout: int) -> subprocess.Popen[bytes]:
        env = environment(**shop_settings, database_url=database_url)
        streams = {"stdin": subprocess.DEVNULL, "stdout": stdout}
        return fork_server.start("core.cli", "export", "orders", *NOVEMBER, cwd=folder, env=env, **streams)

    here, there = pty.openpty()
    assert printed(there).wait(timeout=120) == 0
    os.close(there)
    at_a_terminal = os.read(here, 65536).decode()
    os.close(here)
    assert "Eve\\u001b[2J\\u009b2J \\u202e evE" in at_a_terminal
    assert not {"\x1b", "\x9b", "\u202e"} & {*at_a_terminal}
    # Whatever reads it as a file finds what is said there as it was typed.
    as_a_file, _ = printed(subprocess.PIPE).communicate(timeout=120)
    assert "\x9b2J \u202e evE".encode() in as_a_file
    assert as_a_file.endswith(b"\r\n")


@builders.on_sqlite
def test_scripts_get_the_rows_by_their_columns(pushcart: Run, folder: Path, order_id: str) -> None:
    said = pushcart("export", "journal", *NOVEMBER, "--json")
    assert (said.status, said.errors) == (0, "")
    rows = [row for row in json.loads(said.output) if row["order_id"] == order_id]
    assert [(row["kind"], row["gross"]) for row in rows] == [("sale", "79.00"), ("refund", "-10.00")]
    assert next(iter(rows[0])) == "date"
    written = pushcart("export", "journal", *NOVEMBER, "--out", "november.csv", "--json")
    assert (json.loads(written.output), (folder / "november.csv").exists()) == ({"file": "november.csv"}, True)


def test_a_file_is_written_whole_and_for_its_owner_alone(pushcart: Run, folder: Path, order_id: str) -> None:
    said = pushcart("export", "journal", *NOVEMBER, "--out", "november.csv")
    assert (said.status, said.output) == (0, "Written to november.csv.\n")
    written = folder / "november.csv"
    assert written.read_bytes().startswith(b"\xef\xbb\xbfdate,time,zone,kind,")
    assert written.stat().st_mode & 0o077 == 0
    rows = list(csv.DictReader(written.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["kind"], row["gross"]) for row in rows if row["order_id"] == order_id] == [
        ("sale", "79.00"), ("refund", "-10.00"),
    ]  # fmt: skip
    assert [path.name for path in folder.iterdir() if path.suffix == ".csv"] == ["november.csv"]


@builders.on_sqlite
def test_what_cannot_be_exported_is_refused(pushcart: Run, shop: Shop) -> None:
    assert pushcart("export", "ledger", *NOVEMBER).status == 2
    assert pushcart("export", "journal", "--from", "2026-11-01").status == 2
    for out, why in (("nowhere/november.csv", "There is no folder /"), (".", ". is a folder: name a file in it.")):
        said = pushcart("export", "journal", *NOVEMBER, "--out", out)
        assert (said.status, [why in line for line in said.complaints]) == (1, [True]), said.complaints


def test_sales_are_reported_in_the_contracts_shape(pushcart: Run, order_id: str) -> None:
    said = pushcart("report", "sales", *NOVEMBER, "--json")
    assert said.json == [
        {
            "currency": "eur", "orders": 2, "gross": 8800, "discounts": 0, "refunds": 1000, "net": 7800, "tax": 0,
            "disputed": 0,
        }
    ]  # fmt: skip
    words = pushcart("report", "sales", *NOVEMBER).output
    assert "eur  2 orders, gross €88.00, discounts €0.00, refunds €10.00, net €78.00" in words
    assert "Net sales are gross sales less discounts and refunds" in words
    assert said.complaints == []
    earlier = pushcart("report", "sales", *NOVEMBER, "--known-on", "2026-10-31", "--json")
    assert earlier.json == []
    empty = pushcart("report", "sales", "--from", "2026-10-01", "--to", "2026-10-31")
    assert empty.output == "Nothing was sold on these days.\n"


def test_taxes_are_reported_for_scripts_people_and_spreadsheets(pushcart: Run, order_id: str) -> None:
    said = pushcart("report", "tax", *NOVEMBER, "--json").json
    assert isinstance(said, list)
    assert list(said[0]) == [
        "quarter", "country", "tax_rate", "product_kind", "currency", "treatment", "sales_net", "sales_tax", "refunds_net",
        "refunds_tax", "net", "tax", "gross", "rows",
    ]  # fmt: skip
    assert (said[0]["quarter"], said[0]["currency"]) == ("2026-Q4", "eur")
    assert sum(each["net"] for each in said) == 7800
    assert all(each["gross"] == each["net"] + each["tax"] for each in said)
    assert "2026-Q4  " in pushcart("report", "tax", *NOVEMBER).output
    assert pushcart("report", "tax", *NOVEMBER, "--csv").output == pushcart("export", "tax", *NOVEMBER).output
    empty = pushcart("report", "tax", "--from", "2026-10-01", "--to", "2026-10-31")
    assert empty.output == "Nothing was sold on these days.\n"


def test_subscriptions_are_reported_in_the_contracts_shape(pushcart: Run, order_id: str) -> None:
    said = pushcart("report", "subscriptions", "--json")
    assert said.json == [{"currency": "eur", "mrr": 900, "active": 1, "trialing": 0, "past_due": 0}]
    assert "eur  €9.00 a month, 1 active, 0 trialing, 0 past due" in pushcart("report", "subscriptions").output


def test_how_subscriptions_have_changed_adds_up_to_what_they_bring_in(pushcart: Run, order_id: str) -> None:
    moved = pushcart("report", "subscriptions", *NOVEMBER, "--json")
    assert moved.json == [
        {
            "currency": "eur", "mrr_before": 0, "new": 900, "expansion": 0, "contraction": 0, "churned": 0,
            "churned_involuntarily": 0, "reactivation": 0, "mrr": 900, "active": 1,
        }
    ]  # fmt: skip
    words = pushcart("report", "subscriptions", *NOVEMBER).output
    assert "eur  €9.00 a month, 1 active; €0.00 before, new €9.00" in words
    assert "New is the monthly revenue" in words
    assert pushcart("report", "subscriptions", "--to", "2026-11-30").status == 2
    earlier = ("--from", "2026-10-01", "--to", "2026-10-31")
    assert pushcart("report", "subscriptions", *earlier).output == "There are no subscriptions.\n"


def test_every_report_is_a_spreadsheet_if_asked(pushcart: Run, order_id: str) -> None:
    sales = pushcart("report", "sales", *NOVEMBER, "--csv").output
    head = "\ufeffcurrency,orders,gross,discounts,refunds,net,tax,disputed"
    assert sales.splitlines() == [head, "eur,2,88.00,0.00,10.00,78.00,0.00,0.00"]
    standing = pushcart("report", "subscriptions", "--csv").output
    assert standing.splitlines() == ["\ufeffcurrency,mrr,active,trialing,past_due", "eur,9.00,1,0,0"]
    moved = pushcart("report", "subscriptions", *NOVEMBER, "--csv").output
    assert moved.splitlines()[1] == "eur,0.00,9.00,0.00,0.00,0.00,0.00,0.00,9.00,1"
    for name in ("sales", "subscriptions"):
        assert pushcart("report", name, *NOVEMBER, "--csv", "--json").status == 2
