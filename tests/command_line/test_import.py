"""`pushcart import`: a dry run, the import, and what is wrong with a file."""

from pathlib import Path
from typing import Any

import pytest

from core.people.audit import AuditEntry
from core.people.past import PastCustomer, PastOrder
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run

ORDERS = """external_id,number,date,product,amount,currency,email,with_access
s1,100,2024-03-05,Field Guide,29.00,EUR,nora@lindqvist.example,yes
s2,101,never,Field Guide,29.00,EUR,nora@lindqvist.example,
"""


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "orders.csv"
    path.write_text(ORDERS, encoding="utf-8")
    return path


def test_a_dry_run_says_what_would_happen_and_changes_nothing(pushcart: Run, shop: Shop, file: Path) -> None:
    said = pushcart("import", "orders", str(file), "--dry-run", "--json")
    assert said.status == 0
    answer: Any = said.json
    assert {name: answer[name] for name in ("kind", "dry_run", "source", "new", "there", "wrong", "with_access")} == {
        "kind": "orders", "dry_run": True, "source": "own", "new": 1, "there": 0, "wrong": 1, "with_access": 1,
    }  # fmt: skip
    assert [(line["line"], line["outcome"]) for line in answer["lines"]] == [(2, "new"), (3, "wrong")]
    assert (builders.rows(shop, PastOrder), builders.rows(shop, AuditEntry)) == ([], [])


def test_orders_are_imported_and_the_wrong_line_is_named(pushcart: Run, shop: Shop, file: Path) -> None:
    said = pushcart("import", "orders", str(file))
    assert said.status == 0
    assert "1 were imported, 0 are there already, 1 are wrong." in said.output
    assert "“never” is no date" in said.output
    assert [row.number for row in builders.rows(shop, PastOrder)] == ["100"]
    assert [(entry.who, entry.action) for entry in builders.rows(shop, AuditEntry)] == [("terminal", "import")]
    assert "0 were imported, 1 are there already" in pushcart("import", "orders", str(file)).output


def test_customers_are_imported(pushcart: Run, shop: Shop, file: Path) -> None:
    assert "1 were imported, 1 are there already" in pushcart("import", "customers", str(file)).output
    assert [row.folded for row in builders.rows(shop, PastCustomer)] == ["nora@lindqvist.example"]


def test_a_file_without_the_columns_ends_in_one_line(pushcart: Run, shop: Shop, file: Path) -> None:
    assert shop
    file.write_text("name\nAda\n", encoding="utf-8")
    said = pushcart("import", "orders", str(file))
    assert said.status == 2
    [line] = said.complaints
    assert "which are missing: external_id, email, date, product, amount" in line
