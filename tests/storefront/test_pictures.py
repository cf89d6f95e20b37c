"""The seller's name in the top bar: as large as there is room for."""

import re
from base64 import b64decode

import pytest

from core.catalog.looks import brand
from core.foundation.settings import Settings
from storefront import pictures, stylesheets


def test_the_back_office_has_a_logo_of_its_own_on_dark_pages(settings: Settings) -> None:
    shown = brand.of({"logo": "pictures/ab/logo.png", "logo_dark": "pictures/ab/logo_dark.png"}, settings)
    assert "logo_dark.png" in stylesheets.of_brand(shown)
    assert "logo_dark.png" not in stylesheets.of_brand(shown, office=True)


def lines_of(name: str) -> list[str]:
    """How a name is set, line by line."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg_of(name))


def svg_of(name: str) -> str:
    return b64decode(pictures._in_type(name).partition(",")[2]).decode()


def width_of(name: str) -> int:
    found = re.search(r'width="(\d+)"', svg_of(name))
    assert found
    return int(found[1])


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Ada's Tools", ["Ada&#x27;s Tools"]),
        ("Konstantinopel Tonstudio", ["Konstantinopel", "Tonstudio"]),
        ("The Most Reliable Company for Letterpress Printing, Type and Whatever Else There May Be", None),
    ],
)
def test_a_name_stands_in_one_line_then_in_two_and_then_is_cut(name: str, lines: list[str] | None) -> None:
    assert lines_of(name) == lines if lines else (len(lines_of(name)), lines_of(name)[1][-1]) == (2, "…")


@pytest.mark.parametrize("name", ["A", "M" * 18, "M" * 22, "M" * 200, "Wide Words " * 20, ""])
def test_no_name_is_wider_than_a_phone_leaves_room_for(name: str) -> None:
    # The bar draws it 32 pixels high of 40, and shrinks one line by some more where a phone is narrow.
    assert width_of(name) * 32 / 40 <= 290
