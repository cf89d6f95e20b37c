"""what comes after the payment"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signals",
        sa.Column(
            "name",
            sa.Enum(
                "stripe_answered", "stripe_silent", "events_seen", "swept", name="name", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("detail", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_signals")),
    )
    op.create_table(
        "disputes",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("stripe_charge_id", AutoString(), nullable=True),
        sa.Column("stripe_payment_intent_id", AutoString(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("reason", AutoString(), nullable=False),
        sa.Column("status", AutoString(), nullable=False),
        sa.Column("due_by", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_disputes_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
    )
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disputes_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_disputes_status"), ["status"], unique=False)

    op.create_table(
        "fraud_warnings",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("fraud_type", AutoString(), nullable=False),
        sa.Column("actionable", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_fraud_warnings_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fraud_warnings")),
    )
    with op.batch_alter_table("fraud_warnings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fraud_warnings_order_id"), ["order_id"], unique=False)

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
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoices_order_id"), ["order_id"], unique=False)

    op.create_table(
        "payment_intents",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payment_intents_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_intents")),
    )
    with op.batch_alter_table("payment_intents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_intents_order_id"), ["order_id"], unique=False)

    op.create_table(
        "refunds",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("stripe_refund_id", AutoString(), nullable=True),
        sa.Column("stripe_payment_intent_id", AutoString(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "requested",
                "pending",
                "requires_action",
                "succeeded",
                "canceled",
                "failed",
                name="refundstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", AutoString(), nullable=False),
        sa.Column("failure", AutoString(), nullable=False),
        sa.Column("line_ids", sa.JSON(), nullable=False),
        sa.Column("takes_back", sa.Boolean(), nullable=False),
        sa.Column("actor", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("stripe_refund_id", name=op.f("uq_refunds_stripe_refund_id")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refunds_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_refunds_status"), ["status"], unique=False)

    op.create_table(
        "subscriptions",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("status", AutoString(), nullable=False),
        sa.Column("stripe_customer_id", AutoString(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("interval", AutoString(), nullable=True),
        sa.Column("period_end", UTCDateTime(), nullable=True),
        sa.Column("trial_end", UTCDateTime(), nullable=True),
        sa.Column("ends_at", UTCDateTime(), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("grace_until", UTCDateTime(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("end_reason", AutoString(), nullable=False),
        sa.Column("fetched_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_subscriptions_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subscriptions_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_subscriptions_status"), ["status"], unique=False)

    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("granted_at", UTCDateTime(), nullable=True))

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("eventful", sa.Boolean(), nullable=False, server_default=sa.false()))

    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ip", AutoString(), nullable=False, server_default=""))

    with op.batch_alter_table("stripe_events", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("retry_after", UTCDateTime(), nullable=False, server_default="1970-01-01 00:00:00")
        )

    # What is in use now has been granted, though nobody noted when.
    op.execute("update grants set granted_at = updated_at where state = 'active'")


def downgrade() -> None:
    with op.batch_alter_table("stripe_events", schema=None) as batch_op:
        batch_op.drop_column("retry_after")

    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.drop_column("ip")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("eventful")

    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_column("granted_at")

    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscriptions_status"))
        batch_op.drop_index(batch_op.f("ix_subscriptions_order_id"))

    op.drop_table("subscriptions")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refunds_status"))
        batch_op.drop_index(batch_op.f("ix_refunds_order_id"))

    op.drop_table("refunds")
    with op.batch_alter_table("payment_intents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_intents_order_id"))

    op.drop_table("payment_intents")
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invoices_order_id"))

    op.drop_table("invoices")
    with op.batch_alter_table("fraud_warnings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fraud_warnings_order_id"))

    op.drop_table("fraud_warnings")
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disputes_status"))
        batch_op.drop_index(batch_op.f("ix_disputes_order_id"))

    op.drop_table("disputes")
    op.drop_table("signals")
