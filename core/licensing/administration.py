"""What an owner may do about one licence: switch it off and on, replace its key, extend it, change how many machines it allows,
let one of them go, or give somebody a key that nobody bought.

Facts, each within the transaction that says who did it. Whoever does it holds the licence's row.
"""

from dataclasses import replace as changed
from datetime import datetime

from sqlmodel import Session, col, select

from core import announcements
from core.catalog import license_terms
from core.catalog.products import Kind, Product
from core.foundation.addresses import fold
from core.foundation.database import NOW
from core.foundation.errors import LicenseNotFound, MachineNotFound, NoLicenseProduct
from core.foundation.writes.later import at_the_end
from core.kinds import entitlement_records, license_keys, licenses
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseActivation, LicenseKey, Origin
from core.licensing import places
from core.orders.orders import Order
from core.people import customers
from core.people.customers import How

_AT_ONCE = 1000


def given(session: Session, row: LicenseKey, holder: str, *, now: datetime) -> None:
    """Whoever was given a key is a customer from now on, and what they may use has changed."""
    if holder:
        customers.remember(session, holder, how=How.OWNER, now=now)
    at_the_end(session, _look_at_holders, row.id)


def _changed(session: Session, row: LicenseKey) -> None:
    session.flush()
    announcements.license_changed(session, row)
    if row.grant_id is None:
        at_the_end(session, _look_at_holders, row.id)


def _look_at_holders(session: Session, ids: list[str]) -> None:
    # An import brings more than a statement may name.
    several = (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
    people = {each for some in several for each in customers.key_holders(session, col(LicenseKey.id).in_(some))}
    entitlement_records.look_at(session, people, now=session.info[NOW]())


def find(session: Session, text: str) -> str:
    """The id of the licence that is meant by its key, its id, or the last six characters of its key if no other has them.

    Raises LicenseNotFound.
    """
    named = select(LicenseKey.id).where(
        (col(LicenseKey.key_hash) == license_keys.fingerprint(text)) | (col(LicenseKey.id) == text.strip())
    )
    ending = select(LicenseKey.id).where(LicenseKey.hint == license_keys.canonical(text)).limit(2)
    found = session.exec(named).first() or _only(list(session.exec(ending)))
    if not found:
        raise LicenseNotFound()
    return found


def hold(session: Session, license_id: str) -> LicenseKey:
    """The licence, which nobody else changes until this transaction ends. Raises LicenseNotFound."""
    query = select(LicenseKey).where(LicenseKey.id == license_id).with_for_update()
    row = session.exec(query.execution_options(populate_existing=True)).first()
    if row is None:
        raise LicenseNotFound()
    return row


def disable(session: Session, row: LicenseKey, *, now: datetime) -> None:
    """Switch it off, whatever was paid for it. Its machines keep their places."""
    row.disabled_at = row.disabled_at or now
    _changed(session, row)


def enable(session: Session, row: LicenseKey) -> None:
    """Let it be used again, as far as its payment and its time allow."""
    row.disabled_at = None
    _changed(session, row)


def replace(session: Session, row: LicenseKey, *, now: datetime) -> str:
    """Give it another key, which is returned: the one before is unknown from now on. Its machines keep their places."""
    terms = license_terms.as_of(session.get_one(Product, row.product_id).terms, now)
    text = license_keys.make(terms.prefix)
    row.sqlmodel_update({**licenses.said_as(session, text), "replaced_at": now})
    session.add(row)
    _changed(session, row)
    return text


def extend(session: Session, row: LicenseKey, until: datetime | None) -> None:
    """Let it be used until then, or without end."""
    row.expires_at = until
    _changed(session, row)


def allow(session: Session, row: LicenseKey, machines: int) -> None:
    """Let it be used on so many machines. Those that use it already keep their places, also if they are more."""
    row.machines = machines
    _changed(session, row)


def release(session: Session, row: LicenseKey, machine: str, *, now: datetime) -> str:
    """Free the place of the machine with this id, fingerprint or label; return what it is called. Raises MachineNotFound."""
    in_use = select(LicenseActivation).where(LicenseActivation.license_key_id == row.id, licenses.IN_USE)
    found = [each for each in session.exec(in_use) if machine in (each.id, each.fingerprint, each.label)]
    if len(found) != 1:
        raise MachineNotFound()
    places.leave(session, row.id, activation_id=found[0].id, now=now)
    return found[0].label or found[0].fingerprint


def issue(
    session: Session, product_id: str, *, holder: str = "", machines: int | None = None, until: datetime | None = None,
    livemode: bool, now: datetime,
) -> tuple[LicenseKey, str]:  # fmt: skip
    """Make a key that nobody bought, on the product's terms but for what is said here; return its row and its text.

    Raises NoLicenseProduct.
    """
    product = session.get(Product, product_id)
    if product is None or product.kind is not Kind.LICENSE:
        raise NoLicenseProduct(product_id)
    terms = license_terms.as_of(product.terms, now)
    terms = changed(terms, machines=machines or terms.machines, expires_at=until or terms.expires_at)
    text = license_keys.make(terms.prefix)
    row = licenses.new_key(
        session, text, terms, product_id=product_id, origin=Origin.OWNER, holder=fold(holder) if holder else "",
        livemode=livemode, created_at=now,
    )  # fmt: skip
    session.add(row)
    _changed(session, row)
    given(session, row, holder, now=now)
    return row, text


def order_of(session: Session, row: LicenseKey) -> Order | None:
    """The order that it was bought with, if it was."""
    query = select(Order).join(Grant, col(Grant.order_id) == Order.id).where(Grant.id == row.grant_id)
    return session.exec(query).first() if row.grant_id else None


def _only(found: list[str]) -> str:
    return found[0] if len(found) == 1 else ""
