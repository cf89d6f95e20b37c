"""what is told, and when it is tried again"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "setbacks",
        sa.Column("subject", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", AutoString(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("retry_after", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_setbacks_order_id_orders")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_setbacks")),
    )
    with op.batch_alter_table("setbacks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_setbacks_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_setbacks_retry_after"), ["retry_after"], unique=False)
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("was_inquiry", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("withdrawn", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("withdrawn_later", sa.Boolean(), nullable=False, server_default=sa.false()))
    # What a bank asked about others and is past asking was noted nowhere.
    disputes = sa.table("disputes", sa.column("status", sa.String()), sa.column("was_inquiry", sa.Boolean()))
    op.execute(sa.update(disputes).where(disputes.c.status.startswith("warning_")).values(was_inquiry=sa.true()))


def downgrade() -> None:
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.drop_column("withdrawn_later")
        batch_op.drop_column("withdrawn")
        batch_op.drop_column("was_inquiry")
    op.drop_table("setbacks")
