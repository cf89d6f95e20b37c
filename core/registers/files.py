"""Files that are sold, one by one: their versions, who has which, and how far telling buyers has come."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from core.catalog.products import Product
from core.foundation.errors import UnknownFile
from core.kinds import file_versions
from core.kinds.downloads import DownloadFile
from core.kinds.file_versions import FileVersion
from core.kinds.grants import Grant
from core.orders.orders import Order
from core.orders.status import GrantState
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place
from core.shop import Shop


@dataclass(frozen=True)
class VersionRow:
    """One version, by how many purchases it was `taken`, and how many letters have told of it since `told_at`."""

    number: int
    version: str
    notes: str
    size: int
    sha256: str
    released_at: datetime
    taken: int
    told_at: datetime | None
    told: int
    missing_since: datetime | None


@dataclass(frozen=True)
class HolderRow:
    """A purchase of the file's product. `had` is the number of the newest version it has taken, 0 if it took none."""

    grant_id: str
    order: OrderName | None
    state: GrantState
    had: int
    bought_at: datetime


@dataclass(frozen=True)
class FileSheet:
    """A file in full: `versions` newest first, and some of those who bought it."""

    id: str
    name: str
    label: str
    product_id: str
    product: str
    active: bool
    missing_since: datetime | None
    limit: int
    versions: tuple[VersionRow, ...]
    holders: Page[HolderRow]


def sheet(shop: Shop, file_id: str, *, place: Place, size: int = paging.PAGE) -> FileSheet:
    """One file in full, with the newest purchases of its product, or those at this place. Raises UnknownFile."""
    with shop.reading() as session:
        file = session.get(DownloadFile, file_id)
        if file is None:
            raise UnknownFile(file=file_id)
        product = session.get_one(Product, file.product_id)
        return FileSheet(
            file.id, file.name, file.label, product.id, product.name, file.active, file.missing_since,
            int(product.terms.get("downloads", 0)),
            tuple(map(_version, file_versions.of_file(session, file_id))),
            _holders(session, file, place, size, livemode=shop.settings.livemode),
        )  # fmt: skip


def _holders(session: Session, file: DownloadFile, place: Place, size: int, *, livemode: bool) -> Page[HolderRow]:
    query = select(Grant).where(
        Grant.product_id == file.product_id, paging.of_mode(Grant, Order, livemode=livemode)
    )  # fmt: skip
    found = paging.page(session, query, Grant, by="created_at", place=place, size=size)
    had = file_versions.newest_taken(session, file.id, [grant.id for grant in found.rows])
    names = order_names.of(session, [grant.order_id for grant in found.rows])
    return found.each(
        lambda grant: HolderRow(
            grant.id, names.get(grant.order_id), grant.state, had.get(grant.id, 0), grant.created_at
        )
    )


def _version(row: FileVersion) -> VersionRow:
    return VersionRow(
        row.number,
        row.version,
        row.notes,
        row.size,
        row.sha256,
        row.released_at,
        row.taken,
        row.told_at,
        row.told,
        row.missing_since,
    )
