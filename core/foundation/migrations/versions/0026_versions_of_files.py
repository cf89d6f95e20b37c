"""versions of files"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("download_files", schema=None) as batch_op:
        batch_op.add_column(sa.Column("number", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("version", AutoString(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("notes", AutoString(), nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("released_at", UTCDateTime(), nullable=False, server_default="2026-01-01 00:00:00")
        )
    with op.batch_alter_table("downloads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("number", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", AutoString(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("notes", AutoString(), nullable=False, server_default=""))
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_grants_product_id"))
        batch_op.create_index("ix_grants_product_id_created_at_id", ["product_id", "created_at", "id"])
    op.create_table(
        "file_versions",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("file_id", AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", AutoString(), nullable=False),
        sa.Column("notes", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", AutoString(), nullable=False),
        sa.Column("released_at", UTCDateTime(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("told_at", UTCDateTime(), nullable=True),
        sa.Column("told_after", AutoString(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["download_files.id"], name=op.f("fk_file_versions_file_id_download_files")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_versions")),
        sa.UniqueConstraint("file_id", "number", name=op.f("uq_file_versions_file_id_number")),
    )
    # What there is becomes the first version: which ones came before it nobody kept, nor who had which of them.
    op.execute(
        "insert into file_versions (id, file_id, number, version, notes, name, key, size, sha256, released_at, taken,"
        " told_after, told)"
        " select 'fv_' || f.id, f.id, 1, '', '', f.name, f.key, f.size, f.sha256, f.released_at,"
        " (select count(distinct d.grant_id) from downloads d where d.file_id = f.id), '', 0 from download_files f"
    )
    for table, columns in (
        ("download_files", ("number", "version", "notes", "released_at")),
        ("downloads", ("number",)),
        ("uploads", ("version", "notes")),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.alter_column(column, server_default=None)


def downgrade() -> None:
    op.drop_table("file_versions")
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index("ix_grants_product_id_created_at_id")
        batch_op.create_index(batch_op.f("ix_grants_product_id"), ["product_id"])
    for table, columns in (
        ("uploads", ("notes", "version")),
        ("downloads", ("number",)),
        ("download_files", ("released_at", "notes", "version", "number")),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
