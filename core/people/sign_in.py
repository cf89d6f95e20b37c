"""Signing in: a six-digit code becomes a ticket, the ticket a cookie, and signing out ends it here."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Field, Session, col, select

from core.foundation import addresses, signing
from core.foundation.addresses import fold
from core.foundation.errors import LinkInvalid, NotPermitted
from core.foundation.records import Record, constant, index_where, new_id
from core.mailboxes import marks
from core.mailboxes.marks import Kind
from core.people import codes, customers
from core.people.codes import Proof
from core.people.customers import CustomerAddress
from core.people.receipts import order_links
from core.shop import Shop
from core.traffic.counting import NOBODY, Sender

_STAYS = timedelta(days=90)


class SignIn(Record, table=True):
    """Somebody who is signed in on one browser. `letter` is what in a letter it came from, which works once.

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


def request_code(shop: Shop, email: str, sender: Sender = NOBODY, *, veiled: bool = False) -> None:
    """Have a code sent to this address, whether or not it ever bought: the page must not tell. `veiled` if the browser that asks
    must not read the address.

    Raises AddressUnfit, TooManyTries.
    """
    address = addresses.checked(email, reachable=shop.settings.livemode)
    codes.limit_asking(shop, address, sender)
    with shop.transaction() as session:
        codes.owe(session, address, browser=sender.browser, veiled=veiled, now=shop.now())


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


def as_demo_owner(shop: Shop) -> str:
    """A ticket for the demo's owner, for whoever tries the shop out. Raises NotPermitted unless the sandbox is its Stripe."""
    if not shop.settings.demo:
        raise NotPermitted("demo")
    with shop.transaction() as session:
        return begin(session, shop, shop.settings.owners[0])


def handed_to(shop: Shop, ticket: str, browser: str) -> str:
    """The ticket as it may stand in an address: good on this browser alone. Who reads the address in a log is let in nowhere by it,
    and nobody is led to one to be signed in as somebody else."""
    return signing.sign(shop.signing_key, signing.ENTRANCE, [ticket, browser])


def taken_from(shop: Shop, address: str, browser: str) -> str:
    """The ticket that an address brought to this browser. Raises LinkExpired, or LinkInvalid also for any other browser's."""
    try:
        ticket, handed_to = signing.read(shop.signing_key, signing.ENTRANCE, address)
    except ValueError:
        raise LinkInvalid() from None
    if not browser or handed_to != browser:
        raise LinkInvalid()
    return str(ticket)


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
    """End all sign-ins of whoever has this address, under any of theirs, and what links in letters to them open; how many sign-ins
    those were."""
    customer_id = customers.whose(session, email)
    theirs = select(CustomerAddress.folded).where(CustomerAddress.customer_id == customer_id)
    if customer_id:
        order_links.end_all(session, customer_id)
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
