"""What tests of single tables do to a database: orders to hang rows on, and changes that a session does not notice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Result, event, update
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session, SQLModel

from core.foundation.writes.rows import Rows
from core.journeys import checkout
from core.orders.orders import AdmittedOrder, Order
from core.orders.setbacks import Setback
from core.shop import Shop
from tests.builders import a_basket


def placed(shop: Shop, cart: str = "cart_1", *items: str, livemode: bool = False) -> AdmittedOrder:
    """An order of which nothing was paid yet; its id."""
    order_id = checkout.start(shop, a_basket(*items, cart=cart)).order_id
    with shop.transaction() as session:
        session.get_one(Order, order_id).livemode = livemode
    return AdmittedOrder(order_id)


def behind(session: Session, table: type[SQLModel], **values: Any) -> None:
    """Change all rows of a table as another process does: what this session has read of them stays as it was."""
    session.execute(update(table).values(**values), execution_options={"synchronize_session": False})


def rest(session: Session, *subjects: str, until: datetime) -> None:
    """Let these be what was tried in vain, and not to be tried again before."""
    session.add_all(Setback(subject=subject, tries=1, error="", since=until, retry_after=until) for subject in subjects)
    session.flush()


@contextmanager
def locking(session: Session) -> Iterator[list[str]]:
    """The tables of which a session locks rows meanwhile, also where the database at hand knows no such locks."""
    found: list[str] = []

    def executed(state: ORMExecuteState) -> None:
        if getattr(state.statement, "_for_update_arg", None) is not None:
            found.extend(str(table.name) for table in state.statement.get_final_froms())  # type: ignore[attr-defined]

    event.listen(session, "do_orm_execute", executed)
    try:
        with _hearing_locked(lambda _session, of, _rows: found.append(str(of.__tablename__))):
            yield found
    finally:
        event.remove(session, "do_orm_execute", executed)


@contextmanager
def _hearing_locked(hear: Callable[[Session, type[SQLModel], list[Any]], object]) -> Iterator[None]:
    """Let somebody hear of rows that are locked by a read of their own kind."""
    rows_of = Rows.rows

    def read(self: Rows[Any], session: Session, *args: Any) -> list[Any]:
        rows = rows_of(self, session, *args)
        if self.locked:
            hear(session, self.kind, rows)
        return rows

    Rows.rows = read  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        Rows.rows = rows_of  # type: ignore[method-assign]


@contextmanager
def locking_rows(of: type[SQLModel]) -> Iterator[list[list[str]]]:
    """The ids of the rows of a table that sessions lock meanwhile, in their order, by each statement that locks some."""
    found: list[list[str]] = []

    def executed(state: ORMExecuteState) -> Result[Any] | None:
        if getattr(state.statement, "_for_update_arg", None) is None:
            return None
        rows = state.invoke_statement().freeze()
        if of.__table__ in state.statement.get_final_froms():  # type: ignore[attr-defined]
            note(state.session, [row[0].id for row in rows().all()])
        return rows()

    def note(session: Any, ids: list[str]) -> None:
        found.append(ids)
        session.info["locked"] = session.info.get("locked", set()).union(ids)

    def read(session: Session, kind: type[SQLModel], rows: list[Any]) -> None:
        if kind is of:
            note(session, [row.id for row in rows])

    event.listen(Session, "do_orm_execute", executed)
    try:
        with _hearing_locked(read):
            yield found
    finally:
        event.remove(Session, "do_orm_execute", executed)


@contextmanager
def writing_unlocked() -> Iterator[list[str]]:
    """The tables in which sessions change meanwhile what belongs to an order that they have not locked."""
    found: list[str] = []

    def flushing(session: Session, *_: object) -> None:
        changed = [row for row in (*session.new, *session.dirty) if session.is_modified(row)]
        locked = session.info.get("locked", set())
        found.extend(row.__table__.name for row in changed if getattr(row, "order_id", None) not in (None, *locked))

    event.listen(Session, "before_flush", flushing)
    try:
        with locking_rows(Order):
            yield found
    finally:
        event.remove(Session, "before_flush", flushing)
