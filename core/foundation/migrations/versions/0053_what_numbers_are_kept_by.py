"""What the owner's numbers are kept by: taxes of days that are over, and what promotion codes take off renewals."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_CURRENT = sa.text("superseded_at is null")
_DAYS = ("sales_days", "product_days", "balance_days", "movement_days")


def upgrade() -> None:
    # What was summed so far was so by the first measures; what an earlier version's process still sums, too.
    for table in (*_DAYS, "hour_sums"):
        op.add_column(table, sa.Column("measures", sa.Integer(), nullable=False, server_default="1"))
    for table in _DAYS:
        op.create_index(
            f"ix_{table}_measures", table, ["measures"], unique=False, postgresql_where=_CURRENT, sqlite_where=_CURRENT
        )  # fmt: skip
    op.create_table(
        "tax_days",
        sa.Column("zone", AutoString(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("counted_at", UTCDateTime(), nullable=True),
        sa.Column("sums", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("zone", "livemode", "day", name=op.f("pk_tax_days")),
    )
    op.add_column(
        "promotion_sums", sa.Column("renewals", sa.BigInteger(), nullable=False, server_default="0")
    )  # fmt: skip
    op.create_table(
        "promotion_discounts",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("stripe_id", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion_discounts")),
    )
    op.create_table(
        "renewal_discounts",
        sa.Column("payment_id", AutoString(), nullable=False),
        sa.Column("discount_id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("stripe_id", AutoString(), nullable=True),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("payment_id", "discount_id", name=op.f("pk_renewal_discounts")),
    )
    op.create_index(op.f("ix_renewal_discounts_discount_id"), "renewal_discounts", ["discount_id"], unique=False)


def downgrade() -> None:
    op.drop_table("renewal_discounts")
    op.drop_table("promotion_discounts")
    op.drop_column("promotion_sums", "renewals")
    for table in _DAYS:
        op.drop_index(f"ix_{table}_measures", table_name=table)
    for table in ("hour_sums", *_DAYS):
        op.drop_column(table, "measures")
    op.drop_table("tax_days")
