"""lists of the owner's side"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Each list is read in the order of a moment, some of them for one state alone.
MADE = (
    ("refunds", "status", "created_at"),
    ("disputes", "status", "created_at"),
    ("customers", "created_at"),
    ("letters", "created_at"),
    ("letters", "state", "created_at"),
    ("subscriptions", "created_at"),
    ("subscriptions", "status", "created_at"),
    ("subscriptions", "period_end"),
)
# What begins with the status finds by it too.
COVERED = ("refunds", "disputes", "subscriptions")


def upgrade() -> None:
    for table, *columns in MADE:
        op.create_index(f"ix_{table}_{'_'.join(columns)}_id", table, [*columns, "id"], unique=False)
    for table in COVERED:
        op.drop_index(op.f(f"ix_{table}_status"), table_name=table)


def downgrade() -> None:
    for table in COVERED:
        op.create_index(op.f(f"ix_{table}_status"), table, ["status"], unique=False)
    for table, *columns in MADE:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}_id", table_name=table)
