"""Customers as a list, and one with everything: what they spent, their orders, letters, sign-ins and addresses."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from core import seating
from core.foundation import addresses
from core.foundation.errors import CustomerNotFound
from core.foundation.money import Money
from core.foundation.records import begins
from core.messages.letters import Letter, LetterState
from core.orders import disputes
from core.orders.disputes import Dispute
from core.orders.orders import Order
from core.orders.payments import Payment
from core.owner.order_book import listing, lookup
from core.owner.order_book.listing import OrderRow
from core.people import address_changes, customer_notes, customers, deeds
from core.people.customers import Customer, CustomerAddress, How
from core.people.deeds import Deed
from core.people.past import PastCustomer
from core.people.sign_in import SignIn
from core.people.staff import Action
from core.registers import paging
from core.registers.paging import Page, Place
from core.shop import Shop

# Of what one customer has, the newest of each.
_ORDERS, _LETTERS, _SIGN_INS = 100, 50, 20


@dataclass(frozen=True)
class Spent:
    """What a customer paid in one currency, and what of it went back, or banks took for good in disputes."""

    paid: Money
    returned: Money
    lost: Money
    orders: int

    @property
    def kept(self) -> Money:
        """What they spent: what of it is left. A dispute that is not decided takes nothing yet."""
        return Money(self.paid.amount - self.returned.amount - self.lost.amount, self.paid.currency)


@dataclass(frozen=True)
class CustomerRow:
    """A customer in the list: the address that letters go to, the name on their newest order, else that of a file, empty
    if none said one. Whoever was erased has neither.

    First and last are when they paid, None for whoever has not in this mode.
    """

    id: str
    email: str
    name: str
    created_at: datetime
    spent: tuple[Spent, ...]
    first_paid_at: datetime | None
    last_paid_at: datetime | None
    erased_at: datetime | None


@dataclass(frozen=True)
class NoteView:
    """What somebody of the staff noted about them."""

    text: str
    who: str
    at: datetime


@dataclass(frozen=True)
class Merging:
    """Another customer who is to become one with this one: what moves. `address` is the one that letters go to. `seats` are those
    that become free, since both have one of the same plan."""

    customer_id: str
    address: str
    addresses: tuple[str, ...]
    orders: int
    notes: int
    seats: int


@dataclass(frozen=True)
class AddressView:
    """An address of theirs, and how it came to be. `folded` is what it is compared by."""

    address: str
    folded: str
    how: How
    verified_at: datetime


@dataclass(frozen=True)
class LetterView:
    """A letter about an order of theirs."""

    id: str
    order_id: str
    state: LetterState
    at: datetime


@dataclass(frozen=True)
class SignInView:
    """Somebody signed in under an address of theirs. `is_open` as long as that still stands."""

    at: datetime
    ip: str
    is_open: bool


@dataclass(frozen=True)
class CustomerSheet:
    """All of it. Of orders, letters and sign-ins the newest."""

    row: CustomerRow
    addresses: tuple[AddressView, ...]
    orders: tuple[OrderRow, ...]
    letters: tuple[LetterView, ...]
    sign_ins: tuple[SignInView, ...]
    notes: tuple[NoteView, ...]


def page(session: Session, text: str, *, livemode: bool, place: Place, size: int = paging.PAGE) -> Page[CustomerRow]:
    """The newest customers, or those whose address or name begins with this, or whose order it names."""
    query = select(Customer).where(col(Customer.erased_at).is_(None))
    if text := lookup.cleaned(text):
        query = query.where(col(Customer.id).in_(_matching(session, text)))
    found = paging.page(session, query, Customer, by="created_at", place=place, size=size)
    shown = {row.id: row for row in _rows(session, found.rows, livemode=livemode)}
    return found.each(lambda row: shown[row.id])


def sheet(shop: Shop, customer_id: str) -> CustomerSheet:
    """One customer in full. Raises CustomerNotFound."""
    livemode = shop.settings.livemode
    with shop.reading() as session:
        customer = session.get(Customer, customer_id)
        if customer is None:
            raise CustomerNotFound()
        theirs = customers.addresses_of(session, customer_id)
        bought = select(Order).where(Order.customer_id == customer_id, col(Order.livemode).is_(livemode))
        newest = bought.order_by(col(Order.created_at).desc(), col(Order.id).desc()).limit(_ORDERS)
        orders = session.exec(newest).all()
        return CustomerSheet(
            _rows(session, [customer], livemode=livemode)[0],
            tuple(AddressView(each.address, each.folded, each.how, each.verified_at) for each in theirs),
            listing.described(session, orders), _letters(session, [order.id for order in orders]),
            _sign_ins(session, [each.folded for each in theirs], now=shop.now()),
            tuple(NoteView(row.text, row.who, row.created_at) for row in customer_notes.of_customer(session, customer_id)),
        )  # fmt: skip


def change_address(shop: Shop, customer_id: str, old: str, new: str, *, keep: bool, join: bool, deed: Deed) -> None:
    """Give the customer the address `new` in place of `old`, or beside it with `keep`; letters go there from now on.

    Raises AddressUnfit, CustomerNotFound, NotPermitted, DoneAlready, and AddressTaken if another customer has it and the two
    are not to `join`.
    """
    new = addresses.checked(new, reachable=shop.settings.livemode)
    now = shop.now()
    with shop.transaction() as session:
        detail = "joined" if join else "kept both" if keep else ""
        who = deeds.begin(session, shop.settings, deed, Action.READDRESS, subject=customer_id, detail=detail, now=now)
        if customers.whose(session, old) != customer_id:
            raise CustomerNotFound()
        address_changes.change(session, old, new, how=How.OWNER, keep=keep, join=join, actor=who.role, now=now)


def merging(shop: Shop, customer_id: str, text: str) -> Merging:
    """The other customer that is meant by an address, or by the number of an order. Raises CustomerNotFound if it is none, or
    this one."""
    with shop.reading() as session:
        text = lookup.cleaned(text)
        found = _matching(session, text) if text else set()
        [other] = found if len(found) == 1 else [""]
        customer = session.get(Customer, other)
        if customer is None or customer.erased_at or other == customer_id:
            raise CustomerNotFound()
        theirs = customers.addresses_of(session, other)
        orders = session.exec(select(func.count()).where(col(Order.customer_id) == other)).one()
        return Merging(
            other, customers.as_stored(session, customer.email), tuple(each.address for each in theirs), orders,
            len(customer_notes.of_customer(session, other)), _seats_of_both(session, customer_id, other),
        )  # fmt: skip


def _seats_of_both(session: Session, *people: str) -> int:
    """How many seats become free when these are one."""
    theirs = [row.folded for each in people for row in customers.addresses_of(session, each)]
    named = seating.of_people(session, people, theirs)
    orders = session.exec(select(Order).where(col(Order.id).in_(named))).all()
    return sum(len(table.surplus(people, theirs)) for order in orders for table in seating.tables_of(session, order))


def merge(shop: Shop, customer_id: str, other_id: str, *, deed: Deed) -> None:
    """Make one customer of two: all that is the other's is this one's from now on, and every address stays.

    Raises CustomerNotFound if either is not there any more, NotPermitted or DoneAlready.
    """
    now = shop.now()
    with shop.transaction() as session:
        who = deeds.begin(session, shop.settings, deed, Action.READDRESS, subject=customer_id, detail="merged", now=now)
        this, other = session.get(Customer, customer_id), session.get(Customer, other_id)
        if this is None or other is None or this.erased_at or other.erased_at or this is other:
            raise CustomerNotFound()
        address = customers.as_stored(session, other.email)
        address_changes.change(
            session, this.email, address, how=How.OWNER, keep=True, join=True, of=other_id, actor=who.role, now=now
        )


def _matching(session: Session, text: str) -> set[str]:
    orders = lookup.matching(session, text)
    found = session.exec(select(Order.customer_id).where(col(Order.id).in_(orders))).all() if orders else []
    return {each for each in (*found, customers.whose(session, text), *_imported(session, text)) if each}


def _imported(session: Session, text: str) -> Iterator[str]:
    """Those whose name or address, as a file of another shop had it, begins with this."""
    wanted = [(col(PastCustomer.name), each) for each in lookup.spellings(text)]
    for column, beginning in [*wanted, (col(PastCustomer.folded), addresses.fold(text))]:
        query = select(PastCustomer.customer_id).where(begins(session, column, beginning)).order_by(column)
        yield from session.exec(query.limit(lookup.MOST))


def _rows(session: Session, found: Sequence[Customer], *, livemode: bool) -> list[CustomerRow]:
    ids = [customer.id for customer in found]
    written = select(CustomerAddress.folded, CustomerAddress.address)
    stored = dict(session.exec(written.where(col(CustomerAddress.folded).in_([each.email for each in found]))).all())
    names = _names(session, ids)
    spent, paid_at = _spent(session, ids, livemode=livemode)
    return [
        CustomerRow(
            each.id, stored.get(each.email, "" if each.erased_at else each.email), names.get(each.id, ""), each.created_at,
            tuple(spent.get(each.id, ())), min(paid_at.get(each.id, ()), default=None),
            max(paid_at.get(each.id, ()), default=None), each.erased_at,
        )
        for each in found
    ]  # fmt: skip


def _names(session: Session, ids: Collection[str]) -> dict[str, str]:
    past = select(PastCustomer.customer_id, PastCustomer.name).where(col(PastCustomer.customer_id).in_(ids))
    query = select(Order.customer_id, Order.name).where(col(Order.customer_id).in_(ids), Order.name != "")
    bought = session.exec(query.order_by(col(Order.created_at)))
    return {each: name for each, name in (*session.exec(past), *bought) if each and name}


def _spent(
    session: Session, ids: Collection[str], *, livemode: bool
) -> tuple[dict[str, list[Spent]], dict[str, list[datetime]]]:
    """By customer: what was paid in each currency, and the first and the last time in each."""
    paid = col(Order.paid_at)
    customer, currency = col(Order.customer_id), col(Order.currency)
    sums = func.count(), func.sum(col(Order.amount_total)), func.sum(col(Order.amount_refunded))
    query = select_columns(customer, currency, *sums, func.min(paid), func.max(paid))
    query = query.where(customer.in_(ids), col(Order.livemode).is_(livemode), paid.is_not(None))
    lost = _lost(session, ids, livemode=livemode)
    spent: dict[str, list[Spent]] = {}
    moments: dict[str, list[datetime]] = {}
    for theirs, money, orders, total, returned, first, last in session.execute(
        query.group_by(customer, currency).order_by(currency)
    ):
        taken = lost.get((theirs, money), 0)
        row = Spent(Money(int(total or 0), money), Money(int(returned or 0), money), Money(taken, money), orders)
        spent.setdefault(theirs, []).append(row)
        moments.setdefault(theirs, []).extend((first, last))
    return spent, moments


def _lost(session: Session, ids: Collection[str], *, livemode: bool) -> dict[tuple[str, str], int]:
    """By customer and currency: what banks took for good in disputes, of what had not gone back, payment by payment."""
    query = (
        select_columns(Dispute, Order, Payment)
        .join(Order, col(Order.id) == Dispute.order_id)
        .outerjoin(Payment, col(Payment.id) == Dispute.payment_id)
        .where(
            col(Order.customer_id).in_(ids), col(Order.livemode).is_(livemode), col(Order.paid_at).is_not(None), disputes.LOST
        )
    )  # fmt: skip
    about: dict[str, tuple[Order, int, list[Dispute]]] = {}
    for dispute, order, payment in session.execute(query):
        rest = (
            payment.amount - payment.amount_refunded if payment else (order.amount_total or 0) - order.amount_refunded
        )
        about.setdefault(dispute.payment_id or order.id, (order, rest, []))[2].append(dispute)
    found: dict[tuple[str, str], int] = {}
    for order, rest, lost in about.values():
        key = (order.customer_id or "", order.currency)
        found[key] = found.get(key, 0) + disputes.loss(lost, of=rest, currency=order.currency)
    return found


def _letters(session: Session, order_ids: Collection[str]) -> tuple[LetterView, ...]:
    query = select(Letter).where(col(Letter.order_id).in_(order_ids)).order_by(col(Letter.created_at).desc())
    return tuple(
        LetterView(row.id, row.order_id or "", row.state, row.sent_at or row.created_at)
        for row in session.exec(query.limit(_LETTERS))
    )


def _sign_ins(session: Session, folded: Collection[str], *, now: datetime) -> tuple[SignInView, ...]:
    query = select(SignIn).where(col(SignIn.email).in_(folded)).order_by(col(SignIn.created_at).desc())
    return tuple(
        SignInView(row.created_at, row.ip, row.ended_at is None and row.expires_at > now)
        for row in session.exec(query.limit(_SIGN_INS))
    )
