"""The shop: settings, database, Stripe, storage and clock in one place, opened once per process. It alone knows the time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256

from sqlalchemy import Engine
from sqlmodel import Session

from core.foundation import database
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.gateway.client import Stripe


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Shop:
    """Everything a journey needs. Pages and handlers take one; facts take a session of its."""

    settings: Settings
    engine: Engine
    stripe: Stripe
    storage: Storage
    now: Callable[[], datetime] = field(default=_utc_now)

    def transaction(self) -> AbstractContextManager[Session]:
        """A session that commits on leaving and rolls back on an error. Never call out to the network inside one."""
        return database.transaction(self.engine, now=self.now, secret=self.signing_key)

    def reading(self, *, patiently: bool = False) -> AbstractContextManager[Session]:
        """A session for looking only; `patiently` for an export, which may take its time."""
        return database.reading(self.engine, patiently=patiently)

    @cached_property
    def id(self) -> str:
        """Tells this shop's orders from those of other shops on the same Stripe account; the same on all its machines."""
        return "shop_" + sha256(f"shop:{self.settings.signing_key}".encode()).hexdigest()[:16]

    @property
    def signing_key(self) -> str:
        return self.settings.signing_key
