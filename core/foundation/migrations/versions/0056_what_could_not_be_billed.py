"""the invoice of a plan that Stripe could not make out, and the tax id that a payment was billed to"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

COLUMNS = ("unbilled_invoice", "unbilled_reason")


def upgrade() -> None:
    # Without values, so that processes of before go on writing beside these.
    for name in COLUMNS:
        op.add_column("subscriptions", sa.Column(name, AutoString(), nullable=True))
    op.add_column("payments", sa.Column("tax_id", AutoString(), nullable=True))


def downgrade() -> None:
    op.drop_column("payments", "tax_id")
    for name in reversed(COLUMNS):
        op.drop_column("subscriptions", name)
