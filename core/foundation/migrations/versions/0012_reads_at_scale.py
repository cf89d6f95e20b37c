"""reads at scale"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# What nothing is found by any more, or only by the rare ones of its values.
GONE = (
    ("orders", "status"), ("checkouts", "ask_after"), ("stripe_events", "state"), ("letters", "state"),
    ("balance_entries", "origin"),
)  # fmt: skip
WHOLE = (
    ("orders", "customer_id"), ("checkouts", "created_at"), ("stripe_events", "received_at"),
    ("payment_lines", "order_line_id"),
)  # fmt: skip
NAMED = (
    ("ix_orders_status_created_at", "orders", ["status", "created_at"]),
    ("ix_stripe_events_state_received_at", "stripe_events", ["state", "received_at"]),
)
NO, YES = sa.false(), sa.true()
PARTIAL = (
    ("ix_orders_needs_attention", "orders", ["id"], sa.text("attention != ''")),
    ("ix_checkouts_undecided", "checkouts", ["id"], sa.text("state = 'open' or money = 'processing'")),
    ("ix_payments_lines_unknown", "payments", ["id"], sa.column("lines_known", sa.Boolean).is_(NO)),
    ("ix_fraud_warnings_actionable", "fraud_warnings", ["id"], sa.column("actionable", sa.Boolean).is_(YES)),
    ("ix_balance_entries_unknown", "balance_entries", ["created_at", "id"], sa.text("origin = 'unknown'")),
    (
        "ix_stripe_events_other_mode", "stripe_events", ["received_at"],
        sa.text("error in ('live event, test key', 'test event, live key')"),
    ),
    ("ix_letters_outstanding", "letters", ["created_at"], sa.text("state not in ('sent', 'dropped')")),
)  # fmt: skip


def upgrade() -> None:
    for table, column in GONE:
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
    for table, column in WHOLE:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    for name, table, columns in NAMED:
        op.create_index(name, table, columns, unique=False)
    for name, table, columns, rows in PARTIAL:
        op.create_index(name, table, columns, unique=False, postgresql_where=rows, sqlite_where=rows)


def downgrade() -> None:
    for name, table, _columns, _rows in PARTIAL:
        op.drop_index(name, table_name=table)
    for name, table, _columns in NAMED:
        op.drop_index(name, table_name=table)
    for table, column in WHOLE:
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
    for table, column in GONE:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
