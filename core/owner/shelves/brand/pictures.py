"""The pictures of a brand: looked at, made into PNG files of a size that pages and letters need, and put into the storage.

A drawing (SVG) is rendered and never kept: nobody is ever served one that could run a script.
"""

import io
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from core.catalog import products
from core.catalog.catalog_file import ShopEntry
from core.catalog.looks import brand
from core.foundation.errors import FileUnfit, Misfit
from core.shop import Shop

# The biggest file that is taken, in bytes, and its most dots.
MOST = 2 * 1024**2
_MOST_DOTS = 40_000_000
# As wide and as high at most as each is kept: twice and more of what screens show.
_BOUNDS = {"logo": (1200, 240), "logo_dark": (1200, 240), "icon": (512, 512), "cover": (1200, 1200)}
_PNG = b"\x89PNG\r\n\x1a\n"
# What a PNG is made of that says nothing but what is to be seen.
_SEEN = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"sRGB", b"gAMA"}
_DRAWING = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<svg\b", re.DOTALL)
# A renderer would look for what is linked on this machine's disk; entities would grow without end.
_REACHES_OUT = re.compile(
    r"<!doctype|<!entity|href\s*=\s*[\"'](?!\s*(?:#|data:image/(?:png|jpeg|webp);base64,))", re.IGNORECASE
)
_NUMBER = r"\s*([0-9.]+)(?:px)?\s*"
# No picture is this much wider than high, or higher than wide.
_SLIMMEST = 20


def made(name: str, data: bytes) -> bytes:
    """The picture as it is kept as this one of `brand.PICTURES`. Raises FileUnfit for what is none, or is too big."""
    if not data:
        raise FileUnfit(Misfit.EMPTY, MOST)
    if len(data) > MOST:
        raise FileUnfit(Misfit.TOO_BIG, MOST)
    try:
        return _rendered(name, data) if _DRAWING.match(data) else _cut(name, data)
    except (OSError, ValueError, SyntaxError) as error:
        raise FileUnfit(Misfit.TYPE, MOST) from error


def put(shop: Shop, name: str, data: bytes) -> str:
    """Keep the picture in the storage; its key, which follows from what is to be seen. Raises FileUnfit."""
    picture = made(name, data)
    key = key_of(name, picture)
    if not shop.storage.has(key):
        shop.storage.put(key, picture, media_type="image/png")
    return key


def key_of(name: str, picture: bytes) -> str:
    """Where a picture lies that is kept as it is."""
    return f"{products.UPLOADED}{sha256(picture).hexdigest()}/{name}.png"


def brought(shop: Shop, folder: Path, entry: ShopEntry, *, store: bool) -> ShopEntry:
    """The entry with the key of each picture in place of its path; each is put into the storage if one is to `store`.

    Call it after `unfit` has named nothing.
    """
    keys = {name: _brought(shop, folder, name, str(getattr(entry, name)), store=store) for name in brand.PICTURES}
    return entry.model_copy(update=keys)


def unfit(shop: Shop, folder: Path, entry: ShopEntry) -> Iterator[str]:
    """A sentence for each picture that is not there, or is none."""
    for name in brand.PICTURES:
        said = str(getattr(entry, name))
        if not said or (said.startswith(products.UPLOADED) and shop.storage.has(said)):
            continue
        path = folder / said
        if not path.is_file():
            yield f"[shop]: `{name}` names {said}, and there is no such picture in {folder}"
            continue
        try:
            made(name, path.read_bytes())
        except FileUnfit:
            yield f"[shop]: `{name}`: {path} is no picture: take a PNG, JPEG, WebP or SVG of up to {MOST // 1024**2} MB"


def _brought(shop: Shop, folder: Path, name: str, said: str, *, store: bool) -> str:
    if not said or (said.startswith(products.UPLOADED) and shop.storage.has(said)):
        return said
    data = (folder / said).read_bytes()
    return put(shop, name, data) if store else key_of(name, made(name, data))


def _cut(name: str, data: bytes) -> bytes:
    from PIL import Image, ImageOps  # not before somebody has a picture

    found = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    width, height = found.size
    if width * height > _MOST_DOTS:
        raise FileUnfit(Misfit.TOO_BIG, MOST)
    found.load()
    within = width <= _BOUNDS[name][0] and height <= _BOUNDS[name][1]
    if within and found.format == "PNG" and set(_chunks(data)) <= _SEEN:
        return data  # what was kept once is kept as it is, so that it keeps its key
    upright = ImageOps.exif_transpose(found).convert("RGBA")
    upright.thumbnail(_BOUNDS[name], Image.Resampling.LANCZOS)
    written = io.BytesIO()
    upright.save(written, "PNG", optimize=True)
    return written.getvalue()


def _chunks(data: bytes) -> Iterator[bytes]:
    """The kinds of what a PNG is made of, in order; what follows its end is a kind of its own."""
    place = len(_PNG)
    while place < len(data):
        yield data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4])


def _rendered(name: str, data: bytes) -> bytes:
    from resvg_py import svg_to_bytes

    drawing = data.decode("utf-8-sig")
    if _REACHES_OUT.search(drawing):
        raise ValueError("it reaches out of itself")
    width, height = _size(drawing)
    if not 1 / _SLIMMEST <= width / height <= _SLIMMEST:
        raise ValueError("it is too slim")
    most_wide, most_high = _BOUNDS[name]
    scale = min(most_wide / width, most_high / height)
    return _cut(name, bytes(svg_to_bytes(svg_string=drawing, width=max(1, int(width * scale)))))


def _size(drawing: str) -> tuple[float, float]:
    """How wide and high a drawing is. Raises ValueError if it does not say."""
    found = re.search(r"<svg\b[^>]*>", drawing, re.DOTALL)
    root = found[0] if found else ""
    if box := re.search(r"\bviewBox\s*=\s*[\"']\s*[-0-9.]+[\s,]+[-0-9.]+[\s,]+([0-9.]+)[\s,]+([0-9.]+)\s*[\"']", root):
        width, height = float(box[1]), float(box[2])
    else:
        sides = [re.search(rf"\b{side}\s*=\s*[\"']{_NUMBER}[\"']", root) for side in ("width", "height")]
        width, height = (float(side[1]) if side else 0 for side in sides)
    if not width or not height:
        raise ValueError("it has no size")
    return width, height
