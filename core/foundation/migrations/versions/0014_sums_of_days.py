"""sums of days"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

AMOUNTS = {"payments": "tax_included", "refunds": "amount_tax"}
DATED = {"orders": "paid_at", "payments": "paid_at", "refunds": "created_at", "disputes": "created_at"}
# What only some rows have, by the day.
SOME = (
    ("ix_subscriptions_tried", "subscriptions", "trial_end", sa.text("trial_end is not null")),
    ("ix_payments_discounted", "payments", "paid_at", sa.text("amount_discount != 0")),
    ("ix_payments_taxed", "payments", "paid_at", sa.text("amount_tax != 0")),
    ("ix_refunds_taxed", "refunds", "created_at", sa.text("amount_tax != 0")),
)
# By table: what its rows are sums for, beside zone, mode, day and currency, and what is summed.
SUMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sales_days": (
        (),
        (
            "gross", "discounts", "tax", "credit", "renewals", "spent", "purchases", "refunds", "refunded_tax", "disputed",
            "disputes_won", "orders", "opened", "converted",
        ),
    ),
    "product_days": (("product_id",), ("quantity", "gross", "discounts")),
    "balance_days": (("origin", "category"), ("entries", "gross", "fee", "net")),
    "movement_days": (("kind",), ("changes", "amount")),
}  # fmt: skip


def upgrade() -> None:
    for table, column in AMOUNTS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(_TAX_INCLUDED)
    op.execute(_TAX_REFUNDED)
    for table, column in DATED.items():
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    for name, table, column, rows in SOME:
        op.create_index(name, table, [column], unique=False, postgresql_where=rows, sqlite_where=rows)
    op.create_index("ix_subscription_changes_kind_at", "subscription_changes", ["kind", "at"], unique=False)
    op.create_table(
        "corrections",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
    )
    op.create_table(
        "summed_days",
        sa.Column("zone", AutoString(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("hours_until", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("zone", name=op.f("pk_summed_days")),
    )
    op.create_table(
        "hour_sums",
        sa.Column("zone", AutoString(), nullable=False),
        sa.Column("kept", AutoString(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("sums", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("zone", "kept", "livemode", "at", name=op.f("pk_hour_sums")),
    )
    for table, (keys, measures) in SUMS.items():
        op.create_table(
            table,
            sa.Column("zone", AutoString(), nullable=False),
            sa.Column("livemode", sa.Boolean(), nullable=False),
            sa.Column("day", sa.Date(), nullable=False),
            sa.Column("known_at", UTCDateTime(), nullable=False),
            sa.Column("currency", AutoString(), nullable=False),
            *(sa.Column(name, AutoString(), nullable=False) for name in keys),
            sa.Column("superseded_at", UTCDateTime(), nullable=True),
            *(sa.Column(name, sa.BigInteger(), nullable=False) for name in measures),
            sa.PrimaryKeyConstraint("zone", "livemode", "day", "known_at", "currency", *keys, name=op.f(f"pk_{table}")),
        )


# As it is told whenever an order is settled from now on.
_TAX_INCLUDED = """
    update payments set tax_included = coalesce(
        (
            select sum(amount_subtotal - amount_discount + amount_tax - amount) from payment_lines
            where payment_lines.payment_id = payments.id
        ),
        case
            when amount_subtotal - amount_discount + amount_tax - amount < 0 then 0
            when amount_subtotal - amount_discount < amount then amount_subtotal - amount_discount + amount_tax - amount
            else amount_tax
        end
    )
    where amount_tax <> 0
"""
_TAX_REFUNDED = """
    update refunds set amount_tax = (
        select refunds.amount * payments.amount_tax / payments.amount from payments
        where payments.id = refunds.payment_id
    )
    where status in ('pending', 'requires_action', 'succeeded')
    and exists (
        select 1 from payments
        where payments.id = refunds.payment_id and payments.amount_tax > 0 and payments.amount >= refunds.amount
    )
"""


def downgrade() -> None:
    for table in (*SUMS, "hour_sums", "summed_days", "corrections"):
        op.drop_table(table)
    op.drop_index("ix_subscription_changes_kind_at", table_name="subscription_changes")
    for name, table, _column, _rows in SOME:
        op.drop_index(name, table_name=table)
    for table, column in DATED.items():
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
    for table, column in AMOUNTS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(column)
