"""places in workshops"""

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_MONEY = sa.Enum("queued", "done", "refused", "none", name="moneyback", native_enum=False, length=32)
_WAITING = sa.Enum(
    "waiting", "offered", "paying", "took", "left", "lapsed", "closed", name="waiting", native_enum=False, length=32
)


def upgrade() -> None:
    with op.batch_alter_table("workshop_dates", schema=None) as batch_op:
        batch_op.add_column(sa.Column("canceled_at", UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("day_told", UTCDateTime(), nullable=True))
        batch_op.add_column(sa.Column("hour_told", UTCDateTime(), nullable=True))
        batch_op.create_index("ix_workshop_dates_starts_at_id", ["starts_at", "id"], unique=False)
    _create_cancellations()
    _create_attendees()
    _create_waiting_list()
    op.create_table(
        "attendee_messages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("date_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("sent_by", sa.String(), nullable=False),
        sa.Column("receivers", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["date_id"], ["workshop_dates.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_attendee_messages_date_id", "attendee_messages", ["date_id"], unique=False)
    _give_rows_to_places(op.get_bind())


def _create_cancellations() -> None:
    op.create_table(
        "place_cancellations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("order_line_id", sa.String(), nullable=False),
        sa.Column("date_id", sa.String(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("money", _MONEY, nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("whole_date", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("done_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["date_id"], ["workshop_dates.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"]),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_place_cancellations_order_id", "place_cancellations", ["order_id"], unique=False)
    op.create_index("ix_place_cancellations_order_line_id", "place_cancellations", ["order_line_id"], unique=False)
    op.create_index("ix_place_cancellations_date_id_money", "place_cancellations", ["date_id", "money"], unique=False)


def _create_attendees() -> None:
    op.create_table(
        "attendees",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("order_line_id", sa.String(), nullable=False),
        sa.Column("date_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("former", sa.String(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("canceled_at", UTCDateTime(), nullable=True),
        sa.Column("cancellation_id", sa.String(), nullable=True),
        sa.Column("checked_in_at", UTCDateTime(), nullable=True),
        sa.Column("checked_in_by", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["cancellation_id"], ["place_cancellations.id"]),
        sa.ForeignKeyConstraint(["date_id"], ["workshop_dates.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"]),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_line_id", "place"),
    )
    op.create_index("ix_attendees_order_id", "attendees", ["order_id"], unique=False)
    op.create_index("ix_attendees_cancellation_id", "attendees", ["cancellation_id"], unique=False)
    op.create_index("ix_attendees_date_id_id", "attendees", ["date_id", "id"], unique=False)
    for column in ("name", "folded"):
        op.create_index(
            f"ix_attendees_{column}", "attendees", [column], unique=False, postgresql_ops={column: "text_pattern_ops"}
        )


def _create_waiting_list() -> None:
    op.create_table(
        "waiting_entries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("date_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("state", _WAITING, nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("offer_until", UTCDateTime(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["date_id"], ["workshop_dates.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("date_id", "folded"),
    )
    op.create_index("ix_waiting_entries_folded", "waiting_entries", ["folded"], unique=False)
    op.create_index("ix_waiting_entries_order_id", "waiting_entries", ["order_id"], unique=False)
    op.create_index(
        "ix_waiting_entries_date_id_state_since_id",
        "waiting_entries",
        ["date_id", "state", "since", "id"],
        unique=False,
    )
    offered = sa.text("state = 'offered'")
    op.create_index(
        "ix_waiting_entries_offered", "waiting_entries", ["offer_until"], unique=False,
        postgresql_where=offered, sqlite_where=offered,
    )  # fmt: skip


def _give_rows_to_places(connection: sa.Connection) -> None:
    """Each place that was paid for before gets the row of its attendee."""
    query = sa.text(
        "select order_lines.order_id, reservations.order_line_id, reservations.date_id, reservations.places"
        " from reservations join order_lines on order_lines.id = reservations.order_line_id"
        " where reservations.state = 'taken'"
    )
    attendees = sa.table(
        "attendees",
        *(sa.column(name) for name in ("id", "order_id", "order_line_id", "date_id", "name", "email", "folded")),
        *(sa.column(name) for name in ("former", "checked_in_by")),
        *(sa.column(name, sa.Integer) for name in ("place", "turn", "sequence")),
        sa.column("holds", sa.Boolean),
        sa.column("created_at", UTCDateTime),
    )
    nothing = {"name": "", "email": "", "folded": "", "former": "", "checked_in_by": "", "turn": 0, "sequence": 0}
    now = datetime.now(UTC)
    rows = [
        {
            "id": _new_id(), "order_id": order_id, "order_line_id": line_id, "date_id": date_id, "place": place,
            "holds": True, "created_at": now, **nothing,
        }
        for order_id, line_id, date_id, places in connection.execute(query).all()
        for place in range(places)
    ]  # fmt: skip
    if rows:
        connection.execute(sa.insert(attendees), rows)


def _new_id() -> str:
    return "at_" + "".join(_ALPHABET[byte % 32] for byte in secrets.token_bytes(20))


def downgrade() -> None:
    for table in ("attendee_messages", "waiting_entries", "attendees", "place_cancellations"):
        op.drop_table(table)
    with op.batch_alter_table("workshop_dates", schema=None) as batch_op:
        batch_op.drop_index("ix_workshop_dates_starts_at_id")
        for column in ("hour_told", "day_told", "canceled_at"):
            batch_op.drop_column(column)
