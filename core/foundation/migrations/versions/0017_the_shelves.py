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
    op.create_table(
        "promotion_codes",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("stripe_id", AutoString(), nullable=True),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("code", AutoString(), nullable=False),
        sa.Column("percent_off", sa.Float(), nullable=True),
        sa.Column("amount_off", sa.BigInteger(), nullable=True),
        sa.Column("currency", AutoString(), nullable=True),
        sa.Column("forever", sa.Boolean(), nullable=False),
        sa.Column("first_time", sa.Boolean(), nullable=False),
        sa.Column("max_redemptions", sa.Integer(), nullable=True),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.Column("times_redeemed", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("made_here", sa.Boolean(), nullable=False),
        sa.Column("refused", AutoString(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion_codes")),
        sa.UniqueConstraint("stripe_id", name=op.f("uq_promotion_codes_stripe_id")),
    )
    op.create_index("ix_promotion_codes_livemode_created_at", "promotion_codes", ["livemode", "created_at"])
    op.create_index(op.f("ix_promotion_codes_seen_at"), "promotion_codes", ["seen_at"])
    op.create_table(
        "promotion_uses",
        sa.Column("stripe_checkout_session_id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("stripe_id", AutoString(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("stripe_checkout_session_id", name=op.f("pk_promotion_uses")),
    )
    op.create_table(
        "promotion_sums",
        sa.Column("stripe_id", AutoString(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stripe_id", "currency", name=op.f("pk_promotion_sums")),
    )


def downgrade() -> None:
    for table in ("promotion_sums", "promotion_uses", "promotion_codes"):
        op.drop_table(table)
    op.drop_table("uploads")
    op.drop_table("stripe_prices")
    op.drop_table("applied_entries")
