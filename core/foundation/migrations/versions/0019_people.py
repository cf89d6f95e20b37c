"""people"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

from core.foundation.addresses import fold

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# As addresses are folded: all that are of ASCII letters alone by the database, the few others one by one.
BEYOND_ASCII = {"sqlite": "email glob '*[^ -~]*'", "postgresql": "email ~ '[^ -~]'"}


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False),
        sa.Column("shown", AutoString(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_by", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("last_used_at", UTCDateTime(), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index("ix_api_keys_created_at", "api_keys", ["created_at"])
    op.create_table(
        "customer_notes",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("customer_id", AutoString(), nullable=False),
        sa.Column("text", AutoString(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_customer_notes_customer_id_customers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_notes")),
    )
    op.create_index(op.f("ix_customer_notes_customer_id"), "customer_notes", ["customer_id"])
    op.add_column("customers", sa.Column("erased_at", UTCDateTime(), nullable=True))
    op.add_column("checkouts", sa.Column("folded", AutoString(), nullable=False, server_default=""))
    op.add_column("checkouts", sa.Column("erased_as", AutoString(), nullable=False, server_default=""))
    _fold_addresses()
    op.create_index(op.f("ix_checkouts_folded"), "checkouts", ["folded"])
    op.add_column("sign_ins", sa.Column("second_factor_at", UTCDateTime(), nullable=True))
    op.add_column("sign_ins", sa.Column("second_factor_tries", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proof", AutoString(), nullable=True))
        batch_op.create_unique_constraint(op.f("uq_sign_ins_proof"), ["proof"])
    op.create_table(
        "second_factors",
        sa.Column("folded", AutoString(), nullable=False),
        sa.Column("sealed", AutoString(), nullable=False),
        sa.Column("offered_to", AutoString(), nullable=False),
        sa.Column("confirmed_at", UTCDateTime(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tries_since", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("folded", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("folded", AutoString(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_folded"), "recovery_codes", ["folded"])
    op.create_table(
        "staff_rules",
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_staff_rules")),
    )


def _fold_addresses() -> None:
    connection = op.get_bind()
    connection.execute(sa.text("update checkouts set folded = lower(trim(email)) where email != ''"))
    others = sa.text(f"select id, email from checkouts where {BEYOND_ASCII[connection.dialect.name]}")
    rows = [{"id": row.id, "folded": fold(row.email)} for row in connection.execute(others)]
    if rows:
        connection.execute(sa.text("update checkouts set folded = :folded where id = :id"), rows)


def downgrade() -> None:
    for table in ("staff_rules", "recovery_codes", "second_factors"):
        op.drop_table(table)
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("uq_sign_ins_proof"), type_="unique")
        batch_op.drop_column("proof")
    op.drop_column("sign_ins", "second_factor_tries")
    op.drop_column("sign_ins", "second_factor_at")
    op.drop_index(op.f("ix_checkouts_folded"), table_name="checkouts")
    op.drop_column("checkouts", "erased_as")
    op.drop_column("checkouts", "folded")
    op.drop_column("customers", "erased_at")
    op.drop_table("customer_notes")
    op.drop_table("api_keys")
