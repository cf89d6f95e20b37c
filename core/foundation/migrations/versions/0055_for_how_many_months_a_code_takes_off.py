"""For how many months a promotion code takes something off each payment of a plan, where its coupon repeats."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promotion_codes", sa.Column("months", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("promotion_codes", "months")
