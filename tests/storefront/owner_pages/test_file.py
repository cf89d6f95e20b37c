"""The page of a file: its versions, who has which, and telling buyers by a click."""

from sqlmodel import col, update

from core.kinds.file_versions import FileVersion
from core.people.staff import Role
from tests.builders import bought, jobs, on_sqlite
from tests.conftest import Clock
from tests.core.owner.test_file_versions import FILE, released, taken
from tests.storefront.conftest import Visitor, labels, sound, words
from tests.storefront.owner_pages.test_who import opens


@on_sqlite
def test_an_owner_sees_who_has_which_and_tells_buyers_once(visitor: Visitor, clock: Clock) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    taken(visitor.shop, order_id)
    clock.pass_(days=1)
    released(visitor.shop, "b" * 64, version="1.1", notes="A *chapter* more.")
    visitor.works_as(Role.OWNER)
    tab = opens(visitor, "selling/file", id=FILE)
    said = words(tab)
    assert "**Version 1.1** &nbsp; :green-badge[Newest]" in said
    assert f"SHA-256 `{'b' * 64}`" in said
    assert "A \\*chapter\\* more." in said
    assert "1 purchase has taken it" in said
    assert "Has an older one] Version number 1" in said
    with visitor.shop.transaction() as session:
        session.exec(update(FileVersion).where(col(FileVersion.number) == 1).values(missing_since=visitor.shop.now()))
    (warned,) = [each.value for each in tab.run().warning]
    assert "those whose updates ended before the next one came do not get theirs" in warned
    sound(tab.button(key="open-tell").click().run())
    sound(tab.button(key="tell-do").click().run())
    assert "Buyers are told since" in words(tab)
    assert "Tell buyers" not in labels(tab)
    assert [job for job in jobs(visitor.shop) if job.startswith("tell_buyers:")]


@on_sqlite
def test_a_viewer_sees_it_and_changes_nothing(visitor: Visitor) -> None:
    visitor.works_as(Role.VIEWER)
    tab = opens(visitor, "selling/file", id=FILE)
    assert "Nobody has bought it yet" in words(tab)
    assert "Tell buyers" not in labels(tab)
    assert "Upload a new version" not in words(tab)
    tab.session_state["dialog"] = "tell"
    sound(tab.run())
    sound(tab.button(key="tell-do").click().run())
    assert "your role doesn't allow this" in "".join(each.value for each in tab.warning)
    assert not [job for job in jobs(visitor.shop) if job.startswith("tell_buyers:")]


@on_sqlite
def test_a_buyer_reads_that_there_is_a_newer_one_and_its_checksum(visitor: Visitor, clock: Clock) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    taken(visitor.shop, order_id)
    clock.pass_(days=1)
    released(visitor.shop, "b" * 64, version="1.1", notes="A chapter more.")
    visitor.signs_in("nora@lindqvist.example")
    said = words(visitor.opens("purchases"))
    assert "Newer than yours] TOML · Version 1.1, 24 November 2026: A chapter more." in said
    assert f"SHA-256 `{'b' * 64}`" in said
