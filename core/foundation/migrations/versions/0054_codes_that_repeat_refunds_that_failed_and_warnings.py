"""For how many months a promotion code takes something off, when a refund failed, which payment a warning of fraud is about, and
when a plan was paused or changed, and when it changes next, and to which amount."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promotion_codes", sa.Column("months", sa.Integer(), nullable=True))
    op.add_column("refunds", sa.Column("failed_at", UTCDateTime(), nullable=True))
    for name in ("stripe_payment_intent_id", "stripe_charge_id"):
        op.add_column("fraud_warnings", sa.Column(name, AutoString(), nullable=True))
    for name in ("pause_changed_at", "plan_changed_at"):
        op.add_column("subscriptions", sa.Column(name, UTCDateTime(), nullable=True))
    op.add_column("subscriptions", sa.Column("in_force", AutoString(), nullable=True))
    op.add_column("subscriptions", sa.Column("changes_at", UTCDateTime(), nullable=True))
    op.add_column("subscriptions", sa.Column("next_amount", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for name in ("next_amount", "changes_at", "in_force", "plan_changed_at", "pause_changed_at"):
        op.drop_column("subscriptions", name)
    for name in ("stripe_charge_id", "stripe_payment_intent_id"):
        op.drop_column("fraud_warnings", name)
    op.drop_column("refunds", "failed_at")
    op.drop_column("promotion_codes", "months")
