"""what the order desk keeps"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt_copies",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("address", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_receipt_copies_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_copies")),
    )
    op.create_index(op.f("ix_receipt_copies_order_id"), "receipt_copies", ["order_id"])
    op.create_table(
        "given_orders",
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("reason", AutoString(), nullable=False),
        sa.Column("given_by", AutoString(), nullable=False),
        sa.Column("amount_outside", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_given_orders_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_given_orders")),
    )
    op.create_table(
        "saved_views",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("folded", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("folded", "name", name=op.f("uq_saved_views_folded_name")),
    )


def downgrade() -> None:
    op.drop_table("saved_views")
    op.drop_table("given_orders")
    op.drop_index(op.f("ix_receipt_copies_order_id"), table_name="receipt_copies")
    op.drop_table("receipt_copies")
