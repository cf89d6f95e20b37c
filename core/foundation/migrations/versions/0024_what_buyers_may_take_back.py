"""what buyers may take back"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_CLAUSE = sa.Enum("terms", "digital", "service", "event", "renewal", name="clause", native_enum=False, length=32)
_ABOUT = sa.Enum("renewal", "trial_end", name="about", native_enum=False, length=32)
_PROOF = sa.Enum("proven", "matched", "unverified", name="proof", native_enum=False, length=32)
_STATE = sa.Enum("open", "accepted", "declined", name="state", native_enum=False, length=32)


def upgrade() -> None:
    op.create_table(
        "withdrawals",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("token", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=True),
        sa.Column("reference", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("folded", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("words", AutoString(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("proof", _PROOF, nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("decided_by", AutoString(), nullable=False),
        sa.Column("reason", AutoString(), nullable=False),
        sa.Column("request", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_withdrawals_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawals")),
        sa.UniqueConstraint("token", name=op.f("uq_withdrawals_token")),
    )
    op.create_index(op.f("ix_withdrawals_order_id"), "withdrawals", ["order_id"])
    op.create_index(op.f("ix_withdrawals_folded"), "withdrawals", ["folded"])
    op.create_index("ix_withdrawals_created_at_id", "withdrawals", ["created_at", "id"])
    op.create_index("ix_withdrawals_state_created_at_id", "withdrawals", ["state", "created_at", "id"])

    op.create_table(
        "consents",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("clause", _CLAUSE, nullable=False),
        sa.Column("version", AutoString(), nullable=False),
        sa.Column("wording", AutoString(), nullable=False),
        sa.Column("products", AutoString(), nullable=False),
        sa.Column("box", sa.Boolean(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_consents_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_order_id"), "consents", ["order_id"])

    op.create_table(
        "reminders",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("subscription_id", AutoString(), nullable=False),
        sa.Column("about", _ABOUT, nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_reminders_subscription_id_subscriptions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
        sa.UniqueConstraint(
            "subscription_id", "about", "due_at", name=op.f("uq_reminders_subscription_id_about_due_at")
        ),
    )

    op.create_table(
        "retention_marks",
        sa.Column("part", AutoString(), nullable=False),
        sa.Column("reached", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("part", name=op.f("pk_retention_marks")),
    )
    op.create_index(op.f("ix_carts_created_at"), "carts", ["created_at"])
    op.create_index(op.f("ix_sign_in_codes_created_at"), "sign_in_codes", ["created_at"])
    for table in ("downloads", "sign_ins"):
        known = sa.text("ip != ''")
        op.create_index(f"ix_{table}_with_address", table, ["created_at"], postgresql_where=known, sqlite_where=known)


def downgrade() -> None:
    for table in ("sign_ins", "downloads"):
        op.drop_index(f"ix_{table}_with_address", table_name=table)
    op.drop_index(op.f("ix_sign_in_codes_created_at"), table_name="sign_in_codes")
    op.drop_index(op.f("ix_carts_created_at"), table_name="carts")
    op.drop_table("retention_marks")
    op.drop_table("reminders")
    op.drop_table("consents")
    op.drop_table("withdrawals")
