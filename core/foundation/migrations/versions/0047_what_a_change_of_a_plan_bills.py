"""what of a payment is for a change within a period, and which plan was paid for while another one is owed for"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without values, so that processes of before go on writing beside these.
    op.add_column("payment_lines", sa.Column("proration", sa.Boolean(), nullable=True))
    op.add_column("subscription_items", sa.Column("paid_product_id", AutoString(), nullable=True))


def downgrade() -> None:
    op.drop_column("subscription_items", "paid_product_id")
    op.drop_column("payment_lines", "proration")
