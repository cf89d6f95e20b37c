"""Stripe's answers to our own calls, each recorded for its order. Those that came while others were being recorded are recorded
together, in one transaction, as events are: who has nothing to wait for waits for nothing.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from core import admission, fulfillment
from core.admission import Refused
from core.foundation.database import is_away, is_held, repeatable, wait_briefly
from core.foundation.errors import StripeUnreachable
from core.foundation.telemetry import requests
from core.fulfillment import Case
from core.gateway.sessions import SessionFacts
from core.orders import ledger
from core.shop import Shop


@dataclass(frozen=True, eq=False)
class _Answer:
    """What Stripe said of the Session of an attempt, asked by this `request`, as `requests.carried` says it."""

    checkout_id: str
    facts: SessionFacts
    request: str = field(default_factory=requests.carried)

    @property
    def order_id(self) -> str:
        return self.facts.order_id


@dataclass(frozen=True)
class _Desk:
    """Where answers wait, and whose turn it is to record all that do. What became of each is there until it is fetched."""

    turn: Lock = field(default_factory=Lock)
    waiting: deque[_Answer] = field(default_factory=deque)
    done: dict[_Answer, Exception | None] = field(default_factory=dict)


# A process records what it asked for in its own database.
_DESKS: WeakKeyDictionary[Engine, _Desk] = WeakKeyDictionary()


def record(shop: Shop, checkout_id: str, facts: SessionFacts) -> None:
    """Record what Stripe answered of the Session of this attempt, and settle its order; it is committed then.

    Raises StripeUnreachable if the answer is not what was asked for, or what the database raises.
    """
    desk, own = _DESKS.setdefault(shop.engine, _Desk()), _Answer(checkout_id, facts)
    desk.waiting.append(own)
    with desk.turn:
        while own not in desk.done:  # else it was recorded along with those of whoever's turn it was
            _record_waiting(shop, desk)
        error = desk.done.pop(own)
    if error and is_held(error):  # it is waited for where nobody else waits behind it
        error = _recorded(shop, [own], waits=True)[own]
    if error:
        raise error


def _record_waiting(shop: Shop, desk: _Desk) -> None:
    """Record what waits, but of each order one answer alone: what another says may build on it."""
    batch: dict[str, _Answer] = {}
    later = []
    for _ in range(len(desk.waiting)):
        each = desk.waiting.popleft()
        if batch.setdefault(each.order_id, each) is not each:
            later.append(each)
    desk.waiting.extend(later)
    try:
        desk.done.update(_recorded_apart(shop, [*batch.values()]))
    finally:
        # Whatever broke this off: nobody else's answer is lost by it.
        desk.waiting.extend(each for each in batch.values() if each not in desk.done)


def _recorded_apart(shop: Shop, answers: Sequence[_Answer]) -> Mapping[_Answer, Exception | None]:
    """What became of each. If they cannot be recorded together, each is by itself: one that cannot be fails alone, and so does one
    whose order somebody else has locked."""
    try:
        return _recorded(shop, answers)
    except Exception as error:
        if len(answers) == 1 or (is_away(error) and not is_held(error)):
            return dict.fromkeys(answers, error)
    return {each: found for answer in answers for each, found in _recorded_apart(shop, [answer]).items()}


@repeatable
def _recorded(shop: Shop, answers: Sequence[_Answer], *, waits: bool = False) -> Mapping[_Answer, Exception | None]:
    found: dict[_Answer, Exception | None] = dict.fromkeys(answers)
    now = shop.now()
    with shop.transaction() as session:
        if not waits:
            wait_briefly(session)
        named = {each.order_id for each in answers} - {""}
        locked = ledger.lock(session, named) if named else {}
        cases = []
        for each in answers:
            # What Stripe answers to the attempt's own creation is its Session, whatever anybody else may say of it.
            admitted = admission.of_locked(locked, shop.id, each.facts, opened_as=each.checkout_id)
            if isinstance(admitted, Refused):
                found[each] = StripeUnreachable("unsettled", admitted.reason)
                continue
            fulfillment.record_session(session, admitted, now=now)
            cases.append(Case(*locked[admitted.order_id], "checkout", each.request))
        if cases:
            fulfillment.settle(session, cases, now=now)
    return found
