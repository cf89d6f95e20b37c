"""The shelves: what a catalogue file says, brought into the database whole or not at all, as often as one likes."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, select, update

from core.catalog import catalog_file, products
from core.catalog.catalog_file import CatalogFile, FileEntry, ProductEntry
from core.catalog.demo import catalogue as demo
from core.catalog.prices import bundles
from core.catalog.products import Kind, Product, ShopText
from core.foundation.errors import CatalogInvalid, StripeTrouble
from core.foundation.jobs import outbox
from core.kinds import downloads, entitlement_records, file_versions
from core.kinds.downloads import DownloadFile
from core.kinds.file_versions import NewFile
from core.kinds.licenses import LicenseKey
from core.owner import date_entries, live_mode
from core.owner.shelves import applied, covers, differences, entries, prices
from core.owner.shelves.applied import Source
from core.owner.shelves.brand import pictures
from core.owner.shelves.differences import Difference
from core.people import customers
from core.shop import Shop


@dataclass(frozen=True)
class Applied:
    """What applying a catalogue did.

    `left_alone` are products that the shop has and the file does not name; `taken_off` are those among them that are no longer
    sold: the demo's, or all where the file was to be all that is sold.
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


def apply(shop: Shop, path: Path, *, only: bool = False) -> Applied:
    """Bring the shop's shelves to what the file says; products that it does not name are left as they are, or with `only` taken
    off the shelves, where whoever bought them keeps them.

    Only the demo's own make room for a catalogue that sells anything else: they are taken off the shelves, and orders keep
    them. Raises CatalogInvalid with every problem found, having changed nothing. Orders keep the prices they were placed at.
    """
    catalogue = catalog_file.read(path)
    _refuse_unknown_prices(shop, catalogue)
    _refuse_what_is_not_there(shop, path.parent, catalogue)
    catalogue = _with_pictures(shop, path.parent, catalogue, store=True)
    stored = _store_all(shop, path.parent, catalogue)
    with shop.transaction() as session:
        return _apply(session, shop, catalogue, stored, _source(path), only=only)


def preview(shop: Shop, path: Path, *, only: bool = False) -> list[Difference]:
    """What applying this file would change, found by doing so and undoing it. Raises CatalogInvalid as `apply` does."""
    catalogue = catalog_file.read(path)
    _refuse_unknown_prices(shop, catalogue)
    _refuse_what_is_not_there(shop, path.parent, catalogue)
    catalogue = _with_pictures(shop, path.parent, catalogue, store=False)
    stored = {entry: _lies(shop, path.parent, entry) for entry in catalog_file.files(catalogue)}
    with suppress(_Undone), shop.transaction() as session:
        before = entries.of_products(session)
        texts = products.texts(session)
        _apply(session, shop, catalogue, stored, _source(path), only=only)
        found = differences.between(before, entries.of_products(session))
        found += differences.of_texts(texts, products.texts(session))
        raise _Undone
    return found


def _refuse_unknown_prices(shop: Shop, catalogue: CatalogFile) -> None:
    """A price of Stripe's that this key does not know is mistyped, or of the other mode: nobody could pay it. While Stripe does
    not answer, the file is taken as it is; what differs is found by the worker and the doctor."""
    named = [price for product in catalogue.products for price in product.prices if price.stripe_price_id]
    try:
        unknown = [price for price in named if shop.stripe.find_price(str(price.stripe_price_id)) is None]
    except StripeTrouble:
        return
    if unknown:
        raise CatalogInvalid(
            [
                f"{each.id}: {each.stripe_price_id} is not at Stripe for this key, or in the other mode"
                for each in unknown
            ]
        )


def _refuse_what_is_not_there(shop: Shop, folder: Path, catalogue: CatalogFile) -> None:
    """Raise CatalogInvalid that names every picture that is missing or none, and every file that only a fingerprint names and
    that the shop does not have."""
    unknown = (
        f"the shop has no file {entry.name} with the fingerprint {entry.sha256}: give its path"
        for entry in catalog_file.files(catalogue)
        if not entry.path and shop.storage.size_of(downloads.key_of(entry.sha256, entry.name)) is None
    )
    problems = [*pictures.unfit(shop, folder, catalogue.shop), *covers.unfit(shop, folder, catalogue), *unknown]
    if problems:
        raise CatalogInvalid(problems)


