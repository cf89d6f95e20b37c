"""What is attached to a product: the files that its buyers get, and its cover. Which files fit, and where they lie."""

import mimetypes
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, func, select

from core.catalog import products
from core.catalog.products import Changed, Kind, Product
from core.foundation.errors import FileUnfit, Misfit, Problem, ProductNotFound, ProductUnfit, UnknownFile
from core.kinds import downloads, file_versions
from core.kinds.downloads import DownloadFile
from core.kinds.file_versions import NewFile
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


class Purpose(StrEnum):
    """What a file is for: buyers get it, or everybody sees it."""

    FILE = "file"
    COVER = "cover"


# The biggest file of each, in bytes.
MOST = {Purpose.FILE: 2 * 1024**3, Purpose.COVER: 10 * 1024**2}
# Covers by what they begin with. No SVG: one from elsewhere could bring a script along.
_PICTURES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f\"]{1,200}")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_UNKNOWN = "application/octet-stream"
# Kinds whose buyers get files.
_WITH_FILES = (Kind.DOWNLOAD, Kind.LICENSE)


def checked(purpose: Purpose, name: str, size: int, media_type: str) -> str:
    """The media type of a file that is announced; guessed from its name if it is not told. Raises FileUnfit."""
    if not _NAME.fullmatch(name) or name.strip(". ") == "":
        raise FileUnfit(Misfit.NAME, MOST[purpose])
    if size < 1:
        raise FileUnfit(Misfit.EMPTY, MOST[purpose])
    if size > MOST[purpose]:
        raise FileUnfit(Misfit.TOO_BIG, MOST[purpose])
    found = media_type or mimetypes.guess_type(name)[0] or _UNKNOWN
    if not _MEDIA_TYPE.fullmatch(found) or (purpose is Purpose.COVER and found not in _PICTURES):
        raise FileUnfit(Misfit.TYPE, MOST[purpose])
    return found


def check_kind(purpose: Purpose, kind: Kind) -> None:
    """Raise ProductUnfit for a file of what comes without any."""
    if purpose is Purpose.FILE and kind not in _WITH_FILES:
        raise ProductUnfit([Problem("files", 0, "are there for downloads and licences only")])


def look_inside(purpose: Purpose, beginning: bytes) -> None:
    """Raise FileUnfit for a cover that is none of the pictures it may be, whatever it was announced as."""
    if purpose is Purpose.COVER and not any(each.match(beginning) for each in _PICTURES.values()):
        raise FileUnfit(Misfit.TYPE, MOST[purpose])


def key_of(purpose: Purpose, digest: str, name: str) -> str:
    """Where a file lies. Covers lie apart: everybody may have them."""
    return f"pictures/{digest}/{name}" if purpose is Purpose.COVER else downloads.key_of(digest, name)


def attach(
    session: Session, product_id: str, purpose: Purpose, *, name: str, label: str, media_type: str, size: int, digest: str,
    version: str, notes: str, now: datetime,
) -> None:  # fmt: skip
    """Put a file of the storage to a product: as its cover, or as what buyers get, in place of one of the same name."""
    key = key_of(purpose, digest, name)
    if purpose is Purpose.COVER:
        product = session.get_one(Product, product_id)
        product.image, product.updated_at = key, now
        session.add(product)
        return
    last = session.exec(select(func.max(col(DownloadFile.position))).where(DownloadFile.product_id == product_id)).one()
    known = session.get(DownloadFile, f"{product_id}/{name}")
    new = NewFile(name, label, media_type, key, size, digest, version, notes)
    position = known.position if known else (last if last is not None else -1) + 1
    file_versions.put_up(session, product_id, new, position=position, now=now)


@dataclass(frozen=True)
class FileRow:
    """A file that the buyers of a product get, in its newest version; `size` in bytes."""

    id: str
    name: str
    label: str
    size: int
    sha256: str
    number: int
    version: str
    released_at: datetime


def files_of(session: Session, product_id: str) -> list[FileRow]:
    """The files that the buyers of this product get, in their order."""
    query = select(DownloadFile).where(DownloadFile.product_id == product_id, col(DownloadFile.active))
    rows = session.exec(query.order_by(col(DownloadFile.position), DownloadFile.id))
    return [
        FileRow(row.id, row.name, row.label, row.size, row.sha256, row.number, row.version, row.released_at)
        for row in rows
    ]


def uncover(shop: Shop, product_id: str, *, deed: Deed) -> Changed:
    """Show a product without its cover. Raises ProductNotFound, NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        products.lock_shelves(session)
        deeds.begin(
            session, shop.settings, deed, Action.SHELVES, subject=product_id, detail="without a cover", now=shop.now()
        )
        product = session.get(Product, product_id)
        if product is None:
            raise ProductNotFound(product=product_id)
        before, now = product.updated_at, shop.now()
        product.image, product.updated_at = "", now
        session.add(product)
        return Changed(before, now)


def withdraw(shop: Shop, file_id: str, *, deed: Deed) -> None:
    """Have buyers get this file no more. Raises UnknownFile, NotPermitted, DoneAlready, or ProductUnfit for the last one of a
    download that is on the shelves."""
    with shop.transaction() as session:
        products.lock_shelves(session)
        row = session.get(DownloadFile, file_id)
        subject = row.product_id if row else file_id
        deeds.begin(
            session, shop.settings, deed, Action.SHELVES, subject=subject, detail=f"withdrew {file_id}", now=shop.now()
        )
        if row is None or not row.active:
            raise UnknownFile(file=file_id)
        product = session.get_one(Product, row.product_id)
        others = (DownloadFile.product_id == product.id, col(DownloadFile.active), DownloadFile.id != file_id)
        last = session.exec(select(DownloadFile.id).where(*others)).first() is None
        if product.active and product.kind is Kind.DOWNLOAD and last:
            raise ProductUnfit([Problem("files", 0, "are none besides: take the product off the shelves instead")])
        row.active = False
        session.add(row)
