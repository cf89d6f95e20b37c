"""Versions of files: buyers of an older one get the newer and are told once if they may have it; who has which is known."""

from pathlib import Path

import pytest
from sqlmodel import select

from core.catalog.products import Product
from core.correspondence import drafts
from core.foundation.errors import DoneAlready, DownloadsUsedUp, NotPermitted, UnknownFile
from core.foundation.jobs.kinds import Job
from core.journeys import refund
from core.kinds import downloads, file_versions
from core.kinds.downloads import DownloadFile
from core.kinds.file_versions import FileVersion, NewFile
from core.kinds.grants import File
from core.kinds.licenses import LicenseKey
from core.orders.orders import Order
from core.owner import publishing
from core.owner.shelves import announcements, export
from core.people.staff import Role
from core.registers import files
from core.registers.paging import Place
from core.shop import Shop
from tests import builders
from tests.colleagues import deed, works_as
from tests.conftest import Clock
from tests.core.people.test_addresses import paid_by
from tests.fakes import FakeStripe

NAME = "guide für alle.toml"
FILE = f"guide/{NAME}"


def released(shop: Shop, digest: str, *, version: str = "", notes: str = "") -> None:
    """Put up another version of the guide's file."""
    new = NewFile(NAME, "TOML", "application/toml", f"ab/{digest}/{NAME}", 5, digest, version, notes)
    with shop.transaction() as session:
        file_versions.put_up(session, "guide", new, position=0, now=shop.now())


def taken(shop: Shop, order_id: str) -> None:
    """Somebody downloads what the order gives."""
    with shop.transaction() as session:
        token = file_of(shop, order_id).token
        opened = file_versions.open_file(session, token, livemode=False, signing_key=shop.signing_key)
        if downloads.count(session, opened, ip="", now=shop.now()):
            file_versions.note_taken(session, opened)


def file_of(shop: Shop, order_id: str) -> File:
    return builders.deliveries(shop, order_id)[0].files[0]


def spread(shop: Shop) -> int:
    """Do what the worker does until nobody is left to be told; how many turns that took."""
    done: set[str] = set()
    while waiting := [job for job in builders.jobs(shop) if job.startswith("tell_buyers:") and job not in done]:
        for job in waiting:
            announcements.spread(shop, *job.split(":")[1:])
            done.add(job)
    return len(done)


def letters(shop: Shop) -> list[str]:
    """Whom letters about a new version go to, in the order of their addresses."""
    owed = [job for job in builders.jobs(shop) if job.startswith(f"{Job.NEW_VERSION}:")]
    found = [drafts.of_id(job) for job in owed]
    with shop.reading() as session:
        return sorted(each.to(session) for each in found if each)


def written(shop: Shop) -> list[str]:
    """The letters that are still to be sent when their turn comes, by their texts."""
    owed = [job for job in builders.jobs(shop) if job.startswith(f"{Job.NEW_VERSION}:")]
    found = [drafts.write(shop, draft) for job in owed if (draft := drafts.of_id(job))]
    return [message.text for message in found if message]


def test_a_newer_one_reaches_who_bought_before_and_says_so(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe)
    first = file_of(shop, order_id)
    assert (first.number, first.had, first.is_newer) == (1, 0, False)
    taken(shop, order_id)
    assert file_of(shop, order_id).had == 1
    clock.pass_(days=1)
    released(shop, "b" * 64, version="1.1", notes="A chapter more.")
    newer = file_of(shop, order_id)
    assert (newer.number, newer.version, newer.notes, newer.sha256) == (2, "1.1", "A chapter more.", "b" * 64)
    assert newer.is_newer
    assert newer.released_at == clock.time
    taken(shop, order_id)
    assert not file_of(shop, order_id).is_newer


def versions(shop: Shop) -> list[FileVersion]:
    """Those of the guide's file, oldest first."""
    return sorted((row for row in builders.rows(shop, FileVersion) if row.file_id == FILE), key=lambda row: row.number)


def test_the_same_bytes_again_are_no_new_version_and_take_its_words(shop: Shop) -> None:
    for notes in ("one", "two"):
        released(shop, "b" * 64, version="2", notes=notes)
    assert [(row.number, row.notes) for row in versions(shop)] == [(1, ""), (2, "two")]
    released(shop, "c" * 64)
    released(shop, "b" * 64)
    assert [row.number for row in versions(shop)] == [1, 2, 3, 4]