def _with_pictures(shop: Shop, folder: Path, catalogue: CatalogFile, *, store: bool) -> CatalogFile:
    """The catalogue with the keys of its pictures."""
    said = pictures.brought(shop, folder, catalogue.shop, store=store)
    return covers.brought(shop, folder, catalogue, store=store).model_copy(update={"shop": said})


class _Undone(Exception):
    """Leaves a transaction that must change nothing."""


def _apply(
    session: Session, shop: Shop, catalogue: CatalogFile, stored: _Files, source: Source, *, only: bool
) -> Applied:  # fmt: skip
    products.lock_shelves(session)
    done = _write(session, catalogue, stored, source, only=only, now=shop.now())
    # A shop that is open would sell it at once, and would not open again.
    if shop.settings.livemode and (found := live_mode.demo_goods(session)):
        raise CatalogInvalid([mistake.sentence for mistake in found])
    return done


def fill_demo(shop: Shop) -> None:
    """Fill the shelves of a demo that has none yet. Whatever stands on them already stays alone there."""
    with shop.reading() as session:
        if _anything(session):
            return
    catalogue = _with_pictures(shop, demo.PATH.parent, demo.catalogue(), store=True)
    stored = _store_all(shop, demo.PATH.parent, catalogue)
    with shop.transaction() as session:
        # Two who fill the same empty shelves at once, as processes of a demo do: the later one finds them full.
        products.lock_shelves(session)
        if not _anything(session):
            outbox.silence(session)  # what takes jobs takes seconds to begin with: the worker finds what is to be done
            _write(session, catalogue, stored, _source(demo.PATH), now=shop.now())


def _source(path: Path) -> Source:
    return Source(path.name, sha256(path.read_bytes()).hexdigest())


def _anything(session: Session) -> bool:
    return session.exec(select(Product.id).limit(1)).first() is not None


def _write(
    session: Session, catalogue: CatalogFile, stored: _Files, source: Source, *, only: bool = False, now: datetime
) -> Applied:  # fmt: skip
    dates = date_entries.known(session, [product.id for product in catalogue.products])
    for position, product in enumerate(catalogue.products):
        write_product(session, product, position, now=now)
        prices.bring(session, product.id, product.prices, now=now)
        _write_files(session, product, stored, now=now)
        date_entries.write(session, product, dates, now=now)
    for key, text in catalogue.shop.said.items():
        session.merge(ShopText(key=key, text=text, from_demo=demo.says(key, text)))
    session.flush()
    named = [product.id for product in catalogue.products]
    applied.remember(session, named, source, now=now)
    makes_room = any(not demo.sells(product) for product in catalogue.products)
    taken_off = _take_off_the_demos(session, named, list(catalogue.shop.said), now=now) if makes_room else ()
    if only:
        taken_off = tuple(sorted({*taken_off, *_take_off(session, named, now=now)}))
    _refuse_loose_bundles(session)
    others = select(Product.id).where(col(Product.id).not_in([*named, *taken_off]))
    # What was the demo's and is gone already is nobody's concern any more.
    left_alone = session.exec(others.where(col(Product.active) | ~col(Product.from_demo)).order_by(Product.id)).all()
    sold_at = sum(len(product.prices) for product in catalogue.products)
    return Applied(len(catalogue.products), sold_at, len(stored), tuple(left_alone), taken_off)


def _refuse_loose_bundles(session: Session) -> None:
    """Of what is on the shelves now no bundle may lack a part."""
    on_shelf = session.exec(select(Product).where(col(Product.active)).order_by(Product.id)).all()
    if found := [f"{each.id}: {why}" for each in on_shelf for why in bundles.problems(session, each)]:
        raise CatalogInvalid(found)


