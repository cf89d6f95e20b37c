"""Alembic's environment: runs the migrations on the engine it is handed, each in a transaction of its own."""

from alembic import context

from core.foundation.records import metadata


def _ours(_object, name, kind, reflected, _compare_to) -> bool:  # type: ignore[no-untyped-def]
    """On SQLite DBOS's tables share the file: what is not in our metadata is none of our business."""
    return not (kind == "table" and reflected and name not in metadata.tables)


with context.config.attributes["engine"].connect() as connection:
    if connection.dialect.name == "sqlite":
        # A table that is rebuilt is dropped first, which must not take along the rows that refer to it.
        connection.connection.dbapi_connection.execute("pragma foreign_keys=off")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=_ours,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
        compare_type=True,
        on_version_apply=context.config.attributes.get("step"),
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
