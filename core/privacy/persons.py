"""Persons: whose data is meant, by any of their addresses, and where in the database it is."""

# ruff: noqa: F401
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Table, false, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

# Imported for their tables as well: whatever belongs to a customer or to an order is about a person.
from core.events.inbox import StripeEvent
from core.foundation import records
from core.foundation.addresses import fold, spellings
from core.foundation.errors import CustomerNotFound
from core.foundation.records import Record, begins
from core.foundation.writes.packing import says_one_of
from core.invoicing import billing_details, invoices
from core.kinds import downloads, seats, workshops
from core.kinds.licenses import LicenseKey
from core.kinds.places import cancellations
from core.kinds.places.attendees import Attendee
from core.kinds.places.waiting_list import WaitingEntry
from core.kinds.seats import Seat
from core.messages import letters
from core.orders import setbacks
from core.orders.balance import entries
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.owner import notes
from core.people import customer_notes, customers, purchases
from core.people.codes import SignInCode
from core.people.customers import Customer, CustomerAddress
from core.people.sign_in import SignIn
from core.rights.withdrawals import Withdrawal

# So many letters of an address are looked for in capitals and not.
_BEGINNING = 3


@dataclass(frozen=True)
class Person:
    """Somebody whom the shop knows. `customer_id` is empty for somebody who has paid nothing that is theirs.

    `folded` are their addresses as they are compared, `written` every form of them. `order_ids` are their orders, with those
    that were never paid; `beside` are Sessions under an address of theirs that belong to other people's orders.
    """

    customer_id: str
    folded: tuple[str, ...]
    written: tuple[str, ...]
    order_ids: tuple[str, ...]
    beside: tuple[str, ...]

    def wrote(self, column: Any) -> ColumnElement[bool]:
        """A condition: that an address of theirs stands there, in whichever capitals somebody typed it."""
        spelled = {*self.written, *_spellings(self.folded), *(each.lower() for each in self.written)}
        return or_(col(column).in_(spelled), func.lower(col(column)).in_(spelled))

    def sits(self) -> ColumnElement[bool]:
        """A condition: that a seat is theirs, or was, or is kept for them: also one that they took under an address which they gave
        up since."""
        named = seats.of_addresses(self.folded)
        return or_(named, col(Seat.customer_id) == self.customer_id) if self.customer_id else named


def of_customer(session: Session, customer_id: str) -> Person:
    """The customer of this id. Raises CustomerNotFound, also for one who was erased."""
    # Locked, where anything is about to change: what is bought under these addresses meanwhile waits, and is not theirs.
    customer = session.exec(select(Customer).where(Customer.id == customer_id).with_for_update()).first()
    if customer is None or customer.erased_at:
        raise CustomerNotFound()
    query = select(CustomerAddress).where(CustomerAddress.customer_id == customer_id).order_by(CustomerAddress.folded)
    return _of(session, customer_id, [row.address for row in session.exec(query.with_for_update())])


def of_address(session: Session, address: str) -> Person:
    """Whoever goes by this address, if they bought or not. Raises CustomerNotFound if nothing is known of them."""
    if found := customers.whose(session, address):
        return of_customer(session, found)
    # Whoever was only asked to take a seat was so under the address that somebody else typed.
    typed = select(Seat.email).where(seats.of_addresses({fold(address)})).distinct()
    person = _of(session, "", [address.strip(), *session.exec(typed.order_by(Seat.email))])
    signed_in = select(SignIn.id).where(SignIn.email == fold(address)).limit(1)
    asked = select(SignInCode.id).where(SignInCode.folded == fold(address)).limit(1)
    declared = select(Withdrawal.id).where(Withdrawal.folded == fold(address)).limit(1)
    invited = select(Seat.id).where(person.sits()).limit(1)
    waits = select(WaitingEntry.id).where(WaitingEntry.folded == fold(address)).limit(1)
    attends = select(Attendee.id).where(Attendee.folded == fold(address)).limit(1)
    attended = select(Attendee.id).where(person.wrote(Attendee.former)).limit(1)
    given = select(LicenseKey.id).where(col(LicenseKey.holder) == fold(address)).limit(1)
    queries = (signed_in, asked, declared, invited, waits, attends, attended, given)
    known = any(session.exec(query).first() for query in queries)
    if not (person.order_ids or person.beside or known):
        raise CustomerNotFound()
    return person


