"""Letters: which mail the shop owes, and how its sending stands. The worker words and sends them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Index, update
from sqlmodel import Field, Session, col, select

from core.foundation import masking
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record, constant, index_where, text_enum
from core.foundation.signals import heartbeats
from core.foundation.writes.inserts import InsertOnce
from core.kinds.grants import Grant
from core.kinds.seats import Seat
from core.orders.orders import Order
from core.people import codes
from core.people.staff import StaffMember

# Longer than a mail server is waited for once it has been asked to take the letter: past this, the attempt came to nothing.
_ATTEMPT = timedelta(seconds=60)
# By what the ids of receipts begin, of the first one and of copies.
_RECEIPTS = f"{Job.RECEIPT}:"
# After this a letter is for a person.
_PATIENCE = timedelta(days=3)


class LetterState(StrEnum):
    """Where a letter stands. One that is retried, that the mail server refused for good, or that was given up after
    days of trying, never touches its order. `dropped` is one that was overtaken before it could be sent, `bounced` one that was
    sent and came back."""

    WAITING = "waiting"
    RETRYING = "retrying"
    SENT = "sent"
    DROPPED = "dropped"
    REFUSED = "refused"
    GIVEN_UP = "given_up"
    BOUNCED = "bounced"


# Nothing is left to do by itself.
SETTLED = (
    LetterState.SENT, LetterState.DROPPED, LetterState.REFUSED, LetterState.GIVEN_UP, LetterState.BOUNCED,
)  # fmt: skip


class Letter(Record, table=True):
    """One mail owed, under the id of the job that sends it."""

    __tablename__ = "letters"
    __table_args__ = (
        Index("ix_letters_created_at_id", "created_at", "id"),
        Index("ix_letters_state_created_at_id", "state", "created_at", "id"),
    )

    id: str = Field(primary_key=True)
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)
    state: LetterState = text_enum(LetterState)
    attempts: int
    error: str = ""
    created_at: datetime
    claimed_until: datetime | None = None
    claimed_by: str | None = None
    sent_at: datetime | None = None


# Those that are still to be sent, or that a person is to look at: of a thousand letters perhaps one.
OUTSTANDING = col(Letter.state).not_in([constant(LetterState.SENT), constant(LetterState.DROPPED)])
index_where(OUTSTANDING, "ix_letters_outstanding", Letter.created_at)


@dataclass(frozen=True)
class Claim:
    """The right to make one attempt at a letter: `attempt` counts from 1, `worker` is the id of the run that makes it."""

    letter_id: str
    worker: str
    attempt: int


_OWED = InsertOnce(Letter)


def begin(session: Session, letter_id: str, *, order_id: str | None, worker: str, now: datetime) -> Claim | None:
    """Claim the letter for one attempt.

    None if nothing is left to do about it, if another attempt is under way, or if the others hold this worker for gone.
    """
    _note(session, letter_id, order_id=order_id, now=now)
    moment = heartbeats.database_time(session)
    free = col(Letter.claimed_until).is_(None) | (col(Letter.claimed_until) < moment)
    open_ = col(Letter.sent_at).is_(None) & col(Letter.state).not_in(SETTLED)
    claim = update(Letter).where(col(Letter.id) == letter_id, open_, free, heartbeats.is_at_work(worker))
    claim = claim.values(attempts=col(Letter.attempts) + 1, claimed_until=moment + _ATTEMPT, claimed_by=worker)
    attempt = session.exec(claim.returning(col(Letter.attempts))).scalar()
    return Claim(letter_id, worker, attempt) if attempt else None


def hold(session: Session, claim: Claim) -> bool:
    """Whether the claim still stands; then it stands for its whole time from now. Else somebody else may be at the letter."""
    held = update(Letter).where(
        col(Letter.id) == claim.letter_id,
        col(Letter.claimed_by) == claim.worker,
        col(Letter.attempts) == claim.attempt,
        col(Letter.sent_at).is_(None),
        heartbeats.is_at_work(claim.worker),
    )
    return bool(session.exec(held.values(claimed_until=heartbeats.database_time(session) + _ATTEMPT)).rowcount)


def release(session: Session, workers: list[str]) -> None:
    """Free what workers had claimed that are gone."""
    held = update(Letter).where(OUTSTANDING, col(Letter.claimed_by).in_(workers), col(Letter.sent_at).is_(None))
    session.exec(held.values(claimed_until=None, claimed_by=None))


def is_settled(session: Session, letter_id: str) -> bool:
    """Whether nothing is left to do about it: it was sent, refused, or given up."""
    letter = session.get(Letter, letter_id)
    return letter is not None and letter.state in SETTLED


def sent(session: Session, letter_id: str, *, now: datetime) -> None:
    """The mail server took it, whoever handed it over. A receipt says all that earlier ones of its order said, which then need
    nobody any more if they could not be sent."""
    took = update(Letter).where(col(Letter.id) == letter_id).returning(col(Letter.order_id), col(Letter.created_at))
    found = session.exec(
        took.values(state=LetterState.SENT, sent_at=now, error="", claimed_until=None, claimed_by=None)
    ).first()
    if found and found.order_id and letter_id.startswith(_RECEIPTS):
        earlier = col(Letter.id).startswith(_RECEIPTS) & (col(Letter.created_at) <= found.created_at)
        _overtake(session, col(Letter.order_id) == found.order_id, earlier)


def dropped(session: Session, claim: Claim) -> None:
    """It is no longer wanted: what it was to say was overtaken."""
    _let_go(session, claim, LetterState.DROPPED, "")


def unaddressed(session: Session, claim: Claim) -> None:
    """Nobody's address is known to send it to: it waits, however long."""
    _let_go(session, claim, LetterState.WAITING, "OWNER_EMAILS is not set")


