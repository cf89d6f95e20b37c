"""A grant is what one order line gives its buyer: of which kind, and whether it may be used right now."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Field

from core.catalog.products import Kind
from core.foundation.database import Record, text_enum
from core.orders.status import GrantState


class Grant(Record, table=True):
    """One per order line. Its state is what the facts of its order allow, and never decided anywhere else.

    `granted_at` is when it could be used for the first time.
    """

    __tablename__ = "grants"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    order_line_id: str = Field(foreign_key="order_lines.id", unique=True)
    product_id: str = Field(foreign_key="products.id", index=True)
    kind: Kind = text_enum(Kind)
    quantity: int
    state: GrantState = text_enum(GrantState)
    reason: str = ""
    granted_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class File:
    """A file of a delivery: `token` opens it at the sidecar for minutes. Size in bytes."""

    id: str
    label: str
    name: str
    size: int
    media_type: str
    token: str = ""


@dataclass(frozen=True)
class Delivery:
    """What a buyer sees of one grant. `key`, `files` and `notes` are filled as the kind has them."""

    grant_id: str
    product_id: str
    product: str
    kind: Kind
    state: GrantState
    reason: str
    quantity: int
    image: str
    files: tuple[File, ...] = ()
    key: str = ""
    machines: int = 0
    machines_used: int = 0
    seats: tuple[str, ...] = ()
    place: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    timezone: str = ""
    notes: tuple[str, ...] = field(default=())
