"""what the doctor found"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "doctor_findings",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("check_name", AutoString(), nullable=False),
        sa.Column(
            "level", sa.Enum("fine", "later", "wrong", name="level", native_enum=False, length=32), nullable=False
        ),
        sa.Column("what", AutoString(), nullable=False),
        sa.Column("why", AutoString(), nullable=False),
        sa.Column("how", AutoString(), nullable=False),
        sa.Column("found_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_doctor_findings")),
    )


def downgrade() -> None:
    op.drop_table("doctor_findings")
