"""By which further PaymentIntents an invoice was paid that was paid in parts."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment_parts",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("payment_id", AutoString(), nullable=False),
        sa.Column("stripe_charge_id", AutoString(), nullable=True),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_payment_parts_payment_id_payments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_parts")),
    )
    for column in ("payment_id", "stripe_charge_id"):
        op.create_index(op.f(f"ix_payment_parts_{column}"), "payment_parts", [column], unique=False)


def downgrade() -> None:
    op.drop_table("payment_parts")
