"""Letters as a list: which mail was owed, how its sending stands, and a receipt once more.

What a letter says is written when it is sent, and kept nowhere.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.correspondence import drafts
from core.foundation.errors import OrderNotFound
from core.foundation.jobs.kinds import Job
from core.journeys import order_care
from core.messages import letters
from core.messages.letters import Letter, LetterState
from core.orders.orders import Order
from core.people.deeds import Deed
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place
from core.shop import Shop

STATES = tuple(LetterState)


@dataclass(frozen=True)
class LetterRow:
    """A letter in the list. `kind` is the job that sends it, `order` what it is about, if it is about one.

    `to` is the address it goes to today, whosever that is: OWNERS for the shop's own, empty where nobody is left.
    """

    id: str
    kind: str
    order: OrderName | None
    state: LetterState
    attempts: int
    error: str
    created_at: datetime
    sent_at: datetime | None
    to: str

    @property
    def can_resend(self) -> bool:
        """Whether it can be sent once more: a receipt says what the order gives now, other letters told of a moment."""
        return self.kind == Job.RECEIPT and self.order is not None


def page(session: Session, state: str, *, place: Place, size: int = paging.PAGE) -> Page[LetterRow]:
    """The newest letters, of this state if it is one."""
    query = select(Letter)
    if wanted := paging.one_of(LetterState, state):
        query = query.where(Letter.state == wanted)
    found = paging.page(session, query, Letter, by="created_at", place=place, size=size)
    names = order_names.of(session, [row.order_id for row in found.rows])
    # Read at once and held for as long as it is asked, letter by letter, whom they go to.
    _orders = session.exec(select(Order).where(col(Order.id).in_(names))).all() if names else ()
    return found.each(lambda row: _row(session, row, names.get(row.order_id)))


def resend(shop: Shop, letter_id: str, *, to: str = "", deed: Deed) -> None:
    """Send the receipt once more, to the order's address of today, or to another one, whose owner then has the order too. One
    that could not be sent needs nobody any more.

    Raises OrderNotFound, NeverPaid, NotPermitted or DoneAlready; with another address also AddressUnfit.
    """
    with shop.reading() as session:
        letter = session.get(Letter, letter_id)
    if letter is None or letter.order_id is None:
        raise OrderNotFound(order=letter_id)
    if to:
        order_care.readdress(shop, letter.order_id, to, deed=deed)
    else:
        order_care.resend(shop, letter.order_id, deed=deed)
    with shop.transaction() as session:
        letters.overtake(session, letter_id)


def _row(session: Session, row: Letter, order: OrderName | None) -> LetterRow:
    kind = row.id.partition(":")[0]
    to = drafts.receiver(session, row.id)
    return LetterRow(row.id, kind, order, row.state, row.attempts, row.error, row.created_at, row.sent_at, to)
