"""Order links: what a letter's link opens: its order and nothing else, for a year, after a click.

Reading a link changes nothing, so that a mail scanner that follows every link opens nothing by that. Whoever clicks has that order
on their browser for a year from then; what is more than the order, costs or deletes takes a code. A link is good as long as the
address that it went to is its order's customer's, and until they sign out everywhere.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from core.foundation import addresses, signing
from core.foundation.addresses import fold
from core.foundation.database import NOW
from core.foundation.errors import LinkExpired, LinkInvalid
from core.orders import payments
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.people import customers
from core.people.customers import Customer, CustomerAddress
from core.shop import Shop

LASTS = timedelta(days=365)
# So many orders one browser has open by links, the last that were clicked: more would outgrow a cookie.
_MOST = 20
# Of the time when links signed in, and bore no moment: they lead to a code.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class OrderLink:
    """Which order a link opens, its payments, the oldest first, and the address that it was sent to, which its reader must not be
    told."""

    order_id: str
    number: str
    address: str
    payments: tuple[str, ...]


def link(shop: Shop, order_id: str, email: str, *, to: str = "") -> str:
    """The link in a letter about an order that opens it; `to` is what of it is to be seen first."""
    query = f"?to={to}" if to else ""
    return f"{shop.settings.public_url}/order/{_token(shop, order_id, email)}{query}"


def library_link(shop: Shop, order_id: str, email: str) -> str:
    """The link in a letter to all purchases of the address that it goes to: a code is sent there by one click.

    It bears a mark in place of the address, which would otherwise stand in browser histories and server logs.
    """
    return f"{shop.settings.public_url}/purchases?letter={_token(shop, order_id, email)}"


def _token(shop: Shop, order_id: str, email: str) -> str:
    return signing.sign(shop.signing_key, signing.LETTER, _subject(order_id, addresses.mark(email), shop.now()))


def read(shop: Shop, token: str) -> OrderLink:
    """What a link opens. Changes nothing.

    Raises LinkExpired, with the address that a code may be sent to, where it is too old or its order is not (any more) of
    whoever has that address; LinkInvalid for one that is none of ours.
    """
    with shop.reading() as session:
        return _opened(session, shop, token)


def click(shop: Shop, token: str, cookie: str | None) -> tuple[OrderLink, str]:
    """What a link opens from now on, and the cookie that says so, which keeps what it said before. Raises as `read`."""
    with shop.transaction() as session:
        found = _opened(session, shop, token, lock=True)
        now = shop.now()
    others = [each for each in _subjects(shop.signing_key, cookie) if _parts(each)[0] != found.order_id]
    opened = [_subject(found.order_id, addresses.mark(found.address), now), *others]
    return found, signing.sign(shop.signing_key, signing.OPENED, opened[:_MOST])


def opens(session: Session, cookie: str | None, order: Order, *, signing_key: str, now: datetime) -> bool:
    """Whether this browser has this order open by a link that is still good."""
    for subject in _subjects(signing_key, cookie):
        order_id, mark, since = _parts(subject)
        if order_id == order.id and (address := addressee(session, order_id, mark)):
            return _is_good(session, order_id, address, since, now=now)
    return False


def end_all(session: Session, customer_id: str) -> None:
    """End all links in letters to a customer, and what was opened by them until this moment, also by whoever clicks just now."""
    _lock(session, customer_id)
    _end_until(session, customer_id, session.info[NOW]())


def _lock(session: Session, customer_id: str) -> None:
    query = select(Customer.id).where(Customer.id == customer_id)
    session.exec(query.with_for_update(key_share=True)).all()


def _end_until(session: Session, customer_id: str, moment: datetime) -> None:
    session.exec(update(Customer).where(col(Customer.id) == customer_id).values(links_since=moment))


def end_of_both(session: Session, other: str, customer_id: str) -> None:
    """Of a customer whom another joins, the links that either had ended stay ended."""
    ends = [session.get_one(Customer, each).links_since for each in (other, customer_id)]
    if latest := max(filter(None, ends), default=None):
        _end_until(session, customer_id, latest)


def _opened(session: Session, shop: Shop, token: str, *, lock: bool = False) -> OrderLink:
    try:
        subject, late = str(signing.read(shop.signing_key, signing.LETTER, token)), False
    except LinkExpired as expired:
        subject, late = expired.subject, True
    order_id, mark, since = _parts(subject)
    address = addressee(session, order_id, mark)
    if not address:
        raise LinkInvalid()
    if lock and (owner := session.get_one(Order, order_id).customer_id):
        _lock(session, owner)
    if late or not _is_good(session, order_id, address, since, now=shop.now()):
        raise LinkExpired(subject=address)
    received = payments.of_order(session, order_id)
    number = session.get_one(Order, order_id).number
    return OrderLink(order_id, number, address, tuple(each.id for each in received))


def addressee(session: Session, order_id: str, mark: str) -> str:
    """The address that a letter about this order was mailed to, whatever the order's is by now; an empty string if unknown."""
    order = session.get(Order, order_id)
    if order is None:
        return ""
    said = [fold(each) for each in session.exec(select(Checkout.email).where(Checkout.order_id == order_id))]
    theirs = select(CustomerAddress.address).where(CustomerAddress.customer_id == order.customer_id)
    known = [order.email, *said, *session.exec(theirs)]
    return next((fold(each) for each in known if each and addresses.mark(each) == mark), "")


def _is_good(session: Session, order_id: str, address: str, since: datetime, *, now: datetime) -> bool:
    owner = session.get_one(Order, order_id).customer_id
    if owner is None or customers.whose(session, address) != owner:
        return False
    ended = session.get_one(Customer, owner).links_since
    return since + LASTS > now and (ended is None or since > ended)


def _subjects(signing_key: str, cookie: str | None) -> list[str]:
    return signing.listed_in_cookie(signing_key, signing.OPENED, cookie)


def _subject(order_id: str, mark: str, now: datetime) -> str:
    return f"{order_id}/{mark}/{int(now.timestamp() * 1000)}"


def _parts(subject: str) -> tuple[str, str, datetime]:
    order_id, _, rest = subject.partition("/")
    mark, _, moment = rest.partition("/")
    since = datetime.fromtimestamp(int(moment) / 1000, UTC) if moment.isdecimal() else _LONG_AGO
    return order_id, mark, since
