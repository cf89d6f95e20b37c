"""Downloads: the files of a product, the tokens that open them for minutes, and an honest count of who took them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, col, func, select

from core.catalog.products import Product
from core.foundation import signing
from core.foundation.errors import DownloadsUsedUp, LinkInvalid
from core.foundation.records import Record, constant, index_where, new_id
from core.kinds.grants import Delivery, File, Grant
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState


class DownloadFile(Record, table=True):
    """A file that comes with a product, as its buyers get it now. `key` is where it lies in the storage, `size` is in bytes.

    `number` counts its versions from 1, `version` is what the seller calls this one, `notes` what they say of it.
    """

    __tablename__ = "download_files"

    id: str = Field(primary_key=True)
    product_id: str = Field(foreign_key="products.id", index=True)
    label: str
    name: str
    media_type: str
    key: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    position: int
    active: bool = True
    number: int = 1
    version: str = ""
    notes: str = ""
    released_at: datetime
    # Since when it is not where it was put, or not as long: whoever asked for it last found it so.
    missing_since: datetime | None = None


class Download(Record, table=True):
    """One version of a file taken once by means of one token, however many requests that needed."""

    __tablename__ = "downloads"

    id: str = Field(primary_key=True)
    grant_id: str = Field(foreign_key="grants.id", index=True)
    file_id: str = Field(foreign_key="download_files.id")
    number: int = 1
    ip: str = ""
    created_at: datetime


# Those of which it is known from where they were taken.
WITH_ADDRESS = col(Download.ip) != constant("")
index_where(WITH_ADDRESS, "ix_downloads_with_address", Download.created_at)


@dataclass(frozen=True)
class OpenedFile:
    """A file that the bearer of a token may have right now. `id` names this download for `count`, and `named` is the number of
    the version that the token is for, 0 for whichever is there now."""

    id: str
    grant_id: str
    file_id: str
    key: str
    name: str
    media_type: str
    size: int
    sha256: str
    number: int
    limit: int
    was_missing: bool
    named: int = 0


def key_of(digest: str, name: str) -> str:
    """Where a file of this SHA-256 that buyers get under this name lies in the storage: no other is ever put there."""
    return f"{digest[:2]}/{digest}/{name}"


def hold(session: Session, line: OrderLine, *, now: datetime) -> None:
    """Files are never short: nothing to hold."""


def release(session: Session, line_id: str) -> None:
    """Nothing was held."""


def grant(session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str:
    """An active grant is all that a download needs. Returns an empty reason: files are never short."""
    return ""


def suspend(session: Session, grant: Grant, *, now: datetime) -> None:
    """Every request looks at the grant: links handed out before stop with it."""


def revoke(session: Session, grant: Grant, *, now: datetime) -> None:
    """Every request looks at the grant: links handed out before stop with it."""


def describe(session: Session, given: Sequence[tuple[Grant, Delivery]], *, signing_key: str) -> list[Delivery]:
    """Add the files of each one's product, each with a token that opens it for some minutes while the grant is active."""
    wanted = {grant.product_id for grant, _ in given}
    query = select(DownloadFile).where(col(DownloadFile.product_id).in_(wanted), col(DownloadFile.active))
    files: dict[str, list[DownloadFile]] = {}
    for row in session.exec(query.order_by(col(DownloadFile.position))):
        files.setdefault(row.product_id, []).append(row)
    had = _newest_taken(session, [grant.id for grant, _ in given] if files else ())
    return [
        replace(base, files=tuple(_file(row, grant, had, signing_key) for row in files.get(grant.product_id, ())))
        for grant, base in given
    ]


def _newest_taken(session: Session, grant_ids: Collection[str]) -> dict[tuple[str, str], int]:
    """The number of the newest version that each of these grants has taken of each file."""
    if not grant_ids:
        return {}
    query = select(Download.grant_id, Download.file_id, func.max(Download.number))
    query = query.where(col(Download.grant_id).in_(grant_ids)).group_by(col(Download.grant_id), col(Download.file_id))
    return {(grant_id, file_id): int(number) for grant_id, file_id, number in session.exec(query)}


