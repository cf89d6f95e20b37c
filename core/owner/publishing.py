"""The shelves: what a catalogue file says, brought into the database whole or not at all, as often as one likes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from sqlmodel import Session, SQLModel, col, delete, select, update

from core.catalog import catalog_file, products
from core.catalog.catalog_file import CatalogFile, FileEntry, ProductEntry
from core.catalog.demo import catalogue as demo
from core.catalog.products import Price, Product, ShopText
from core.foundation.errors import CatalogInvalid
from core.kinds.downloads import DownloadFile
from core.owner import date_entries, live_mode
from core.shop import Shop


@dataclass(frozen=True)
class Applied:
    """What applying a catalogue did.

    `left_alone` are products that the shop has and the file does not name; `taken_off` are those among them that were the
    demo's and are no longer sold.
    """

    products: int
    prices: int
    files: int
    left_alone: tuple[str, ...]
    taken_off: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Stored:
    """Where a file lies: `size` in bytes, `digest` its SHA-256."""

    key: str
    size: int
    digest: str


_Files = Mapping[FileEntry, _Stored]


def apply(shop: Shop, path: Path) -> Applied:
    """Bring the shop's shelves to what the file says; products that it does not name are left as they are.

    Only the demo's own make room for a catalogue that sells anything else: they are taken off the shelves, and orders keep
    them. Raises CatalogInvalid with every problem found, having changed nothing. Orders keep the prices they were placed at.
    """
    catalogue = catalog_file.read(path)
    stored = _store_all(shop, path.parent, catalogue)
    with shop.transaction() as session:
        products.lock_shelves(session)
        applied = _write(session, catalogue, stored, now=shop.now())
        # A shop that is open would sell it at once, and would not open again.
        if shop.settings.livemode and (found := live_mode.demo_goods(session)):
            raise CatalogInvalid([mistake.sentence for mistake in found])
        return applied


def fill_demo(shop: Shop) -> None:
    """Fill the shelves of a demo that has none yet. Whatever stands on them already stays alone there."""
    with shop.reading() as session:
        if _anything(session):
            return
    stored = _store_all(shop, demo.PATH.parent, demo.catalogue())
    with shop.transaction() as session:
        # Two who fill the same empty shelves at once, as processes of a demo do: the later one finds them full.
        products.lock_shelves(session)
        if not _anything(session):
            _write(session, demo.catalogue(), stored, now=shop.now())


def _anything(session: Session) -> bool:
    return session.exec(select(Product.id).limit(1)).first() is not None


def _write(session: Session, catalogue: CatalogFile, stored: _Files, *, now: datetime) -> Applied:
    dates = date_entries.known(session, [product.id for product in catalogue.products])
    for position, product in enumerate(catalogue.products):
        _write_product(session, product, position, now=now)
        _write_prices(session, product)
        _write_files(session, product, stored)
        date_entries.write(session, product, dates, now=now)
    for key, text in catalogue.shop.items():
        session.merge(ShopText(key=key, text=text, from_demo=demo.says(key, text)))
    session.flush()
    named = [product.id for product in catalogue.products]
    makes_room = any(not demo.sells(product) for product in catalogue.products)
    taken_off = _take_off_the_demos(session, named, list(catalogue.shop), now=now) if makes_room else ()
    others = select(Product.id).where(col(Product.id).not_in([*named, *taken_off]))
    # What was the demo's and is gone already is nobody's concern any more.
    left_alone = session.exec(others.where(col(Product.active) | ~col(Product.from_demo)).order_by(Product.id)).all()
    prices = sum(len(product.prices) for product in catalogue.products)
    return Applied(len(catalogue.products), prices, len(stored), tuple(left_alone), taken_off)


def _take_off_the_demos(session: Session, named: list[str], keys: list[str], *, now: datetime) -> tuple[str, ...]:
    """Withdraw the demo's products and words but those that the file itself has chosen to keep."""
    theirs = (col(Product.from_demo), col(Product.active), col(Product.id).not_in(named))
    found = session.exec(select(Product.id).where(*theirs).order_by(Product.id)).all()
    session.exec(update(Product).where(*theirs).values(active=False, updated_at=now))
    session.exec(delete(ShopText).where(col(ShopText.from_demo), col(ShopText.key).not_in(keys)))
    return tuple(found)


def _store_all(shop: Shop, folder: Path, catalogue: CatalogFile) -> _Files:
    return {entry: _store(shop, folder / entry.path, entry) for entry in catalog_file.files(catalogue)}


def _store(shop: Shop, path: Path, entry: FileEntry) -> _Stored:
    """Put the file where sold files lie, under its own fingerprint: what was sold before is never overwritten."""
    data = path.read_bytes()
    digest = sha256(data).hexdigest()
    key = f"{digest[:2]}/{digest}/{entry.name}"
    if not shop.storage.has(key):
        shop.storage.put(key, data, media_type=entry.media_type)
    return _Stored(key, len(data), digest)


def _write_product(session: Session, entry: ProductEntry, position: int, *, now: datetime) -> None:
    row = session.get(Product, entry.id) or Product(
        id=entry.id, name="", kind=entry.kind, created_at=now, updated_at=now
    )
    if row.kind is not entry.kind:
        raise CatalogInvalid([f"{entry.id} is a {row.kind} and cannot become a {entry.kind}: give it a new id"])
    row.sqlmodel_update(
        {
            **entry.model_dump(
                include={
                    "name", "summary", "facts", "description", "image", "image_alt", "call_to_action", "active",
                    "max_quantity", "terms",
                }
            ),
            "shelf": entry.group, "gets": [list(pair) for pair in entry.gets], "faq": [list(pair) for pair in entry.faq],
            "terms": entry.terms, "position": position, "from_demo": demo.sells(entry), "updated_at": now,
        }
    )  # fmt: skip
    session.add(row)
    session.flush()


def _write_prices(session: Session, product: ProductEntry) -> None:
    _withdraw(session, Price, product.id)
    for position, entry in enumerate(product.prices):
        row = Price(
            id=entry.id, product_id=product.id, amount=entry.amount, currency=entry.currency, interval=entry.interval,
            stripe_price_id=entry.stripe_price_id, lookup_key=entry.id, position=position,
        )  # fmt: skip
        session.merge(row)
    session.flush()


def _write_files(session: Session, product: ProductEntry, stored: _Files) -> None:
    _withdraw(session, DownloadFile, product.id)
    for position, entry in enumerate(product.files):
        lies = stored[entry]
        row = DownloadFile(
            id=f"{product.id}/{entry.name}", product_id=product.id, label=entry.label, name=entry.name,
            media_type=entry.media_type, key=lies.key, size=lies.size, sha256=lies.digest, position=position,
        )  # fmt: skip
        session.merge(row)
    session.flush()


def _withdraw(session: Session, table: type[SQLModel], product_id: str) -> None:
    """Take all of a product's rows out of use; those that the file names come back at once."""
    session.exec(update(table).where(col(table.product_id) == product_id).values(active=False))  # type: ignore[attr-defined]
