"""the shelves"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "applied_entries",
        sa.Column("product_id", AutoString(), nullable=False),
        sa.Column("entry", sa.JSON(), nullable=False),
        sa.Column("file", AutoString(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False),
        sa.Column("applied_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_applied_entries_product_id_products")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_applied_entries")),
    )
    op.create_table(
        "stripe_prices",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("missing", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("interval", AutoString(), nullable=True),
        sa.Column("product_name", AutoString(), nullable=False),
        sa.Column("product_active", sa.Boolean(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_prices")),
    )


def downgrade() -> None:
    op.drop_table("stripe_prices")
    op.drop_table("applied_entries")
