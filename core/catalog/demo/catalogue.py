"""The demo's catalogue, and how its goods are told from a shop's own."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from core.catalog import catalog_file, products
from core.catalog.catalog_file import CatalogFile, ProductEntry
from core.catalog.looks import brand

PATH = Path(__file__).with_name("catalogue.toml")


@cache
def catalogue() -> CatalogFile:
    """The demo's catalogue, read once."""
    return catalog_file.read(PATH)


def sells(entry: ProductEntry) -> bool:
    """Whether this is one of the demo's products, under its own name and summary, whatever it costs in this file.

    A seller who begins with the demo's file and writes a product of their own under its id has made it theirs.
    """
    known = next((product for product in catalogue().products if product.id == entry.id), None)
    return known is not None and (known.name, known.summary) == (entry.name, entry.summary)


def says(key: str, text: str) -> bool:
    """Whether these are the demo's words for the shop, or its pictures."""
    return _said().get(key) == text


@cache
def _said() -> dict[str, str]:
    """What the demo says of its shop, with its pictures by where they lie in the storage."""
    said = catalogue().shop.said
    shown = {name: (PATH.parent / said[name]).read_bytes() for name in brand.PICTURES if name in said}
    kept = {name: f"{products.UPLOADED}{sha256(data).hexdigest()}/{name}.png" for name, data in shown.items()}
    return {**said, **kept}


@cache
def pictures() -> frozenset[str]:
    """The pictures that the demo draws its products with, as a product's `image` names them."""
    return frozenset(product.image for product in catalogue().products if product.image)


@cache
def fingerprints() -> frozenset[str]:
    """The SHA-256 of each file that the demo sells."""
    paths = [PATH.parent / entry.path for product in catalogue().products for entry in product.files]
    return frozenset(sha256(path.read_bytes()).hexdigest() for path in paths)
