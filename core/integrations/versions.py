"""Versions: of each person's entitlements, growing by one with every change, so that what comes late revives nobody.

A change is found by looking: when an order of theirs was settled, when time alone changes something, and whenever they are
asked about. Where nothing is due to be looked at, the version that was given last stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import bindparam, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select, tuple_, update

from core.foundation.database import apart, repeatable, wait_briefly
from core.foundation.errors import BadInput
from core.foundation.writes.inserts import InsertOnce
from core.integrations import entitlements, persons
from core.integrations.entitlements import Entitlements
from core.kinds import entitlement_records
from core.kinds.entitlement_records import EntitlementRecord
from core.kinds.grants import Grant
from core.kinds.seats import Seat
from core.orders.orders import ENTITLEMENTS_DUE, Order
from core.outgoing.messages import announce
from core.outgoing.topics import Topic
from core.people import customers
from core.people.customers import Customer
from core.shop import Shop

PAGE = 100
# A transaction that changes somebody may commit so much later than its moment: a reader begins again before that.
_MAY_BE_LATE = timedelta(minutes=1)
# At one look.
_AT_ONCE = 200

# The update changes nothing, and has whoever writes the same row wait.
_LOCK = InsertOnce(
    EntitlementRecord,
    conflict="(customer_id, livemode) do update set version = entitlement_records.version",
    returning="version, digest",
)

_BOUGHT_DUE = select_columns(col(Order.id)).where(col(Order.customer_id) == col(Customer.id), ENTITLEMENTS_DUE).exists()
_SEATED_DUE = (
    select_columns(col(Order.id))
    .join(Grant, col(Grant.order_id) == Order.id)
    .join(Seat, col(Seat.grant_id) == Grant.id)
    .where(col(Seat.customer_id) == col(Customer.id), ENTITLEMENTS_DUE)
    .exists()
)
# Whoever changes what somebody may use says so in the same transaction: on the order, or on the record. And the record says
# when time will. So a version stands for as long as nothing is due.
_STANDS = (
    select_columns(
        col(Customer.id), col(EntitlementRecord.version),
        func.coalesce(col(EntitlementRecord.look_at) > bindparam("now"), True)
        & col(Customer.erased_at).is_(None) & ~_BOUGHT_DUE & ~_SEATED_DUE,
    )
    .join(
        EntitlementRecord,
        (col(EntitlementRecord.customer_id) == col(Customer.id)) & (col(EntitlementRecord.livemode) == bindparam("livemode")),
        isouter=True,
    )
    .where(or_(col(Customer.id) == bindparam("name"), col(Customer.seller_reference) == bindparam("name")))
)  # fmt: skip


@dataclass(frozen=True)
class Versioned:
    """Somebody's entitlements as they are told. `external_id` is the seller's own id of them, or None."""

    person: str
    external_id: str | None
    version: int
    computed_at: datetime
    found: Entitlements

    def told(self, product: str = "") -> dict[str, Any]:
        """The object of the contract, with all products or with this one alone."""
        return {
            "person": self.person, "external_id": self.external_id, "version": self.version,
            "computed_at": self.computed_at, "products": self.found.listed(product),
        }  # fmt: skip


@dataclass(frozen=True)
class Changed:
    """People whose entitlements have changed, in order of that. From `cursor` on one asks the next time, at once if there
    is `more`."""

    people: tuple[Versioned, ...]
    cursor: str
    more: bool


def of(shop: Shop, name: str) -> Versioned:
    """Of whoever is meant by this id, ours or the seller's own. Raises CustomerNotFound."""
    with shop.reading() as session:
        found = persons.find(session, name)
        [told] = _read(session, shop, [found])
    return told or _recorded(shop, found.id)


def standing(session: Session, name: str, *, livemode: bool, now: datetime) -> int | None:
    """The version of whoever is meant, if nothing can have changed since it was given: known without working out what it is
    of. Else None, also if nobody is meant."""
    found = session.connection().execute(_STANDS, {"name": name, "livemode": livemode, "now": now}).all()
    # An id of ours goes before one of the seller's that looks like it.
    _, version, stands = next((row for row in found if row[0] == name), found[0] if found else (name, None, False))
    return version if stands else None


def of_address(shop: Shop, email: str) -> Versioned:
    """Of whoever has this address. Raises CustomerNotFound."""
    with shop.reading() as session:
        known = customers.whose(session, email)
    if known is None:
        with shop.transaction() as session:
            customers.remember_holder(session, email, now=shop.now())
    with shop.reading() as session:
        found = persons.of_address(session, email)
        [told] = _read(session, shop, [found])
    return told or _recorded(shop, found.id)


def changed_since(shop: Shop, cursor: str = "", *, size: int = PAGE) -> Changed:
    """Those who have changed since the cursor was handed out, or everybody; at most `size`. Some may be told again, and
    nobody is left out. Raises BadInput for what is no cursor."""
    catch_up(shop)
    place = _placed(cursor)
    with shop.reading() as session:
        query = select(EntitlementRecord, Customer).join(Customer, col(Customer.id) == EntitlementRecord.customer_id)
        key = (col(EntitlementRecord.changed_at), col(EntitlementRecord.customer_id))
        query = query.where(col(EntitlementRecord.livemode).is_(shop.settings.livemode))
        if place:
            query = query.where(tuple_(*key) > tuple_(*place))
        rows = session.exec(query.order_by(*key).limit(size + 1)).all()
        page = rows[:size]
        read = _read(session, shop, [customer for _, customer in page])
    people = [told or _recorded(shop, customer.id) for told, (_, customer) in zip(read, page, strict=True)]
    last = (page[-1][0].changed_at, page[-1][0].customer_id) if page else place
    more = len(rows) > size
    if last and not more:
        last = min(last, (shop.now() - _MAY_BE_LATE, ""))
    return Changed(tuple(people), _cursor(last), more)


