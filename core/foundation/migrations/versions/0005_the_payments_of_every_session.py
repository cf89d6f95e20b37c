"""the payments of every session"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = ("stripe_payment_intent_id", "stripe_subscription_id")


def upgrade() -> None:
    for column in COLUMNS:
        op.create_index(op.f(f"ix_checkouts_{column}"), "checkouts", [column], unique=False)


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_index(op.f(f"ix_checkouts_{column}"), table_name="checkouts")
