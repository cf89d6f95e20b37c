"""Covers of a catalogue file: the pictures that lie beside it, brought to where uploaded ones lie."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from core.catalog import products
from core.catalog.catalog_file import CatalogFile, ProductEntry
from core.catalog.demo import catalogue as demo
from core.foundation.errors import FileUnfit
from core.owner.shelves import attachments
from core.owner.shelves.attachments import Purpose
from core.shop import Shop


def unfit(shop: Shop, folder: Path, catalogue: CatalogFile) -> Iterator[str]:
    """A sentence for each `image` that is not there, or is no picture that may be a cover."""
    for entry in catalogue.products:
        if not entry.image or _is_known(shop, entry.image):
            continue
        path = folder / entry.image
        if not path.is_file():
            yield f"product “{entry.name}”: `image` names {entry.image}, and there is no such picture in {folder}"
            continue
        try:
            _media_type(path)
        except FileUnfit:
            yield f"product “{entry.name}”: `image`: {path} is no cover: take a PNG, JPEG or WebP of up to 10 MB"


def brought(shop: Shop, folder: Path, catalogue: CatalogFile, *, store: bool) -> CatalogFile:
    """The catalogue with each `image` that lies beside it under its key in the storage, where it is put if one is to `store`.

    Call it after `unfit` has named nothing.
    """
    found = [_brought(shop, folder, entry, store=store) for entry in catalogue.products]
    return catalogue.model_copy(update={"products": found})


def _brought(shop: Shop, folder: Path, entry: ProductEntry, *, store: bool) -> ProductEntry:
    if not entry.image or _is_known(shop, entry.image):
        return entry
    path = folder / entry.image
    key = attachments.key_of(Purpose.COVER, sha256(path.read_bytes()).hexdigest(), path.name)
    if store and not shop.storage.has(key):
        shop.storage.put(key, path.read_bytes(), media_type=_media_type(path))
    return entry.model_copy(update={"image": key})


def _is_known(shop: Shop, image: str) -> bool:
    """Whether the shop has this picture already: in its storage, or since it is one of the demo's."""
    return shop.storage.has(image) if image.startswith(products.UPLOADED) else image in demo.pictures()


def _media_type(path: Path) -> str:
    """What kind of picture this is. Raises FileUnfit for what may be no cover."""
    data = path.read_bytes()
    attachments.look_inside(Purpose.COVER, data[:16])
    return attachments.checked(Purpose.COVER, path.name, len(data), "")
