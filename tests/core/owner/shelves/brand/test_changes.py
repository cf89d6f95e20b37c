"""The brand in a catalogue file and on the owner's page: kept by what is in its pictures, said once, and written down."""

from pathlib import Path

import pytest

from core.catalog import products, seller
from core.catalog.looks import brand
from core.catalog.products import Product
from core.foundation.errors import CatalogInvalid, FileUnfit, NotPermitted, ProductUnfit
from core.owner import publishing
from core.owner.shelves.brand import changes
from core.people import audit
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import GUIDE
from tests.core.owner.shelves.brand.test_pictures import picture

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LOOK = """[shop]
name = "Berg"
company = "Berg & Sons GmbH"
logo = "pictures/logo.png"
icon = "icon.webp"
accent = "#FD0"
terms = "terms.md"
consent_digital = "Now, please."
"""


def texts(shop: Shop) -> dict[str, str]:
    """What the shop says, but for what the tests' own catalogue does."""
    with shop.reading() as session:
        return {key: text for key, text in products.texts(session).items() if key != "headline"}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "guide.txt").write_text("words")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/logo.png").write_bytes(picture())
    (tmp_path / "icon.webp").write_bytes(picture("WEBP", (90, 90)))
    (tmp_path / "terms.md").write_text("## Terms\n\nBe kind.")
    path = tmp_path / "shop.toml"
    path.write_text(LOOK + GUIDE)
    return path


def test_a_catalogue_brings_the_brand_with_its_pictures_and_texts(shop: Shop, own: Path) -> None:
    said = {each.field: each.after for each in publishing.preview(shop, own) if not each.product}
    assert said["shop.accent"] == "#ffdd00"
    publishing.apply(shop, own)
    found = brand.of(texts(shop), shop.settings)
    assert (found.name, found.accent.button) == ("Berg", "#ffdd00")
    assert shop.storage.has(found.logo)
    assert found.icon.endswith("/icon.png")
    who = seller.of(texts(shop), shop.settings)
    assert (who.name, who.terms) == ("Berg & Sons GmbH", "## Terms\n\nBe kind.")
    assert said == {f"shop.{key}": text for key, text in texts(shop).items()}
    assert publishing.preview(shop, own) == []


def test_all_that_is_missing_is_named_with_its_path_and_nothing_changes(shop: Shop, own: Path) -> None:
    (own.parent / "icon.webp").write_bytes(b"no picture")
    (own.parent / "pictures/logo.png").unlink()
    own.write_text(own.read_text() + 'image = "covers/gone.png"\n')
    with pytest.raises(CatalogInvalid) as refusal:
        publishing.apply(shop, own)
    assert refusal.value.problems == [
        f"[shop]: `logo` names pictures/logo.png, and there is no such picture in {own.parent}",
        f"[shop]: `icon`: {own.parent}/icon.webp is no picture: take a PNG, JPEG, WebP or SVG of up to 2 MB",
        f"product “Field Guide”: `image` names covers/gone.png, and there is no such picture in {own.parent}",
    ]
    assert texts(shop) == {}


def test_an_owner_sets_it_and_takes_it_back(shop: Shop) -> None:
    owner = colleagues.works_as(shop, Role.OWNER)
    said = {"name": " Berg ", "accent": "#000", "imprint": ""}
    changed = changes.save(shop, said, {"logo": picture()}, deed=colleagues.deed(owner))
    assert changed == ("name", "accent", "logo")
    found = brand.of(texts(shop), shop.settings)
    assert (found.name, found.accent.button, found.accent.on_button) == ("Berg", "#000000", "#ffffff")
    assert shop.storage.has(found.logo)
    entry = builders.rows(shop, audit.AuditEntry)[-1]
    assert (entry.subject, entry.detail) == ("shop", "changed name, accent, logo")
    assert changes.save(shop, {"accent": ""}, {"logo": b""}, deed=colleagues.deed(owner)) == ("accent", "logo")
    assert texts(shop) == {"name": "Berg"}
    assert changes.save(shop, {"name": "Berg"}, {}, deed=colleagues.deed(owner)) == ()


def test_what_cannot_be_kept_changes_nothing(shop: Shop) -> None:
    owner = colleagues.works_as(shop, Role.OWNER)
    with pytest.raises(ProductUnfit) as refusal:
        changes.save(shop, {"accent": "yellow", "support": "hello"}, {}, deed=colleagues.deed(owner))
    assert [(each.field, each.sentence) for each in refusal.value.problems] == [
        ("accent", "'yellow' is no colour: write it as six digits, such as #2443c8"), ("support", "'hello' is no mail address"),
    ]  # fmt: skip
    with pytest.raises(FileUnfit):
        changes.save(shop, {"name": "Berg"}, {"logo": b"<html>"}, deed=colleagues.deed(owner))
    with pytest.raises(NotPermitted):
        changes.save(shop, {"name": "Berg"}, {}, deed=colleagues.deed(colleagues.works_as(shop, Role.SUPPORT)))
    assert texts(shop) == {}


def test_only_takes_everything_else_off_the_shelves_and_nothing_away(shop: Shop, own: Path) -> None:
    gone = {
        each.product: (each.field, each.after)
        for each in publishing.preview(shop, own, only=True)
        if each.field == "active"
    }
    done = publishing.apply(shop, own, only=True)
    assert set(gone) == set(done.taken_off)
    assert set(gone.values()) == {("active", "no")}
    assert {row.id for row in builders.rows(shop, Product) if row.active} == {"guide"}
    assert len(builders.rows(shop, Product)) == 9
    assert publishing.apply(shop, own, only=True).taken_off == ()
