"""The catalogue as a file: what is exported and applied again gives the very same shelves, and a preview changes nothing."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.catalog.products import Price, Product, ShopText
from core.foundation.errors import CatalogInvalid
from core.foundation.money import Money
from core.kinds.downloads import DownloadFile
from core.kinds.workshops import WorkshopDate
from core.owner import publishing
from core.owner.shelves import checking, dates, editing, export, pricing
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import GUIDE
from tests.conftest import CATALOGUE
from tests.fakes import FakeStripe

NASTY = 'Lines\nand "quotes" and \\ back \'\'\' """ and ends \\'


def exported(shop: Shop, folder: Path) -> Path:
    path = folder / "exported.toml"
    with shop.reading() as session:
        path.write_text(export.write(session, shop), encoding="utf-8")
    return path


def shelves(shop: Shop) -> dict[str, list[Any]]:
    """What stands on the shelves, row by row, but for when it came there and in which place it was counted."""
    found = {}
    for table in (Product, Price, DownloadFile, WorkshopDate, ShopText):
        beside = {"created_at", "updated_at", "released_at", "position"}
        rows = [row.model_dump(exclude=beside) for row in builders.rows(shop, table)]
        kept = [row for row in rows if table is Product or row.get("active", True)]
        found[table.__name__] = sorted(map(str, kept))
    found["order"] = [row.id for row in sorted(builders.rows(shop, Product), key=lambda row: (row.position, row.id))]
    return found


def emptied(shop: Shop) -> None:
    """The same shop, with its storage, and nothing on its shelves."""
    with shop.transaction() as session:
        for name in (
            "applied_entries",
            "prices",
            "file_versions",
            "download_files",
            "workshop_dates",
            "shop_texts",
            "products",
        ):
            session.connection().exec_driver_sql(f"delete from {name}")


@pytest.fixture
def arranged(shop: Shop) -> Shop:
    """A shop whose owner has arranged the shelves since the file was applied."""
    sign_in = colleagues.works_as(shop, Role.OWNER)
    seen = next(row.updated_at for row in builders.rows(shop, Product) if row.id == "kit")
    said = {
        "description": NASTY, "gets": [["check", "One | two"]], "faq": [["Why?", "So."]], "on_refund": "keep",
        "summary": "ümläut", "group": "Kits",
        "license": {
            "machines": 7, "valid_for": "1 year", "updates_for": "6 months", "on_expiry": "keep", "floating": True, "prefix": "KIT",
            "features": {"export": True, "projects": 3},
        },
    }  # fmt: skip
    editing.save(shop, "kit", said, seen=seen, deed=colleagues.deed(sign_in))
    pricing.replace(shop, "guide-eur", Money(3500, "eur"), deed=colleagues.deed(sign_in))
    pricing.offer(shop, "guide", Money(3900, "usd"), deed=colleagues.deed(sign_in))
    date = checking.date(
        {
            "starts_at": shop.now() + timedelta(days=120, minutes=7), "hours": 1.5, "timezone": "America/New_York",
            "capacity": 8, "join_url": "https://meet.example/x?a=1",
        }
    )  # fmt: skip
    dates.add(shop, "clinic", date, deed=colleagues.deed(sign_in))
    editing.create(
        shop, {"id": "draft", "name": "A draft", "kind": "download"}, costs=None, deed=colleagues.deed(sign_in)
    )
    return shop


def test_what_is_exported_gives_the_very_same_shelves_where_there_were_none(arranged: Shop, tmp_path: Path) -> None:
    before, path = shelves(arranged), exported(arranged, tmp_path)
    emptied(arranged)
    publishing.apply(arranged, path)
    assert shelves(arranged) == before
    assert exported(arranged, tmp_path).read_text() == path.read_text()


def test_what_is_exported_changes_nothing_where_it_came_from(
    arranged: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    builders.bought(arranged, stripe, ("clinic-eur", 2))
    before, path = shelves(arranged), exported(arranged, tmp_path)
    assert publishing.preview(arranged, path) == []
    publishing.apply(arranged, path)
    assert shelves(arranged) == before


def test_a_preview_says_what_a_file_would_change_and_changes_nothing(arranged: Shop, tmp_path: Path) -> None:
    before = shelves(arranged)
    found = {(each.product, each.field): (each.before, each.after) for each in publishing.preview(arranged, CATALOGUE)}
    assert found[("guide", "price guide-eur")] == (None, "€29.00")
    assert found[("guide", "price guide-eur-2")] == ("€35.00", None)
    assert found[("kit", "license.machines")] == ("7", "3")
    assert found[("kit", "group")] == ("Kits", None)
    assert ("clinic", "date 2") in found
    assert not {product for product, _ in found} - {"guide", "kit", "clinic"}
    assert shelves(arranged) == before


def test_a_preview_of_new_things_puts_no_file_away(bare_shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "guide.txt").write_text("words")
    (tmp_path / "shop.toml").write_text('shop = { headline = "Ours" }\n' + GUIDE)
    found = publishing.preview(bare_shop, tmp_path / "shop.toml")
    assert [(each.product, each.field, each.after) for each in found] == [
        ("guide", "product", "Field Guide"), ("", "shop.headline", "Ours"),
    ]  # fmt: skip
    assert builders.rows(bare_shop, Product) == []
    folder = bare_shop.storage.path_of("")
    assert folder
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_what_stripe_has_archived_the_last_price_of_is_exported_as_archived(shop: Shop, tmp_path: Path) -> None:
    with shop.transaction() as session:
        session.get_one(Price, "guide-eur").active = False
    path = exported(shop, tmp_path)
    (guide,) = [each for each in tomllib.loads(path.read_text())["products"] if each["id"] == "guide"]
    assert guide["active"] is False
    publishing.apply(shop, path)


def test_a_fingerprint_that_the_shop_does_not_have_is_named(bare_shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    for said, sentence in (
        (f'sha256 = "{"a" * 64}"', "the shop has no file guide.txt with the fingerprint aaa"),
        (f'sha256 = "{"a" * 64}", path = "guide.txt"', "give either the path of a file, or the sha256"),
    ):
        path.write_text(GUIDE.replace('path = "guide.txt"', said))
        with pytest.raises(CatalogInvalid) as refusal:
            publishing.apply(bare_shop, path)
        assert sentence in refusal.value.problems[0]