def _take_off_the_demos(session: Session, named: list[str], keys: list[str], *, now: datetime) -> tuple[str, ...]:
    """Withdraw the demo's products and words but those that the file itself has chosen to keep."""
    found = _take_off(session, named, col(Product.from_demo).is_(True), now=now)
    session.exec(delete(ShopText).where(col(ShopText.from_demo), col(ShopText.key).not_in(keys)))
    return found


def _take_off(
    session: Session, named: list[str], *which: ColumnElement[bool], now: datetime
) -> tuple[str, ...]:  # fmt: skip
    """Have the shop sell no more what it sells and the file does not name."""
    theirs = (*which, col(Product.active), col(Product.id).not_in(named))
    found = session.exec(select(Product.id).where(*theirs).order_by(Product.id)).all()
    session.exec(update(Product).where(*theirs).values(active=False, updated_at=now))
    applied.forget(session, found)
    return tuple(found)


def _store_all(shop: Shop, folder: Path, catalogue: CatalogFile) -> _Files:
    return {entry: _store(shop, folder, entry) for entry in catalog_file.files(catalogue)}


def _store(shop: Shop, folder: Path, entry: FileEntry) -> _Stored:
    """Put the file where sold files lie, under its own fingerprint: what was sold before is never overwritten."""
    lies = _lies(shop, folder, entry)
    if entry.path and not shop.storage.has(lies.key):
        shop.storage.put_file(lies.key, folder / entry.path, media_type=entry.media_type, name=entry.name)
    return lies


def _lies(shop: Shop, folder: Path, entry: FileEntry) -> _Stored:
    """Where a file lies, or will."""
    if entry.path:
        with (folder / entry.path).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        return _Stored(downloads.key_of(digest, entry.name), (folder / entry.path).stat().st_size, digest)
    key = downloads.key_of(entry.sha256, entry.name)
    return _Stored(key, shop.storage.size_of(key) or 0, entry.sha256)


def write_product(session: Session, entry: ProductEntry, position: int, *, now: datetime) -> None:
    """Have the product of this entry say what the entry says, apart from its prices, files and dates.

    Raises CatalogInvalid for one that would become another kind.
    """
    row = session.get(Product, entry.id) or Product(
        id=entry.id, name="", kind=entry.kind, created_at=now, updated_at=now
    )
    if row.kind is not entry.kind:
        raise CatalogInvalid([f"{entry.id} is a {row.kind} and cannot become a {entry.kind}: give it a new id"])
    if row.terms.get("features") != entry.terms.get("features"):
        entitlement_records.look_at_holders(session, row.id, now=now)
        given = customers.key_holders(session, col(LicenseKey.product_id) == row.id)
        entitlement_records.look_at(session, given, now=now)
    row.sqlmodel_update(
        {
            **entry.model_dump(
                include={
                    "name", "summary", "facts", "description", "image", "image_alt", "call_to_action",
                    "max_quantity", "terms", "tax_code", "draft",
                }
            ),
            "active": entry.active and not entry.draft,
            "shelf": entry.group, "gets": [list(pair) for pair in entry.gets], "faq": [list(pair) for pair in entry.faq],
            "terms": entry.terms, "position": position, "from_demo": demo.sells(entry), "updated_at": now,
        }
    )  # fmt: skip
    session.add(row)
    session.flush()
    if entry.kind is Kind.PLAN and row.active:
        prices.make_known(session, entry.id, now=now)


def _write_files(session: Session, product: ProductEntry, stored: _Files, *, now: datetime) -> None:
    # Those that the file names come back at once.
    session.exec(update(DownloadFile).where(col(DownloadFile.product_id) == product.id).values(active=False))
    for position, entry in enumerate(product.files):
        lies = stored[entry]
        new = NewFile(
            entry.name, entry.label, entry.media_type, lies.key, lies.size, lies.digest, entry.version, entry.notes
        )
        file_versions.put_up(session, product.id, new, position=position, now=now)
