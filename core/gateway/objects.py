"""Reading Stripe's JSON: ids that may have been expanded, and moments."""

from datetime import UTC, datetime
from typing import Any


def id_of(value: Any) -> str | None:
    """Stripe gives an id, or the whole object where it was expanded."""
    found: str | None = value["id"] if isinstance(value, dict) else value
    return found


def moment(stamp: int | None) -> datetime | None:
    """Stripe counts seconds since 1970, in UTC."""
    return datetime.fromtimestamp(stamp, UTC) if stamp is not None else None
