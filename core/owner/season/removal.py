"""Removing the season: exactly what it made, and nothing else, so that the database is as it was before."""

# ruff: noqa: F401
from sqlalchemy import ColumnElement, Table, delete, select
from sqlmodel import Session, col

# Imported for their tables as well: whatever belongs to an order goes with it.
from core.catalog.promotion_codes import PromotionCode, PromotionSum, PromotionUse
from core.events.inbox import StripeEvent
from core.foundation import records
from core.foundation.errors import NoSeason, SeasonUnderWay
from core.foundation.records import Record
from core.invoicing import billing_details, invoices
from core.journeys import given_orders
from core.kinds import downloads, licenses, seats
from core.kinds.entitlement_records import EntitlementRecord
from core.kinds.places import attendees, cancellations, waiting_list
from core.kinds.workshops import WorkshopDate
from core.licensing import offline_tokens
from core.messages import letters
from core.orders import setbacks
from core.orders.balance.entries import BalanceEntry
from core.orders.balance.payouts import Payout
from core.orders.orders import MADE_UP, Counter, Order
from core.owner import notes
from core.owner.figures import closing
from core.owner.needs.set_aside import SetAside
from core.owner.season import log_entry, seasons
from core.people import past
from core.people.customers import Customer, CustomerAddress
from core.people.deeds import Deed
from core.people.receipts import receipt_copies
from core.rights import consents, reminders, withdrawals
from core.shop import Shop

# What belongs to no order, or not to one alone, each known by its id.
_KINDS: tuple[tuple[type[Record], str], ...] = (
    (StripeEvent, seasons.EVENTS), (BalanceEntry, seasons.MOVEMENTS), (Payout, seasons.PAYOUTS),
    (WorkshopDate, seasons.DATES),
)  # fmt: skip


def remove(shop: Shop, *, deed: Deed | None = None) -> int:
    """Remove the season, or what of it was made; return how many orders that were. From a terminal there is no `deed`.

    Raises NotPermitted, DoneAlready, NoSeason, or SeasonUnderWay.
    """
    with shop.transaction() as session:
        log_entry.write(session, shop, deed, "removed")
        season = seasons.lock(session)
        if season is None:
            raise NoSeason
        if not season.is_complete and season.touched_at > shop.now() - seasons.STALLED:
            raise SeasonUnderWay(done=season.done, of=season.of)
        removed = _unmake(session)
        session.delete(season)
    return removed


def _unmake(session: Session) -> int:
    rows = session.execute(select(col(Order.number), col(Order.customer_id)).where(MADE_UP)).all()
    _remove_set_asides(session, {row[0] for row in rows})
    theirs = of_orders()
    for table in reversed(theirs):
        session.execute(delete(table).where(theirs[table]))
    for kind, beginning in _KINDS:
        session.execute(delete(kind).where(kind.__table__.c.id.startswith(beginning, autoescape=True)))  # type: ignore[attr-defined]
    _remove_customers(session, {row[1] for row in rows if row[1]})
    for kind in (PromotionUse, PromotionSum, PromotionCode):
        session.execute(delete(kind).where(col(kind.stripe_id) == seasons.PROMOTION))
    closing.forget(session)
    _set_back_the_counter(session, [_number_of(row[0]) for row in rows])
    return len(rows)


def of_orders() -> dict[Table, ColumnElement[bool]]:
    """The tables whose rows lead to an order by foreign keys, those above before those below, each with the condition on
    what of it belongs to a made up one."""
    return records.leading_to({Order.__table__: MADE_UP})  # type: ignore[attr-defined]


def _remove_set_asides(session: Session, numbers: set[str]) -> None:
    """Those that name one of these orders, or something that the season has at Stripe."""
    names = session.execute(select(col(SetAside.item))).scalars().all()
    subjects = {name: name.partition(":")[2] for name in names}
    gone = [name for name, subject in subjects.items() if subject in numbers or seasons.MARK in subject]
    session.execute(delete(SetAside).where(col(SetAside.item).in_(gone)))


def _remove_customers(session: Session, ids: set[str]) -> None:
    """Those of these customers who bought in the season alone, at the addresses that nobody else has."""
    still = select(col(Order.customer_id)).where(col(Order.customer_id).in_(ids))
    gone = (
        col(Customer.id).in_(ids), col(Customer.id).not_in(still),
        col(Customer.email).endswith(f".{seasons.DOMAIN}", autoescape=True),
    )  # fmt: skip
    theirs = select(col(Customer.id)).where(*gone)
    session.execute(delete(CustomerAddress).where(col(CustomerAddress.customer_id).in_(theirs)))
    session.execute(delete(EntitlementRecord).where(col(EntitlementRecord.customer_id).in_(theirs)))
    session.execute(delete(Customer).where(*gone))


def _set_back_the_counter(session: Session, numbers: list[int]) -> None:
    """Give the numbers of these orders to the next ones, as far as none that stays has a higher one."""
    if not numbers:
        return
    counter = session.get_one(Counter, "order", with_for_update=True)
    staying = session.execute(select(col(Order.number))).scalars()
    counter.value = max([min(numbers) - 1, *map(_number_of, staying)])
    session.flush()


def _number_of(order_number: str) -> int:
    """Its place in the shop's own order; 0 for a number that some other shop has given."""
    number = order_number.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0
