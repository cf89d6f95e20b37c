"""Expiries: licences that come to their end by time alone, of which no event tells. Endpoints are told of each, once."""

from sqlmodel import col, select

from core import announcements
from core.foundation.database import repeatable
from core.kinds.licenses import EXPIRING, LicenseKey
from core.shop import Shop

# At one look.
_AT_ONCE = 200


@repeatable
def tell(shop: Shop) -> int:
    """Announce the licences whose end has come since the last look, the oldest first; return how many those were."""
    with shop.transaction() as session:
        query = select(LicenseKey).where(EXPIRING, col(LicenseKey.expires_at) <= shop.now())
        query = query.order_by(col(LicenseKey.expires_at)).limit(_AT_ONCE)
        found = session.exec(query.with_for_update(skip_locked=True)).all()
        for row in found:
            row.expiry_told = row.expires_at
            session.add(row)
            announcements.license_expired(session, row)
    return len(found)
