"""The export: for whoever may, written down, harmless in a spreadsheet, and as long as the list."""

import csv
from io import StringIO

import pytest
from sqlmodel import select

from core.foundation.errors import NotPermitted
from core.orders.orders import Order
from core.owner.order_book import export, filters
from core.owner.order_book.filters import Filters
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.shop import Shop
from tests import builders
from tests.colleagues import OWNER, deed, works_as
from tests.conftest import Clock
from tests.fakes import FakeStripe

FORMULAS = ['=HYPERLINK("http://evil.example")', "+1", "-1+cmd|'/c calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"]


def read(shop: Shop, said: dict[str, str], sign_in_id: str) -> list[dict[str, str]]:
    text = "".join(export.begin(shop, filters.read(said), deed=deed(sign_in_id)))
    assert text.startswith("\ufeff")
    return list(csv.DictReader(StringIO(text.removeprefix("\ufeff"))))


def test_the_file_has_the_rows_of_the_list(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    paid = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    clock.pass_(minutes=1)
    builders.opened(shop, cart="cart_2")
    rows = read(shop, {"status": "fulfilled"}, works_as(shop, Role.OWNER))
    assert [row["id"] for row in rows] == [paid]
    assert {name: rows[0][name] for name in ("placed_at_utc", "total", "refunded", "currency", "mode", "products")} == {
        "placed_at_utc": "2026-11-23T10:24:00Z", "total": "108.00", "refunded": "0.00", "currency": "EUR", "mode": "test",
        "products": "Field Guide; Template Kit",
    }  # fmt: skip
    assert len(read(shop, {}, works_as(shop, Role.SUPPORT))) == 2


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_is_a_formula(shop: Shop, formula: str) -> None:
    order_id = builders.opened(shop)[0]
    with shop.transaction() as session:
        order = session.exec(select(Order).where(Order.id == order_id)).one()
        order.name = order.email = formula
    (row,) = read(shop, {}, works_as(shop, Role.OWNER))
    assert row["name"] == row["email"] == f"'{formula}"


def test_whoever_takes_it_is_written_down_without_what_they_searched_for(shop: Shop) -> None:
    read(shop, {"text": "nora@lindqvist.example", "status": "paid"}, works_as(shop, Role.OWNER))
    (entry,) = builders.rows(shop, AuditEntry)
    assert (entry.who, entry.action, entry.subject, entry.detail) == (OWNER, "export", "orders", "status=paid")


def test_nobody_else_gets_a_piece_of_it(shop: Shop) -> None:
    for sign_in_id in ("", "in_x", works_as(shop, Role.VIEWER)):
        with pytest.raises(NotPermitted):
            export.begin(shop, Filters(), deed=deed(sign_in_id))
    assert builders.rows(shop, AuditEntry) == []


def test_it_is_read_in_pieces(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_ROWS", 2)
    for number in range(5):
        builders.opened(shop, cart=f"cart_{number}")
    pieces = list(export.begin(shop, Filters(), deed=deed(works_as(shop, Role.OWNER))))
    assert [len(piece.splitlines()) for piece in pieces] == [1, 2, 2, 1]
