"""mail marks, and when sign-ins are over"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_KIND = sa.Enum("bounced", "complained", "unsubscribed", name="kind", native_enum=False, length=32)


def upgrade() -> None:
    op.create_table(
        "mail_marks",
        sa.Column("mailbox", sa.String(), nullable=False),
        sa.Column("kind", _KIND, nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"]),
        sa.PrimaryKeyConstraint("mailbox", "kind"),
    )
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"], unique=False)
    op.create_index("ix_mail_marks_kind_since", "mail_marks", ["kind", "since"], unique=False)
    op.create_index("ix_mail_marks_order_id", "mail_marks", ["order_id"], unique=False)


def downgrade() -> None:
    op.drop_table("mail_marks")
    op.drop_index("ix_sign_ins_expires_at", table_name="sign_ins")
