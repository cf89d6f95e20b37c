"""Imports: what a file would do, and doing it. The same file twice changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from sqlmodel import Session, col, select

from core.catalog import products
from core.catalog.looks import brand
from core.catalog.products import Product
from core.foundation.addresses import fold
from core.foundation.database import lock_names
from core.journeys import past_access
from core.journeys.past_access import PastPurchase
from core.orders.orders import Order
from core.owner.importing import entries, sheets
from core.owner.importing.columns import Columns, Kind
from core.owner.importing.entries import Context, CustomerEntry, LineWrong, OrderEntry
from core.owner.importing.sheets import Line
from core.people import audit, customers, deeds
from core.people.customers import How
from core.people.deeds import Deed
from core.people.past import PastCustomer, PastOrder
from core.people.staff import Action, Role
from core.shop import Shop

# So many lines are one transaction: others wait no longer than for these.
_TOGETHER = 100
# No database takes any number of values in one statement.
_ASKED_TOGETHER = 1000

Entry = CustomerEntry | OrderEntry
Progress = Callable[[int, int], None]


class Outcome(StrEnum):
    """What becomes of a line: it is `new`, `there` already, or `wrong`."""

    NEW = "new"
    THERE = "there"
    WRONG = "wrong"


@dataclass(frozen=True)
class Result:
    """A line by its number in the file, what becomes of it, whom it is about, and in words what is in it or what is wrong."""

    line: int
    outcome: Outcome
    subject: str
    detail: str
    with_access: bool = False


@dataclass(frozen=True)
class Report:
    """What a file did, or would do if it is only a dry run."""

    kind: Kind
    source: str
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    results: tuple[Result, ...]

    def count(self, outcome: Outcome) -> int:
        """How many lines came to this."""
        return sum(each.outcome is outcome for each in self.results)

    @property
    def with_access(self) -> int:
        """How many of the new ones open something here."""
        return sum(each.with_access and each.outcome is Outcome.NEW for each in self.results)

    @property
    def wrong(self) -> list[Result]:
        """The lines that are not imported, each with the reason."""
        return [each for each in self.results if each.outcome is Outcome.WRONG]


def dry_run(shop: Shop, kind: Kind, data: bytes) -> Report:
    """What `apply` would do with this file now. Raises FileUnreadable."""
    with shop.reading() as session:
        sheet, read = _read(shop, session, kind, data)
        there = _there(shop, session, [entry for _, entry in read if isinstance(entry, Entry)])
    return _report(kind, sheet.columns, list(_results(read, there)))


def apply(shop: Shop, kind: Kind, data: bytes, *, deed: Deed | None, progress: Progress | None = None) -> Report:
    """Import what can be of a file, a few lines at a time, and leave out what is wrong; `progress` hears of how many of how
    many lines are done. Without a `deed` it is said at a terminal.

    What it was stopped at is done by doing it again. Raises FileUnreadable, NotPermitted or DoneAlready.
    """
    with shop.reading() as session:
        sheet, read = _read(shop, session, kind, data)
        prefix = brand.order_prefix(products.texts(session), shop.settings)
    with shop.transaction() as session:
        _note(shop, session, kind, f"{len(read)} lines, {sheet.columns.source}", deed)
    done: list[Result] = []
    for part in _parts(read):
        with shop.transaction() as session:
            lock_names(session, "import")  # the same file at once would be written twice
            there = _there(shop, session, [entry for _, entry in part if isinstance(entry, Entry)])
            results = list(_results(part, there))
            for (_, entry), result in zip(part, results, strict=True):
                if result.outcome is Outcome.NEW and isinstance(entry, Entry):
                    _write(shop, session, entry, sheet.columns.source, prefix=prefix, now=shop.now())
        done += results
        if progress:
            progress(len(done), len(read))
    return _report(kind, sheet.columns, done)


def _parts(read: Sequence[tuple[Line, Entry | LineWrong]]) -> Iterator[list[tuple[Line, Entry | LineWrong]]]:
    """The lines as they are written together. Whatever opens something is an order and takes a number, and until it is committed
    nobody else in the shop gets one, which is to say that nobody can buy: after each such line it is."""
    part = []
    for line, entry in read:
        part.append((line, entry))
        if len(part) == _TOGETHER or (not isinstance(entry, LineWrong) and _opens(entry)):
            yield part
            part = []
    if part:
        yield part


def _note(shop: Shop, session: Session, kind: Kind, detail: str, deed: Deed | None) -> None:
    if deed:
        deeds.begin(session, shop.settings, deed, Action.IMPORT, subject=kind, detail=detail, now=shop.now())
        return
    audit.record(
        session, who=audit.TERMINAL, role=Role.OWNER, action=Action.IMPORT, subject=kind, detail=detail, now=shop.now()
    )


def _read(
    shop: Shop, session: Session, kind: Kind, data: bytes
) -> tuple[sheets.Sheet, list[tuple[Line, Entry | LineWrong]]]:
    sheet = sheets.read(kind, data)
    goods = list(session.exec(select(Product)))
    known = {each.name.casefold(): each for each in goods} | {each.id.casefold(): each for each in goods}
    context = Context(sheet.columns, shop.settings.zone, shop.now(), shop.settings.livemode, known)
    return sheet, [(line, _entry(kind, line, context)) for line in sheet.lines]


def _entry(kind: Kind, line: Line, context: Context) -> Entry | LineWrong:
    try:
        match kind:
            case Kind.CUSTOMERS:
                return entries.customer(line, context)
            case Kind.ORDERS:
                return entries.order(line, context)
            case _:
                assert_never(kind)
    except LineWrong as wrong:
        return wrong


def _there(shop: Shop, session: Session, found: Sequence[Entry]) -> set[str]:
    """The keys of those that were imported before; without those that open nothing, since it was done with a test key, and which
    are to."""
    keys, there = [_key(each) for each in found], set[str]()
    opening = {_key(each) for each in found if _opens(each)} if shop.settings.livemode else set()
    for start in range(0, len(keys), _ASKED_TOGETHER):
        some = keys[start : start + _ASKED_TOGETHER]
        tried = select(PastOrder.id).join(Order, col(Order.id) == PastOrder.order_id).where(~col(Order.livemode))
        open_nothing = {*session.exec(tried.where(col(PastOrder.id).in_(opening.intersection(some))))}
        there |= {*session.exec(select(PastOrder.id).where(col(PastOrder.id).in_(some)))} - open_nothing
        there |= {*session.exec(select(PastCustomer.folded).where(col(PastCustomer.folded).in_(some)))}
    return there


def _key(entry: Entry) -> str:
    return entry.key if isinstance(entry, OrderEntry) else fold(entry.email)


def _results(read: Sequence[tuple[Line, Entry | LineWrong]], there: set[str]) -> Iterator[Result]:
    seen = set(there)
    for line, entry in read:
        if isinstance(entry, LineWrong):
            yield Result(line.number, Outcome.WRONG, line["email"], str(entry))
            continue
        outcome = Outcome.THERE if _key(entry) in seen else Outcome.NEW
        seen.add(_key(entry))
        yield Result(line.number, outcome, entry.email, _detail(entry), _opens(entry))


def _opens(entry: Entry) -> bool:
    return isinstance(entry, OrderEntry) and entry.with_access


def _detail(entry: Entry) -> str:
    if isinstance(entry, CustomerEntry):
        return entry.name
    access = ", with access" if entry.with_access else ""
    return f"{entry.number}, {entry.title}, {entry.amount.format()}, {entry.placed_at:%Y-%m-%d}{access}"


def _write(shop: Shop, session: Session, entry: Entry, source: str, *, prefix: str, now: datetime) -> None:
    customer_id = customers.remember(session, entry.email, how=How.OWNER, now=now)
    if isinstance(entry, CustomerEntry):
        session.add(
            PastCustomer(
                folded=fold(entry.email), customer_id=customer_id, name=entry.name, note=entry.note, source=source,
                imported_at=now,
            )
        )  # fmt: skip
        return
    if known := session.get(PastOrder, entry.key):
        past_access.make_real(session, str(known.order_id), actor="import", now=now)
        return
    opens = entry.with_access and entry.product
    order_id = _open(shop, session, entry, customer_id, prefix=prefix, now=now) if opens else None
    session.add(
        PastOrder(
            id=entry.key, customer_id=customer_id, source=source, number=entry.number, placed_at=entry.placed_at,
            name=entry.name, email=entry.email, product=entry.title,
            product_id=entry.product.id if entry.product else None, amount=entry.amount.amount,
            currency=entry.amount.currency, status=entry.status, order_id=order_id, imported_at=now,
        )
    )  # fmt: skip


def _open(shop: Shop, session: Session, entry: OrderEntry, customer_id: str, *, prefix: str, now: datetime) -> str:
    assert entry.product
    product = session.get_one(Product, entry.product.id)
    bought = PastPurchase(entry.key, entry.email, customer_id, product, entry.amount.currency, entry.placed_at)
    order = past_access.give(session, bought, livemode=shop.settings.livemode, prefix=prefix, actor="import", now=now)
    return order.id


def _report(kind: Kind, found: Columns, results: Sequence[Result]) -> Report:
    return Report(kind, found.source, tuple(found.places), found.ignored, tuple(results))
