"""Export: the shelves as a catalogue file, which applied again gives the very same shelves."""

from pathlib import Path

from sqlmodel import Session

from core.catalog import products, seller
from core.catalog.catalog_file import ProductEntry
from core.catalog.looks import brand
from core.owner.shelves import entries
from core.owner.shelves.entries import Entry
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

_HEAD = """\
# The catalogue of {shop} as of {now:%Y-%m-%d %H:%M} UTC. `pushcart catalog apply FILE` brings the shelves back to it.
# Amounts are in minor units. The files that are sold are named by their SHA-256, as they lie in the shop's storage.

"""


def write(session: Session, shop: Shop) -> str:
    """All that stands on the shelves and that was taken off them, as a text that `catalog apply` reads back."""
    return _written(session, shop, entries.catalogue(session))


def _written(session: Session, shop: Shop, catalogue: Entry) -> str:
    import tomli_w  # here, since hardly any process needs it

    written = {**catalogue, "products": [_fit(each) for each in catalogue["products"]]}
    head = _HEAD.format(shop=brand.named(session, shop.settings).shop_name, now=shop.now())
    return head + tomli_w.dumps(written, multiline_strings=True)


def lay_out(session: Session, shop: Shop, file: Path) -> None:
    """Write the same into this file, and beside it what it names: the pictures in `pictures`, and the seller's texts in `texts`.

    Applied to a shop that has none of them, it gives the same shelves. What is sold stays in the storage.
    """
    catalogue = entries.catalogue(session)
    shown = [
        *(each["image"] for each in catalogue["products"]),
        *(catalogue["shop"].get(name, "") for name in brand.PICTURES),
    ]
    for key in shown:
        if key.startswith(products.UPLOADED) and shop.storage.has(key):
            _put_beside(file.parent / key, b"".join(shop.storage.read_in_chunks(key)))
    texts = dict(catalogue["shop"])
    for name in seller.DOCUMENTS:
        if texts.get(name) and not seller.is_link(texts[name]):
            _put_beside(file.parent / "texts" / f"{name}.md", texts[name].encode())
            texts[name] = f"texts/{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_written(session, shop, {**catalogue, "shop": texts}), encoding="utf-8")


def _put_beside(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def hand_out(shop: Shop, *, deed: Deed) -> str:
    """The same for somebody of the staff. Raises NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.EXPORT, subject="shelves", detail="catalogue", now=shop.now())
        return write(session, shop)


def _fit(entry: Entry) -> Entry:
    """The entry without what an entry has anyway. What is on the shelves and can't be bought, as when Stripe has archived its
    last price, stands there as archived: no file would be applied with it otherwise."""
    sellable = not ProductEntry.model_validate({**entry, "active": False}).missing
    fit = {**entry, "active": entry["active"] and sellable}
    return {name: value for name, value in fit.items() if value not in ("", [], {})}
