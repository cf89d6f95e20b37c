"""older files that are missing, and which of two chains of retries counts"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0044"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without values, so that processes of before go on writing beside these.
    op.add_column("file_versions", sa.Column("missing_since", UTCDateTime(), nullable=True))
    op.add_column("webhook_deliveries", sa.Column("chain", AutoString(), nullable=True))


def downgrade() -> None:
    op.drop_column("webhook_deliveries", "chain")
    op.drop_column("file_versions", "missing_since")
