"""Covers of a catalogue file: the pictures that lie beside it, brought to where uploaded ones lie."""

from hashlib import sha256
from pathlib import Path

from core.catalog import products
from core.catalog.catalog_file import CatalogFile, ProductEntry
from core.foundation.errors import CatalogInvalid, FileUnfit
from core.owner.shelves import attachments
from core.owner.shelves.attachments import Purpose
from core.shop import Shop


def brought(shop: Shop, folder: Path, catalogue: CatalogFile, *, store: bool) -> CatalogFile:
    """The catalogue with each `image` that lies beside it under its key in the storage, where it is put if one is to `store`.

    Raises CatalogInvalid for what is no picture that may be a cover, and for one of the storage that it does not have.
    """
    problems: list[str] = []
    found = [_brought(shop, folder, entry, problems, store=store) for entry in catalogue.products]
    if problems:
        raise CatalogInvalid(problems)
    return catalogue.model_copy(update={"products": found})


def _brought(shop: Shop, folder: Path, entry: ProductEntry, problems: list[str], *, store: bool) -> ProductEntry:
    path = folder / entry.image
    if entry.image.startswith(products.UPLOADED):
        if not shop.storage.has(entry.image):
            problems.append(f"{entry.id}: the shop has no picture {entry.image}: give its path")
        return entry
    if not entry.image or not path.is_file():
        return entry
    data = path.read_bytes()
    try:
        media_type = attachments.checked(Purpose.COVER, path.name, len(data), "")
        attachments.look_inside(Purpose.COVER, data[:16])
    except FileUnfit:
        problems.append(f"{entry.id}: {entry.image} is no cover: take a PNG, JPEG or WebP of up to 10 MB")
        return entry
    key = attachments.key_of(Purpose.COVER, sha256(data).hexdigest(), path.name)
    if store and not shop.storage.has(key):
        shop.storage.put(key, data, media_type=media_type)
    return entry.model_copy(update={"image": key})
