"""the balance and its payouts"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ORIGINS = ("unknown", "order", "foreign", "account")
STATUSES = ("pending", "in_transit", "paid", "canceled", "failed")
INDEXED = {
    "balance_entries": (
        "source", "origin", "order_id", "payout_id", "stripe_payment_intent_id", "stripe_charge_id", "created_at",
    ),
    "payouts": ("status", "arrival_date"),
}  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "balance_entries",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("source", AutoString(), nullable=True),
        sa.Column("category", AutoString(), nullable=False),
        sa.Column("origin", sa.Enum(*ORIGINS, name="origin", native_enum=False, length=32), nullable=False),
        sa.Column("order_id", AutoString(), nullable=True),
        sa.Column("payout_id", AutoString(), nullable=True),
        sa.Column("stripe_payment_intent_id", AutoString(), nullable=True),
        sa.Column("stripe_charge_id", AutoString(), nullable=True),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("exchange_rate", sa.Float(53), nullable=True),
        sa.Column("original_amount", sa.BigInteger(), nullable=True),
        sa.Column("original_currency", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("available_on", UTCDateTime(), nullable=False),
        sa.Column("fetched_at", UTCDateTime(), nullable=False),
        sa.Column("ask_after", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_balance_entries_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_balance_entries")),
    )
    op.create_table(
        "payouts",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("status", sa.Enum(*STATUSES, name="payoutstatus", native_enum=False, length=32), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("arrival_date", UTCDateTime(), nullable=False),
        sa.Column("failure_code", AutoString(), nullable=False),
        sa.Column("failure_message", AutoString(), nullable=False),
        sa.Column("failed_at", UTCDateTime(), nullable=True),
        sa.Column("listable", sa.Boolean(), nullable=False),
        sa.Column("listed_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("told_at", UTCDateTime(), nullable=False),
        sa.Column("ask_after", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payouts")),
    )
    for table, columns in INDEXED.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def downgrade() -> None:
    op.drop_table("payouts")
    op.drop_table("balance_entries")
