"""webhooks, entitlements and seats"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_STATES = ("waiting", "delivered", "held", "dropped")
_TOPICS = (
    "order.paid", "order.refunded", "license.changed", "seat.changed", "entitlement.changed", "attendee.changed",
    "test.ping",
)  # fmt: skip
_SEATS = ("invited", "accepted", "suspended", "removed")


def _words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=32)


def upgrade() -> None:
    _make_webhooks()
    _make_entitlements()
    _make_seats()


def _make_webhooks() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("url", AutoString(), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("variable", AutoString(), nullable=False),
        sa.Column("sealed", AutoString(), nullable=False),
        sa.Column("sealed_before", AutoString(), nullable=False),
        sa.Column("both_until", UTCDateTime(), nullable=True),
        sa.Column("failing_since", UTCDateTime(), nullable=True),
        sa.Column("failure", AutoString(), nullable=False),
        sa.Column("off", _words("off", "owner", "failed", "gone"), nullable=True),
        sa.Column("off_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("removed_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "webhook_messages",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("topic", _words("topic", *_TOPICS), nullable=False),
        sa.Column("body", AutoString(), nullable=False),
        sa.Column("person", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_messages")),
    )
    op.create_index(op.f("ix_webhook_messages_person"), "webhook_messages", ["person"])
    op.create_index("ix_webhook_messages_created_at", "webhook_messages", ["created_at"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("message_id", AutoString(), nullable=False),
        sa.Column("endpoint_id", AutoString(), nullable=False),
        sa.Column("state", _words("deliverystate", *_STATES), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("next_at", UTCDateTime(), nullable=True),
        sa.Column("settled_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["webhook_messages.id"], name=op.f("fk_webhook_deliveries_message_id_webhook_messages")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_deliveries_endpoint_id_webhook_endpoints")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("message_id", "endpoint_id", name=op.f("uq_webhook_deliveries_message_id_endpoint_id")),
    )
    op.create_index("ix_webhook_deliveries_created_at_id", "webhook_deliveries", ["created_at", "id"])
    op.create_index(
        "ix_webhook_deliveries_endpoint_id_created_at_id", "webhook_deliveries", ["endpoint_id", "created_at", "id"]
    )
    op.create_index("ix_webhook_deliveries_state_created_at_id", "webhook_deliveries", ["state", "created_at", "id"])
    op.create_index("ix_webhook_deliveries_endpoint_id_state", "webhook_deliveries", ["endpoint_id", "state"])
    op.create_table(
        "webhook_attempts",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("delivery_id", AutoString(), nullable=False),
        sa.Column("url", AutoString(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", AutoString(), nullable=False),
        sa.Column("error", AutoString(), nullable=False),
        sa.Column("took", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["webhook_deliveries.id"], name=op.f("fk_webhook_attempts_delivery_id_webhook_deliveries")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index(op.f("ix_webhook_attempts_delivery_id"), "webhook_attempts", ["delivery_id"])


def _make_entitlements() -> None:
    op.create_table(
        "entitlement_records",
        sa.Column("customer_id", AutoString(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.Column("look_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_entitlement_records_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("customer_id", "livemode", name=op.f("pk_entitlement_records")),
    )
    op.create_index(
        "ix_entitlement_records_changed_at", "entitlement_records", ["livemode", "changed_at", "customer_id"]
    )
    op.create_index(op.f("ix_entitlement_records_look_at"), "entitlement_records", ["look_at"])
    with op.batch_alter_table("orders") as orders:
        orders.add_column(sa.Column("entitlements_due", UTCDateTime(), nullable=True))
        orders.add_column(sa.Column("seller_reference", AutoString(), nullable=False, server_default=""))
    due = sa.text("entitlements_due IS NOT NULL")
    op.create_index(
        "ix_orders_entitlements_due", "orders", ["entitlements_due", "id"], postgresql_where=due, sqlite_where=due
    )
    with op.batch_alter_table("customers") as customers:
        customers.add_column(sa.Column("seller_reference", AutoString(), nullable=True))
        customers.create_unique_constraint(op.f("uq_customers_seller_reference"), ["seller_reference"])
    # What was bought until now is looked at once, so that a backend which reconciles hears of everybody.
    op.execute("update orders set entitlements_due = updated_at where paid_at is not null and not from_season")


def _make_seats() -> None:
    # The defaults stay: workers of the version before may still be writing.
    with op.batch_alter_table("grants") as grants:
        grants.add_column(sa.Column("buyer_sits", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("seats") as seats:
        seats.add_column(sa.Column("customer_id", AutoString(), nullable=True))
        seats.add_column(sa.Column("state", _words("seatstate", *_SEATS), nullable=False, server_default="accepted"))
        seats.add_column(sa.Column("since", UTCDateTime(), nullable=True))
        for name in ("invited_at", "accepted_at", "removed_at"):
            seats.add_column(sa.Column(name, UTCDateTime(), nullable=True))
        seats.add_column(sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.execute("update seats set since = created_at, accepted_at = created_at")
    with op.batch_alter_table("seats") as seats:
        seats.alter_column("since", existing_type=UTCDateTime(), nullable=False)
        seats.create_index(op.f("ix_seats_customer_id"), ["customer_id"])
        seats.create_index(op.f("ix_seats_email"), ["email"])
        seats.create_foreign_key(op.f("fk_seats_customer_id_customers"), "customers", ["customer_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("seats") as seats:
        seats.drop_constraint(op.f("fk_seats_customer_id_customers"), type_="foreignkey")
        seats.drop_index(op.f("ix_seats_customer_id"))
        seats.drop_index(op.f("ix_seats_email"))
        for name in ("tries", "removed_at", "accepted_at", "invited_at", "since", "state", "customer_id"):
            seats.drop_column(name)
    with op.batch_alter_table("grants") as grants:
        grants.drop_column("buyer_sits")
    with op.batch_alter_table("customers") as customers:
        customers.drop_constraint(op.f("uq_customers_seller_reference"), type_="unique")
        customers.drop_column("seller_reference")
    op.drop_index("ix_orders_entitlements_due", "orders")
    with op.batch_alter_table("orders") as orders:
        orders.drop_column("seller_reference")
        orders.drop_column("entitlements_due")
    op.drop_table("entitlement_records")
    for table in ("webhook_attempts", "webhook_deliveries", "webhook_messages", "webhook_endpoints"):
        op.drop_table(table)
