"""letters about an order, the digest, and imports"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unpaid_amount", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("payment_url", AutoString(), nullable=False, server_default=""))
    op.create_table(
        "digest_choices",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("last", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest_choices")),
    )
    op.create_table(
        "past_customers",
        sa.Column("folded", AutoString(), nullable=False),
        sa.Column("customer_id", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("note", AutoString(), nullable=False),
        sa.Column("source", AutoString(), nullable=False),
        sa.Column("imported_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_past_customers_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("folded", name=op.f("pk_past_customers")),
    )
    op.create_index(op.f("ix_past_customers_customer_id"), "past_customers", ["customer_id"], unique=False)
    op.create_table(
        "past_orders",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("customer_id", AutoString(), nullable=False),
        sa.Column("source", AutoString(), nullable=False),
        sa.Column("number", AutoString(), nullable=False),
        sa.Column("placed_at", UTCDateTime(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("product", AutoString(), nullable=False),
        sa.Column("product_id", AutoString(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("status", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=True),
        sa.Column("imported_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_past_orders_customer_id_customers")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_past_orders_product_id_products")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_past_orders_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_orders")),
    )
    op.create_index(op.f("ix_past_orders_customer_id"), "past_orders", ["customer_id"], unique=False)
    op.create_index(op.f("ix_past_orders_order_id"), "past_orders", ["order_id"], unique=False)
    op.create_index("ix_past_orders_imported_at_id", "past_orders", ["imported_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("past_orders")
    op.drop_table("past_customers")
    op.drop_table("digest_choices")
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_column("payment_url")
        batch_op.drop_column("unpaid_amount")