def places(session: Session, person: Person) -> dict[Table, ColumnElement[bool]]:
    """The tables in which something is about them, each with the condition on its rows: whatever leads to them as a customer
    or to an order of theirs, and what only names an address."""
    orders, checkouts, events = _table(Order), _table(Checkout), _table(StripeEvent)
    roots: dict[Table, ColumnElement[bool]] = {orders: orders.c.id.in_(person.order_ids)}
    if person.customer_id:
        theirs = _table(Customer)
        roots = {theirs: theirs.c.id == person.customer_id, **roots}

    def values(column: Any, rows: ColumnElement[bool]) -> Sequence[Any]:
        # Read, and not asked for in the same statement: a database that has two ways to a row would look at all of them.
        return session.execute(select_columns(column).where(rows)).scalars().all()

    found = records.leading_to(roots, through=values)
    others = _others(session, person)
    found[checkouts] = or_(
        found[checkouts] & checkouts.c.id.not_in([row.id for row in others]), checkouts.c.id.in_(person.beside)
    )
    found[_table(Seat)] = or_(found[_table(Seat)], person.sits())
    for rows, column in ((_table(SignIn), "email"), (_table(SignInCode), "folded"), (_table(WaitingEntry), "folded")):
        found[rows] = rows.c[column].in_(person.folded)
    keys = _table(LicenseKey)
    found[keys] = or_(found[keys], keys.c.holder.in_(person.folded))
    places = _table(Attendee)
    found[places] = or_(found[places], places.c.folded.in_(person.folded))
    declared = _table(Withdrawal)
    found[declared] = or_(found[declared], declared.c.folded.in_(person.folded))
    return {
        **found,
        events: events.c.order_id.in_(person.order_ids) & ~says_one_of(session, events.c.payload, _names(others)),
    }


def _others(session: Session, person: Person) -> list[Checkout]:
    """The Sessions in which somebody else has paid for an order of theirs: what is said there is about somebody else."""
    theirs = session.exec(select(Order).where(col(Order.id).in_(person.order_ids))).all()
    return [row for row in purchases.others_sessions(session, theirs) if row.folded not in person.folded]


def _names(others: Sequence[Checkout]) -> list[str]:
    """By what an event about one of these is known."""
    return [
        name
        for row in others
        for name in (row.email, row.stripe_checkout_session_id, row.stripe_payment_intent_id, row.stripe_customer_id)
        if name
    ]


def _table(kind: type[Record]) -> Table:
    found: Table = kind.__table__  # type: ignore[attr-defined]
    return found


def _of(session: Session, customer_id: str, written: Sequence[str]) -> Person:
    folded = list(dict.fromkeys(fold(each) for each in written))
    spelled = list(dict.fromkeys([*written, *folded]))
    paid = session.exec(select(Checkout).where(col(Checkout.folded).in_(folded))).all()
    named = _unpaid(session, folded, spelled)
    spelled += [email for email in dict.fromkeys(named.values()) if email not in spelled]
    beside_it = select(Order.id).where(col(Order.id).in_([row.order_id for row in paid]))
    theirs = [*named, *session.exec(beside_it.where(col(Order.customer_id).is_(None)))]
    if customer_id:
        theirs += session.exec(select(Order.id).where(Order.customer_id == customer_id))
    spelled += [row.email for row in paid if row.email not in spelled]
    beside = tuple(sorted(row.id for row in paid if row.order_id not in theirs))
    return Person(customer_id, tuple(folded), tuple(spelled), tuple(sorted(set(theirs))), beside)


def _spellings(folded: Sequence[str]) -> set[str]:
    return {each for address in folded for each in spellings(address)}


def _unpaid(session: Session, folded: Sequence[str], spelled: Sequence[str]) -> dict[str, str]:
    """The orders that nobody has paid for and in which one of these addresses was typed, in whichever capitals; each with how."""
    lowered = {*_spellings(folded), *(each.lower() for each in spelled)}
    # An index finds only what begins with the very same letters.
    beginnings = {
        "".join(written) for each in lowered for written in product(*({one, one.upper()} for one in each[:_BEGINNING]))
    }
    alike = [begins(session, col(Order.email), each) & func.lower(col(Order.email)).in_(lowered) for each in beginnings]
    query = select(Order.id, Order.email).where(or_(col(Order.email).in_(spelled), *alike))
    rows = session.exec(query.where(col(Order.customer_id).is_(None))).all()
    return {order_id: email for order_id, email in rows if fold(email) in folded}
