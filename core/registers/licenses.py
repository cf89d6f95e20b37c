"""Licences as a list and one by one: how each stands, which machines use it, and what staff may do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, func, select

from core.catalog import products
from core.foundation import addresses
from core.foundation.errors import LicenseNotFound
from core.kinds import license_keys, licenses
from core.kinds.grants import Grant, Machine
from core.kinds.licenses import LicenseKey, Origin
from core.licensing import administration, found_licenses, imports
from core.licensing.found_licenses import FoundLicense, Standing
from core.licensing.imports import Imported
from core.licensing.offline_tokens import OfflineToken
from core.orders.orders import Order
from core.owner.order_book import lookup
from core.people import audit, customers, deeds
from core.people.audit import AuditEntry
from core.people.deeds import Deed
from core.people.staff import Action
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place
from core.shop import Shop


class Only(StrEnum):
    """What the list is narrowed to."""

    DISABLED = "disabled"
    TIMED = "timed"
    GIVEN = "given"


_NARROWED = {Only.DISABLED: licenses.DISABLED, Only.TIMED: licenses.TIMED, Only.GIVEN: licenses.GIVEN}


@dataclass(frozen=True)
class LicenseRow:
    """A licence in the list. `order` is None for one that nobody bought here, `holder` then who was given it, if known."""

    id: str
    hint: str
    product: str
    order: OrderName | None
    holder: str
    origin: Origin
    standing: Standing
    used: int
    machines: int
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class LicenseSheet:
    """One licence in full. Of offline tokens, `tokens` are out, the last until `tokens_until`: no refund reaches them before."""

    row: LicenseRow
    floating: bool
    updates_until: datetime | None
    replaced_at: datetime | None
    machines: tuple[Machine, ...]
    tokens: int
    tokens_until: datetime | None
    done: tuple[AuditEntry, ...]


def page(shop: Shop, text: str, only: str, *, place: Place, size: int = paging.PAGE) -> Page[LicenseRow]:
    """The newest licences of this mode: those that the text may mean (a key, its end, an order, an address), or all."""
    with shop.reading() as session:
        query = select(LicenseKey).where(LicenseKey.livemode == shop.settings.livemode)
        if text:
            query = query.where(col(LicenseKey.id).in_(_meant(session, text)))
        if wanted := paging.one_of(Only, only):
            query = query.where(_NARROWED[wanted])
        found = paging.page(session, query, LicenseKey, by="created_at", place=place, size=size)
        rows = _described(shop, session, [row.id for row in found.rows])
        return found.each(lambda row: rows[row.id])


def sheet(shop: Shop, license_id: str) -> LicenseSheet:
    """One licence in full. Raises LicenseNotFound."""
    with shop.reading() as session:
        row = session.get(LicenseKey, license_id)
        if row is None or row.livemode is not shop.settings.livemode:
            raise LicenseNotFound()
        out = select(func.count(), func.max(OfflineToken.expires_at)).where(
            OfflineToken.license_key_id == license_id, col(OfflineToken.expires_at) > shop.now()
        )
        tokens, until = session.exec(out).one()
        [shown] = licenses.shown(session, [row], signing_key=shop.signing_key)
        there = tuple(each for each in shown.machines if each.is_there(shop.now()))
        return LicenseSheet(
            _described(shop, session, [row.id])[row.id], row.floating, row.updates_until, row.replaced_at, there, tokens,
            until, tuple(audit.about(session, license_id)),
        )  # fmt: skip


def disable(shop: Shop, license_id: str, *, deed: Deed) -> None:
    """Switch it off at once. Raises NotPermitted, DoneAlready, LicenseNotFound."""
    with shop.transaction() as session:
        row = _begun(session, shop, license_id, deed, Action.LICENSE, "switched off")
        administration.disable(session, row, now=shop.now())


def enable(shop: Shop, license_id: str, *, deed: Deed) -> None:
    """Switch it on again. Raises NotPermitted, DoneAlready, LicenseNotFound."""
    with shop.transaction() as session:
        administration.enable(session, _begun(session, shop, license_id, deed, Action.LICENSE, "switched on"))


def replace(shop: Shop, license_id: str, *, deed: Deed) -> str:
    """Give it another key. Returns that key where nobody else could see it: its buyer finds it among their purchases.

    Raises NotPermitted, DoneAlready, LicenseNotFound.
    """
    with shop.transaction() as session:
        row = _begun(session, shop, license_id, deed, Action.LICENSE, "key replaced")
        text = administration.replace(session, row, now=shop.now())
        return "" if row.grant_id or row.holder else text


def release(shop: Shop, license_id: str, activation_id: str, *, deed: Deed) -> str:
    """Free the place of a machine; return what it is called. Raises NotPermitted, DoneAlready, MachineNotFound."""
    with shop.transaction() as session:
        row = _begun(session, shop, license_id, deed, Action.LICENSE, f"machine {activation_id} removed")
        return administration.release(session, row, activation_id, now=shop.now())


def change_terms(shop: Shop, license_id: str, *, machines: int, until: datetime | None, deed: Deed) -> None:
    """Change on how many machines, and until when, this one licence may be used. Raises NotPermitted, DoneAlready."""
    end = f"{until:%Y-%m-%d}" if until else "no end"
    with shop.transaction() as session:
        row = _begun(session, shop, license_id, deed, Action.LICENSE_TERMS, f"{machines} machines, {end}")
        administration.allow(session, row, machines)
        administration.extend(session, row, until)


def issue(shop: Shop, product_id: str, *, holder: str, machines: int | None, deed: Deed) -> tuple[str, str]:
    """Make a key that nobody bought, for this address if one is given; return its id and its text.

    Raises NotPermitted, DoneAlready, NoLicenseProduct, AddressUnfit.
    """
    now = shop.now()
    holder = holder and addresses.checked(holder, reachable=False)
    with shop.transaction() as session:
        detail = f"{product_id}, given{' to a customer' if holder else ''}"
        deeds.begin(session, shop.settings, deed, Action.LICENSE_TERMS, subject="licenses", detail=detail, now=now)
        row, text = administration.issue(
            session, product_id, holder=holder, machines=machines, livemode=shop.settings.livemode, now=now
        )
        return row.id, text


def bring(shop: Shop, text: str, *, dry_run: bool, deed: Deed) -> Imported:
    """Take the keys of a CSV file into the shop, or say what would come of it. Raises NotPermitted, DoneAlready."""
    now = shop.now()
    with shop.transaction() as session:
        if dry_run:
            deeds.permit(session, shop.settings, deed, Action.LICENSE_TERMS, now=now)
        else:
            deeds.begin(
                session, shop.settings, deed, Action.LICENSE_TERMS, subject="licenses", detail="keys imported", now=now
            )
        found = imports.read(session, text, livemode=shop.settings.livemode, now=now)
        if dry_run:
            session.rollback()
        return found


def goods(session: Session) -> dict[str, str]:
    """The products that keys are made of, by id."""
    query = select(products.Product.id, products.Product.name).where(products.Product.kind == products.Kind.LICENSE)
    return dict(session.exec(query.order_by(col(products.Product.position))).all())


def _begun(session: Session, shop: Shop, license_id: str, deed: Deed, action: Action, detail: str) -> LicenseKey:
    deeds.begin(session, shop.settings, deed, action, subject=license_id, detail=detail, now=shop.now())
    return administration.hold(session, license_id)


def _meant(session: Session, text: str) -> set[str]:
    """The licences that a text may mean."""
    named = (col(LicenseKey.key_hash) == license_keys.fingerprint(text)) | (col(LicenseKey.id) == text)
    found = set(session.exec(select(LicenseKey.id).where(named)))
    ending = license_keys.canonical(text)[-license_keys.HINT :]
    found |= set(session.exec(select(LicenseKey.id).where(LicenseKey.hint == ending).limit(paging.PAGE)))
    order_id = lookup.exactly(session, text)
    orders = {order_id} if order_id else set()
    if owner := customers.whose(session, text):
        theirs = select(Order.id).where(Order.customer_id == owner).order_by(col(Order.created_at).desc())
        orders |= set(session.exec(theirs.limit(100)))
    bought = (
        select(LicenseKey.id).join(Grant, col(Grant.id) == LicenseKey.grant_id).where(col(Grant.order_id).in_(orders))
    )
    found |= set(session.exec(bought)) if orders else set()
    return found | set(session.exec(select(LicenseKey.id).where(LicenseKey.holder == addresses.fold(text)).limit(100)))


def _described(shop: Shop, session: Session, ids: list[str]) -> Mapping[str, LicenseRow]:
    if not ids:
        return {}
    found = found_licenses.by_ids(session, ids, now=shop.now())
    keys = {row.id: row for row in session.exec(select(LicenseKey).where(col(LicenseKey.id).in_(ids)))}
    of_grant = select(Grant.id, Grant.order_id).where(col(Grant.id).in_([row.grant_id for row in keys.values()]))
    orders = dict(session.exec(of_grant).all())
    names = order_names.of(session, list(orders.values()))
    called = products.names(session)

    def draw(each: FoundLicense) -> LicenseRow:
        row = keys[each.id]
        order = names[orders[row.grant_id]] if row.grant_id else None
        standing = each.standing(shop.now(), livemode=shop.settings.livemode)
        return LicenseRow(
            each.id, each.hint, called.get(each.product, each.product), order, row.holder, row.origin, standing, each.used,
            each.machines, each.expires_at, row.created_at,
        )  # fmt: skip

    return {each.id: draw(each) for each in found}
