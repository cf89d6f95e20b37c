"""a row for every payment"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_GONE = ("pending", "requires_action", "succeeded")
_ORDER_COLUMNS: dict[str, Any] = {
    "paid_at": UTCDateTime(),
    "amount_subtotal": sa.BigInteger(),
    "amount_discount": sa.BigInteger(),
    "amount_tax": sa.BigInteger(),
    "external_id": AutoString(),
}
_BUYER = ("name", "country", "tax_id")


def upgrade() -> None:
    _create()
    _fill(op.get_bind())
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_column("line_ids")
    for table in ("invoices", "payment_intents"):
        op.drop_index(op.f(f"ix_{table}_order_id"), table_name=table)
        op.drop_table(table)


def _create() -> None:
    op.create_table(
        "payments",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("billing_reason", AutoString(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_subtotal", sa.BigInteger(), nullable=False),
        sa.Column("amount_discount", sa.BigInteger(), nullable=False),
        sa.Column("amount_tax", sa.BigInteger(), nullable=False),
        sa.Column("amount_refunded", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("paid_at", UTCDateTime(), nullable=False),
        sa.Column("stripe_payment_intent_id", AutoString(), nullable=True),
        sa.Column("stripe_charge_id", AutoString(), nullable=True),
        sa.Column("stripe_checkout_session_id", AutoString(), nullable=True),
        sa.Column("stripe_invoice_id", AutoString(), nullable=True),
        sa.Column("stripe_subscription_id", AutoString(), nullable=True),
        sa.Column("lines_known", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("stripe_payment_intent_id", name=op.f("uq_payments_stripe_payment_intent_id")),
        sa.UniqueConstraint("stripe_invoice_id", name=op.f("uq_payments_stripe_invoice_id")),
    )
    for column in ("order_id", "stripe_charge_id", "stripe_checkout_session_id", "stripe_subscription_id"):
        op.create_index(op.f(f"ix_payments_{column}"), "payments", [column], unique=False)
    op.create_table(
        "payment_lines",
        sa.Column("payment_id", AutoString(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("order_line_id", AutoString(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount_subtotal", sa.BigInteger(), nullable=False),
        sa.Column("amount_discount", sa.BigInteger(), nullable=False),
        sa.Column("amount_tax", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_payment_lines_payment_id_payments")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_lines.id"], name=op.f("fk_payment_lines_order_line_id_order_lines")
        ),
        sa.PrimaryKeyConstraint("payment_id", "position", name=op.f("pk_payment_lines")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        for name, kind in _ORDER_COLUMNS.items():
            batch_op.add_column(sa.Column(name, kind, nullable=True))
        for name in _BUYER:
            batch_op.add_column(sa.Column(name, AutoString(), nullable=False, server_default=""))
        batch_op.create_unique_constraint(op.f("uq_orders_external_id"), ["external_id"])
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        for name in ("amount_discount", "amount_tax"):
            batch_op.add_column(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("taken_back_at", UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("taken_back_reason", AutoString(), nullable=False, server_default=""))
    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        for name in _BUYER:
            batch_op.add_column(sa.Column(name, AutoString(), nullable=False, server_default=""))
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lines", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("request", AutoString(), nullable=False, server_default=""))
    for table in ("refunds", "disputes"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("payment_id", AutoString(), nullable=True))
            batch_op.create_foreign_key(op.f(f"fk_{table}_payment_id_payments"), "payments", ["payment_id"], ["id"])
            batch_op.create_index(op.f(f"ix_{table}_payment_id"), ["payment_id"], unique=False)
    op.create_index(op.f("ix_refunds_request"), "refunds", ["request"], unique=False)


Row = dict[str, Any]


def _fill(bind: sa.Connection) -> None:
    """Make payments of what is known: Sessions that were paid, paid invoices, and which PaymentIntents were traced."""
    known = sa.MetaData()
    names = ("orders", "order_lines", "checkouts", "invoices", "payment_intents", "refunds", "disputes", "payments",
             "fulfillment_log")  # fmt: skip
    known.reflect(bind, only=names)
    tables = known.tables
    made = _payments(bind, tables)
    if made:
        bind.execute(tables["payments"].insert(), made)
    by_order: dict[str, list[Row]] = defaultdict(list)
    for payment in made:
        by_order[payment["order_id"]].append(payment)
    lines: dict[str, Row] = {row["id"]: row for row in _rows(bind, tables["order_lines"])}
    _give_refunds(bind, tables["refunds"], by_order, lines)
    _give_disputes(bind, tables["disputes"], by_order)
    _sum_up(bind, tables, by_order)


def _rows(bind: sa.Connection, table: sa.Table) -> Iterator[Row]:
    for row in bind.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings():
        yield dict(row)


def _payments(bind: sa.Connection, tables: Any) -> list[Row]:
    paid_at = {
        row["order_id"]: row["created_at"] for row in _rows(bind, tables["fulfillment_log"]) if row["event"] == "paid"
    }
    invoices = {row["id"]: row for row in _rows(bind, tables["invoices"])}
    firsts = {
        row["stripe_subscription_id"]: row
        for row in invoices.values()
        if row["billing_reason"] == "subscription_create"
    }
    made = []
    for row in _rows(bind, tables["checkouts"]):
        if row["money"] == "paid":
            first = firsts.get(row["stripe_subscription_id"]) if row["stripe_subscription_id"] else None
            if first:
                invoices.pop(first["id"])
            made.append(_of_session(row, first, paid_at.get(row["order_id"], row["created_at"])))
    made += [_of_invoice(row) for row in invoices.values()]
    _trace(bind, tables["payment_intents"], made)
    return made


def _of_session(row: Row, first: Row | None, paid_at: Any) -> Row:
    amount, subtotal = row["amount_total"] or 0, row["amount_subtotal"] or 0
    session = row["stripe_checkout_session_id"]
    return {
        "id": first["id"] if first else row["stripe_payment_intent_id"] or session, "order_id": row["order_id"],
        "billing_reason": "subscription_create" if row["stripe_subscription_id"] else "checkout", "amount": amount,
        # Which of the two made the difference only Stripe knows: it is asked about what is not known to the cent.
        "amount_subtotal": subtotal, "amount_discount": max(subtotal - amount, 0),
        "amount_tax": max(amount - subtotal, 0), "amount_refunded": 0, "currency": row["currency"],
        "paid_at": min(paid_at, first["created_at"]) if first else paid_at,
        "stripe_payment_intent_id": row["stripe_payment_intent_id"], "stripe_charge_id": None,
        "stripe_checkout_session_id": session, "stripe_invoice_id": first["id"] if first else None,
        "stripe_subscription_id": row["stripe_subscription_id"], "lines_known": amount in (subtotal, 0),
    }  # fmt: skip


def _of_invoice(row: Row) -> Row:
    return {
        "id": row["id"], "order_id": row["order_id"], "billing_reason": row["billing_reason"],
        "amount": row["amount_paid"], "amount_subtotal": row["amount_paid"], "amount_discount": 0, "amount_tax": 0,
        "amount_refunded": 0, "currency": row["currency"], "paid_at": row["created_at"],
        "stripe_payment_intent_id": None, "stripe_charge_id": None, "stripe_checkout_session_id": None,
        "stripe_invoice_id": row["id"], "stripe_subscription_id": row["stripe_subscription_id"],
        "lines_known": row["amount_paid"] == 0,
    }  # fmt: skip


def _trace(bind: sa.Connection, traced: sa.Table, made: Sequence[Row]) -> None:
    """A traced payment is the one of its order of which it is not known, if there is only one such. Else Stripe tells."""
    nameless: dict[str, list[Row]] = defaultdict(list)
    for payment in made:
        if payment["stripe_payment_intent_id"] is None and payment["amount"]:
            nameless[payment["order_id"]].append(payment)
    known = {payment["stripe_payment_intent_id"] for payment in made}
    found: dict[str, list[str]] = defaultdict(list)
    for row in _rows(bind, traced):
        if row["id"].startswith("pi_") and row["id"] not in known:
            found[row["order_id"]].append(row["id"])
    for order_id, ids in found.items():
        if len(ids) == len(nameless[order_id]) == 1:
            nameless[order_id][0]["stripe_payment_intent_id"] = ids[0]


def _paid_by(row: Row, payments: Sequence[Row]) -> Row | None:
    """The payment that a refund or dispute is about: the one it names, else the only one that there is."""
    name = row["stripe_payment_intent_id"]
    named = next((each for each in payments if name and each["stripe_payment_intent_id"] == name), None)
    return named or (payments[0] if len(payments) == 1 else None)


def _give_refunds(bind: sa.Connection, table: sa.Table, by_order: dict[str, list[Row]], lines: dict[str, Row]) -> None:
    for row in _rows(bind, table):
        payment = _paid_by(row, by_order[row["order_id"]])
        if payment and row["status"] in _GONE:
            payment["amount_refunded"] = min(payment["amount_refunded"] + row["amount"], payment["amount"])
        ids = row["line_ids"] if isinstance(row["line_ids"], list) else json.loads(row["line_ids"])
        bind.execute(
            table.update()
            .where(table.c.id == row["id"])
            .values(
                payment_id=payment["id"] if payment else None, request=row["id"],
                lines=_by_line(row["amount"], [lines[line_id] for line_id in ids if line_id in lines]),
            )
        )  # fmt: skip


def _by_line(amount: int, lines: Sequence[Row]) -> dict[str, int]:
    """What went back for each line: its price, as far as the sum goes; the last one has what is left."""
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        price = line["unit_amount"] * line["quantity"]
        found[line["id"]] = amount if number == len(lines) else min(price, amount)
        amount -= found[line["id"]]
    return found


def _give_disputes(bind: sa.Connection, table: sa.Table, by_order: dict[str, list[Row]]) -> None:
    for row in _rows(bind, table):
        if payment := _paid_by(row, by_order[row["order_id"]]):
            bind.execute(table.update().where(table.c.id == row["id"]).values(payment_id=payment["id"]))
            if row["stripe_payment_intent_id"] == payment["stripe_payment_intent_id"]:
                payment["stripe_charge_id"] = payment["stripe_charge_id"] or row["stripe_charge_id"]


def _sum_up(bind: sa.Connection, tables: Any, by_order: dict[str, list[Row]]) -> None:
    payments, orders = tables["payments"], tables["orders"]
    for order_id, found in by_order.items():
        for payment in found:
            changed = {name: payment[name] for name in ("amount_refunded", "stripe_charge_id")}
            bind.execute(payments.update().where(payments.c.id == payment["id"]).values(changed))
        sums = {
            name: sum(each[name] for each in found) for name in ("amount_subtotal", "amount_discount", "amount_tax")
        }
        paid_at = min(each["paid_at"] for each in found)
        paid = sa.and_(orders.c.id == order_id, orders.c.amount_total.is_not(None))
        bind.execute(orders.update().where(paid).values(**sums, paid_at=paid_at))


def downgrade() -> None:
    _create_earlier()
    _fill_earlier(op.get_bind())
    op.drop_index(op.f("ix_refunds_request"), table_name="refunds")
    for table in ("refunds", "disputes"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_index(op.f(f"ix_{table}_payment_id"))
            batch_op.drop_constraint(op.f(f"fk_{table}_payment_id_payments"), type_="foreignkey")
            batch_op.drop_column("payment_id")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        for name in ("lines", "request"):
            batch_op.drop_column(name)
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("uq_orders_external_id"), type_="unique")
        for name in (*_ORDER_COLUMNS, *_BUYER):
            batch_op.drop_column(name)
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        for name in ("amount_discount", "amount_tax", "taken_back_at", "taken_back_reason"):
            batch_op.drop_column(name)
    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        for name in _BUYER:
            batch_op.drop_column(name)
    op.drop_table("payment_lines")
    for column in ("order_id", "stripe_charge_id", "stripe_checkout_session_id", "stripe_subscription_id"):
        op.drop_index(op.f(f"ix_payments_{column}"), table_name="payments")
    op.drop_table("payments")


def _create_earlier() -> None:
    op.create_table(
        "invoices",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("stripe_subscription_id", AutoString(), nullable=False),
        sa.Column("billing_reason", AutoString(), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_invoices_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
    )
    op.create_table(
        "payment_intents",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payment_intents_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_intents")),
    )
    for table in ("invoices", "payment_intents"):
        op.create_index(op.f(f"ix_{table}_order_id"), table, ["order_id"], unique=False)
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.add_column(sa.Column("line_ids", sa.JSON(), nullable=False, server_default="[]"))


def _fill_earlier(bind: sa.Connection) -> None:
    known = sa.MetaData()
    known.reflect(bind, only=("invoices", "payment_intents", "payments", "refunds"))
    tables = known.tables
    for row in _rows(bind, tables["payments"]):
        if row["stripe_invoice_id"] and row["stripe_subscription_id"]:
            bind.execute(tables["invoices"].insert().values(
                id=row["stripe_invoice_id"], order_id=row["order_id"], amount_paid=row["amount"],
                stripe_subscription_id=row["stripe_subscription_id"], billing_reason=row["billing_reason"],
                currency=row["currency"], created_at=row["paid_at"],
            ))  # fmt: skip
        if row["stripe_payment_intent_id"]:
            traced = tables["payment_intents"].insert()
            bind.execute(traced.values(id=row["stripe_payment_intent_id"], order_id=row["order_id"]))
    refunds = tables["refunds"]
    for row in _rows(bind, refunds):
        lines = row["lines"] if isinstance(row["lines"], dict) else json.loads(row["lines"])
        bind.execute(refunds.update().where(refunds.c.id == row["id"]).values(line_ids=list(lines)))