def open_file(session: Session, token: str, *, livemode: bool, signing_key: str) -> OpenedFile:
    """What this token opens now. Raises LinkExpired when its minutes are over, LinkInvalid when forged or taken back, where buyers
    get the file no more, or where what was bought with test money is asked of a shop that is live.

    What one opens that is for a version is found by `file_versions.open_file`.
    """
    try:
        download_id, grant_id, file_id, *named = signing.read(signing_key, signing.DOWNLOAD, token)
    except ValueError:
        raise LinkInvalid() from None
    found = session.exec(
        select(DownloadFile, Product.terms, Order.livemode)
        .join(Grant, col(Grant.product_id) == DownloadFile.product_id)
        .join(Product, col(Product.id) == DownloadFile.product_id)
        .join(Order, col(Order.id) == Grant.order_id)
        .where(Grant.id == grant_id, Grant.state == GrantState.ACTIVE)
        .where(DownloadFile.id == file_id, col(DownloadFile.active))
    ).first()
    if not found:
        raise LinkInvalid()
    file, terms, is_real = found
    if livemode and not is_real:
        raise LinkInvalid()
    return OpenedFile(
        id=download_id, grant_id=grant_id, file_id=file.id, key=file.key, name=file.name, media_type=file.media_type,
        size=file.size, sha256=file.sha256, number=file.number, limit=int(terms.get("downloads", 0)),
        was_missing=file.missing_since is not None, named=int(named[0]) if named else 0,
    )  # fmt: skip


def count(session: Session, opened: OpenedFile, *, ip: str, now: datetime) -> bool:
    """Count this download once: resumed and repeated requests with the same token are the same download of the same version.
    Returns whether it is the first that this grant makes of this version.

    Raises DownloadsUsedUp if the catalogue limits them and another one would be too many: a new version is counted anew.
    """
    # Two at once must not both find the last one free: they take turns at the grant's row.
    session.exec(select(Grant.id).where(Grant.id == opened.grant_id).with_for_update()).one()
    download_id = opened.id
    if (begun := session.get(Download, download_id)) and begun.number != opened.number:
        download_id = f"{opened.id}/{opened.number}"  # the file has a newer version since the link was used first
        begun = session.get(Download, download_id)
    if begun:
        return False
    taken = session.exec(
        select(func.count()).where(
            col(Download.grant_id) == opened.grant_id, Download.file_id == opened.file_id,
            Download.number == opened.number,
        )
    ).one()  # fmt: skip
    if opened.limit and taken >= opened.limit:
        raise DownloadsUsedUp(limit=opened.limit)
    session.add(
        Download(
            id=download_id, grant_id=opened.grant_id, file_id=opened.file_id, number=opened.number, ip=ip, created_at=now
        )
    )  # fmt: skip
    return not taken


def begun(session: Session, opened: OpenedFile) -> int:
    """The number of the version that was taken last by means of this token; 0 if none was."""
    own = (col(Download.id) == opened.id) | col(Download.id).startswith(f"{opened.id}/", autoescape=True)
    query = select(func.max(Download.number)).where(Download.grant_id == opened.grant_id, own)
    return session.exec(query).one() or 0


def missing(session: Session) -> Sequence[DownloadFile]:
    """The files on sale that somebody asked for and did not get, since they are not there."""
    gone = select(DownloadFile).where(col(DownloadFile.missing_since).is_not(None), col(DownloadFile.active))
    return session.exec(gone.order_by(col(DownloadFile.missing_since))).all()


def _file(row: DownloadFile, grant: Grant, had: Mapping[tuple[str, str], int], signing_key: str) -> File:
    token = ""
    if grant.state is GrantState.ACTIVE:
        token = signing.sign(signing_key, signing.DOWNLOAD, [new_id("dl"), grant.id, row.id])
    return File(
        row.id, row.label, row.name, row.size, row.media_type, token, row.sha256, row.version, row.notes, row.number,
        row.released_at, had.get((grant.id, row.id), 0),
    )  # fmt: skip