def test_a_limit_counts_each_version_anew(shop: Shop, stripe: FakeStripe) -> None:
    with shop.transaction() as session:
        session.get_one(Product, "guide").terms = {"downloads": 1}
    order_id = builders.bought(shop, stripe)
    taken(shop, order_id)
    with pytest.raises(DownloadsUsedUp):
        taken(shop, order_id)
    released(shop, "b" * 64)
    taken(shop, order_id)
    with pytest.raises(DownloadsUsedUp):
        taken(shop, order_id)


def test_buyers_are_told_once_if_they_may_have_it_and_have_it_not(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "_AT_ONCE", 2)
    people = [f"p{number}@berg.example" for number in range(5)]
    orders = {email: paid_by(shop, stripe, email) for email in people}
    again = paid_by(shop, stripe, people[0])
    refund.request(shop, orders[people[1]], actor="owner")
    with shop.transaction() as session:
        session.get_one(Order, orders[people[2]]).from_season = True
    clock.pass_(days=1)
    released(shop, "b" * 64, version="1.1", notes="A chapter more.")
    taken(shop, orders[people[3]])
    clock.pass_(days=1)
    paid_by(shop, stripe, "late@berg.example")
    owner = works_as(shop, Role.OWNER)
    announcements.tell(shop, FILE, deed=deed(owner))
    with pytest.raises(DoneAlready):
        announcements.tell(shop, FILE, deed=deed(owner))
    assert letters(shop) == []
    assert spread(shop) == 4
    assert letters(shop) == [people[0], people[4]]
    version = next(row for row in builders.rows(shop, FileVersion) if row.number == 2 and row.file_id == FILE)
    assert version.told == 2
    for job in [job for job in builders.jobs(shop) if job.startswith("tell_buyers:")]:
        announcements.spread(shop, *job.split(":")[1:])
    assert len(letters(shop)) == 2
    texts = written(shop)
    assert len(texts) == 2
    assert all("version 1.1 of TOML of Field Guide" in text and "A chapter more." in text for text in texts)
    # Until a letter is written much may happen: who has taken it meanwhile, or may not have it any more, gets none.
    taken(shop, again)
    refund.request(shop, orders[people[4]], actor="owner")
    assert written(shop) == []


