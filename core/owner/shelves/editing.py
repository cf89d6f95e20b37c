"""Editing: products as their owners write them, put on the shelves and take them off again. Every change is a deed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from core.catalog import products
from core.catalog.prices import bundles
from core.catalog.products import Changed, Product
from core.foundation.errors import Problem, ProductChanged, ProductNotFound, ProductUnfit
from core.foundation.money import Money
from core.owner import live_mode, publishing
from core.owner.shelves import checking, differences, entries, pricing
from core.owner.shelves.entries import Entry
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

# What a save may change. Prices, files and dates have deeds of their own; kind and id never change.
FIELDS = (
    "name", "group", "summary", "facts", "description", "image", "image_alt", "call_to_action", "max_quantity", "gets",
    "faq", "parts", "on_refund", "withdrawal", "consent", "plan", "license", "workshop", "download", "tax_code",
)  # fmt: skip


def create(
    shop: Shop, fields: Mapping[str, Any], *, costs: Money | None, interval: str | None = None, deed: Deed
) -> str:
    """Write a new product, which stands on no shelf yet; its id. Raises ProductUnfit, NotPermitted or DoneAlready."""
    # Nobody need learn of it before it is for sale.
    entry = checking.product({**fields, "active": False, "draft": True})
    now = shop.now()
    with shop.transaction() as session:
        products.lock_shelves(session)
        detail = f"created {entry.name}"
        deeds.begin(session, shop.settings, deed, Action.SHELVES, subject=entry.id, detail=detail, now=now)
        if session.get(Product, entry.id):
            raise ProductUnfit([Problem("id", 0, "is that of another product")])
        last = session.exec(select(func.max(col(Product.position)))).one()
        publishing.write_product(session, entry, (last or 0) + 1, now=now)
        if costs is not None:
            pricing.put_on_sale(session, session.get_one(Product, entry.id), costs, interval, now=now)
    return entry.id


def save(shop: Shop, product_id: str, fields: Mapping[str, Any], *, seen: datetime, deed: Deed) -> tuple[str, ...]:
    """Have a product say this in those of its FIELDS that are given; the names of the fields that changed.

    `seen` is when it had changed last as it was shown. Raises ProductUnfit, ProductChanged, ProductNotFound, NotPermitted or
    DoneAlready.
    """
    with shop.transaction() as session:
        product, standing = _standing(session, shop, product_id, deed)
        wanted = {**standing, **{name: fields[name] for name in FIELDS if name in fields}}
        changes = differences.between({product_id: standing}, {product_id: wanted})
        changed = tuple(each.field for each in changes)
        _begin(session, shop, deed, product_id, f"changed {', '.join(changed) or 'nothing'}")
        if product.updated_at != seen:
            raise ProductChanged(product=product_id)
        _write(session, shop, product, wanted)
    return changed


def put_on_shelf(shop: Shop, product_id: str, *, deed: Deed) -> Changed:
    """Sell it. Raises ProductUnfit for what it still lacks, ProductNotFound, NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        product, standing = _standing(session, shop, product_id, deed)
        _begin(session, shop, deed, product_id, "put on the shelves")
        before = product.updated_at
        _write(session, shop, product, {**standing, "active": True, "draft": False})
        session.flush()
        return Changed(before, product.updated_at)


def archive(shop: Shop, product_id: str, *, deed: Deed) -> Changed:
    """Sell it no more; who bought it keeps it. Raises ProductNotFound, NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        product, _ = _standing(session, shop, product_id, deed)
        _begin(session, shop, deed, product_id, "taken off the shelves")
        before, now = product.updated_at, shop.now()
        product.active, product.updated_at = False, now
        session.add(product)
        return Changed(before, now)


def _standing(session: Session, shop: Shop, product_id: str, deed: Deed) -> tuple[Product, Entry]:
    """A product as it stands, which nobody else buys or changes until this transaction ends."""
    deeds.permit(session, shop.settings, deed, Action.SHELVES, now=shop.now())
    products.lock_shelves(session)
    product = session.get(Product, product_id)
    if product is None:
        raise ProductNotFound(product=product_id)
    return product, entries.of_products(session, [product_id])[product_id]


def _begin(session: Session, shop: Shop, deed: Deed, product_id: str, detail: str) -> None:
    deeds.begin(session, shop.settings, deed, Action.SHELVES, subject=product_id, detail=detail, now=shop.now())


def _write(session: Session, shop: Shop, product: Product, wanted: Entry) -> None:
    publishing.write_product(session, checking.product(wanted), product.position, now=shop.now())
    if product.active and (why := bundles.problems(session, product)):
        raise ProductUnfit([Problem("parts", place, each) for place, each in enumerate(why, 1)])
    # As where a catalogue is applied: a live shop that sells what is the demo's would not open again.
    if shop.settings.livemode and (found := live_mode.demo_goods(session)):
        raise ProductUnfit([Problem("", 0, mistake.sentence) for mistake in found])
