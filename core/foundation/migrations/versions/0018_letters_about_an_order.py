"""letters about an order"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unpaid_amount", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("payment_url", AutoString(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_column("payment_url")
        batch_op.drop_column("unpaid_amount")