def test_what_was_bought_with_test_money_or_never_keeps_nobody_from_being_told(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    first, second = paid_by(shop, stripe, "p@berg.example"), paid_by(shop, stripe, "p@berg.example")
    with shop.transaction() as session:
        session.get_one(Order, first).from_season = True
    taken(shop, first)
    clock.pass_(days=1)
    released(shop, "b" * 64)
    taken(shop, first)
    announcements.tell(shop, FILE, deed=deed(works_as(shop, Role.OWNER)))
    spread(shop)
    assert [job.split(":")[1] for job in builders.jobs(shop) if job.startswith("new_version:")] == [second]
    assert len(written(shop)) == 1


def test_of_an_older_one_nobody_is_told_any_more(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe)
    clock.pass_(days=1)
    released(shop, "b" * 64)
    announcements.tell(shop, FILE, deed=deed(works_as(shop, Role.OWNER)))
    spread(shop)
    assert len(written(shop)) == 1
    released(shop, "c" * 64)
    assert written(shop) == []


@builders.on_sqlite
def test_only_owners_tell_and_only_of_what_is_there(shop: Shop) -> None:
    with pytest.raises(NotPermitted):
        announcements.tell(shop, FILE, deed=deed(works_as(shop, Role.SUPPORT)))
    with pytest.raises(UnknownFile):
        announcements.tell(shop, "guide/none.pdf", deed=deed(works_as(shop, Role.OWNER)))


def test_who_has_which_is_known(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    orders = []
    for email in ("a@berg.example", "b@berg.example", "c@berg.example"):
        orders.append(paid_by(shop, stripe, email))
        clock.pass_(minutes=1)
    taken(shop, orders[0])
    taken(shop, orders[1])
    released(shop, "b" * 64, version="2")
    taken(shop, orders[1])
    taken(shop, orders[1])
    sheet = files.sheet(shop, FILE, place=Place())
    assert [(each.number, each.taken) for each in sheet.versions] == [(2, 1), (1, 2)]
    assert [(row.order.email, row.had) for row in sheet.holders.rows if row.order] == [
        ("c@berg.example", 0), ("b@berg.example", 2), ("a@berg.example", 1),
    ]  # fmt: skip
    first = files.sheet(shop, FILE, place=Place(), size=2).holders
    rest = files.sheet(shop, FILE, place=Place(after=first.after), size=2).holders
    assert [row.had for row in rest.rows] == [1]


@builders.on_sqlite
def test_a_catalogue_file_says_versions_and_an_export_says_them_again(shop: Shop, tmp_path: Path) -> None:
    said = 'version = "1.1", notes = "A chapter more.", media_type'
    (tmp_path / "guide.txt").write_text("first", encoding="utf-8")
    catalogue = tmp_path / "one.toml"
    catalogue.write_text(builders.GUIDE, encoding="utf-8")
    publishing.apply(shop, catalogue)
    (tmp_path / "guide.txt").write_text("second", encoding="utf-8")
    catalogue.write_text(builders.GUIDE.replace("media_type", said), encoding="utf-8")
    foreseen = {each.field: each.after for each in publishing.preview(shop, catalogue)}
    assert [each for each in foreseen.values() if each and "1.1" in each]
    assert [row.number for row in builders.rows(shop, FileVersion) if row.name == "guide.txt"] == [1]
    publishing.apply(shop, catalogue)
    assert [(row.number, row.version) for row in builders.rows(shop, FileVersion) if row.name == "guide.txt"] == [
        (1, ""), (2, "1.1"),
    ]  # fmt: skip
    with shop.reading() as session:
        written_out = export.write(session, shop)
    assert 'version = "1.1"' in written_out
    assert 'notes = "A chapter more."' in written_out
    (tmp_path / "again.toml").write_text(written_out, encoding="utf-8")
    assert publishing.preview(shop, tmp_path / "again.toml") == []
    [row] = [row for row in builders.rows(shop, DownloadFile) if row.name == "guide.txt"]
    assert (row.number, row.version) == (2, "1.1")


@builders.on_sqlite
def test_a_licence_whose_updates_ended_keeps_what_it_had_and_gets_nothing_newer(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.license_terms(shop, updates_for="1 year")
    order_id = builders.bought(shop, stripe, "kit-eur")
    with shop.reading() as session:
        first = session.exec(select(DownloadFile).where(DownloadFile.product_id == "kit")).one()

    def release(digest: str, version: str, name: str = first.name) -> None:
        new = NewFile(name, "TOML", "application/toml", f"ab/{digest}/{name}", 5, digest, version)
        with shop.transaction() as session:
            file_versions.put_up(session, "kit", new, position=0, now=shop.now())

    clock.pass_(days=300)
    release("two", "2.0")
    assert file_of(shop, order_id).version == "2.0"
    clock.pass_(days=100)
    release("three", "3.0")
    release("later", "1.0", "extra.toml")
    (kept,) = builders.deliveries(shop, order_id)[0].files
    (key,) = builders.rows(shop, LicenseKey)
    assert (kept.version, kept.sha256, kept.covered_until) == ("2.0", "two", key.updates_until)
    with shop.reading() as session:
        opened = file_versions.open_file(session, kept.token, livemode=False, signing_key=shop.signing_key)
    assert (opened.sha256, opened.number, opened.key) == ("two", 2, f"ab/two/{first.name}")
    taken(shop, order_id)
    assert not file_of(shop, order_id).is_newer
    # Nor is anybody written to about what does not come to them; who bought later is.
    second = builders.bought(shop, stripe, "kit-eur", cart="cart_2")
    clock.pass_(days=1)
    release("four", "4.0")
    announcements.tell(shop, first.id, deed=deed(works_as(shop, Role.OWNER)))
    spread(shop)
    owed = [job for job in builders.jobs(shop) if job.startswith("new_version:")]
    assert [job.split(":")[1] for job in owed] == [second]
    # The owner lets them have updates once more: the newest comes at once.
    with shop.transaction() as session:
        session.exec(select(LicenseKey).where(LicenseKey.id == key.id)).one().updates_until = shop.now()
    assert {file.version for file in builders.deliveries(shop, order_id)[0].files} == {"4.0", "1.0"}


def missing_of(shop: Shop) -> list[tuple[int, object]]:
    """The older versions that are missing, and since when."""
    with shop.reading() as session:
        return [(version.number, version.missing_since) for _, version in file_versions.older_missing(session)]


def test_what_is_missing_when_a_newer_one_takes_its_place_is_missing_still_until_its_bytes_are_put_up_again(
    shop: Shop, clock: Clock
) -> None:
    released(shop, "2" * 64)
    since = shop.now()
    with shop.transaction() as session:
        session.get_one(DownloadFile, FILE).missing_since = since
    assert missing_of(shop) == [], "what is sold now is no older version"
    clock.pass_(hours=1)
    released(shop, "3" * 64)
    assert missing_of(shop) == [(2, since)]
    with shop.reading() as session:
        assert session.get_one(DownloadFile, FILE).missing_since is None
    released(shop, "2" * 64)
    assert missing_of(shop) == []
