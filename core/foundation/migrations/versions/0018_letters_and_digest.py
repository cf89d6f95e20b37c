"""letters about an order, and the digest"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unpaid_amount", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("payment_url", AutoString(), nullable=False, server_default=""))
    op.create_table(
        "digest_choices",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("last", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest_choices")),
    )


def downgrade() -> None:
    op.drop_table("digest_choices")
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_column("payment_url")
        batch_op.drop_column("unpaid_amount")