def failed(session: Session, claim: Claim, error: str, *, for_good: bool, now: datetime) -> bool:
    """This attempt failed; returns whether another is due. Says nothing of a letter that somebody else has claimed since."""
    letter = session.get(Letter, claim.letter_id, with_for_update=True)
    if letter is None or letter.state in SETTLED:
        return False
    if (letter.claimed_by, letter.attempts) != (claim.worker, claim.attempt):
        return True
    letter.claimed_until = letter.claimed_by = None
    return _troubled(session, letter, error, for_good=for_good, now=now)


def put_off(session: Session, letter_id: str, error: str, *, order_id: str | None, now: datetime) -> bool:
    """The letter cannot be tried now, because of the mail server; returns whether it is to be tried later."""
    _note(session, letter_id, order_id=order_id, now=now)
    letter = session.get_one(Letter, letter_id, with_for_update=True)
    return letter.state not in SETTLED and _troubled(session, letter, error, for_good=False, now=now)


def _let_go(session: Session, claim: Claim, state: LetterState, reason: str) -> None:
    mine = (col(Letter.id) == claim.letter_id) & (col(Letter.claimed_by) == claim.worker)
    mine &= (col(Letter.attempts) == claim.attempt) & col(Letter.state).not_in(SETTLED)
    session.exec(update(Letter).where(mine).values(state=state, error=reason, claimed_until=None, claimed_by=None))


def _note(session: Session, letter_id: str, *, order_id: str | None, now: datetime) -> None:
    """Write down that the letter is owed, if it is not yet."""
    row = {
        "id": letter_id, "order_id": order_id, "state": LetterState.WAITING, "attempts": 0, "error": "",
        "created_at": now, "claimed_until": None, "claimed_by": None, "sent_at": None,
    }  # fmt: skip
    _OWED(session, [row])


def _troubled(session: Session, letter: Letter, error: str, *, for_good: bool, now: datetime) -> bool:
    letter.error = masking.masked(error, most=1000)  # kept, so without addresses
    letter.state = LetterState.REFUSED if for_good else LetterState.RETRYING
    if not for_good and letter.created_at + _PATIENCE <= now:
        letter.state = LetterState.GIVEN_UP
    session.flush()
    return letter.state is LetterState.RETRYING


def came_back(session: Session, letter_id: str, reason: str) -> None:
    """A mail server further on had no mailbox for a letter that was sent."""
    was_sent = (col(Letter.id) == letter_id, col(Letter.state) == LetterState.SENT)
    said = masking.masked(reason, most=1000)
    session.exec(update(Letter).where(*was_sent).values(state=LetterState.BOUNCED, error=said))


def sent_lately(session: Session, addresses: Iterable[str], *, since: datetime) -> list[str]:
    """The ids of letters about the orders of these addresses that were sent since then, the newest first; a hundred at most."""
    theirs = select(Order.id).where(col(Order.email).in_(set(addresses)))
    query = select(Letter.id).where(col(Letter.order_id).in_(theirs), Letter.state == LetterState.SENT)
    query = query.where(col(Letter.sent_at) >= since).order_by(col(Letter.sent_at).desc())
    return list(session.exec(query.limit(100)))


def buyer(session: Session, order_id: str) -> str:
    """Where letters about this order go."""
    return session.get_one(Order, order_id).email


def language(session: Session, order_id: str) -> str:
    """What letters about this order speak; empty for the shop's own language."""
    return session.get_one(Order, order_id).language


def reader(session: Session, code_id: str) -> str:
    """Where the letter with this code goes; an empty string if the code is gone."""
    code = session.get(codes.SignInCode, code_id)
    return code.email if code else ""


def language_of_code(session: Session, code_id: str) -> str:
    """What the letter with this code speaks."""
    code = session.get(codes.SignInCode, code_id)
    return code.language if code else ""


def overtake(session: Session, letter_id: str) -> None:
    """Another letter says the same by now: one that could not be sent needs nobody any more."""
    _overtake(session, col(Letter.id) == letter_id)


def _overtake(session: Session, *which: ColumnElement[bool]) -> None:
    stuck = col(Letter.state).in_((LetterState.REFUSED, LetterState.GIVEN_UP, LetterState.BOUNCED))
    session.exec(update(Letter).where(*which, stuck).values(state=LetterState.DROPPED))


def colleague(session: Session, member_id: str) -> str:
    """Where the letter to somebody who was invited goes; an empty string if nobody was."""
    member = session.get(StaffMember, member_id)
    return member.email if member else ""


def guest(session: Session, seat_id: str) -> str:
    """Where the letter to somebody who is asked to take a seat goes; an empty string if nobody is."""
    seat = session.get(Seat, seat_id)
    return seat.email if seat else ""


def language_of_guest(session: Session, seat_id: str) -> str:
    """What that letter speaks: the language of whoever bought the plan."""
    bought = (
        select(Order.language).join(Grant, col(Grant.order_id) == Order.id).join(Seat, col(Seat.grant_id) == Grant.id)
    )
    return session.exec(bought.where(Seat.id == seat_id)).first() or ""


def of_order(session: Session, order_id: str) -> list[Letter]:
    """The order's letters, oldest first."""
    return list(session.exec(select(Letter).where(Letter.order_id == order_id).order_by(col(Letter.created_at))))
