"""Pictures as others show them: a product's cover where somebody shares a link to it, and the shop's icon."""

import io
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Literal

import structlog

from core.catalog import products
from core.catalog.looks import drawn_covers
from core.catalog.looks.brand import Brand
from core.shop import Shop
from storefront import pictures

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as DefaultFont

log = structlog.get_logger()

# As wide and as high as those who show links as cards ask for.
SIZE = 1200, 630
_MOST_KEPT = 128
# Behind a name where there is no picture: the brand's blue, and white.
_BLUE, _WHITE = "#2443c8", "#ffffff"
_ICON_SIZES = (16, 32, 48)
_TOUCH = 180
# What stands for a shop without an icon of its own.
_NO_ICON = "brand/shop-favicon.svg"


class SharePictures:
    """The PNG files of one shop's covers, each made once and kept, the last used the longest."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._made: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._making = Lock()

    def of(self, image: str, name: str) -> bytes:
        """The cover cut to SIZE. Where there is none, or none that can be read, it is the name."""
        with self._making:
            if (image, name) not in self._made:
                self._made[image, name] = self._make(image, name)
            self._made.move_to_end((image, name))
            while len(self._made) > _MOST_KEPT:
                self._made.popitem(last=False)
            return self._made[image, name]

    def icon(self, brand: Brand, form: Literal["ICO", "PNG"]) -> bytes:
        """The shop's icon as a file of several sizes, or as the one picture that home screens take."""
        with self._making:
            if (brand.icon, form) not in self._made:
                self._made[brand.icon, form] = self._make_icon(brand.icon, form)
            return self._made[brand.icon, form]

    def _make_icon(self, key: str, form: Literal["ICO", "PNG"]) -> bytes:
        from PIL import Image

        drawing = (
            self._read(key) if key else _rendered((pictures.STATIC / _NO_ICON).read_text(encoding="utf-8"), _TOUCH)
        )
        found = Image.open(io.BytesIO(drawing)).convert("RGBA")
        square = Image.new("RGBA", (max(found.size),) * 2)
        square.paste(found, ((square.width - found.width) // 2, (square.height - found.height) // 2))
        written = io.BytesIO()
        if form == "PNG":
            square.resize((_TOUCH, _TOUCH), Image.Resampling.LANCZOS).save(written, "PNG")
        else:
            square.save(written, "ICO", sizes=[(size, size) for size in _ICON_SIZES])
        return written.getvalue()

    def _make(self, image: str, name: str) -> bytes:
        from PIL import Image, ImageOps  # not before somebody shares a link

        try:
            found = Image.open(io.BytesIO(self._read(image))).convert("RGB") if image else _drawn(name)
        except (OSError, ValueError) as error:
            log.warning("cover_not_read", image=image[:80], error=str(error))
            found = _drawn(name)
        return _png(ImageOps.fit(found, SIZE))

    def _read(self, image: str) -> bytes:
        if drawing := drawn_covers.drawn(image):
            return drawing
        if image.startswith(products.UPLOADED):
            return self._shop.storage.read(image)
        if image.startswith("<svg"):
            return _rendered(image, SIZE[0])
        path = pictures.STATIC / image
        return _rendered(path.read_text(encoding="utf-8"), SIZE[0]) if path.suffix == ".svg" else path.read_bytes()


def _rendered(svg: str, width: int) -> bytes:
    from resvg_py import svg_to_bytes

    return bytes(svg_to_bytes(svg_string=svg, width=width))


def _drawn(name: str) -> "Image":
    from PIL import Image, ImageFont
    from PIL.ImageDraw import Draw

    canvas = Image.new("RGB", SIZE, _BLUE)
    draw = Draw(canvas)
    for size in (110, 80, 60, 44):
        font = ImageFont.load_default(size)
        text = _wrapped(name, draw, font)
        left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font)
        if right - left < SIZE[0] - 120 and bottom - top < SIZE[1] - 120:
            break
    draw.multiline_text((SIZE[0] / 2, SIZE[1] / 2), text, _WHITE, font, anchor="mm", align="center")
    return canvas


def _wrapped(text: str, draw: "ImageDraw", font: "FreeTypeFont | DefaultFont") -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font) < SIZE[0] - 160 or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _png(found: "Image") -> bytes:
    written = io.BytesIO()
    found.save(written, "PNG", optimize=True)
    return written.getvalue()
