"""the owner's side"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ROLES = ("owner", "support", "viewer")
WHOLE = (
    ("ix_orders_livemode_created_at_id", "orders", ["livemode", "created_at", "id"]),
    ("ix_orders_livemode_status_created_at_id", "orders", ["livemode", "status", "created_at", "id"]),
    ("ix_orders_livemode_handed_created_at_id", "orders", ["livemode", "handed", "created_at", "id"]),
    ("ix_orders_livemode_currency_created_at_id", "orders", ["livemode", "currency", "created_at", "id"]),
    ("ix_order_lines_product_id_placed_at_order_id", "order_lines", ["product_id", "placed_at", "order_id"]),
)
PARTIAL = (("ix_orders_country", "orders", ["livemode", "country", "created_at", "id"], sa.text("country != ''")),)
# How far orders of before were handed over: by the worst of the states of their grants, the last of these that is found.
HANDED = (("active", "delivered"), ("revoked", "ended"), ("suspended", "on_hold"), ("blocked", "missing"))
# A text's beginning is looked for in the order of its bytes, whatever language the database sorts by.
BEGINNINGS = ("email", "name")


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("folded", AutoString(), nullable=False),
        sa.Column("role", sa.Enum(*ROLES, name="role", native_enum=False, length=32), nullable=False),
        sa.Column("invited_by", AutoString(), nullable=False),
        sa.Column("invited_at", UTCDateTime(), nullable=False),
        sa.Column("removed_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("folded", name=op.f("uq_staff_folded")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.Column("role", AutoString(), nullable=False),
        sa.Column("action", AutoString(), nullable=False),
        sa.Column("subject", AutoString(), nullable=False),
        sa.Column("detail", AutoString(), nullable=False),
        sa.Column("token", AutoString(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("token", name=op.f("uq_audit_log_token")),
    )
    op.create_index("ix_audit_log_at_id", "audit_log", ["at", "id"])
    op.create_index("ix_audit_log_subject_at", "audit_log", ["subject", "at"])
    op.create_table(
        "order_notes",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("text", AutoString(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_notes_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_notes")),
    )
    op.create_index(op.f("ix_order_notes_order_id"), "order_notes", ["order_id"])
    op.create_table(
        "attention_set_aside",
        sa.Column("item", AutoString(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=True),
        sa.Column("note", AutoString(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_attention_set_aside")),
    )
    handed = sa.Enum("nothing", "delivered", "missing", "on_hold", "ended", name="handed", native_enum=False, length=32)
    op.add_column("orders", sa.Column("handed", handed, nullable=False, server_default="nothing"))
    for state, word in HANDED:
        theirs = f"select order_id from grants where state = '{state}'"
        op.execute(f"update orders set handed = '{word}' where id in ({theirs})")
    op.add_column("order_lines", sa.Column("placed_at", UTCDateTime(), nullable=True))
    op.execute(
        "update order_lines set placed_at = (select created_at from orders where orders.id = order_lines.order_id)"
    )
    for name, table, columns in WHOLE:
        op.create_index(name, table, columns, unique=False)
    for name, table, columns, rows in PARTIAL:
        op.create_index(name, table, columns, unique=False, postgresql_where=rows, sqlite_where=rows)
    op.drop_index(op.f("ix_orders_email"), table_name="orders")
    for column in BEGINNINGS:
        op.create_index(f"ix_orders_{column}", "orders", [column], postgresql_ops={column: "text_pattern_ops"})


def downgrade() -> None:
    for column in BEGINNINGS:
        op.drop_index(f"ix_orders_{column}", table_name="orders")
    op.create_index(op.f("ix_orders_email"), "orders", ["email"], unique=False)
    for name, table, _columns, _rows in PARTIAL:
        op.drop_index(name, table_name=table)
    for name, table, _columns in WHOLE:
        op.drop_index(name, table_name=table)
    op.drop_column("order_lines", "placed_at")
    op.drop_column("orders", "handed")
    for table in ("attention_set_aside", "order_notes", "audit_log", "staff"):
        op.drop_table(table)
