"""why a plan was ended, in the words of whoever ended it"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

COLUMNS = ("end_feedback", "end_comment")
INDEXES = {"ix_subscriptions_ended_at_id": "ended_at", "ix_subscriptions_ends_at_id": "ends_at"}


def upgrade() -> None:
    # With a value of the database's own, so that processes of before go on writing beside these.
    for name in COLUMNS:
        op.add_column("subscriptions", sa.Column(name, AutoString(), nullable=False, server_default=""))
    for name, column in INDEXES.items():
        rows = sa.text(f"{column} is not null")
        op.create_index(name, "subscriptions", [column, "id"], unique=False, postgresql_where=rows, sqlite_where=rows)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, table_name="subscriptions")
    for name in COLUMNS:
        op.drop_column("subscriptions", name)
