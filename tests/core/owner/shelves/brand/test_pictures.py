"""Pictures of a brand: what is taken, what it becomes, and what is refused."""

import io

import pytest
from PIL import Image

from core.catalog.looks import brand
from core.foundation.errors import FileUnfit, Misfit
from core.owner.shelves.brand import pictures

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 40">{}</svg>'


def picture(form: str = "PNG", size: tuple[int, int] = (300, 60), **more: object) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "#ffdd00").save(written, form, **more)
    return written.getvalue()


def seen(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["PNG"])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("name", brand.PICTURES)
def test_a_picture_becomes_a_png_that_is_not_too_big_and_stays_as_it_is_from_then_on(form: str, name: str) -> None:
    made = pictures.made(name, picture(form, (3000, 1500)))
    assert seen(made).width / seen(made).height == pytest.approx(2, abs=0.02)
    assert seen(made).width <= 1200
    assert pictures.made(name, made) == made


def test_a_drawing_is_rendered_without_its_scripts() -> None:
    made = pictures.made(
        "logo", SVG.format('<script>alert(1)</script><rect width="200" height="40" fill="#f00"/>').encode()
    )
    assert seen(made).size == (1200, 240)
    assert seen(made).convert("RGB").getpixel((9, 9)) == (255, 0, 0)
    assert b"alert" not in made
    sized = b'<?xml version="1.0"?>\n<!-- a --><svg xmlns="http://www.w3.org/2000/svg" width="64px" height="64"></svg>'
    assert seen(pictures.made("icon", sized)).size == (512, 512)


def test_what_a_picture_says_of_its_maker_is_left_out() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken by Nora"
    assert b"Nora" not in pictures.made("cover", picture("JPEG", exif=exif))
    assert b"hidden" not in pictures.made("cover", picture() + b"hidden behind its end")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", Misfit.EMPTY),
        (b"\x89PNG\r\n\x1a\n" + b"0" * pictures.MOST, Misfit.TOO_BIG),
        (b"<html><script>alert(1)</script></html>", Misfit.TYPE),
        (b"\x89PNG\r\n\x1a\nno picture", Misfit.TYPE),
        (picture()[:60], Misfit.TYPE),
        (picture("GIF"), Misfit.TYPE),
        (SVG.format('<image href="/etc/hostname" width="9" height="9"/>').encode(), Misfit.TYPE),
        (SVG.format('<image xlink:href = "logo.png"/>').encode(), Misfit.TYPE),
        (SVG.format('<image href="data:image/svg+xml;base64,PHN2Zy8+"/>').encode(), Misfit.TYPE),
        (SVG.format('<image href="&#x2f;etc/hostname"/>').encode(), Misfit.TYPE),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("&a;").encode(), Misfit.TYPE),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><!DOCTYPE a></svg>', Misfit.TYPE),
        (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', Misfit.TYPE),
        (b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90000 1"></svg>', Misfit.TYPE),
        (b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><g></svg>', Misfit.TYPE),
    ],
)
def test_what_is_no_picture_or_reaches_out_of_itself_is_refused(data: bytes, why: Misfit) -> None:
    with pytest.raises(FileUnfit) as refusal:
        pictures.made("logo", data)
    assert refusal.value.why is why


def test_a_picture_of_too_many_dots_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_MOST_DOTS", 100)
    with pytest.raises(FileUnfit):
        pictures.made("logo", picture())
