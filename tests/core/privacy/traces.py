"""Traces: where in a whole database a text stands, in the shop's own tables and in those of its jobs."""

import zlib
from contextlib import suppress

from sqlalchemy import inspect, text

from core.shop import Shop


def of(shop: Shop, *words: str) -> list[str]:
    """The tables and columns that hold one of these words, whatever their capitals."""
    found = []
    with shop.reading() as session:
        connection = session.connection()
        inspector = inspect(connection)
        schemas = [None] if connection.dialect.name == "sqlite" else [None, "dbos"]
        for schema in schemas:
            for table in inspector.get_table_names(schema=schema):
                name = f'"{schema}"."{table}"' if schema else f'"{table}"'
                for row in connection.execute(text(f"select * from {name}")).mappings():
                    found += [
                        f"{table}.{column}: {value}"
                        for column, value in row.items()
                        if any(word.casefold() in _said(value).casefold() for word in words)
                    ]
    return found


def _said(value: object) -> str:
    """What a value says, also where it is packed."""
    with suppress(zlib.error):
        return zlib.decompress(value).decode() if isinstance(value, bytes) else str(value)
    return str(value)
