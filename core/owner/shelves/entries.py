"""Products as entries of a catalogue file: what stands on the shelves, in the very words in which a file would say it."""

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement
from sqlmodel import Session, SQLModel, col, select

from core.catalog import products, workshop_terms
from core.catalog.license_terms import LicenseEntry
from core.catalog.products import Kind, Price, Product
from core.kinds.downloads import DownloadFile
from core.kinds.workshops import WorkshopDate
from core.owner.season import seasons

Entry = dict[str, Any]

_SAID = ("name", "summary", "facts", "description", "image", "image_alt", "call_to_action")
# Terms that have a table of their own in the file; all others are the plan's.
_TERMS = {
    **{name: ("license", name) for name in LicenseEntry.model_fields}, "downloads": ("download", "downloads"),
    **{kept: ("workshop", said) for said, kept in workshop_terms.NAMES.items()},
}  # fmt: skip


def of_products(session: Session, product_ids: Collection[str] | None = None) -> dict[str, Entry]:
    """The entry of each of these products, or of all of them, by id, in the shop's order. What is off sale is left out of it:
    old prices and files, and dates that are no longer offered; and so are the made-up dates of a season."""
    query = select(Product).order_by(col(Product.position), col(Product.id))
    if product_ids is not None:
        query = query.where(col(Product.id).in_(product_ids))
    found = session.exec(query).all()
    ids = [product.id for product in found]
    prices, files = _active(session, Price, ids, Price.position), _active(session, DownloadFile, ids, "position")
    dates = _active(session, WorkshopDate, ids, "starts_at", ~col(WorkshopDate.id).startswith(seasons.DATES))
    return {
        product.id: {
            **_product(product),
            **_listed("prices", [_price(row) for row in prices.get(product.id, ())]),
            **_listed("files", [_file(row) for row in files.get(product.id, ())]),
            **_listed("dates", [_date(row) for row in dates.get(product.id, ())]),
        }
        for product in found
    }


def catalogue(session: Session) -> Entry:
    """All that stands on the shelves, and the seller's words for the shop page, as a catalogue file says it."""
    return {"shop": products.texts(session), "products": list(of_products(session).values())}


def _active(
    session: Session, table: type[SQLModel], ids: Collection[str], order: Any, *conditions: ColumnElement[bool]
) -> dict[str, list[Any]]:
    of: Any = table
    by = (of.product_id, getattr(of, order) if isinstance(order, str) else order, of.id)
    rows: Iterable[Any] = session.exec(select(of).where(of.product_id.in_(ids), of.active, *conditions).order_by(*by))
    return {product_id: list(theirs) for product_id, theirs in groupby(rows, key=lambda row: row.product_id)}


def _product(row: Product) -> Entry:
    terms = dict(row.terms)
    policy = {"on_refund": terms.pop("on_refund", "revoke")}
    policy |= {name: terms.pop(name) for name in ("withdrawal", "consent") if name in terms}
    parts = {"parts": terms.pop("parts")} if "parts" in terms else {}
    # Those of a licence are among its other terms.
    tables: Entry = {"features": terms.pop("features")} if "features" in terms and row.kind is not Kind.LICENSE else {}
    for name, (table, said) in _TERMS.items():
        if name in terms:
            tables.setdefault(table, {})[said] = terms.pop(name)
    if terms:
        tables["plan"] = terms
    texts = {name: getattr(row, name) for name in _SAID}
    return {
        "id": row.id, "kind": str(row.kind), **texts, "group": row.shelf, "active": row.active,
        "max_quantity": row.max_quantity, "gets": [list(each) for each in row.gets],
        "faq": [list(each) for each in row.faq], **policy, **tables,
        **({"tax_code": row.tax_code} if row.tax_code else {}), **({"draft": True} if row.draft else {}), **parts,
    }  # fmt: skip


def _price(row: Price) -> Entry:
    interval = {"interval": str(row.interval)} if row.interval else {}
    at_stripe = {"stripe_price_id": row.stripe_price_id} if row.stripe_price_id else {}
    taxed = {"tax_behavior": row.tax_behavior} if row.tax_behavior else {}
    least = {"minimum": row.minimum} if row.minimum is not None else {}
    sale = {"sale": {"amount": row.sale_amount, "until": row.sale_until}} if row.sale_amount is not None else {}
    return {
        "id": row.id,
        "amount": row.amount,
        "currency": row.currency,
        **interval,
        **at_stripe,
        **taxed,
        **least,
        **sale,
    }


def _file(row: DownloadFile) -> Entry:
    said = {name: text for name, text in (("version", row.version), ("notes", row.notes)) if text}
    return {"name": row.name, "label": row.label, "media_type": row.media_type, "sha256": row.sha256, **said}


def _date(row: WorkshopDate) -> Entry:
    """A date by the clock of where it takes place. One whose id a file cannot say is known again by when it begins."""
    product, _, name = row.id.rpartition("/")
    zone = ZoneInfo(row.timezone)
    return {
        **({"id": name} if product == row.product_id else {}),
        "starts_at": row.starts_at.astimezone(zone), "ends_at": row.ends_at.astimezone(zone), "timezone": row.timezone,
        "capacity": row.capacity, "taken": row.taken, **({"join_url": row.join_url} if row.join_url else {}),
    }  # fmt: skip


def _listed(name: str, rows: list[Entry]) -> Entry:
    return {name: rows} if rows else {}
