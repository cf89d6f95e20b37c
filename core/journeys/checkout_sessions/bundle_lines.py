"""The lines of a bundle: a line for each of its parts at its share of the price, so that each is delivered, taxed and refunded as
what it is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from core.catalog import tax
from core.catalog.prices import bundles
from core.catalog.products import Priced, Product
from core.foundation.errors import BadQuantity, Withdrawn
from core.foundation.money import Money
from core.orders.orders import LineDraft


def opened(
    session: Session, drafts: list[LineDraft], priced: Mapping[str, Priced], *, now: datetime
) -> list[LineDraft]:
    """The drafts with the parts of each bundle in its place. Raises Withdrawn or BadQuantity for a bundle that cannot be had."""
    whole = {each.product.id: each.product for each in priced.values() if bundles.part_ids(each.product.terms)}
    if not whole:
        return drafts
    known = bundles.parts_of(session, list(whole.values()))
    found: list[LineDraft] = []
    for draft in drafts:
        bundle = whole.get(draft.product_id)
        found += _parts(session, draft, bundle, known, now=now) if bundle else [draft]
    return found


def sold(session: Session, priced: Mapping[str, Priced]) -> list[Product]:
    """What is sold at these prices, each product once: of a bundle its parts."""
    found = {each.product.id: each.product for each in priced.values()}
    parts = bundles.parts_of(session, list(found.values()))
    whole = {key: each for key, each in found.items() if not bundles.part_ids(each.terms)}
    return list({**whole, **parts}.values())


def _parts(
    session: Session, draft: LineDraft, bundle: Product, known: Mapping[str, Product], *, now: datetime
) -> list[LineDraft]:
    parts = [known[each] for each in bundles.part_ids(bundle.terms) if each in known]
    if not bundle.active or bundles.problems(session, bundle):
        raise Withdrawn(product=bundle.id)
    if not 1 <= draft.quantity <= bundle.max_quantity:
        raise BadQuantity(product=bundle.id, quantity=draft.quantity, most=bundle.max_quantity)
    shares = bundles.shares(
        Money(draft.unit_amount, draft.currency), bundles.weights(session, parts, draft.currency, now=now)
    )
    return [
        replace(
            draft, product_id=part.id, kind=part.kind, name=f"{part.name} ({bundle.name})", image=part.image,
            unit_amount=share, tax_code=tax.code_of(part.kind, part.tax_code),
        )
        for part, share in zip(parts, shares, strict=True)
    ]  # fmt: skip
