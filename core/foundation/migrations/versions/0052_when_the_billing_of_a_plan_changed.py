"""when a plan was last seen to be billed otherwise than before, when a pause ends, and what a reminder was made by"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without values, so that processes of before go on writing beside these.
    op.add_column("subscriptions", sa.Column("billing_changed_at", UTCDateTime(), nullable=True))
    op.add_column("subscriptions", sa.Column("resumes_at", UTCDateTime(), nullable=True))
    op.add_column("reminders", sa.Column("changed_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("reminders", "changed_at")
    op.drop_column("subscriptions", "resumes_at")
    op.drop_column("subscriptions", "billing_changed_at")
