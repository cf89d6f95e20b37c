"""Attention: the one list of what needs a person, each with what to do about it."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam
from sqlmodel import Session, func, select

from core.foundation.signals import milestones
from core.owner.needs import arrivals, events, machinery, messages, money, orders
from core.owner.needs.items import Item, Kind
from core.shop import Shop

_PARKED_FOR = timedelta(hours=1)
_RETRIED_FOR = timedelta(hours=1)
# So many of each kind are listed: one fault may be behind thousands, and that is when somebody has to look.
MOST = 100


def items(shop: Shop, *, beside: int = 0) -> list[Item]:
    """What needs a person now: what has a deadline first, then the oldest. Of each kind the first `MOST`, beside so many as were
    set aside, and how many more there are."""
    now, livemode = shop.now(), shop.settings.livemode
    with shop.reading() as session:
        shelf = _Shelf(session, livemode=livemode, now=now, most=MOST + beside)
        said = milestones.everything(session)
        found = [
            *machinery.stripe(session, said, now=now),
            *arrivals.missing(session, livemode=livemode, now=now),
            *shelf.listed(orders.lost),
            *money.card_testing(session, now=now),
            *shelf.listed(events.setbacks_lasting),
            *messages.without_owners(session, shop),
            *shelf.listed(money.disputed),
            *shelf.listed(money.warnings),
            *shelf.listed(orders.troubled),
            *shelf.listed(orders.withdrawals),
            *shelf.listed(money.refunds),
            *money.payouts_failed(session, livemode=livemode),
            *machinery.permissions(said),
            *shelf.listed(events.failed),
            *shelf.listed(events.parked),
            *events.of_the_other_mode(session, now=now),
            *shelf.listed(messages.letters),
            *messages.mailboxes(session, shop, limit=shelf.most),
            *machinery.storage(said),
            *machinery.files(session),
            *messages.endpoints_off(session),
        ]
    found += [*machinery.worker(shop), *machinery.jobs(shop, limit=shelf.most)]
    return sorted(found, key=lambda item: (item.due_by is None, item.due_by or item.since))


def everything(shop: Shop) -> list[Item]:
    """The same, with what the doctor found wrong when it looked last behind it."""
    with shop.reading() as session:
        examined = list(machinery.doctor(session))
    return [*items(shop), *examined]


@cache
def _whether_any() -> Select[Any]:
    """Whether there is any of each kind, in one question: mostly there is of none."""
    return select(*[kind().standing().exists() for kind in _LISTED])


@cache
def _first(kind: Callable[[], Kind]) -> Select[Any]:
    return kind().standing().order_by(*kind().by).limit(bindparam("most"))


class _Shelf:
    """What there is of each kind of _LISTED now, the `most` of it that come first."""

    def __init__(self, session: Session, *, livemode: bool, now: datetime, most: int) -> None:
        self.most, self._session = most, session
        self._values = {
            "livemode": livemode, "long_parked": now - _PARKED_FOR, "long_retried": now - _RETRIED_FOR,
        }  # fmt: skip
        self._any = dict(zip(_LISTED, session.execute(_whether_any(), self._values).one(), strict=True))

    def listed(self, kind: Callable[[], Kind]) -> Iterator[Item]:
        """What is said of the first of this kind, and before it how many more of the same there are."""
        if not self._any[kind]:
            return
        rows = self._session.execute(_first(kind), {**self._values, "most": self.most}).scalars().all()
        found = [item for row in rows for item in kind().said(row)]
        if found and len(rows) == self.most:
            yield from self._more(kind, found[0])
        yield from found

    def _more(self, kind: Callable[[], Kind], first: Item) -> Iterator[Item]:
        every = kind().standing().with_only_columns(func.count())
        left = self._session.execute(every, self._values).scalar_one() - self.most
        if left > 0:
            yield Item(
                "more_of_the_same", first.topic, None, first.since, None, f"{left:,} more beside those listed", _MORE
            )


_MORE = "They come up as those that are listed are dealt with. So many at once often have one cause: mend that first."
_LISTED: tuple[Callable[[], Kind], ...] = (
    orders.lost, events.setbacks_lasting, money.disputed, money.warnings, orders.troubled, orders.withdrawals, money.refunds,
    events.failed, events.parked, messages.letters,
)  # fmt: skip
