"""Paging: some rows of a long list, after a row or before one, found by an index however far down they stand."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import literal, tuple_
from sqlmodel import Session, SQLModel, UTCDateTime, col, select
from sqlmodel.sql.expression import SelectOfScalar

Kind = TypeVar("Kind", bound=StrEnum)
Record = TypeVar("Record", bound=SQLModel)
Row = TypeVar("Row")
PAGE = 25


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and the ids from which their neighbours are leafed to, empty where there are none."""

    rows: tuple[Row, ...]
    before: str = ""
    after: str = ""

    def each(self, draw: "Callable[[Row], Shown]") -> "Page[Shown]":
        """The same page of other rows."""
        return Page(tuple(map(draw, self.rows)), self.before, self.after)


Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Place:
    """Where in a list one is: behind a row or in front of one, by its id. Nothing said is the beginning."""

    after: str = ""
    before: str = ""


def page(
    session: Session, query: SelectOfScalar[Record], table: type[Record], *, by: str, place: Place, rising: bool = False,
    size: int = PAGE,
) -> Page[Record]:  # fmt: skip
    """These rows of `query` in the order of the moment `by` and of their ids, the newest first unless `rising`.

    A row that the place names and that is not there any more is passed over: the list then begins anew. So it does where no row is
    left there, such as of those that were failed a minute ago.
    """
    mark = session.get(table, place.after or place.before) if place.after or place.before else None
    found = _page(session, query, table, mark, by=by, place=place, rising=rising, size=size)
    if mark and not found.rows:
        return _page(session, query, table, None, by=by, place=place, rising=rising, size=size)
    return found


def _page(
    session: Session, query: SelectOfScalar[Record], table: type[Record], mark: Record | None, *, by: str, place: Place,
    rising: bool, size: int,
) -> Page[Record]:  # fmt: skip
    backwards = bool(place.before and not place.after and mark)
    key: tuple[Any, Any] = (col(getattr(table, by)), col(getattr(table, "id")))  # noqa: B009
    upwards = rising is not backwards
    if mark and getattr(mark, by):
        here = tuple_(literal(getattr(mark, by), type_=UTCDateTime()), literal(mark.id))  # type: ignore[attr-defined]
        query = query.where(tuple_(*key) > here if upwards else tuple_(*key) < here)
    order = [each.asc() if upwards else each.desc() for each in key]
    found = list(session.exec(query.order_by(*order).limit(size + 1)))
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    earlier, later = (more, True) if backwards else (bool(mark), more)
    ids = [row.id for row in found]  # type: ignore[attr-defined]
    return Page(tuple(found), ids[0] if ids and earlier else "", ids[-1] if ids and later else "")


def one_of(kind: type[Kind], text: str) -> Kind | None:
    """What an address says, or None for nonsense."""
    return next((each for each in kind if each == text), None)


def of_mode(table: type[SQLModel], order: Any, *, livemode: bool) -> Any:
    """A condition: that a row's order is of this mode. Asked of each row that is looked at, which the newest of a list are:
    as a join, a database may begin with all the orders."""
    theirs = select(order.livemode).where(order.id == getattr(table, "order_id")).correlate(table)  # noqa: B009
    return theirs.scalar_subquery() == livemode