def catch_up(shop: Shop) -> int:
    """Look at whoever an order that was settled is about, and whoever time has changed; return how many people that were."""
    with shop.reading() as session:
        orders = select(Order.id).where(ENTITLEMENTS_DUE).order_by(col(Order.entitlements_due), col(Order.id))
        due = session.exec(orders.limit(_AT_ONCE)).all()
        lapsed = session.exec(
            select(EntitlementRecord.customer_id, EntitlementRecord.livemode)
            .where(col(EntitlementRecord.look_at) <= shop.now())
            .order_by(col(EntitlementRecord.look_at)).limit(_AT_ONCE)
        ).all()  # fmt: skip
    return sum(apart(partial(look_at_order, shop), due)) + sum(apart(partial(_look_at_person, shop), lapsed))


def look_at_order(shop: Shop, order_id: str, *_: str) -> int:
    """Look at all whom an order gives something; return how many they are."""
    with shop.reading() as session:
        order = session.get(Order, order_id)
        seats = select(Seat.customer_id).join(Grant, col(Grant.id) == Seat.grant_id).where(Grant.order_id == order_id)
        having = {*session.exec(seats), order.customer_id if order else None} - {None}
    if order is None:
        return 0
    people = sorted(str(each) for each in having)
    _look(shop, people, livemode=order.livemode)
    with shop.transaction() as session:
        wait_briefly(session)
        # Unless something has happened to it since: then it is looked at once more.
        this = (col(Order.id) == order_id, col(Order.entitlements_due) == order.entitlements_due)
        session.exec(update(Order).where(*this).values(entitlements_due=None))
    return len(people)


def _look_at_person(shop: Shop, whose: Sequence[Any]) -> int:
    customer_id, livemode = whose
    _look(shop, [customer_id], livemode=livemode)
    return 1


@repeatable
def _look(shop: Shop, people: Sequence[str], *, livemode: bool) -> None:
    with shop.transaction() as session:
        wait_briefly(session)  # others are waiting to be looked at
        for customer_id in people:
            # Programs that grant access for real are told nothing of what test money opens; a version of one mode is none of the
            # other.
            record(session, customer_id, livemode=livemode, tells=livemode is shop.settings.livemode, now=shop.now())


@repeatable
def _recorded(shop: Shop, customer_id: str) -> Versioned:
    with shop.transaction() as session:
        return record(session, customer_id, livemode=shop.settings.livemode, now=shop.now())


def record(session: Session, customer_id: str, *, livemode: bool, tells: bool = True, now: datetime) -> Versioned:
    """What somebody may use now, with the version that it has from now on. Where that is news, endpoints are told, if it `tells`.

    Who locks several people does so in the order of their ids.
    """
    new = {
        "customer_id": customer_id, "livemode": livemode, "version": 0, "digest": "", "changed_at": now, "look_at": None
    }  # fmt: skip
    [(version, digest)] = _LOCK(session, [new])
    if not version:
        entitlement_records.wait_for_marks(session)
    # Read only now: whoever held the row before has changed something.
    customer = session.get_one(Customer, customer_id)
    found = entitlements.of(session, customer_id, livemode=livemode, now=now)
    theirs = (col(EntitlementRecord.customer_id) == customer_id, col(EntitlementRecord.livemode) == livemode)
    values: dict[str, Any] = {"look_at": found.changes_at}
    is_news = digest != found.digest
    if is_news:
        version += 1
        values |= {"version": version, "digest": found.digest, "changed_at": now}
    session.exec(update(EntitlementRecord).where(*theirs).values(**values))
    told = Versioned(customer_id, customer.seller_reference, version, now, found)
    if tells and is_news and (found.products or version > 1):
        key = f"{customer_id}:{livemode}:{version}"
        announce(session, Topic.ENTITLEMENT_CHANGED, told.told(), key=key, person=customer_id, now=now)
    return told


def _read(session: Session, shop: Shop, people: Sequence[Customer]) -> list[Versioned | None]:
    """Of each of them, or None where what they may use is not what its version was given for."""
    livemode, now = shop.settings.livemode, shop.now()
    if not people:
        return []
    ids = [each.id for each in people]
    found = entitlements.of_all(session, ids, livemode=livemode, now=now)
    query = select(EntitlementRecord.customer_id, EntitlementRecord.version, EntitlementRecord.digest).where(
        col(EntitlementRecord.customer_id).in_(ids), col(EntitlementRecord.livemode).is_(livemode)
    )
    known = {person: (version, digest) for person, version, digest in session.exec(query)}
    told: list[Versioned | None] = []
    for each in people:
        version, digest = known.get(each.id, (0, ""))
        fits = digest == found[each.id].digest
        told.append(Versioned(each.id, each.seller_reference, version, now, found[each.id]) if fits else None)
    return told


def _cursor(place: tuple[datetime, str] | None) -> str:
    return f"{place[0].timestamp():.6f}~{place[1]}" if place else ""


def _placed(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    moment, _, person = cursor.partition("~")
    try:
        return datetime.fromtimestamp(float(moment), UTC), person
    except (ValueError, OverflowError, OSError):
        raise BadInput() from None
