"""Sizes: how much there is of what grows, as the database itself estimates it: nothing is counted."""

from dataclasses import dataclass

from sqlmodel import Session, text

# What grows with every sale, download or sign-in.
TABLES = (
    "orders", "stripe_events", "letters", "fulfillment_log", "downloads", "sign_ins", "carts", "audit_log",
)  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """The database in bytes, and about how many rows each table has."""

    total: int
    rows: dict[str, int]


def look(session: Session) -> Sizes:
    """As it is now. Estimates may lag behind, and be high where rows were removed."""
    if session.get_bind().dialect.name == "sqlite":
        pages = session.execute(text("select page_count * page_size from pragma_page_count, pragma_page_size"))
        rows = {name: session.execute(text(f"select max(rowid) from {name}")).scalar() or 0 for name in TABLES}
        return Sizes(int(pages.scalar_one()), rows)
    total = session.execute(text("select pg_database_size(current_database())")).scalar_one()
    said = session.execute(
        text("select relname, reltuples from pg_class where relkind = 'r' and relname = any(:names)"),
        {"names": list(TABLES)},
    )
    found = {name: max(0, int(count)) for name, count in said}
    return Sizes(int(total), {name: found.get(name, 0) for name in TABLES})
