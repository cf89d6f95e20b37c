"""files that are missing"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("download_files", schema=None) as batch_op:
        batch_op.add_column(sa.Column("missing_since", UTCDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("download_files", schema=None) as batch_op:
        batch_op.drop_column("missing_since")
