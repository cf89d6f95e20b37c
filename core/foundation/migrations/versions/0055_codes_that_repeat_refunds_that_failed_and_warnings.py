"""For how many months a promotion code takes something off, when a refund failed, and which payment a warning of fraud is about."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0055"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promotion_codes", sa.Column("months", sa.Integer(), nullable=True))
    op.add_column("refunds", sa.Column("failed_at", UTCDateTime(), nullable=True))
    for name in ("stripe_payment_intent_id", "stripe_charge_id"):
        op.add_column("fraud_warnings", sa.Column(name, AutoString(), nullable=True))


def downgrade() -> None:
    for name in ("stripe_charge_id", "stripe_payment_intent_id"):
        op.drop_column("fraud_warnings", name)
    op.drop_column("refunds", "failed_at")
    op.drop_column("promotion_codes", "months")
