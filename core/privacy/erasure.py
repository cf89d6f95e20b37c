"""Erasure: whoever wants to be forgotten is, and the books stay whole.

Addresses, names, sign-ins, codes, notes and IP addresses go, and what Stripe's events said of the person. What the books need
of an order stays. Events that come late bring nobody back: the Sessions of the orders keep a mark.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import delete, func, or_, update
from sqlmodel import Session, col, select

from core import seating
from core.events.inbox import StripeEvent
from core.foundation.database import repeatable
from core.foundation.errors import NotErasable
from core.foundation.records import new_id
from core.invoicing.billing_details import BillingDetails
from core.invoicing.invoices import Invoice
from core.kinds import entitlement_records, licenses
from core.kinds.downloads import Download
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseActivation, LicenseKey
from core.kinds.places import waiting_list
from core.kinds.places.attendees import Attendee
from core.kinds.seats import Seat
from core.mailboxes import marks
from core.orders import history, orders
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.outgoing import attempts, messages
from core.owner.notes import OrderNote
from core.people import audit, codes, customers, deeds
from core.people.codes import SignInCode
from core.people.customer_notes import CustomerNote
from core.people.customers import Customer, CustomerAddress
from core.people.deeds import Deed
from core.people.past import PastCustomer, PastOrder
from core.people.receipts.receipt_copies import ReceiptCopy
from core.people.sign_in import SignIn
from core.people.staff import Action, Role
from core.privacy import holds, mentions, persons, words
from core.privacy.holds import Held
from core.privacy.mentions import Mentions
from core.privacy.persons import Person
from core.rights.withdrawals import Withdrawal
from core.shop import Shop
from core.traffic.counting import NOBODY, Sender

# Who asked for it, in the history of orders.
_BUYER = "buyer"
# Finds whom to erase, and writes down who does it: as whom, for the orders' history.
_Find = Callable[[Session], Person]
_Allow = Callable[[Session, Person], str]


@dataclass(frozen=True)
class Erased:
    """What an erasure takes, or took, in numbers. `orders` are those that stay in the books without their buyer."""

    orders: int
    addresses: int
    sign_ins: int
    downloads: int
    notes: int
    events: int


@dataclass(frozen=True)
class Preview:
    """What would go and stay, and what is still open and keeps it from being done."""

    takes: Erased
    holds: tuple[Held, ...]


def preview(shop: Shop, customer_id: str) -> Preview:
    """What erasing this customer would do. Changes nothing. Raises CustomerNotFound."""
    with shop.reading() as session:
        return _preview(shop, session, persons.of_customer(session, customer_id))


def preview_of_address(shop: Shop, address: str) -> Preview:
    """The same of whoever goes by this address."""
    with shop.reading() as session:
        return _preview(shop, session, persons.of_address(session, address))


def by_staff(shop: Shop, customer_id: str, *, deed: Deed) -> Erased:
    """Erase a customer as a click of an owner. Raises CustomerNotFound, NotErasable, NotPermitted, DoneAlready."""

    with shop.reading() as session:
        deeds.permit(session, shop.settings, deed, Action.ERASE, now=shop.now())

    def allow(session: Session, _: Person) -> str:
        who = deeds.begin(session, shop.settings, deed, Action.ERASE, subject=customer_id, now=shop.now())
        return who.role

    return _erase(shop, partial(persons.of_customer, customer_id=customer_id), allow)


def request(shop: Shop, email: str, sender: Sender = NOBODY) -> None:
    """Have a code sent to whoever is signed in with this address, with which they may be erased. Raises TooManyTries."""
    codes.limit_asking(shop, email, sender)
    with shop.transaction() as session:
        codes.owe(session, email, about=codes.ERASURE, now=shop.now())


def by_buyer(shop: Shop, email: str, digits: str, sender: Sender = NOBODY) -> Erased:
    """Erase whoever is signed in with this address and typed the code that was sent there: also a browser that somebody left
    open must not be enough.

    Raises NotErasable, LinkInvalid for wrong digits, LinkExpired for late ones, TooManyTries, CustomerNotFound.
    """
    codes.limit_trying(shop, email, sender)
    if held := preview_of_address(shop, email).holds:
        raise NotErasable(holds=[(each.why, each.number) for each in held])
    proof = codes.Proof(email, digits, about=codes.ERASURE)
    with shop.transaction() as session:
        verdict = codes.judge(session, [proof], signing_key=shop.signing_key, now=shop.now())
    if verdict:
        raise verdict
    return _erase(shop, partial(persons.of_address, address=email), lambda _session, _person: _BUYER)


def from_terminal(shop: Shop, address: str) -> Erased:
    """Erase whoever goes by this address. Raises CustomerNotFound, NotErasable."""

    def allow(session: Session, person: Person) -> str:
        audit.record(
            session,
            who=audit.TERMINAL,
            role=Role.OWNER,
            action=Action.ERASE,
            subject=person.customer_id,
            now=shop.now(),
        )
        return audit.TERMINAL

    return _erase(shop, partial(persons.of_address, address=address), allow)


def _erase(shop: Shop, find: _Find, allow: _Allow) -> Erased:
    with shop.reading() as session:
        person = find(session)
    # Looked for beforehand, and in a session of its own: it may take seconds, and nobody waits for it. Events that come from
    # now on are either about the orders, which are locked, or kept without who somebody is.
    with shop.reading() as session:
        named = mentions.find(session, person)
    return _erase_rows(shop, find, allow, named)


@repeatable
def _erase_rows(shop: Shop, find: _Find, allow: _Allow, named: Mentions) -> Erased:
    """All of it in one transaction: whoever is erased by half could not be found any more."""
    now = shop.now()
    with shop.transaction() as session:
        person = find(session)
        actor = allow(session, person)
        orders.lock_all(session, _involved(session, person))
        person = find(session)  # once more: one that was not paid yet may have become somebody else's meanwhile
        theirs, attempts = _locked(session, person)
        if held := holds.of(session, person, livemode=shop.settings.livemode, now=now):
            raise NotErasable(holds=[(each.why, each.number) for each in held])
        taken = _counted(session, person)
        _forget_orders(session, theirs, actor=actor, now=now)
        _forget_attempts(attempts, person, erased_as=person.customer_id or new_id("gone"))
        session.flush()
        words.forget(session, person)  # by what is kept of them until now
        _forget_beside(session, person, now=now)
        mentions.forget(session, person, named)
        _forget_customer(session, person, now=now)
        marks.forget(session, person.folded, signing_key=shop.signing_key)
    return taken


def _locked(session: Session, person: Person) -> tuple[list[Order], list[Checkout]]:
    """Their orders, and the attempts to pay in which they appear, which nobody else changes from now on."""
    found = orders.lock_all(session, _involved(session, person))
    belongs = or_(col(Checkout.order_id).in_(person.order_ids), col(Checkout.id).in_(person.beside))
    attempts = session.exec(select(Checkout).where(belongs).order_by(Checkout.id)).all()
    return [found[order_id] for order_id in person.order_ids], list(attempts)


def _involved(session: Session, person: Person) -> set[str]:
    beside = session.exec(select(Checkout.order_id).where(col(Checkout.id).in_(person.beside))).all()
    plans = session.exec(select(Grant.order_id).join(Seat, col(Seat.grant_id) == Grant.id).where(person.sits())).all()
    return {*person.order_ids, *beside, *plans}


def _forget_orders(session: Session, theirs: Iterable[Order], *, actor: str, now: datetime) -> None:
    for order in theirs:
        order.email = order.name = order.browser_id = order.address = order.seller_reference = ""
        order.attention = customers.without_reference(order.attention)
        history.note(session, order.id, "erased", actor=actor, now=now)


def _forget_attempts(attempts: Iterable[Checkout], person: Person, *, erased_as: str) -> None:
    """Not those of somebody else who paid for an order of theirs as well."""
    for row in attempts:
        if row.folded in ("", *person.folded):
            row.email = row.folded = row.name = row.address = ""
            row.erased_as = erased_as
            row.parameters = mentions.without_wish(row)


def _forget_beside(session: Session, person: Person, *, now: datetime) -> None:
    """What stands beside their orders: who took a file from where, who has a seat, what was noted."""
    grants = select(Grant.id).where(col(Grant.order_id).in_(person.order_ids))
    # Whoever counts a download has its grant locked.
    session.exec(grants.order_by(col(Grant.id)).with_for_update()).all()
    session.exec(update(Download).where(col(Download.grant_id).in_(grants)).values(ip=""))
    in_seat = or_(col(Seat.grant_id).in_(grants), person.sits())
    sitting = session.exec(select(Seat.customer_id).where(in_seat)).all()
    entitlement_records.look(session, [each for each in sitting if each], now=now)
    _leave_seats(session, person, now=now)
    session.exec(delete(Seat).where(in_seat))
    of_keys = select(LicenseKey.id).where(
        or_(col(LicenseKey.grant_id).in_(grants), col(LicenseKey.holder).in_(person.folded))
    )
    # The keys go on working, on the machines that use them.
    for row in session.exec(select(LicenseActivation).where(col(LicenseActivation.license_key_id).in_(of_keys))):
        row.fingerprint, row.label, row.meta = licenses.forgotten(row.license_key_id, row.fingerprint), "", {}
    session.exec(update(LicenseKey).where(col(LicenseKey.holder).in_(person.folded)).values(holder=""))
    # The numbers of their invoices stay in the books. Behind those addresses stands who they are.
    theirs_too = update(Invoice).where(col(Invoice.order_id).in_(person.order_ids))
    session.exec(theirs_too.values(hosted_url="", pdf_url="", credit_note_pdf_url=""))
    session.exec(delete(BillingDetails).where(col(BillingDetails.order_id).in_(person.order_ids)))
    _forget_places(session, person)
    session.exec(delete(ReceiptCopy).where(col(ReceiptCopy.order_id).in_(person.order_ids)))
    session.exec(delete(OrderNote).where(col(OrderNote.order_id).in_(person.order_ids)))
    named = or_(col(SignInCode.folded).in_(person.folded), col(SignInCode.about).in_(person.folded))
    session.exec(delete(SignInCode).where(named))
    session.exec(delete(SignIn).where(col(SignIn.email).in_(person.folded)))
    declared = or_(col(Withdrawal.order_id).in_(person.order_ids), col(Withdrawal.folded).in_(person.folded))
    # That something was withdrawn from stays with the order; who said it, and in which words, does not.
    without = update(Withdrawal).where(declared)
    session.exec(without.values(email="", folded="", name="", words="", reference="", reason=""))


def _leave_seats(session: Session, person: Person, *, now: datetime) -> None:
    """Give up their seats of other people's plans: whoever waits for one has it."""
    query = select(Seat.id).join(Grant, col(Grant.id) == Seat.grant_id).order_by(col(Seat.id))
    for seat_id in session.exec(query.where(person.sits(), col(Grant.order_id).not_in(person.order_ids))).all():
        table, seat = seating.lock_of_seat(session, seat_id)
        seating.take(session, table, seat, now=now)
        session.flush()


