"""Letters: which mail the shop owes, how its sending stands, and what it has to say. The worker words and sends them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import update
from sqlmodel import Field, Session, SQLModel, col, select

from core.foundation import heartbeats, masking
from core.foundation.database import insert_once, text_enum
from core.foundation.money import Money
from core.kinds import deliverables, workshops
from core.kinds.grants import Delivery
from core.kinds.workshops import Times
from core.orders import disputes, orders, refunds
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.people import codes, sign_in
from core.shop import Shop

# Longer than a mail server is waited for once it has been asked to take the letter: past this, the attempt came to nothing.
_ATTEMPT = timedelta(seconds=60)
# After this a letter is for a person.
_PATIENCE = timedelta(days=3)


class LetterState(StrEnum):
    """Where a letter stands. One that is retried, that the mail server refused for good, or that was given up after
    days of trying, never touches its order."""

    WAITING = "waiting"
    RETRYING = "retrying"
    SENT = "sent"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


# Nothing is left to do by itself.
SETTLED = (LetterState.SENT, LetterState.REFUSED, LetterState.GIVEN_UP)


class Letter(SQLModel, table=True):
    """One mail owed, under the id of the job that sends it."""

    __tablename__ = "letters"

    id: str = Field(primary_key=True)
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)
    state: LetterState = text_enum(LetterState, index=True)
    attempts: int
    error: str = ""
    created_at: datetime
    claimed_until: datetime | None = None
    claimed_by: str | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True)
class ReceiptLine:
    """What was bought and for how much."""

    name: str
    quantity: int
    total: Money
    interval: str | None
    times: Times | None = None


@dataclass(frozen=True)
class OrderLetter:
    """What a letter about an order needs: `library_url` signs its reader in, once."""

    email: str
    number: str
    total: Money
    placed_at: datetime
    lines: tuple[ReceiptLine, ...]
    deliveries: tuple[Delivery, ...]
    library_url: str


@dataclass(frozen=True)
class CodeLetter:
    """What the letter with a code needs. `about` is the other address of a change; without one the code signs in."""

    email: str
    digits: str
    minutes: int
    about: str


@dataclass(frozen=True)
class Claim:
    """The right to make one attempt at a letter: `attempt` counts from 1, `worker` is the id of the run that makes it."""

    letter_id: str
    worker: str
    attempt: int


_OWED = insert_once(Letter)


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
    held = update(Letter).where(col(Letter.claimed_by).in_(workers), col(Letter.sent_at).is_(None))
    session.exec(held.values(claimed_until=None, claimed_by=None))


def is_settled(session: Session, letter_id: str) -> bool:
    """Whether nothing is left to do about it: it was sent, refused, or given up."""
    letter = session.get(Letter, letter_id)
    return letter is not None and letter.state in SETTLED


def sent(session: Session, letter_id: str, *, now: datetime) -> None:
    """The mail server took it, whoever handed it over."""
    session.exec(
        update(Letter)
        .where(col(Letter.id) == letter_id)
        .values(state=LetterState.SENT, sent_at=now, error="", claimed_until=None, claimed_by=None)
    )


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


def _note(session: Session, letter_id: str, *, order_id: str | None, now: datetime) -> None:
    """Write down that the letter is owed, if it is not yet."""
    row = {
        "id": letter_id, "order_id": order_id, "state": LetterState.WAITING, "attempts": 0, "error": "",
        "created_at": now, "claimed_until": None, "claimed_by": None, "sent_at": None,
    }  # fmt: skip
    session.execute(_OWED, row)


def _troubled(session: Session, letter: Letter, error: str, *, for_good: bool, now: datetime) -> bool:
    letter.error = masking.masked(error, most=1000)  # kept, so without addresses
    letter.state = LetterState.REFUSED if for_good else LetterState.RETRYING
    if not for_good and letter.created_at + _PATIENCE <= now:
        letter.state = LetterState.GIVEN_UP
    session.flush()
    return letter.state is LetterState.RETRYING


def about_order(shop: Shop, order_id: str) -> OrderLetter:
    """What to write about this order, as it stands now."""
    with shop.reading() as session:
        order = session.get_one(Order, order_id)
        lines = orders.lines(session, order_id)
        times = workshops.times(session, lines)
        return OrderLetter(
            email=order.email, number=order.number, placed_at=order.created_at,
            total=Money(order.amount_expected if order.amount_total is None else order.amount_total, order.currency),
            lines=tuple(_line(line, times.get(line.workshop_date_id)) for line in lines),
            deliveries=deliverables.deliveries(session, order_id, signing_key=shop.signing_key),
            library_url=sign_in.letter_link(shop, order_id, order.email),
        )  # fmt: skip


@dataclass(frozen=True)
class PaymentLetter:
    """What a letter about one payment of an order needs."""

    email: str
    number: str
    amount: Money
    paid_at: datetime


def about_payment(shop: Shop, order_id: str, payment_id: str) -> PaymentLetter | None:
    """What to write about this payment, or None if it went back by now: then there is nothing more to say."""
    with shop.reading() as session:
        order, payment = session.get_one(Order, order_id), session.get_one(Payment, payment_id)
    if payment.amount_refunded >= payment.amount:
        return None
    return PaymentLetter(order.email, order.number, Money(payment.amount, payment.currency), payment.paid_at)


def buyer(session: Session, order_id: str) -> str:
    """Where letters about this order go."""
    return session.get_one(Order, order_id).email


def reader(session: Session, code_id: str) -> str:
    """Where the letter with this code goes; an empty string if the code is gone."""
    code = session.get(codes.SignInCode, code_id)
    return code.email if code else ""


def with_code(shop: Shop, code_id: str) -> CodeLetter | None:
    """What to write with this code, or None if it was replaced, used or has run out: then it need not be sent."""
    with shop.reading() as session:
        code = session.get(codes.SignInCode, code_id)
    if code is None or code.used_at or code.expires_at < shop.now():
        return None
    digits = codes.digits_of(code.id, signing_key=shop.signing_key)
    return CodeLetter(code.email, digits, codes.CODE_MINUTES, code.about)


@dataclass(frozen=True)
class NoticeLetter:
    """What the letter to the owners needs. `topic` is what happened, such as `dispute:dp_…`; `detail` says more."""

    owners: tuple[str, ...]
    number: str
    topic: str
    total: Money
    detail: str


def to_owners(shop: Shop, order_id: str, topic: str) -> NoticeLetter | None:
    """What to write to the owners about this order, or None if the shop has no owners to write to."""
    with shop.reading() as session:
        order = session.get_one(Order, order_id)
        reasons = [row.reason for row in disputes.of_order(session, order_id) if topic == f"dispute:{row.id}"]
        failures = [row.failure for row in refunds.of_order(session, order_id) if topic == f"refund_failed:{row.id}"]
    detail = next(iter([*reasons, *failures]), order.attention.partition("\n")[0] if topic == "blocked" else "")
    total = Money(order.amount_expected if order.amount_total is None else order.amount_total, order.currency)
    owners = shop.settings.owners
    return NoticeLetter(owners, order.number, topic, total, detail) if owners else None


def of_order(session: Session, order_id: str) -> list[Letter]:
    """The order's letters, oldest first."""
    return list(session.exec(select(Letter).where(Letter.order_id == order_id).order_by(col(Letter.created_at))))


def _line(line: OrderLine, times: Times | None) -> ReceiptLine:
    total = Money(line.unit_amount * line.quantity, line.currency)
    return ReceiptLine(line.name, line.quantity, total, line.interval, times)
