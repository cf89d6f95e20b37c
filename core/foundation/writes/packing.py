"""Packing: long texts that are kept for years and seldom read. PostgreSQL packs them itself; for SQLite it is done here."""

import json
import sqlite3
import zlib
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Dialect, Text, cast, false, func, or_
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

# Another level packs JSON hardly smaller, and takes longer.
_LEVEL = 1


class Packed(TypeDecorator[str]):
    """A column of texts. In SQLite they stand as zlib packs them, a third of what they were; those of before stand as they are."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], Any] | None:
        """What packs a text, where that is done here."""
        return _packed if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], str | None] | None:
        """What unpacks it."""
        return unpacked if dialect.name == "sqlite" else None


def says_one_of(session: Session, column: Any, words: Collection[str]) -> ColumnElement[bool]:
    """Whether one of these stands in a column of texts or JSON, in whatever capitals; packed or not."""
    if not words:
        return false()
    if session.get_bind().dialect.name == "sqlite":
        sought = json.dumps(sorted({each.lower() for each in words}))
        return func.pushcart_says_one_of(column, sought, type_=Boolean)
    return or_(*(cast(column, Text).icontains(each, autoescape=True) for each in words))


def teach(connection: sqlite3.Connection) -> None:
    """Have a connection to SQLite know how to search what is packed."""
    connection.create_function("pushcart_says_one_of", 2, _says_one_of, deterministic=True)


def _says_one_of(kept: str | bytes | None, sought: str) -> bool:
    said = (unpacked(kept) or "").lower()
    return any(each in said for each in _read(sought))


@lru_cache(8)
def _read(sought: str) -> tuple[str, ...]:
    return tuple(json.loads(sought))


def unpacked(kept: str | bytes | None) -> str | None:
    """A text as it was before, packed or not."""
    return zlib.decompress(kept).decode() if isinstance(kept, bytes) else kept


def _packed(text: str | None) -> bytes | None:
    return None if text is None else zlib.compress(text.encode(), _LEVEL)
