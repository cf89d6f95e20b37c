"""What tests of single tables do to a database: orders to hang rows on, and changes that a session does not notice."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Result, event, update
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session, SQLModel

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
        yield found
    finally:
        event.remove(session, "do_orm_execute", executed)


@contextmanager
def locking_rows(of: type[SQLModel]) -> Iterator[list[list[str]]]:
    """The ids of the rows of a table that sessions lock meanwhile, in their order, by each statement that locks some."""
    found: list[list[str]] = []

    def executed(state: ORMExecuteState) -> Result[Any] | None:
        if getattr(state.statement, "_for_update_arg", None) is None:
            return None
        rows = state.invoke_statement().freeze()
        if of.__table__ in state.statement.get_final_froms():  # type: ignore[attr-defined]
            found.append([row[0].id for row in rows().all()])
            state.session.info["locked"] = state.session.info.get("locked", set()).union(found[-1])
        return rows()

    event.listen(Session, "do_orm_execute", executed)
    try:
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
