"""Letters: which mail the shop owes, how its sending stands, and what it has to say. The worker words and sends them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import update
from sqlmodel import Field, Session, SQLModel, col, select

from core import deliverables, disputes, orders, refund_facts, sign_in
from core.database import insert_once, text_enum
from core.grants import Delivery
from core.money import Money
from core.orders import Order, OrderLine
from core.shop import Shop

# Longer than a mail server is waited for: past this, whoever claimed the letter is gone.
_ATTEMPT = timedelta(seconds=30)


class LetterState(StrEnum):
    """Where a letter stands. One that is retried, or that the mail server refused for good, never touches its order."""

    WAITING = "waiting"
    RETRYING = "retrying"
    SENT = "sent"
    REFUSED = "refused"


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
    sent_at: datetime | None = None


@dataclass(frozen=True)
class ReceiptLine:
    """What was bought and for how much."""

    name: str
    quantity: int
    total: Money
    interval: str | None


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
    """What the letter with a sign-in code needs."""

    email: str
    digits: str
    minutes: int


_OWED = insert_once(Letter)


def begin(session: Session, letter_id: str, *, order_id: str | None, now: datetime) -> bool:
    """Claim the letter for one attempt; False if it was sent already, or another process is at it right now."""
    row = {
        "id": letter_id, "order_id": order_id, "state": LetterState.WAITING, "attempts": 0, "error": "",
        "created_at": now, "claimed_until": None, "sent_at": None,
    }  # fmt: skip
    session.execute(_OWED, row)
    free = col(Letter.claimed_until).is_(None) | (col(Letter.claimed_until) < now)
    claim = update(Letter).where(col(Letter.id) == letter_id, col(Letter.sent_at).is_(None), free)
    claimed = claim.values(attempts=col(Letter.attempts) + 1, claimed_until=now + _ATTEMPT)
    return bool(session.exec(claimed).rowcount)


def is_sent(session: Session, letter_id: str) -> bool:
    """Whether the mail server has taken it."""
    letter = session.get(Letter, letter_id)
    return letter is not None and letter.state is LetterState.SENT


def sent(session: Session, letter_id: str, *, now: datetime) -> None:
    """The mail server took it."""
    session.exec(
        update(Letter).where(col(Letter.id) == letter_id).values(state=LetterState.SENT, sent_at=now, error="")
    )


def failed(session: Session, letter_id: str, error: str, *, for_good: bool) -> None:
    """This attempt failed; unless it was `for_good`, the job tries again."""
    trouble = update(Letter).where(col(Letter.id) == letter_id, col(Letter.sent_at).is_(None))
    state = LetterState.REFUSED if for_good else LetterState.RETRYING
    session.exec(trouble.values(state=state, error=error[:1000], claimed_until=None))


def about_order(shop: Shop, order_id: str) -> OrderLetter:
    """What to write about this order, as it stands now."""
    with shop.reading() as session:
        order = session.get_one(Order, order_id)
        return OrderLetter(
            email=order.email, number=order.number, placed_at=order.created_at,
            total=Money(order.amount_expected if order.amount_total is None else order.amount_total, order.currency),
            lines=tuple(_line(line) for line in orders.lines(session, order_id)),
            deliveries=deliverables.deliveries(session, order_id, signing_key=shop.signing_key),
            library_url=sign_in.letter_link(shop, order_id),
        )  # fmt: skip


def with_code(shop: Shop, code_id: str) -> CodeLetter | None:
    """What to write with this code, or None if it was replaced, used or has run out: then it need not be sent."""
    with shop.reading() as session:
        code = session.get(sign_in.SignInCode, code_id)
    if code is None or code.used_at or code.expires_at < shop.now():
        return None
    return CodeLetter(code.email, sign_in.digits_of(code.id, signing_key=shop.signing_key), sign_in.CODE_MINUTES)


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
        failures = [
            row.failure for row in refund_facts.of_order(session, order_id) if topic == f"refund_failed:{row.id}"
        ]
    detail = next(iter([*reasons, *failures]), order.attention if topic == "blocked" else "")
    total = Money(order.amount_expected if order.amount_total is None else order.amount_total, order.currency)
    owners = shop.settings.owners
    return NoticeLetter(owners, order.number, topic, total, detail) if owners else None


def of_order(session: Session, order_id: str) -> list[Letter]:
    """The order's letters, oldest first."""
    return list(session.exec(select(Letter).where(Letter.order_id == order_id).order_by(col(Letter.created_at))))


def _line(line: OrderLine) -> ReceiptLine:
    total = Money(line.unit_amount * line.quantity, line.currency)
    return ReceiptLine(line.name, line.quantity, total, line.interval)
