"""Uploads: files of any size that owners send piece by piece, taken up again where they broke off, and put to a product in the end.

Its pieces lie in the storage, so that any process may take the next one. What nobody has gone on with for a day is thrown away.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import JSON, BigInteger, delete, update
from sqlmodel import Field, Session, col, select

from core.catalog import products
from core.catalog.products import Product
from core.foundation import signing
from core.foundation.errors import DoneAlready, LinkInvalid, PieceMisplaced, ProductNotFound, UploadNotFound
from core.foundation.records import Record, new_id, text_enum
from core.owner.shelves import attachments
from core.owner.shelves.attachments import Purpose
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

# So long an upload may rest before it is thrown away.
KEPT = timedelta(days=1)
# Bytes that are put away at once, and about all that an upload keeps in memory.
PIECE = 8 * 1024 * 1024


class UploadState(StrEnum):
    """Whether pieces are still to come, or it was put to its product."""

    OPEN = "open"
    DONE = "done"


class Upload(Record, table=True):
    """A file on its way. `pieces` are the keys in the storage of what has come, in order; `size` and `received` are in bytes."""

    __tablename__ = "uploads"

    id: str = Field(primary_key=True)
    product_id: str = Field(foreign_key="products.id")
    purpose: Purpose = text_enum(Purpose)
    name: str
    label: str
    version: str = ""
    notes: str = ""
    media_type: str
    size: int = Field(sa_type=BigInteger)
    received: int = Field(default=0, sa_type=BigInteger)
    pieces: list[str] = Field(default_factory=list, sa_type=JSON)
    state: UploadState = text_enum(UploadState, default=UploadState.OPEN)
    touched_at: datetime = Field(index=True)


@dataclass(frozen=True)
class Progress:
    """How far an upload has come, in bytes."""

    id: str
    product_id: str
    size: int
    received: int
    done: bool


def ticket(shop: Shop, product_id: str, purpose: Purpose, *, sign_in_id: str) -> str:
    """What one upload may be begun with, once, within the hour, on this sign-in. Raises NotPermitted or ProductNotFound."""
    with shop.reading() as session:
        deeds.permit(session, shop.settings, Deed(sign_in_id, ""), Action.SHELVES, now=shop.now())
        if session.get(Product, product_id) is None:
            raise ProductNotFound(product=product_id)
    return signing.sign(shop.signing_key, signing.UPLOAD, [product_id, purpose, sign_in_id, new_id("do")])


def begin(
    shop: Shop, said: str, *, name: str, size: int, media_type: str, label: str, sign_in_id: str, version: str = "",
    notes: str = "",
) -> Progress:  # fmt: skip
    """Begin an upload with this ticket. Nothing of the product changes before all of it is there.

    Raises FileUnfit, LinkExpired, LinkInvalid, ProductNotFound, ProductUnfit, NotPermitted, or DoneAlready for a used ticket.
    """
    try:
        product_id, purpose, for_sign_in, token = signing.read(shop.signing_key, signing.UPLOAD, said)
    except ValueError:
        raise LinkInvalid() from None
    if for_sign_in != sign_in_id:
        raise LinkInvalid()
    media_type = attachments.checked(Purpose(purpose), name, size, media_type)
    with shop.transaction() as session:
        _permit(session, shop, Deed(sign_in_id, token), product_id, f"upload of {name}")
        product = session.get(Product, product_id)
        if product is None:
            raise ProductNotFound(product=product_id)
        attachments.check_kind(Purpose(purpose), product.kind)
        row = Upload(
            id=new_id("up"), product_id=product_id, purpose=Purpose(purpose), name=name, label=label.strip() or name, size=size,
            version=version.strip(), notes=notes.strip(), media_type=media_type, touched_at=shop.now(),
        )  # fmt: skip
        session.add(row)
        return _progress(row)


def progress(shop: Shop, upload_id: str, *, sign_in_id: str) -> Progress:
    """How far it has come. Raises UploadNotFound or NotPermitted."""
    with shop.reading() as session:
        return _progress(_known(session, shop, upload_id, sign_in_id))


def put(shop: Shop, upload_id: str, piece: bytes, *, offset: int) -> int:
    """Put the next piece away; how many bytes there are now. Whoever calls it has asked for the `progress` before.

    Raises PieceMisplaced for a piece that does not follow what has come, as when two send at once: then only one counts.
    """
    key = f"{_folder(upload_id)}/{new_id('pc')}"
    shop.storage.put(key, piece, media_type="application/octet-stream")
    with shop.transaction() as session:
        row = session.get(Upload, upload_id, with_for_update=True)
        if row is None:
            raise UploadNotFound(upload=upload_id)
        if row.received != offset or row.received + len(piece) > row.size or row.state is not UploadState.OPEN:
            raise PieceMisplaced(received=row.received, size=row.size)
        row.received += len(piece)
        row.pieces = [*row.pieces, key]
        row.touched_at = shop.now()
        session.add(row)
        return row.received


def finish(shop: Shop, upload_id: str, *, sign_in_id: str) -> Progress:
    """Put the whole file to its product, once all of it is there. Safe to call again, and by two at once.

    Raises PieceMisplaced while something is missing, FileUnfit for a cover that is no picture, UploadNotFound, NotPermitted.
    """
    with shop.reading() as session:
        row = _known(session, shop, upload_id, sign_in_id)
    if row.state is UploadState.DONE:
        return _progress(row)
    if row.received != row.size:
        raise PieceMisplaced(received=row.received, size=row.size)
    try:
        digest = _put_together(shop, row)
    except FileNotFoundError:
        # Somebody else has finished it meanwhile, and removed the pieces; or the storage has lost them.
        now_known = progress(shop, upload_id, sign_in_id=sign_in_id)
        if not now_known.done:
            raise
        return now_known
    _attach(shop, row, digest, Deed(sign_in_id, f"done:{upload_id}"))
    shop.storage.clear(_folder(upload_id))
    return Progress(row.id, row.product_id, row.size, row.received, done=True)


def _attach(shop: Shop, row: Upload, digest: str, deed: Deed) -> None:
    """Put it to its product, unless somebody else has: the token is that of the upload."""
    with shop.transaction() as session, suppress(DoneAlready):
        _permit(session, shop, deed, row.product_id, f"uploaded {row.name}, {digest[:12]}")
        attachments.attach(
            session, row.product_id, row.purpose, name=row.name, label=row.label, media_type=row.media_type,
            size=row.size, digest=digest, version=row.version, notes=row.notes, now=shop.now(),
        )  # fmt: skip
        state = {"state": UploadState.DONE, "pieces": [], "touched_at": shop.now()}
        session.exec(update(Upload).where(col(Upload.id) == row.id).values(state))


def clean(shop: Shop) -> int:
    """Throw away what nobody has gone on with for a day, and what is done; how many those were."""
    with shop.reading() as session:
        old = session.exec(select(Upload.id).where(col(Upload.touched_at) < shop.now() - KEPT)).all()
    return sum(_throw_away(shop, upload_id) for upload_id in old)


def _throw_away(shop: Shop, upload_id: str) -> bool:
    """Throw one away, unless somebody has gone on with it this very moment: then it keeps its pieces."""
    with shop.transaction() as session:
        rested = (col(Upload.id) == upload_id, col(Upload.touched_at) < shop.now() - KEPT)
        gone = bool(session.exec(delete(Upload).where(*rested)).rowcount)
    if gone:
        shop.storage.clear(_folder(upload_id))
    return gone


def _put_together(shop: Shop, row: Upload) -> str:
    """Put the pieces together under the key of the whole file; its SHA-256, which is known only then."""
    digest = sha256()

    def pieces() -> Iterator[bytes]:
        for key in row.pieces:
            for chunk in shop.storage.read_in_chunks(key):
                digest.update(chunk)
                yield chunk

    whole = f"{_folder(row.id)}/{new_id('whole')}"
    kept_as = row.name if row.purpose is Purpose.FILE else ""
    shop.storage.put_stream(whole, pieces(), media_type=row.media_type, name=kept_as)
    attachments.look_inside(row.purpose, shop.storage.beginning(whole))
    shop.storage.move(whole, attachments.key_of(row.purpose, digest.hexdigest(), row.name))
    return digest.hexdigest()


def _known(session: Session, shop: Shop, upload_id: str, sign_in_id: str) -> Upload:
    deeds.permit(session, shop.settings, Deed(sign_in_id, ""), Action.SHELVES, now=shop.now())
    row = session.get(Upload, upload_id)
    if row is None:
        raise UploadNotFound(upload=upload_id)
    return row


def _permit(session: Session, shop: Shop, deed: Deed, product_id: str, detail: str) -> None:
    products.lock_shelves(session)
    deeds.begin(session, shop.settings, deed, Action.SHELVES, subject=product_id, detail=detail, now=shop.now())


def _progress(row: Upload) -> Progress:
    return Progress(row.id, row.product_id, row.size, row.received, row.state is UploadState.DONE)


def _folder(upload_id: str) -> str:
    return f"uploads/{upload_id}"
