"""Items: what needs a person, and the kinds of it that are listed, each by one statement."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, exists
from sqlalchemy.orm import aliased
from sqlmodel import col

from core.orders.orders import Order


@dataclass(frozen=True)
class Item:
    """Something for a person. `subject` is the order, event or job; `due_by` is a deadline set by somebody else."""

    topic: str
    subject: str
    order_id: str | None
    since: datetime
    due_by: datetime | None
    detail: str
    advice: str


@dataclass(frozen=True)
class Kind:
    """One kind of what is listed: its rows, the order that each is about, which come first, and what is `said` of one.

    What changes from one moment to the next is named in its statement (`LIVEMODE` and its like), which is put together once: that
    takes many times as long as to ask.
    """

    rows: Select[Any]
    order_id: Any
    by: tuple[Any, ...]
    said: Callable[[Any], Iterable[Item]]

    def standing(self) -> Select[Any]:
        """Those not about orders of the other mode: once a shop is live, its trials need nobody any more."""
        named = _named_order()
        return self.rows.where(~exists().where(col(named.id) == self.order_id, col(named.livemode) != LIVEMODE))


LIVEMODE: Any = bindparam("livemode")
LONG_PARKED: Any = bindparam("long_parked")
LONG_RETRIED: Any = bindparam("long_retried")


@cache
def _named_order() -> type[Order]:
    return aliased(Order)
