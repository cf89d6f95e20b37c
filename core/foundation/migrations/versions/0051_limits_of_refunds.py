"""how much each of the support may send back"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("refund_limit", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("staff", "refund_limit")
