"""when a plan was last seen to end at another moment than before, or not to end any more"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without values, so that processes of before go on writing beside these.
    op.add_column("subscriptions", sa.Column("end_changed_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("subscriptions", "end_changed_at")
