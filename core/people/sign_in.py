"""Signing in: a six-digit code or a letter's link becomes a ticket, the ticket a cookie, and signing out ends it here.

Reading never changes anything, so that a mail scanner that opens every link uses up nothing: only a click does.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, col, select

from core.foundation import addresses, signing
from core.foundation.addresses import fold
from core.foundation.database import Record, constant, index_where, new_id
from core.foundation.errors import LinkExpired, LinkInvalid, NotPermitted
from core.mailboxes import marks
from core.mailboxes.marks import Kind
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.people import codes, customers
from core.people.codes import Proof
from core.people.customers import CustomerAddress
from core.shop import Shop
from core.traffic.counting import NOBODY, Sender

_STAYS = timedelta(days=90)


class SignIn(Record, table=True):
    """Somebody who is signed in on one browser. `letter` is the link it came from, which works once.

    `email` is the folded form of their address. `second_factor_at` is when the code of their device was given, for the owner's
    side alone, `second_factor_tries` how often a wrong one was. `proof` stands for the token of an identity provider that it came
    from, which works once too.
    """

    __tablename__ = "sign_ins"

    id: str = Field(primary_key=True)
    email: str = Field(index=True)
    letter: str | None = Field(default=None, unique=True)
    ip: str = ""
    created_at: datetime
    expires_at: datetime = Field(index=True)
    ended_at: datetime | None = None
    second_factor_at: datetime | None = None
    second_factor_tries: int = 0
    proof: str | None = Field(default=None, unique=True)


# Those of which it is known from where they came.
WITH_ADDRESS = col(SignIn.ip) != constant("")
index_where(WITH_ADDRESS, "ix_sign_ins_with_address", SignIn.created_at)


def request_code(shop: Shop, email: str, sender: Sender = NOBODY) -> None:
    """Have a code sent to this address, whether or not it ever bought: the page must not tell.

    Raises AddressUnfit, TooManyTries.
    """
    address = addresses.checked(email, reachable=shop.settings.livemode)
    codes.limit_asking(shop, address, sender)
    with shop.transaction() as session:
        codes.owe(session, address, now=shop.now())


def by_code(shop: Shop, email: str, digits: str, sender: Sender = NOBODY) -> str:
    """A ticket for the sidecar's sign-in address.

    Raises AddressUnfit, LinkInvalid for wrong digits, LinkExpired for late ones, TooManyTries.
    """
    address = addresses.checked(email, reachable=shop.settings.livemode)
    codes.limit_trying(shop, address, sender)
    with shop.transaction() as session:
        verdict = codes.judge(session, [Proof(address, digits)], signing_key=shop.signing_key, now=shop.now())
        if not verdict:
            # Who reads a code there has a mailbox.
            marks.lift(session, address, Kind.BOUNCED, signing_key=shop.signing_key)
        ticket = "" if verdict else begin(session, shop, address)
    if verdict:
        raise verdict
    return ticket


def letter_link(shop: Shop, order_id: str, email: str) -> str:
    """The link in a letter about an order: it leads to the purchases of the address that the letter goes to, and of
    no other, for a week, and signs in once.

    It bears a mark in place of the address, which would otherwise stand in browser histories and server logs.
    """
    token = signing.sign(shop.signing_key, signing.LETTER, f"{order_id}/{addresses.mark(email)}")
    return f"{shop.settings.public_url}/purchases?letter={token}"


def read_letter(shop: Shop, token: str) -> str:
    """The address that a letter's link was sent to. Changes nothing. Raises LinkExpired (with the address) or LinkInvalid."""
    try:
        subject, late = str(signing.read(shop.signing_key, signing.LETTER, token)), False
    except LinkExpired as expired:
        subject, late = expired.subject, True
    order_id, _, mark = subject.partition("/")
    with shop.reading() as session:
        address = addressee(session, order_id, mark)
        used = session.exec(select(SignIn.id).where(SignIn.letter == _fingerprint(token))).first()
    if not address:
        raise LinkInvalid()
    if late or used:
        raise LinkExpired(subject=address)
    return address


