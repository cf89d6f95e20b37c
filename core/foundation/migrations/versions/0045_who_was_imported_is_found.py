"""Who was imported is found by how their name or address begins."""

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_COLUMNS = ("name", "folded")


def upgrade() -> None:
    for column in _COLUMNS:
        op.create_index(
            f"ix_past_customers_{column}", "past_customers", [column], postgresql_ops={column: "text_pattern_ops"}
        )


def downgrade() -> None:
    for column in _COLUMNS:
        op.drop_index(f"ix_past_customers_{column}", table_name="past_customers")
