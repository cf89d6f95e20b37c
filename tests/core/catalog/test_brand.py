"""How a shop looks: colours that can be read, covers that are drawn, and nothing of the demo's but in the demo."""

import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.catalog.looks import accent, brand, brand_html, drawn_covers
from core.catalog.products import Kind
from core.foundation.settings import Settings

ROOT = Path(__file__).parents[3]
SETTINGS = Settings(secret_key="a secret of sixteen letters", shop_name="From the environment")


@given(st.integers(0, 0xFFFFFF))
def test_any_colour_can_be_read_wherever_it_stands(number: int) -> None:
    found = accent.of(f"#{number:06x}")
    assert found.button == f"#{number:06x}"
    for one, other in (
        (found.on_button, found.button), (found.ink, accent.LIGHT_PAGE), (found.ink_on_dark, accent.DARK_PAGE),
        (found.ground_on_dark, "#ffffff"),
    ):  # fmt: skip
        assert accent.contrast(one, other) >= accent.READABLE


def test_yellow_has_black_letters_and_is_darkened_for_text() -> None:
    yellow = accent.of(accent.checked("#FD0"))
    assert (yellow.button, yellow.on_button) == ("#ffdd00", "#000000")
    assert yellow.ink not in (yellow.button, "#000000")
    assert yellow.ink_on_dark == yellow.button
    assert accent.of("") == accent.of("#2443c8") == accent.DEFAULT


@pytest.mark.parametrize("text", ["yellow", "#12", "#1234567", "123456", "#ggg", ""])
def test_what_is_no_colour_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="is no colour: write it as six digits, such as #2443c8"):
        accent.checked(text)


def test_the_default_is_neutral_and_the_sellers_words_come_before_the_settings() -> None:
    assert brand.of({}, Settings(secret_key="a secret of sixteen letters")).name == "Shop"
    assert brand.of({}, SETTINGS).name == "From the environment"
    said = {"name": "Bergs", "support": "hi@berg.example"}
    assert brand.of(said, SETTINGS).name == "Bergs"
    over = brand.over(said, SETTINGS)
    assert (over.shop_name, over.support_email, over.signing_key) == ("Bergs", "hi@berg.example", SETTINGS.signing_key)


def test_a_name_stands_where_there_is_no_logo_and_is_no_html() -> None:
    assert brand_html.mark(brand.of({"name": "<b>Bergs"}, SETTINGS)) == "&lt;b&gt;Bergs"
    with_logo = brand_html.mark(brand.of({"name": '"B"', "logo_dark": "pictures/ab/logo_dark.png"}, SETTINGS))
    assert with_logo.count("/api/pictures/ab/logo_dark.png") == 2
    assert 'alt="&quot;B&quot;"' in with_logo


@pytest.mark.parametrize("kind", Kind)
def test_a_cover_is_drawn_from_the_name_and_is_always_the_same(kind: Kind) -> None:
    key = drawn_covers.key("Field Guide", kind)
    picture = drawn_covers.drawn(key)
    assert picture is not None
    assert Image.open(io.BytesIO(picture)).size == (1200, 750)
    assert drawn_covers.svg(kind, 7) == drawn_covers.svg(kind, 7) != drawn_covers.svg(kind, 8)
    assert drawn_covers.key("Field Guides", kind) != key == drawn_covers.instead("", "Field Guide", kind)
    assert drawn_covers.instead("pictures/x.png", "Field Guide", kind) == "pictures/x.png"


@pytest.mark.parametrize(
    "key", [f"pictures/drawn-{each}.png" for each in ("poem/1", "plan/9999", "plan/01234", "plan/x")] + [""]
)  # fmt: skip
def test_nothing_else_is_drawn(key: str) -> None:
    assert drawn_covers.drawn(key) is None


def test_the_demos_seller_is_named_in_the_demo_alone() -> None:
    """Its catalogue and files; what a migration knew of it; and what is held against it in tests and in the change log."""
    told = subprocess.run(["git", "grep", "-ilI", "plainwork"], cwd=ROOT, capture_output=True, text=True, check=True)
    allowed = ("core/catalog/demo/", "core/foundation/migrations/versions/0004_", "tests/", "CHANGELOG.md")
    assert [name for name in told.stdout.split() if not name.startswith(allowed)] == []
