"""What buyers may do with their own licences: let a machine go, and replace a key once a day."""

from datetime import timedelta

from sqlmodel import Session, col, select

from core.foundation.addresses import fold
from core.foundation.errors import LicenseNotFound, ReplacedLately
from core.kinds import licenses
from core.kinds.grants import Grant, License
from core.kinds.licenses import LicenseKey
from core.licensing import administration
from core.orders.status import GrantState
from core.people import customers
from core.people.customers import CustomerAddress
from core.shop import Shop

# A key that got about is replaced; one that is given on every day is not what was sold.
BETWEEN = timedelta(days=1)


def given(session: Session, email: str, *, livemode: bool, signing_key: str) -> tuple[tuple[str, License], ...]:
    """The keys that whoever has this address was given, each with its product: what they bought stands with their orders."""
    query = select(LicenseKey).where(
        col(LicenseKey.holder).in_(_addresses(session, email)), LicenseKey.livemode == livemode
    )
    rows = session.exec(query.order_by(col(LicenseKey.created_at))).all()
    shown = licenses.shown(session, rows, signing_key=signing_key)
    return tuple((row.product_id, license) for row, license in zip(rows, shown, strict=True))


def release(shop: Shop, email: str, license_id: str, activation_id: str) -> str:
    """Free the place of one of their machines; return what it is called. Raises LicenseNotFound, MachineNotFound."""
    with shop.transaction() as session:
        row = _theirs(session, shop, email, license_id)
        return administration.release(session, row, activation_id, now=shop.now())


def replace(shop: Shop, email: str, license_id: str) -> str:
    """Give their licence another key, which is returned: the one before stops at once. Raises LicenseNotFound, ReplacedLately."""
    with shop.transaction() as session:
        row, now = _theirs(session, shop, email, license_id), shop.now()
        if row.replaced_at and row.replaced_at + BETWEEN > now:
            raise ReplacedLately(row.replaced_at + BETWEEN)
        return administration.replace(session, row, now=now)


def _theirs(session: Session, shop: Shop, email: str, license_id: str) -> LicenseKey:
    row = administration.hold(session, license_id)
    if row.livemode is not shop.settings.livemode or row.disabled_at is not None:
        raise LicenseNotFound()
    order = administration.order_of(session, row)
    if order is None:
        if not row.holder or row.holder not in _addresses(session, email):
            raise LicenseNotFound()
        return row
    grant = session.get_one(Grant, row.grant_id)
    if (
        not order.customer_id
        or order.customer_id != customers.whose(session, email)
        or grant.state is not GrantState.ACTIVE
    ):
        raise LicenseNotFound()
    return row


def _addresses(session: Session, email: str) -> set[str]:
    """All that are known to be theirs, folded."""
    owner = customers.whose(session, email)
    theirs = select(CustomerAddress.folded).where(CustomerAddress.customer_id == owner)
    return {fold(email), *(session.exec(theirs) if owner else ())}
