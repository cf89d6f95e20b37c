"""Declarations: how somebody withdraws from a contract by the public page, signed in or not.

Whoever has not proven that an address is theirs learns nothing: what they are answered is the same whether there is such an
order or not. What they declare counts all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from sqlmodel import Session, select

from core.foundation import addresses, signing
from core.foundation.addresses import fold
from core.foundation.database import lock_names, repeatable
from core.foundation.errors import LinkInvalid, NothingSaid, TooManyTries, WithdrawalDecided
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import new_id
from core.languages import sentences
from core.orders import history, orders
from core.orders.orders import Order
from core.people import customers
from core.rights import withdrawals
from core.rights.withdrawals import Proof, Stage, State, Withdrawal
from core.shop import Shop
from core.traffic import rate_limits
from core.traffic.rate_limits import Limit

# Each declaration brings a letter to the address that was typed, so that nobody can have many sent to somebody else.
BY_ADDRESS = Limit("withdrawals by address", 5, 3600)
BY_SENDER = Limit("withdrawals by sender", 10, 3600)
ALTOGETHER = Limit("withdrawals of strangers", 300, 3600)
# So much may be typed: a letter quotes it.
MOST_WORDS, MOST_NAME, MOST_REFERENCE = 1000, 120, 80
# Of a buyer who has more orders, the newest are offered.
_MOST_OFFERED = 50


@dataclass(frozen=True)
class Visitor:
    """Who declares: `signed_in` is an address that they have proven. `sender` stands for where they are on the network, for the
    limits alone; it is kept nowhere."""

    signed_in: str = ""
    sender: str = ""


@dataclass(frozen=True)
class OfferedLine:
    """A line that may be withdrawn from, counted from 1."""

    position: int
    name: str


@dataclass(frozen=True)
class Offered:
    """An order that the visitor has proven to be theirs. `email` is where the acknowledgement goes."""

    order_id: str
    number: str
    placed_at: datetime
    email: str
    lines: tuple[OfferedLine, ...]


@dataclass(frozen=True)
class Declaration:
    """What was sent. With an `order_id`, and perhaps some of its `lines`, it is about an order that was offered; else about what
    `reference` and `words` say, and the acknowledgement goes to `email`."""

    token: str
    email: str = ""
    reference: str = ""
    name: str = ""
    words: str = ""
    order_id: str = ""
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """That it was received: when, where the acknowledgement goes, and what was declared."""

    at: datetime
    email: str
    reference: str
    words: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """An order that somebody may mean who withdrew under an address alone. What was bought with it is not said."""

    order_id: str
    number: str
    placed_at: datetime


def page(shop: Shop, number: str = "") -> str:
    """The public address of the page; in a letter about an order with its number, which is all that is filled in by that."""
    query = f"?order={quote(number)}" if number else ""
    return f"{shop.settings.public_url}/withdraw{query}"


def choice_link(shop: Shop, session: Session, row: Withdrawal) -> str:
    """What the acknowledgement leads to where nobody knows which order is meant, and its address is a buyer's: it is mailed to that
    address alone. Empty where there is nothing to choose."""
    if row.order_id or not _choices(session, shop, row):
        return ""
    return f"{page(shop)}?which={signing.sign(shop.signing_key, signing.WHICH, row.id)}"


def choices(shop: Shop, token: str) -> tuple[Choice, ...]:
    """Which orders whoever has this link may mean, newest first. Raises LinkInvalid, LinkExpired, or WithdrawalDecided where it is
    known by now."""
    with shop.reading() as session:
        return tuple(_choices(session, shop, _undecided(session, shop, token)))


@repeatable
def choose(shop: Shop, token: str, order_id: str) -> Choice:
    """Say which order is meant, as its buyer: it counts from when it was declared. Raises as `choices`, and NothingSaid for an
    order that was none of them."""
    with shop.transaction() as session:
        row = _undecided(session, shop, token)
        chosen = next((each for each in _choices(session, shop, row) if each.order_id == order_id), None)
        if chosen is None:
            raise NothingSaid(field="order")
        withdrawals.lock_with_order(session, row.id, order_id)
        withdrawals.assign(session, row.id, order_id, actor="buyer", now=shop.now())
        row.proof = Proof.PROVEN
    return chosen


def _undecided(session: Session, shop: Shop, token: str) -> Withdrawal:
    row = session.get(Withdrawal, str(signing.read(shop.signing_key, signing.WHICH, token)))
    if row is None or not row.email:
        raise LinkInvalid()  # whoever declared it was erased
    if row.state is not State.OPEN or row.order_id:
        raise WithdrawalDecided(withdrawal=row.id)
    return row


def _choices(session: Session, shop: Shop, row: Withdrawal) -> list[Choice]:
    settings, theirs = shop.settings, customers.whose(session, row.email)
    found = withdrawals.possible(
        session, theirs, livemode=settings.livemode, zone=settings.zone, now=row.created_at
    )  # fmt: skip
    return [Choice(order.id, order.number, order.created_at) for order in found]


def offered(shop: Shop, visitor: Visitor) -> tuple[Offered, ...]:
    """The orders that this visitor has proven to be theirs, newest first. Without any proof nothing is looked up."""
    if not visitor.signed_in:
        return ()
    with shop.reading() as session:
        return _offered(session, shop, visitor)


@repeatable
def declare(shop: Shop, declaration: Declaration, visitor: Visitor) -> Receipt:
    """Keep it, and owe the acknowledgement, and a notice to the owners. The same form sent again is the same declaration.

    Raises AddressUnfit for a form without an address, NothingSaid for an order that was not offered, and TooManyTries; never for
    what it is about: an address alone is enough.
    """
    chosen = _chosen(shop, declaration, visitor)
    if not chosen:
        addresses.checked(declaration.email, reachable=shop.settings.livemode)
    wait, said = 0, None
    # What is counted stays counted, also if it is too much: nothing is raised in here.
    with shop.transaction() as session:
        if shop.settings.rate_limits == "on":
            wait = _hit(session, declaration, visitor, proven=bool(chosen), now=shop.now())
        if not wait:
            said = _keep(session, shop, declaration, chosen)
    if said is None:
        raise TooManyTries(limit=f"again in {wait} seconds")
    return said


def _chosen(shop: Shop, declaration: Declaration, visitor: Visitor) -> Offered | None:
    """The order of theirs that it is about, if it is about one that was offered."""
    if not declaration.order_id:
        return None
    found = next((each for each in offered(shop, visitor) if each.order_id == declaration.order_id), None)
    if found is None:
        raise NothingSaid(field="order")  # a sign-in that has ended since: the page begins anew
    return found


def _hit(session: Session, declaration: Declaration, visitor: Visitor, *, proven: bool, now: datetime) -> int:
    """Count it; in how many seconds there is room again, or 0. The flood of others keeps nobody from it who has a proof."""
    counted = [] if proven else [(BY_ADDRESS, fold(declaration.email)), (ALTOGETHER, "")]
    counted += [(BY_SENDER, visitor.sender)] if visitor.sender else []
    return max((rate_limits.hit(session, limit, who, now=now) for limit, who in counted), default=0)


def _keep(session: Session, shop: Shop, declaration: Declaration, chosen: Offered | None) -> Receipt:
    now, livemode = shop.now(), shop.settings.livemode
    email = chosen.email if chosen else declaration.email.strip()
    reference = chosen.number if chosen else declaration.reference.strip()[:MOST_REFERENCE]
    order = (
        session.get(Order, chosen.order_id)
        if chosen
        else withdrawals.meant(
            session, reference=reference, email=email, livemode=livemode, zone=shop.settings.zone, now=now
        )
    )
    known = {line.position: line.name for line in chosen.lines} if chosen else {}
    lines = sorted(set(declaration.lines) & set(known))
    row = Withdrawal(
        id=new_id("wd"), token=declaration.token, order_id=order.id if order else None, reference=reference,
        language=sentences.language(), email=email, folded=fold(email), name=declaration.name.strip()[:MOST_NAME],
        words=declaration.words.strip()[:MOST_WORDS], lines=lines,
        proof=Proof.PROVEN if chosen else Proof.MATCHED if order else Proof.UNVERIFIED, created_at=now,
    )  # fmt: skip
    # Two clicks at once would both find none: the later one waits for the earlier one, and then finds its row.
    lock_names(session, f"withdrawal {declaration.token}")
    if not session.exec(select(Withdrawal.id).where(Withdrawal.token == declaration.token)).first():
        session.add(row)
        session.flush()
        _owe(session, row, now=now)
    return Receipt(now, email, reference, row.words, tuple(known[each] for each in lines))


def _owe(session: Session, row: Withdrawal, *, now: datetime) -> None:
    withdrawals.owe_letter(session, row, Stage.RECEIVED)
    # One an hour tells of all that came meanwhile, however many those are.
    hour = f"{now:%Y%m%dT%H}"
    outbox.owe(session, Job.WITHDRAWAL_NOTICE, hour, key=hour)
    if row.order_id:
        history.note(session, row.order_id, f"withdrawal:{row.id}", actor="buyer", now=now)


def _offered(session: Session, shop: Shop, visitor: Visitor) -> tuple[Offered, ...]:
    theirs = customers.whose(session, visitor.signed_in)
    bought = withdrawals.of_buyer(session, theirs, livemode=shop.settings.livemode, limit=_MOST_OFFERED)
    lines = orders.lines_of(session, [order.id for order in bought])
    every = [line for each in lines.values() for line in each]
    names = dict(zip([line.id for line in every], withdrawals.called(session, every), strict=True))
    return tuple(
        Offered(
            order.id, order.number, order.created_at, visitor.signed_in,
            tuple(OfferedLine(line.position + 1, names[line.id]) for line in lines[order.id]),
        )
        for order in bought
    )  # fmt: skip
