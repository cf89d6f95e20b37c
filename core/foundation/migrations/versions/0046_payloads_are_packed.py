"""payloads are packed: by lz4 where PostgreSQL has it, by the shop in SQLite"""

import zlib

from alembic import op
from sqlalchemy import Connection, text

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_LONG = (("stripe_events", "payload"), ("checkouts", "parameters"))
_AT_ONCE = 1000


def upgrade() -> None:
    # In SQLite those of before stay as they are, and are read all the same.
    _pack_by("lz4")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _unpack(op.get_bind())
    _pack_by("default")


def _pack_by(method: str) -> None:
    """How PostgreSQL packs what is written from now on; many are built without anything but its own."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    known = connection.scalar(text("select enumvals from pg_settings where name = 'default_toast_compression'"))
    if "lz4" in (known or ()):
        for table, column in _LONG:
            op.execute(f"alter table {table} alter column {column} set compression {method}")


def _unpack(connection: Connection) -> None:
    packed = text("select id, payload from stripe_events where typeof(payload) = 'blob' limit :some")
    plain = text("update stripe_events set payload = :text where id = :id")
    while rows := connection.execute(packed, {"some": _AT_ONCE}).all():
        connection.execute(plain, [{"id": row.id, "text": zlib.decompress(row.payload).decode()} for row in rows])