def _forget_places(session: Session, person: Person) -> None:
    """Who comes to workshops by their orders, and where they come by somebody else's: the tickets of these open nothing any more.
    That they wait for a workshop is forgotten as well."""
    of_orders = col(Attendee.order_id).in_(person.order_ids)
    nobody = {"name": "", "email": "", "folded": "", "turn": col(Attendee.turn) + 1}
    session.exec(update(Attendee).where(or_(of_orders, col(Attendee.folded).in_(person.folded))).values(**nobody))
    session.exec(update(Attendee).where(or_(of_orders, person.wrote(Attendee.former))).values(former=""))
    waiting_list.forget(session, person.folded)


def _forget_customer(session: Session, person: Person, *, now: datetime) -> None:
    attempts.forget_answers(session, messages.forget_person(session, person.customer_id))
    session.exec(delete(PastCustomer).where(col(PastCustomer.customer_id) == person.customer_id))
    bought = update(PastOrder).where(col(PastOrder.customer_id) == person.customer_id)
    session.exec(bought.values(email="", name=""))
    session.exec(delete(CustomerNote).where(col(CustomerNote.customer_id) == person.customer_id))
    session.exec(delete(CustomerAddress).where(col(CustomerAddress.customer_id) == person.customer_id))
    row = update(Customer).where(col(Customer.id) == person.customer_id)
    session.exec(row.values(email=col(Customer.id), erased_at=now, seller_reference=None))


def _preview(shop: Shop, session: Session, person: Person) -> Preview:
    held = holds.of(session, person, livemode=shop.settings.livemode, now=shop.now())
    return Preview(_counted(session, person), tuple(held))


def _counted(session: Session, person: Person) -> Erased:
    grants = select(Grant.id).where(col(Grant.order_id).in_(person.order_ids))
    rows = {
        "sign_ins": select(func.count()).where(col(SignIn.email).in_(person.folded)),
        "downloads": select(func.count()).where(col(Download.grant_id).in_(grants), col(Download.ip) != ""),
        "events": select(func.count()).where(col(StripeEvent.order_id).in_(person.order_ids)),
    }
    of_orders = select(func.count()).where(col(OrderNote.order_id).in_(person.order_ids))
    of_them = select(func.count()).where(col(CustomerNote.customer_id) == person.customer_id)
    notes = session.exec(of_orders).one() + session.exec(of_them).one()
    counted = {name: session.exec(query).one() for name, query in rows.items()}
    return Erased(orders=len(person.order_ids), addresses=len(person.folded), notes=notes, **counted)
