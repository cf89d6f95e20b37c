"""seasons"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("from_season", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_orders_from_season",
        "orders",
        ["id"],
        postgresql_where=sa.text("from_season"),
        sqlite_where=sa.text("from_season"),
    )
    op.create_table(
        "seasons",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("run", AutoString(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("touched_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seasons")),
    )


def downgrade() -> None:
    op.drop_table("seasons")
    op.drop_index("ix_orders_from_season", table_name="orders")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("from_season")
