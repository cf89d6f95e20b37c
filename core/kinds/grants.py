"""A grant is what one order line gives its buyer: of which kind, and whether it may be used right now."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field

from core.catalog.products import Kind
from core.foundation.records import Record, text_enum
from core.orders.status import GrantState


class Grant(Record, table=True):
    """One per order line. Its state is what the facts of its order allow, and never decided anywhere else.

    `reason` is what it lacks while it is blocked, and while it is suspended or revoked what that came of: a `Closing`, or empty if
    a version of before has written it. `granted_at` is when it could be used for the first time, `buyer_sits` whether the first
    seat of a plan is its buyer's.
    """

    __tablename__ = "grants"
    # Those of a product in the order in which they were made, of however many there are.
    __table_args__ = (Index("ix_grants_product_id_created_at_id", "product_id", "created_at", "id"),)

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    order_line_id: str = Field(foreign_key="order_lines.id", unique=True)
    product_id: str = Field(foreign_key="products.id")
    kind: Kind = text_enum(Kind)
    quantity: int
    state: GrantState = text_enum(GrantState)
    reason: str = ""
    granted_at: datetime | None = None
    buyer_sits: bool = True
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class File:
    """A file of a delivery: `token` opens it at the sidecar for minutes. Size in bytes.

    `number` counts its versions from 1, `had` is the newest that was taken by this delivery, 0 if none was. `covered_until` is set
    where newer ones came after the updates of a licence had ended: then it is the last of those before.
    """

    id: str
    label: str
    name: str
    size: int
    media_type: str
    token: str = ""
    sha256: str = ""
    version: str = ""
    notes: str = ""
    number: int = 1
    released_at: datetime | None = None
    had: int = 0
    covered_until: datetime | None = None

    @property
    def is_newer(self) -> bool:
        """Whether an older version of it was taken, and this one was not yet."""
        return 0 < self.had < self.number


@dataclass(frozen=True)
class Machine:
    """A machine that uses a licence, until `lease_until` if it is leased."""

    id: str
    label: str
    created_at: datetime
    last_seen_at: datetime
    lease_until: datetime | None = None

    def is_there(self, now: datetime) -> bool:
        """Whether it takes a place now: a lease that has run out takes none."""
        return self.lease_until is None or self.lease_until > now


@dataclass(frozen=True)
class License:
    """A licence key. `most` is on how many machines it may be used; `key` is empty if nobody can read it any more."""

    id: str
    key: str
    hint: str
    most: int
    machines: tuple[Machine, ...] = ()
    floating: bool = False
    expires_at: datetime | None = None
    updates_until: datetime | None = None
    disabled: bool = False

    def used(self, now: datetime) -> int:
        """On how many machines it is in use."""
        return sum(machine.is_there(now) for machine in self.machines)


class Closing(StrEnum):
    """Why a delivery does not open: its money went back, the bank took it or asks about it, its plan's renewal was not paid, or
    its billing is paused, its plan is over, the shop took it back. `other` where none of these is known."""

    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"
    DISPUTED = "disputed"
    UNPAID = "unpaid"
    PAUSED = "paused"
    ENDED = "ended"
    TAKEN_BACK = "taken_back"
    OTHER = "other"


@dataclass(frozen=True)
class Ticket:
    """A place in a workshop: whose it is, when that takes place, and the `token` of its page."""

    token: str
    name: str
    email: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    canceled: bool = False


@dataclass(frozen=True)
class Delivery:
    """What a buyer sees of one grant. `licenses`, `files` and `notes` are filled as the kind has them; `closing` is why it
    does not open, where its reader is told."""

    grant_id: str
    product_id: str
    product: str
    kind: Kind
    state: GrantState
    reason: str
    quantity: int
    image: str
    files: tuple[File, ...] = ()
    licenses: tuple[License, ...] = ()
    seats: tuple[str, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    place: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    timezone: str = ""
    notes: tuple[str, ...] = field(default=())
    line_id: str = ""
    closing: Closing | None = None