def by_letter(shop: Shop, token: str) -> str:
    """A ticket for the sidecar's sign-in address; the link is used up. Raises LinkExpired (with the address) or LinkInvalid."""
    address = read_letter(shop, token)
    try:
        with shop.transaction() as session:
            return begin(session, shop, address, letter=_fingerprint(token))
    except IntegrityError:  # clicked twice at once, and the other click was first
        raise LinkExpired(subject=address) from None


def as_demo_owner(shop: Shop) -> str:
    """A ticket for the demo's owner, for whoever tries the shop out. Raises NotPermitted unless the sandbox is its Stripe."""
    if not shop.settings.demo:
        raise NotPermitted("demo")
    with shop.transaction() as session:
        return begin(session, shop, shop.settings.owners[0])


def redeem(session: Session, ticket: str, *, ip: str, signing_key: str, now: datetime) -> str:
    """The id to keep in the cookie for a ticket of the last minutes. Raises LinkExpired or LinkInvalid."""
    sign_in_id = str(signing.read(signing_key, signing.TICKET, ticket))
    if who(session, sign_in_id, now=now) is None:
        raise LinkInvalid()
    session.exec(update(SignIn).where(col(SignIn.id) == sign_in_id).values(ip=ip))
    return sign_in_id


def who(session: Session, sign_in_id: str, *, now: datetime) -> str | None:
    """The address that is signed in, or None when nobody is (any more)."""
    if not sign_in_id:
        return None
    row = session.get(SignIn, sign_in_id)
    if row is None or row.ended_at is not None or row.expires_at <= now:
        return None
    return customers.as_stored(session, row.email)


def sign_out(session: Session, sign_in_id: str, *, now: datetime) -> None:
    """End it on the server: a copy of the cookie is worth nothing from now on."""
    ending = update(SignIn).where(col(SignIn.id) == sign_in_id, col(SignIn.ended_at).is_(None))
    session.exec(ending.values(ended_at=now))


def sign_out_everywhere(session: Session, email: str, *, now: datetime) -> int:
    """End all sign-ins of whoever has this address, under any of theirs; how many those were."""
    theirs = select(CustomerAddress.folded).where(CustomerAddress.customer_id == customers.whose(session, email))
    return end_all(session, {fold(email), *session.exec(theirs)}, now=now)


def end_all(session: Session, folded: Collection[str], *, now: datetime) -> int:
    """End all sign-ins under these addresses, folded; how many those were."""
    ending = update(SignIn).where(col(SignIn.email).in_(folded), col(SignIn.ended_at).is_(None))
    return int(session.exec(ending.values(ended_at=now)).rowcount)


def begin(session: Session, shop: Shop, address: str, *, letter: str | None = None, proof: str | None = None) -> str:
    """A ticket for whoever has shown that the address is theirs. A letter and a proof are taken once: IntegrityError else."""
    now = shop.now()
    row = SignIn(
        id=new_id("in"), email=fold(address), letter=letter, proof=proof, created_at=now, expires_at=now + _STAYS
    )
    session.add(row)
    session.flush()
    return signing.sign(shop.signing_key, signing.TICKET, row.id)


def addressee(session: Session, order_id: str, mark: str) -> str:
    """The address that a letter about this order was mailed to, whatever the order's is by now; an empty string if unknown."""
    order = session.get(Order, order_id)
    if order is None:
        return ""
    said = [fold(each) for each in session.exec(select(Checkout.email).where(Checkout.order_id == order_id))]
    if not mark:
        # A link of the time when links named the order alone: good while the order has the address that paid for it.
        paid = order.customer_id and customers.whose(session, order.email) == order.customer_id
        return fold(order.email) if paid and fold(order.email) in said else ""
    theirs = select(CustomerAddress.address).where(CustomerAddress.customer_id == order.customer_id)
    known = [order.email, *said, *session.exec(theirs)]
    return next((fold(each) for each in known if each and addresses.mark(each) == mark), "")


def _fingerprint(token: str) -> str:
    return sha256(token.encode()).hexdigest()
