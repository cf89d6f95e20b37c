"""A database that was written before there was a row for every payment: brought up to date with all that it knew."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, MetaData, inspect, select

from core.events import reconciliation
from core.foundation import database, migration
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.journeys import refund
from core.orders import disputes
from core.orders.orders import AdmittedOrder, Order
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.shop import Shop
from tests import builders
from tests.command_line.test_migrate import alembic_config
from tests.conftest import Clock
from tests.fakes import FakeStripe

_TEXTS = ("summary", "description", "image", "image_alt", "shelf", "facts", "call_to_action")
DAY = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture
def before(unmigrated_url: str) -> Iterator[Engine]:
    """A database of the revision before, with an order of each kind that there was."""
    engine = database.connect(unmigrated_url)
    command.upgrade(alembic_config(engine), "0005")
    known = MetaData()
    known.reflect(engine)
    with engine.begin() as connection:
        for table, rows in _rows().items():
            for row in rows:
                connection.execute(known.tables[table].insert().values(**row))
    yield engine
    engine.dispose()


def _order(id: str, number: str, total: int, refunded: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": id, "number": number, "cart_id": id, "browser_id": "", "email": "nora@lindqvist.example",
        "status": "fulfilled", "currency": "eur", "amount_expected": total, "amount_total": total, "livemode": False,
        "amount_refunded": refunded, "attempts": 1, "attention": "", "eventful": True, "created_at": DAY, "updated_at": DAY,
        **more,
    }  # fmt: skip


def _line(id: str, order: str, position: int, amount: int, interval: str | None = None) -> dict[str, Any]:
    return {
        "id": id, "order_id": order, "position": position, "product_id": "p", "price_id": "pr", "name": id,
        "kind": "plan" if interval else "download", "quantity": 1, "unit_amount": amount, "currency": "eur",
        "interval": interval, "image": "",
    }  # fmt: skip


def _checkout(id: str, order: str, number: int, subtotal: int, total: int, **stripe: Any) -> dict[str, Any]:
    return {
        "id": id, "order_id": order, "attempt": number, "stripe_checkout_session_id": f"cs_{id}", "parameters": {},
        "expires_at": DAY, "state": "complete", "money": "paid", "amount_subtotal": subtotal, "amount_total": total,
        "currency": "eur", "email": "nora@lindqvist.example", "created_at": DAY, "ask_after": DAY, **stripe,
    }  # fmt: skip


def _invoice(id: str, order: str, reason: str, amount: int, days: int) -> dict[str, Any]:
    return {
        "id": id, "order_id": order, "stripe_subscription_id": f"sub_{order}", "billing_reason": reason,
        "amount_paid": amount, "currency": "eur", "created_at": DAY + timedelta(days=days),
    }  # fmt: skip


def _refund(id: str, order: str, payment: str | None, amount: int, status: str, lines: list[str]) -> dict[str, Any]:
    return {
        "id": id, "order_id": order, "stripe_refund_id": f"re_{id}", "stripe_payment_intent_id": payment,
        "amount": amount, "currency": "eur", "status": status, "reason": "", "failure": "", "line_ids": lines,
        "takes_back": False, "actor": "owner", "created_at": DAY, "updated_at": DAY,
    }  # fmt: skip


def _dispute(id: str, order: str, payment: str, charge: str) -> dict[str, Any]:
    return {
        "id": id, "order_id": order, "stripe_charge_id": charge, "stripe_payment_intent_id": payment, "amount": 900,
        "currency": "eur", "reason": "fraudulent", "status": "lost", "created_at": DAY,
    }  # fmt: skip


def _rows() -> dict[str, list[dict[str, Any]]]:
    files, plan, twice, free = "ord_files", "ord_plan", "ord_twice", "ord_free"
    return {
        "products": [{
            "id": "p", "name": "P", **dict.fromkeys(_TEXTS, ""), "kind": "download", "gets": [], "faq": [], "terms": {},
            "max_quantity": 1, "active": True, "position": 0, "from_demo": False, "created_at": DAY, "updated_at": DAY,
        }],
        "prices": [{
            "id": "pr", "product_id": "p", "amount": 1, "currency": "eur", "lookup_key": "pr", "active": True,
            "position": 0,
        }],
        "orders": [
            _order(files, "PC-1", 5400, 1450), _order(plan, "PC-2", 5600, 300), _order(twice, "PC-3", 5800, 2900),
            _order(free, "PC-4", 0), _order("ord_open", "PC-5", 2900, amount_total=None, status="pending"),
        ],
        "order_lines": [
            _line("ol_a", files, 0, 2900), _line("ol_b", files, 1, 7900), _line("ol_c", plan, 0, 900, "month"),
            _line("ol_d", plan, 1, 2900), _line("ol_e", twice, 0, 2900), _line("ol_f", free, 0, 2900),
        ],
        "checkouts": [
            _checkout("a", files, 1, 10800, 5400, stripe_payment_intent_id="pi_a"),
            _checkout("b", plan, 1, 3800, 3800, stripe_subscription_id=f"sub_{plan}"),
            _checkout("c", twice, 1, 2900, 2900, stripe_payment_intent_id="pi_c"),
            _checkout("d", twice, 2, 2900, 2900, stripe_payment_intent_id="pi_d"),
            _checkout("e", free, 1, 2900, 0),
            {**_checkout("f", "ord_open", 1, 2900, 2900), "state": "open", "money": "unpaid"},
        ],
        "invoices": [
            _invoice("in_1", plan, "subscription_create", 3800, 0), _invoice("in_2", plan, "subscription_cycle", 900, 30),
            _invoice("in_3", plan, "subscription_cycle", 900, 61),
        ],
        "payment_intents": [
            {"id": "pi_2", "order_id": plan}, {"id": "pi_3", "order_id": plan}, {"id": "ch_3", "order_id": plan},
        ],
        "refunds": [
            _refund("rf_1", files, "pi_a", 1450, "succeeded", ["ol_a"]), _refund("rf_2", files, "pi_a", 100, "failed", []),
            _refund("rf_3", plan, "pi_2", 300, "succeeded", []), _refund("rf_4", twice, "pi_d", 2900, "pending", []),
        ],
        "disputes": [_dispute("du_1", plan, "pi_3", "ch_3"), _dispute("du_2", twice, "pi_c", "ch_c")],
        "fulfillment_log": [
            {"order_id": files, "event": "paid", "actor": "webhook", "detail": "", "created_at": DAY + timedelta(hours=1)},
        ],
    }  # fmt: skip


def everything(engine: Engine, *, but: set[str]) -> dict[str, list[dict[str, Any]]]:
    known = MetaData()
    known.reflect(engine)
    with engine.connect() as connection:
        return {
            name: [
                dict(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for name, table in known.tables.items()
            if name in _rows() and name not in but
        }


DROPPED = {"line_ids", "stripe_product_id"}


def test_every_payment_gets_its_row_and_nothing_else_is_lost(before: Engine, unmigrated_url: str) -> None:
    gone = {"invoices", "payment_intents"}
    known = everything(before, but=gone)
    assert migration.ensure(before, unmigrated_url) is True
    # What is called `invoices` now holds something else.
    assert "payment_intents" not in inspect(before).get_table_names()
    now = everything(before, but=set())
    for table, rows in known.items():
        # These columns were dropped since: what they said stands elsewhere, or is asked for anew.
        kept = [{name: value for name, value in row.items() if name not in DROPPED} for row in rows]
        found = [{name: row[name] for name in kept[0]} for row in now[table]]
        assert found == kept, table
    shop = database.reading(before)
    with shop as session:
        rows = sorted(session.exec(select(Payment)).scalars(), key=lambda row: row.id)
        assert [
            (row.id, row.order_id, row.billing_reason, row.amount, row.amount_discount, row.amount_refunded,
             row.stripe_payment_intent_id, row.stripe_invoice_id, row.lines_known)
            for row in rows
        ] == [
            ("cs_e", "ord_free", "checkout", 0, 2900, 0, None, None, True),
            ("in_1", "ord_plan", "subscription_create", 3800, 0, 0, None, "in_1", True),
            ("in_2", "ord_plan", "subscription_cycle", 900, 0, 0, None, "in_2", False),
            ("in_3", "ord_plan", "subscription_cycle", 900, 0, 0, None, "in_3", False),
            ("pi_a", "ord_files", "checkout", 5400, 5400, 1450, "pi_a", None, False),
            ("pi_c", "ord_twice", "checkout", 2900, 0, 0, "pi_c", None, True),
            ("pi_d", "ord_twice", "checkout", 2900, 0, 2900, "pi_d", None, True),
        ]  # fmt: skip
        assert {row.id: row.paid_at for row in rows if row.id in ("in_1", "in_3", "pi_a", "pi_c")} == {
            "in_1": DAY, "in_3": DAY + timedelta(days=61), "pi_a": DAY + timedelta(hours=1), "pi_c": DAY,
        }  # fmt: skip
        refunds = session.exec(select(Refund).order_by(Refund.id)).scalars()
        assert [(row.id, row.payment_id, row.lines, row.request) for row in refunds] == [
            ("rf_1", "pi_a", {"ol_a": 1450}, "rf_1"), ("rf_2", "pi_a", {}, "rf_2"), ("rf_3", None, {}, "rf_3"),
            ("rf_4", "pi_d", {}, "rf_4"),
        ]  # fmt: skip
        disputed = session.exec(select(disputes.Dispute).order_by(disputes.Dispute.id)).scalars()
        assert [(row.id, row.payment_id) for row in disputed] == [("du_1", None), ("du_2", "pi_c")]
        orders = session.exec(select(Order).order_by(Order.number)).scalars()
        assert [(row.id, row.amount_subtotal, row.amount_discount, row.paid_at) for row in orders] == [
            ("ord_files", 10800, 5400, DAY + timedelta(hours=1)), ("ord_plan", 5600, 0, DAY), ("ord_twice", 5800, 0, DAY),
            ("ord_free", 2900, 2900, DAY), ("ord_open", None, None, None),
        ]  # fmt: skip
    command.check(alembic_config(before))


def test_what_the_database_could_not_know_is_asked_of_stripe(
    before: Engine, unmigrated_url: str, tmp_path: Path, clock: Clock
) -> None:
    migration.ensure(before, unmigrated_url)
    stripe = FakeStripe(clock)
    settings = Settings(database_url=unmigrated_url, secret_key="a secret of sixteen letters")
    shop = Shop(settings, before, stripe, Storage(f"file://{tmp_path}/files"), clock)
    for name, payment in (("in_2", "pi_2"), ("in_3", "pi_3")):
        line = {"object": "line_item", "amount": 900, "quantity": 1, "parent": {"type": "subscription_item_details"},
                "pricing": {"unit_amount_decimal": "900"}}  # fmt: skip
        stripe.invoices[name] = {
            "id": name, "object": "invoice", "status": "paid", "billing_reason": "subscription_cycle", "currency": "eur",
            "amount_paid": 900, "subtotal": 900, "created": int((DAY + timedelta(days=30)).timestamp()),
            "lines": {"data": [line]},
            "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_ord_plan"}},
        }  # fmt: skip
        stripe.invoice_payments[payment] = name
    reconciliation.sweep(shop)
    found = builders.detail(shop, "ord_plan")
    assert {each["id"]: each["stripe"]["payment_intent"] for each in found["payments"]} == {
        "in_1": None, "in_2": "pi_2", "in_3": "pi_3",
    }  # fmt: skip
    assert {each["id"]: each["amount_refunded"] for each in found["payments"]} == {"in_1": 0, "in_2": 300, "in_3": 0}
    assert {row.id: row.payment_id for row in builders.rows(shop, disputes.Dispute)} == {"du_1": "in_3", "du_2": "pi_c"}
    # The file that was bought with the first payment outlives the dispute about the last.
    assert found["status"] == "partially_refunded"


def test_a_refund_asked_for_before_is_the_same_afterwards(
    before: Engine, unmigrated_url: str, tmp_path: Path, clock: Clock
) -> None:
    """A form that is sent again under its key after the upgrade."""
    with before.begin() as connection:
        known = MetaData()
        known.reflect(connection, only=["refunds"])
        earlier = {**_refund(refund._id_of("rf", "ord_twice", "form"), "ord_twice", "pi_c", 100, "succeeded", [])}
        connection.execute(known.tables["refunds"].insert().values(**earlier))
    migration.ensure(before, unmigrated_url)
    settings = Settings(database_url=unmigrated_url, secret_key="a secret of sixteen letters")
    stripe = FakeStripe(clock)
    shop = Shop(settings, before, stripe, Storage(f"file://{tmp_path}/files"), clock)
    done = refund.request(shop, AdmittedOrder("ord_twice"), 100, key="form", actor="owner")
    assert (done.id, stripe.calls) == (earlier["id"], [])


def test_taken_back_the_tables_of_before_have_their_rows(before: Engine, unmigrated_url: str) -> None:
    known = everything(before, but=set())
    migration.ensure(before, unmigrated_url)
    command.downgrade(alembic_config(before), "0005")
    found = everything(before, but=set())
    assert found["invoices"] == known["invoices"]
    assert {row["id"]: row["line_ids"] for row in found["refunds"]} == {
        row["id"]: row["line_ids"] for row in known["refunds"]
    }
