"""Versions of the files that are sold: each one that was ever put up, who has taken which, and which is there now."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import BigInteger, UniqueConstraint, update
from sqlmodel import Field, Session, col, func, select

from core.foundation import signing
from core.foundation.errors import LinkInvalid
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job, Notice
from core.foundation.records import Record, new_id
from core.kinds import downloads
from core.kinds.downloads import Download, DownloadFile, OpenedFile
from core.kinds.grants import Delivery, File


class FileVersion(Record, table=True):
    """One version of a file, counted from 1, with what its seller calls it and says of it. `taken` is by how many grants.

    `told_at` is when its buyers were to be told of it, `told_after` the grant up to which that was done, and `told` how many
    letters that made so far. `missing_since` is said of one that is older than what buyers get now: of that the file says it.
    """

    __tablename__ = "file_versions"
    __table_args__ = (UniqueConstraint("file_id", "number"),)

    id: str = Field(primary_key=True)
    file_id: str = Field(foreign_key="download_files.id")
    number: int
    version: str = ""
    notes: str = ""
    name: str
    key: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    released_at: datetime
    taken: int = 0
    told_at: datetime | None = None
    told_after: str = ""
    told: int = 0
    missing_since: datetime | None = None


@dataclass(frozen=True)
class NewFile:
    """A file as it is put up: `size` in bytes, `digest` its SHA-256, `key` where it lies in the storage."""

    name: str
    label: str
    media_type: str
    key: str
    size: int
    digest: str
    version: str = ""
    notes: str = ""


def put_up(session: Session, product_id: str, new: NewFile, *, position: int, now: datetime) -> DownloadFile:
    """Have buyers of the product get this file, in place of one of the same name. Other bytes are a new version of it."""
    file_id = f"{product_id}/{new.name}"
    # So that those who take it wait for nobody who puts up another: they only name it.
    known = session.get(DownloadFile, file_id, with_for_update={"key_share": True}, populate_existing=True)
    number = 1 if known is None else known.number + (known.sha256 != new.digest)
    is_new = known is None or number != known.number
    if known is not None and is_new and known.missing_since:
        # What makes room for this one is no more there than it was.
        _mark(session, file_id, known.number, known.missing_since)
    row = DownloadFile(
        id=file_id, product_id=product_id, label=new.label, name=new.name, media_type=new.media_type, key=new.key,
        size=new.size, sha256=new.digest, position=position, active=True, number=number, version=new.version,
        notes=new.notes, released_at=now if is_new or known is None else known.released_at,
    )  # fmt: skip
    merged = session.merge(row)
    session.flush()
    if is_new:
        session.add(
            FileVersion(
                id=new_id("fv"), file_id=file_id, number=number, name=new.name, key=new.key, size=new.size,
                sha256=new.digest, released_at=now, version=new.version, notes=new.notes,
            )
        )  # fmt: skip
    else:
        one = (col(FileVersion.file_id) == file_id, col(FileVersion.number) == number)
        session.exec(update(FileVersion).where(*one).values(version=new.version, notes=new.notes))
    # The same bytes lie where an older version's did.
    same = (col(FileVersion.file_id) == file_id, col(FileVersion.key) == new.key)
    session.exec(
        update(FileVersion).where(*same, col(FileVersion.missing_since).is_not(None)).values(missing_since=None)
    )
    session.flush()
    return merged


def open_file(
    session: Session, token: str, *, livemode: bool, signing_key: str, goes_on: bool = False
) -> OpenedFile:  # fmt: skip
    """What this token opens now: the version that it is for, or the one there is. Whoever `goes_on` with what they have begun, and
    does not say of which version that is, gets no part of another. Raises LinkExpired or LinkInvalid."""
    opened = downloads.open_file(session, token, livemode=livemode, signing_key=signing_key)
    number = opened.named or (downloads.begun(session, opened) if goes_on else 0)
    if number in (0, opened.number):
        return opened
    query = select(FileVersion).where(FileVersion.file_id == opened.file_id, FileVersion.number == number)
    version = session.exec(query).first()
    if version is None:
        raise LinkInvalid()
    return replace(
        opened, key=version.key, name=version.name, size=version.size, sha256=version.sha256, number=version.number,
        was_missing=version.missing_since is not None,
    )  # fmt: skip


def covered(
    session: Session, deliveries: Sequence[Delivery], ends: Mapping[str, datetime], *, signing_key: str
) -> list[Delivery]:
    """These deliveries, in which each file that came after the updates of its grant had ended makes room for the newest one of
    before. `ends` says when that was, by grant; of a file that came after it altogether nothing is left."""
    late = {
        file.id for each in deliveries for file in each.files if _is_late(file.released_at, ends.get(each.grant_id))
    }
    if not late:
        return list(deliveries)
    query = select(FileVersion).where(col(FileVersion.file_id).in_(late)).order_by(col(FileVersion.number).desc())
    versions: dict[str, list[FileVersion]] = {}
    for row in session.exec(query):
        versions.setdefault(row.file_id, []).append(row)
    return [
        replace(each, files=tuple(_covered(each, versions, ends.get(each.grant_id), signing_key)))
        for each in deliveries
    ]


def _covered(
    delivery: Delivery, versions: Mapping[str, list[FileVersion]], end: datetime | None, signing_key: str
) -> Iterator[File]:
    for file in delivery.files:
        if not _is_late(file.released_at, end):
            yield file
        elif row := next((each for each in versions.get(file.id, ()) if not _is_late(each.released_at, end)), None):
            named = [new_id("dl"), delivery.grant_id, file.id, row.number]
            yield replace(
                file, name=row.name, size=row.size, sha256=row.sha256, version=row.version, notes=row.notes,
                number=row.number, released_at=row.released_at, covered_until=end,
                token=file.token and signing.sign(signing_key, signing.DOWNLOAD, named),
            )  # fmt: skip


def _is_late(released_at: datetime | None, end: datetime | None) -> bool:
    return end is not None and released_at is not None and released_at > end


def current(session: Session, file_id: str) -> FileVersion | None:
    """The version of this file that its buyers get now; None if they get none."""
    query = select(FileVersion).join(
        DownloadFile, (col(DownloadFile.id) == FileVersion.file_id) & (col(DownloadFile.number) == FileVersion.number)
    )
    return session.exec(query.where(DownloadFile.id == file_id, col(DownloadFile.active))).first()


def of_file(session: Session, file_id: str) -> list[FileVersion]:
    """All versions of this file, the newest first."""
    query = select(FileVersion).where(FileVersion.file_id == file_id)
    return list(session.exec(query.order_by(col(FileVersion.number).desc())))


def newest_taken(session: Session, file_id: str, grant_ids: Collection[str]) -> dict[str, int]:
    """The number of the newest version of this file that each of these grants has taken; those that took none are left out."""
    query = select(Download.grant_id, func.max(Download.number)).where(
        col(Download.grant_id).in_(grant_ids), Download.file_id == file_id
    )
    return {grant_id: int(number) for grant_id, number in session.exec(query.group_by(col(Download.grant_id)))}


def note_taken(session: Session, opened: downloads.OpenedFile) -> None:
    """Count one more grant that has taken this version."""
    one = (col(FileVersion.file_id) == opened.file_id, col(FileVersion.number) == opened.number)
    session.exec(update(FileVersion).where(*one).values(taken=col(FileVersion.taken) + 1))


def note_missing(session: Session, opened: OpenedFile, *, now: datetime) -> None:
    """Write down that what was opened is not there, or not whole; since when, if it is known already.

    Of what is sold now the owners are told at once, and once a day: whoever buys it does not get it.
    """
    if opened.was_missing:
        return
    older = _older(session, opened)
    if _mark(session, opened.file_id, older, now) and older is None:
        told = f"{opened.file_id}:{now:%Y%m%d}"
        outbox.owe(session, Job.SHOP_NOTICE, Notice.FILE_MISSING, told, key=f"{Notice.FILE_MISSING}:{told}")


def note_found(session: Session, opened: OpenedFile) -> None:
    """Write down that what was opened is there again."""
    _mark(session, opened.file_id, _older(session, opened), None)


def _older(session: Session, opened: OpenedFile) -> int | None:
    """The number of what was opened, if buyers get another one by now; None if they get this one, and nobody puts up another."""
    query = select(DownloadFile.number).where(DownloadFile.id == opened.file_id)
    return None if session.exec(query.with_for_update(key_share=True)).one() == opened.number else opened.number


def _mark(session: Session, file_id: str, number: int | None, since: datetime | None) -> bool:
    """Say of an older version, or without its number of the file as buyers get it now, since when it is missing; whether that is
    news."""
    table: type[DownloadFile] | type[FileVersion] = DownloadFile if number is None else FileVersion
    one = [col(DownloadFile.id) == file_id] if number is None else [
        col(FileVersion.file_id) == file_id, col(FileVersion.number) == number,
    ]  # fmt: skip
    # Of two who find it gone at once the first says since when.
    unsaid = [col(table.missing_since).is_(None)] if since else []
    return session.exec(update(table).where(*one, *unsaid).values(missing_since=since)).rowcount > 0


def older_missing(session: Session) -> Sequence[tuple[DownloadFile, FileVersion]]:
    """The older versions that somebody asked for and did not get, with the file on sale that each is of."""
    query = (
        select(DownloadFile, FileVersion)
        .join(FileVersion, col(FileVersion.file_id) == DownloadFile.id)
        .where(col(DownloadFile.active), col(FileVersion.missing_since).is_not(None))
        .where(col(FileVersion.number) != DownloadFile.number)
    )
    return session.exec(query.order_by(col(FileVersion.missing_since))).all()
