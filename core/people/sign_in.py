"""Signing in: a six-digit code or a letter's link becomes a ticket, the ticket a cookie, and signing out ends it here.

Reading never changes anything, so that a mail scanner that opens every link uses up nothing: only a click does.
"""

import hmac
import re
from datetime import datetime, timedelta
from hashlib import sha256

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from core.foundation import outbox, signing
from core.foundation.database import new_id
from core.foundation.errors import BadInput, LinkExpired, LinkInvalid, TooManyTries
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.people import customers
from core.people.customers import Customer, fold
from core.shop import Shop

CODE_MINUTES = 10
_TRIES_PER_CODE = 5
_STAYS = timedelta(days=90)

_limiter = MovingWindowRateLimiter(MemoryStorage())
_ASKING = RateLimitItemPerMinute(3, 10)
_TRYING = RateLimitItemPerHour(20)
_ADDRESS = re.compile(r"[^@\s<>,;\x00]+@[^@\s<>,;\x00]+\.[^@\s<>,;\x00]+")


class SignInCode(SQLModel, table=True):
    """A code that was asked for. The digits are derived from the id, so that no table and no job ever holds them."""

    __tablename__ = "sign_in_codes"

    id: str = Field(primary_key=True)
    email: str = Field(index=True)
    tries: int = 0
    used_at: datetime | None = None
    expires_at: datetime
    created_at: datetime


class SignIn(SQLModel, table=True):
    """Somebody who is signed in on one browser. `letter` is the link it came from, which works once."""

    __tablename__ = "sign_ins"

    id: str = Field(primary_key=True)
    email: str = Field(index=True)
    letter: str | None = Field(default=None, unique=True)
    ip: str = ""
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


def request_code(shop: Shop, email: str) -> None:
    """Have a code sent to this address, whether or not it ever bought: the page must not tell. Raises BadInput, TooManyTries."""
    address = _checked(email)
    if not _limiter.hit(_ASKING, "ask", address):
        raise TooManyTries(limit=str(_ASKING))
    with shop.transaction() as session:
        code = make_code(session, address, now=shop.now())
        outbox.owe(session, outbox.Job.SIGN_IN_CODE, code.id, key=code.id, to=code.email)


def make_code(session: Session, email: str, *, now: datetime) -> SignInCode:
    """Write a new code for this address; older ones stop working."""
    older = update(SignInCode).where(col(SignInCode.email) == fold(email), col(SignInCode.used_at).is_(None))
    session.exec(older.values(used_at=now))
    code = SignInCode(
        id=new_id("code"), email=fold(email), created_at=now, expires_at=now + timedelta(minutes=CODE_MINUTES)
    )
    session.add(code)
    session.flush()
    return code


def digits_of(code_id: str, *, signing_key: str) -> str:
    """The six digits of a code."""
    mac = hmac.new(signing_key.encode(), f"sign-in-code:{code_id}".encode(), sha256).digest()
    return f"{int.from_bytes(mac[:8]) % 1_000_000:06d}"


def by_code(shop: Shop, email: str, digits: str) -> str:
    """A ticket for the sidecar's sign-in address. Raises LinkInvalid for wrong digits, LinkExpired for late ones, TooManyTries."""
    address = _checked(email)
    if not _limiter.hit(_TRYING, "try", address):
        raise TooManyTries(limit=str(_TRYING))
    with shop.transaction() as session:
        code = _newest_code(session, address)
        verdict = _judge(code, digits.strip(), signing_key=shop.signing_key, now=shop.now())
        if code:
            code.tries += 1
            code.used_at = code.used_at if verdict else shop.now()
            session.add(code)
        ticket = "" if verdict else _ticket(session, shop, address, letter=None)
    if verdict:
        raise verdict
    return ticket


def letter_link(shop: Shop, order_id: str, email: str) -> str:
    """The link in a letter about an order: it leads to the purchases of the address that the letter goes to, and of
    no other, for a week, and signs in once.

    It names the customer and not the address, which would otherwise stand in browser histories and server logs.
    """
    token = signing.sign(shop.signing_key, signing.LETTER, f"{order_id}/{customers.id_of(email)}")
    return f"{shop.settings.public_url}/purchases?letter={token}"


def read_letter(shop: Shop, token: str) -> str:
    """The address that a letter's link was sent to. Changes nothing. Raises LinkExpired (with the address) or LinkInvalid."""
    try:
        subject, late = str(signing.read(shop.signing_key, signing.LETTER, token)), False
    except LinkExpired as expired:
        subject, late = expired.subject, True
    order_id, _, customer_id = subject.partition("/")
    with shop.reading() as session:
        address = _addressee(session, order_id, customer_id)
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
            return _ticket(session, shop, address, letter=_fingerprint(token))
    except IntegrityError:  # clicked twice at once, and the other click was first
        raise LinkExpired(subject=address) from None


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
    return row.email if row and row.ended_at is None and row.expires_at > now else None


def sign_out(session: Session, sign_in_id: str, *, now: datetime) -> None:
    """End it on the server: a copy of the cookie is worth nothing from now on."""
    ending = update(SignIn).where(col(SignIn.id) == sign_in_id, col(SignIn.ended_at).is_(None))
    session.exec(ending.values(ended_at=now))


def _ticket(session: Session, shop: Shop, address: str, *, letter: str | None) -> str:
    now = shop.now()
    row = SignIn(id=new_id("in"), email=address, letter=letter, created_at=now, expires_at=now + _STAYS)
    session.add(row)
    session.flush()
    return signing.sign(shop.signing_key, signing.TICKET, row.id)


def _addressee(session: Session, order_id: str, customer_id: str) -> str:
    """The address a letter about this order was mailed to, whatever the order's is by now; an empty string if unknown."""
    order = session.get(Order, order_id)
    if order is None:
        return ""
    if not customer_id:
        # A link of the time when links named the order alone: good while the order has the address that paid for it.
        return fold(order.email) if order.customer_id == customers.id_of(order.email) else ""
    said = session.exec(select(Checkout.email).where(Checkout.order_id == order_id))
    addresses = [order.email, *said, *session.exec(select(Customer.email).where(Customer.id == customer_id))]
    return next((fold(each) for each in addresses if customers.id_of(each) == customer_id), "")


def _newest_code(session: Session, address: str) -> SignInCode | None:
    query = select(SignInCode).where(SignInCode.email == address).order_by(col(SignInCode.created_at).desc())
    return session.exec(query.limit(1).with_for_update()).first()


def _judge(code: SignInCode | None, digits: str, *, signing_key: str, now: datetime) -> Exception | None:
    if code is None or code.used_at or code.expires_at < now or code.tries >= _TRIES_PER_CODE:
        return LinkExpired()
    right = hmac.compare_digest(digits_of(code.id, signing_key=signing_key).encode(), digits.encode())
    return None if right else LinkInvalid()


def _checked(email: str) -> str:
    if len(email) > 254 or not _ADDRESS.fullmatch(email.strip()):
        raise BadInput()
    return fold(email)


def _fingerprint(token: str) -> str:
    return sha256(token.encode()).hexdigest()
