"""when the billing of a plan changed, what a reminder was made by, and whose a seat is whatever its capitals"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

from core.foundation.addresses import fold

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without values, so that processes of before go on writing beside these.
    op.add_column("subscriptions", sa.Column("billing_changed_at", UTCDateTime(), nullable=True))
    op.add_column("subscriptions", sa.Column("resumes_at", UTCDateTime(), nullable=True))
    op.add_column("reminders", sa.Column("changed_at", UTCDateTime(), nullable=True))
    op.add_column("seats", sa.Column("folded", sa.String(), nullable=True))
    op.create_index(op.f("ix_seats_folded"), "seats", ["folded"])
    _fold_seats()


def _fold_seats() -> None:
    """Those that processes of before write from now on are found by their address in small letters."""
    seats = sa.table(
        "seats", sa.column("id", sa.String()), sa.column("email", sa.String()), sa.column("folded", sa.String())
    )
    connection, last = op.get_bind(), ""
    while True:
        page = sa.select(seats.c.id, seats.c.email).where(seats.c.id > last).order_by(seats.c.id).limit(1000)
        rows = connection.execute(page).all()
        if not rows:
            return
        values = [{"seat": row.id, "known_as": fold(row.email)} for row in rows]
        write = seats.update().where(seats.c.id == sa.bindparam("seat")).values(folded=sa.bindparam("known_as"))
        connection.execute(write, values)
        last = rows[-1].id


def downgrade() -> None:
    op.drop_index(op.f("ix_seats_folded"), table_name="seats")
    op.drop_column("seats", "folded")
    op.drop_column("reminders", "changed_at")
    op.drop_column("subscriptions", "resumes_at")
    op.drop_column("subscriptions", "billing_changed_at")
