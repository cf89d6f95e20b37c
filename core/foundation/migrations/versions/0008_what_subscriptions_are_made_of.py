"""what subscriptions are made of"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENTS = ("paid_until", "unpaid_since", "access_until", "canceled_at", "lapses_at", "refresh_at")
INDEXED = ("lapses_at", "refresh_at")
# Of every subscription that is known, also of one that has ended: its items and what it brought are asked for once.
ASK_AT_ONCE = "2000-01-01 00:00:00"


def upgrade() -> None:
    with op.batch_alter_table("subscriptions") as batch_op:
        batch_op.add_column(sa.Column("created_at", UTCDateTime(), nullable=True))
        for name in MOMENTS:
            batch_op.add_column(sa.Column(name, UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("monthly_amount", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        batch_op.alter_column("fetched_at", existing_type=UTCDateTime(), nullable=True)
        batch_op.drop_column("quantity")
    _fill()
    with op.batch_alter_table("subscriptions") as batch_op:
        batch_op.alter_column("created_at", existing_type=UTCDateTime(), nullable=False)
        batch_op.alter_column("monthly_amount", existing_type=sa.BigInteger(), server_default=None)
        batch_op.alter_column("failures", existing_type=sa.Integer(), server_default=None)
        for name in INDEXED:
            batch_op.create_index(batch_op.f(f"ix_subscriptions_{name}"), [name])
    with op.batch_alter_table("refunds") as batch_op:
        batch_op.add_column(sa.Column("ends_subscription", sa.Boolean(), nullable=True))
    op.create_table(
        "subscription_items",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("subscription_id", AutoString(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("order_line_id", AutoString(), nullable=True),
        sa.Column("stripe_price_id", AutoString(), nullable=False),
        sa.Column("product_id", AutoString(), nullable=True),
        sa.Column("price_id", AutoString(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("paid_quantity", sa.Integer(), nullable=True),
        sa.Column("unit_amount", sa.BigInteger(), nullable=False),
        sa.Column("interval", AutoString(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_subscription_items_subscription_id_subscriptions")
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_lines.id"], name=op.f("fk_subscription_items_order_line_id_order_lines")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_subscription_items_product_id_products")
        ),
        sa.ForeignKeyConstraint(["price_id"], ["prices.id"], name=op.f("fk_subscription_items_price_id_prices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_items")),
    )
    for name in ("subscription_id", "order_line_id"):
        op.create_index(op.f(f"ix_subscription_items_{name}"), "subscription_items", [name])
    kinds = ("new", "expansion", "contraction", "churned", "reactivation")
    op.create_table(
        "subscription_changes",
        sa.Column("subscription_id", AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("kind", sa.Enum(*kinds, name="movement", native_enum=False, length=32), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("monthly_before", sa.BigInteger(), nullable=False),
        sa.Column("monthly_after", sa.BigInteger(), nullable=False),
        sa.Column("reason", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_subscription_changes_subscription_id_subscriptions"),
        ),
        sa.PrimaryKeyConstraint("subscription_id", "number", name=op.f("pk_subscription_changes")),
    )
    op.create_index(op.f("ix_subscription_changes_at"), "subscription_changes", ["at"])


def _fill() -> None:
    """What is known before Stripe has been asked: grace that runs, and the subscriptions that were never heard of."""
    op.execute("update subscriptions set created_at = (select created_at from orders where orders.id = order_id)")
    op.execute(f"update subscriptions set refresh_at = '{ASK_AT_ONCE}', paid_until = period_end")
    op.execute("update subscriptions set access_until = grace_until, lapses_at = grace_until where status = 'past_due'")
    # What was suspended stays so until Stripe says until when it is paid for.
    op.execute(
        "update subscriptions set access_until = created_at where (paused and status <> 'past_due')"
        " or status not in ('active', 'trialing', 'past_due', 'canceled', 'incomplete_expired')"
    )
    op.execute("update orders set eventful = true where id in (select order_id from checkouts"
               " where stripe_subscription_id is not null)")  # fmt: skip
    op.execute(
        "insert into subscriptions"
        " (id, order_id, status, amount, monthly_amount, currency, paused, end_reason, failures, created_at, refresh_at)"
        f" select stripe_subscription_id, min(order_id), '', 0, 0, '', false, '', 0, min(created_at), '{ASK_AT_ONCE}'"
        " from checkouts where stripe_subscription_id is not null"
        " and stripe_subscription_id not in (select id from subscriptions) group by stripe_subscription_id"
    )


def downgrade() -> None:
    op.drop_table("subscription_changes")
    op.drop_table("subscription_items")
    with op.batch_alter_table("refunds") as batch_op:
        batch_op.drop_column("ends_subscription")
    op.execute("delete from subscriptions where fetched_at is null")
    with op.batch_alter_table("subscriptions") as batch_op:
        for name in INDEXED:
            batch_op.drop_index(batch_op.f(f"ix_subscriptions_{name}"))
        for name in (*MOMENTS, "created_at", "monthly_amount", "failures"):
            batch_op.drop_column(name)
        batch_op.alter_column("fetched_at", existing_type=UTCDateTime(), nullable=False)
        batch_op.add_column(sa.Column("quantity", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("subscriptions") as batch_op:
        batch_op.alter_column("quantity", existing_type=sa.Integer(), server_default=None)
