"""Taxes of days that are over are kept."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
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


def downgrade() -> None:
    op.drop_table("tax_days")
