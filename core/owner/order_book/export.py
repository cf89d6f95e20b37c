"""The export of a list of orders: a file of commas for spreadsheets, a page of rows at a time, however many there are.

What people typed is made harmless: a spreadsheet takes a cell that begins with `=` for a formula.
"""

from collections.abc import Iterator

from core.owner.accounting import spreadsheet
from core.owner.order_book import listing
from core.owner.order_book.filters import Filters
from core.owner.order_book.listing import OrderRow
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

_ROWS = 1000
_HEADERS = (
    "placed_at_utc", "number", "status", "handed_over", "email", "name", "country", "products", "currency", "total",
    "refunded", "mode", "id",
)  # fmt: skip


def begin(shop: Shop, filters: Filters, *, deed: Deed) -> Iterator[str]:
    """The file in pieces, once it is written down who took it. Raises NotPermitted or DoneAlready, before the first piece."""
    detail = "&".join(f"{name}={value}" for name, value in filters.query().items() if name not in ("text", "ids"))
    detail = "&".join(filter(None, (detail, f"{len(filters.ids)} chosen" if filters.ids else "")))
    with shop.transaction() as session:
        deeds.begin(
            session, shop.settings, deed, Action.EXPORT, subject="orders", detail=detail or "all", now=shop.now()
        )
    return _pieces(shop, filters)


def _pieces(shop: Shop, filters: Filters) -> Iterator[str]:
    yield spreadsheet.BYTE_ORDER_MARK + spreadsheet.line(_HEADERS)
    after = ""
    while True:
        # A session for each: nobody holds a connection while a slow reader takes what it was sent.
        with shop.reading(patiently=True) as session:
            page = listing.following(
                session, filters, shop.settings.zone, livemode=shop.settings.livemode, after=after, size=_ROWS
            )
        yield "".join(spreadsheet.line(_cells(row)) for row in page.rows)
        after = page.after
        if not after:
            return


def _cells(row: OrderRow) -> list[str]:
    texts = [row.email, row.name, row.country, "; ".join(row.products)]
    return [
        row.placed_at.strftime("%Y-%m-%dT%H:%M:%SZ"), row.number, row.status, row.handed, *map(spreadsheet.text, texts),
        row.total.currency.upper(), str(row.total.major), str(row.refunded.major), "live" if row.livemode else "test",
        row.id,
    ]  # fmt: skip
