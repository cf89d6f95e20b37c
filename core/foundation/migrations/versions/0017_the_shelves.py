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
    op.create_table(
        "uploads",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("product_id", AutoString(), nullable=False),
        sa.Column("purpose", sa.Enum("file", "cover", name="purpose", native_enum=False, length=32), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("label", AutoString(), nullable=False),
        sa.Column("media_type", AutoString(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("state", sa.Enum("open", "done", name="uploadstate", native_enum=False, length=32), nullable=False),
        sa.Column("touched_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_uploads_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_touched_at"), "uploads", ["touched_at"])


def downgrade() -> None:
    op.drop_table("uploads")
    op.drop_table("stripe_prices")
    op.drop_table("applied_entries")
